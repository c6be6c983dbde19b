"""A trained model over a raster: tile by tile, in bounded memory, kept on disk so that nothing is lost.

Or parcel by parcel, each once.
"""

from .map_stack import TileMapper, join_tiles, map_tiles
from .parcel_counts import ParcelCounts
from .parcels import map_parcels
from .statistics import MapStatistics

__all__ = ["MapStatistics", "ParcelCounts", "TileMapper", "join_tiles", "map_parcels", "map_tiles"]
