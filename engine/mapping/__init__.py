"""A trained model over a raster, pixel by pixel or parcel by parcel: windows read ahead, classified, and written."""

from .map_stack import MapStatistics, map_stack
from .parcel_counts import ParcelCounts
from .parcels import map_parcels

__all__ = ["MapStatistics", "ParcelCounts", "map_parcels", "map_stack"]
