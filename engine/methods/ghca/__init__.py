"""GHCA, the adaptation method of this project.

``fit`` runs its stages over a ``context`` (settings, fixed inputs and log): it trains the source models, chooses the
preprocessing of the target (``target_preprocessing``), lets the students take their ``training_steps``, between rounds
chooses ``pseudo_labels`` from predictions smoothed by ``knn_smoothing``, and ends with the ``distillation`` of all
voices (``outcome``) to one small network. After each stage ``safeguards`` say how far it is trusted beside the one
before.

>>> import numpy as np
>>> from croptransfer.engine.methods.ghca.safeguards import StageMetrics, stage_trust
>>> before = StageMetrics("Source", 0.9, 200, np.array([0.6, 0.4]), True)
>>> after = StageMetrics("Aligning", 0.7, 200, np.array([0.6, 0.4]), True)
>>> stage_trust(after, before, ("wheat", "maize"))
StageTrust(weight=0.0, reason='Aligning: accuracy on held-out source samples fell from 0.90 to 0.70.')
"""
