"""Compatibility of source and target: their dates, matched bands, seasons, quality flags and indices."""
