"""Search in STAC catalogs."""
