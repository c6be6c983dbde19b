"""Tasks run from their inputs to their published files, one file a kind of task.

``job`` resolves, learns, maps, writes and publishes; ``map_job`` keeps the tiles meanwhile, ``stages`` plans the
progress, ``summary`` collects the figures. ``many_targets`` runs one job for each target of a list.
``child_processes`` does the runs of a comparison side by side. All return a :class:`result.Result`.

>>> from croptransfer.engine.tasks.runs.result import Result
>>> Result(outputs={"map": "map.tif"}, summary={"classes": []}).outputs["map"]
'map.tif'
"""
