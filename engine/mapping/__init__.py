"""A trained model over a raster: tile by tile, in bounded memory, kept on disk so that nothing is lost."""

from .map_stack import TileMapper, join_tiles, map_tiles
from .statistics import MapStatistics

__all__ = ["MapStatistics", "TileMapper", "join_tiles", "map_tiles"]
