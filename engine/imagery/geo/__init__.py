"""What every room of imagery builds on: GDAL opened safely, coordinate systems, grids, shapes, areas."""
