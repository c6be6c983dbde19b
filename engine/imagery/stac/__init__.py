"""Scenes found in a STAC catalog and written as a folder of virtual rasters."""
