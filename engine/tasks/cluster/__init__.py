"""Tiles mapped by worker processes and Dask clusters."""
