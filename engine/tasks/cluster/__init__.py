"""Tiles mapped by other processes, with Dask.

``dask_executor`` starts worker processes or connects to a scheduler, checks the workers and hands out the missing
tiles; ``tile_worker`` runs there, opens job, stack and model from the folder of the unfinished map, and writes each
tile into it. A tile of a lost worker goes to another one; a task that arrives after the end of its run maps nothing:

>>> import asyncio
>>> from croptransfer.engine.tasks.cluster.tile_worker import do_tile, end_run
>>> asyncio.run(end_run("first"))
>>> do_tile("map.tiles", "first", number=0)
Traceback (most recent call last):
croptransfer.engine.errors.Cancelled
"""
