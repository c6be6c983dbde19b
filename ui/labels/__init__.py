"""Widgets that choose labels: layer, crop field, class table, tables of coordinates."""
