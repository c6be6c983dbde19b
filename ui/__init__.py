"""All that touches QGIS or Qt: the dialog, the tasks, the layers, and the Processing provider.

Every face gathers plain values into an ``engine.tasks.Job`` and hands it to :class:`worker.Worker`,
which runs it in another process; nothing here imports torch.
"""
