"""Parcels (field polygons): read with the pixels inside them, and written with their crops."""
