"""Geometry and GDAL: what every other room of imagery builds on.

``gdal_errors`` calls GDAL with failures as values; ``gdal_io`` opens rasters and vectors with it, ``remote`` explains
why an address cannot be fetched, ``file_state`` says whether a file has changed, ``vrt_sources`` finds the files
behind a virtual raster. ``types`` holds the plain values (:class:`.types.Grid`, :class:`.types.Window`,
:class:`.types.StackBand`); ``crs`` and ``grid`` compute with coordinates, ``geodesy`` with metres, hectares and
latitudes; ``windows`` cuts grids and reads a window, ``resample`` brings one grid onto another, ``raster_output``
creates rasters; ``shapes`` and ``rasterize`` handle points and polygons.

>>> from croptransfer.engine.imagery.geo.crs import epsg
>>> from croptransfer.engine.imagery.geo.geodesy import pixel_hectares
>>> from croptransfer.engine.imagery.geo.types import Grid
>>> pixel_hectares(Grid(100, 100, (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0), epsg(32633).ExportToWkt()))
0.01
"""
