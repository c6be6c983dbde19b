"""Tiles mapped by other processes: ``dask_executor`` hands them out, ``tile_worker`` maps them there."""
