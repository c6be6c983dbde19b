"""Labels of the source: layers, tables and rasters, class tables, and the pixels sampled from them."""
