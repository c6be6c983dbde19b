"""From a job to what is read: bands of source and target matched, seasons aligned, the target opened.

``bands`` decides which bands and indices are read under which names, ``season`` how days are counted; ``series_file``
reads the labelled series of a file, ``target`` opens the rasters and the mask of the target.

>>> from croptransfer.engine.imagery import StackBand
>>> from croptransfer.engine.tasks import Job
>>> from croptransfer.engine.tasks.resolve.bands import resolve_target
>>> bands = tuple(StackBand("t.tif", number, "2021-05-01", name) for number, name in enumerate(("B04", "B08"), 1))
>>> side = resolve_target(Job(output="map.tif", target=bands), ("B08", "NDVI"))
>>> [band.band for band in side.bands], side.indices
(['B04', 'B08'], ('NDVI',))
"""
