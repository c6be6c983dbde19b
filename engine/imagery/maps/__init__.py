"""Maps as files: pixels, legend, attribute table, styles and overviews.

``geotiff.MapWriter`` writes class and confidence window by window; ``vrt.MapMosaic`` does so over tiles that
``tile_file`` wrote. ``palette`` chooses a colour for each class, ``qml`` writes the style for QGIS and ``cog`` makes a
finished map a Cloud Optimized GeoTIFF.

>>> from croptransfer.engine.imagery.maps.palette import class_colors, conventional_color
>>> conventional_color("Sweet corn") is None
False
>>> len(set(class_colors(["maize", "wheat", "unknown weed"])))
3
"""
