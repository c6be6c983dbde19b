"""Files while a task runs, so that an error or a power cut leaves no half-written output.

``partial_outputs`` writes under hidden names and publishes all files at once, ``lock`` keeps a second run away,
``checkpoint`` keeps what an interrupted map can be resumed from, ``comparison_log`` the finished runs of a comparison.

>>> from croptransfer.engine.tasks.storage.partial_outputs import part_path
>>> part_path("map.tif", "a1b2").name
'.map.a1b2.part.tif'
"""
