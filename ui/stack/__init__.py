"""Widgets that choose a raster stack and correct its dates and bands."""
