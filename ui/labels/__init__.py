"""Widgets that choose labels: layer, field, class table, text tables."""
