"""Widgets that choose a raster stack, read its dates and bands, and correct them."""
