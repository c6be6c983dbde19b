"""All that touches QGIS or Qt: the dialog, the tasks, the layers, and the Processing provider.

The dialog and the algorithms make a plain ``engine.tasks.Job`` and pass it to ``engine_process.worker.Worker``, which
runs it in another process; nothing here imports torch. Rooms import only those to their left: ``common``,
``engine_process``, ``search``, ``stack``, ``compatibility``, ``transfer``; ``labels`` needs ``common`` only, and
``processing`` is beside the widgets.
"""
