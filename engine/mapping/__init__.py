"""A trained model over a raster: windows read ahead, classified, and written as a map."""

from .map_stack import MapStatistics, map_stack

__all__ = ["MapStatistics", "map_stack"]
