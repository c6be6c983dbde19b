"""Labels of a source: vector layers, tables or rasters of classes, and the series sampled under them.

A ``label_layer.LabelLayer`` says where labels are and how to read them; ``validate`` finds what is wrong with them.
Features (``label_layer``, from tables by ``table``) become shapes on the grid of the stack (``label_shapes``),
smaller by ``inner_buffer``; rasters are read by ``label_raster`` with names from ``class_names``. ``class_table``
renames or leaves out classes, ``label_pixels`` assigns pixels, and ``sampling`` reads their series.

>>> from croptransfer.engine.imagery.labels.class_table import mapped_class, read_class_table
>>> table = read_class_table(["winter wheat=cereals; barley=cereals; grass="])
>>> [mapped_class(name, table) for name in ("barley", "grass", "maize")]
['cereals', '', 'maize']
"""
