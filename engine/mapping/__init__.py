"""A trained model over a raster: tile by tile or parcel by parcel, in bounded memory.

Tiles: ``classifier_plan`` decides whether the full model or a student (``distill``) classifies the pixels, ``classify``
does so, ``map_stack`` runs it over the tiles in parallel, and ``tile_store`` keeps every finished tile on disk, so that
an interrupted job can be resumed. At the end the tiles are joined into the map and their counts (``statistics``) added
up. ``memory`` sets the size of a tile. Parcels: ``parcels`` reads the pixels of each parcel once (``parcel_sample``)
and classifies it, ``parcel_map`` draws it, ``parcel_counts`` reports it.

Pixels with gaps on the same dates are classified together:

>>> import numpy as np
>>> from croptransfer.engine.mapping.classify import batches
>>> pixels = np.zeros((300, 4, 1), np.float32)
>>> pixels[::3, 2] = np.nan
>>> [len(index) for index in batches(pixels, 150)]
[100, 150, 50]

The counts of tiles make those of the map:

>>> from croptransfer.engine.mapping.statistics import MapStatistics
>>> confidence = np.zeros((2, 101), np.int64)
>>> confidence[0, 80], confidence[1, 60] = 30, 10
>>> curves = np.ones((2, 4, 1))
>>> tile = MapStatistics(confidence, outside=5, unobserved=2, sums=3 * curves, seen=4 * curves)
>>> MapStatistics.total([tile, tile]).pixels.tolist()
[60, 20]
"""

from .map_stack import TileMapper, join_tiles, map_tiles
from .parcel_counts import ParcelCounts
from .parcels import ParcelMapping, map_parcels
from .statistics import MapStatistics
