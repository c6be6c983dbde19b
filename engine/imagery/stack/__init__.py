"""Raster stacks read window by window as series, checked before, and written again at regular periods.

``validate`` says what is wrong with a band table. A ``reader.Stack`` opens its files (``raster_file``, with clouds from
``quality_file`` and scales from ``scaling``), groups those of one place (``tiling``) into a ``tile`` and joins tiles by
a ``mosaic``; ``decode`` turns the planes that GDAL reads into series. A ``mask`` limits what is mapped;
``regularize`` makes series regular, and ``writer`` stores them as one Cloud Optimized GeoTIFF.

>>> import numpy as np
>>> from croptransfer.engine.imagery.stack.decode import BandEncoding, decode_values
>>> stored = np.array([1000, 2500, 0], np.uint16)
>>> decode_values(stored, BandEncoding(nodata=(0,), scale=0.0001, offset=0.5)).round(2)
array([0.6 , 0.75,  nan], dtype=float32)
"""
