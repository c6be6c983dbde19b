"""What several methods use; losses, estimators and samplers are functions without state.

A method receives a ``request`` and reads its ``options``. ``source_domain`` prepares the source and ``source_only``
trains GHCA's encoder on it; ``tensors`` holds series as networks read them, ``sampling`` draws batches,
``augment`` perturbs them, and ``training`` takes the optimiser steps. Losses are in ``mmd``, ``contrast`` and
``adversary``; ``calibration``, ``class_shares`` and ``adaptation_score`` evaluate predictions without target labels.

>>> import numpy as np
>>> from croptransfer.engine.methods.shared.class_shares import estimate_class_shares
>>> estimate_class_shares(np.array([[0.9, 0.1]] * 80 + [[0.1, 0.9]] * 20)).round(2)
array([0.86, 0.14])
"""
