"""What several methods use; losses, estimators and samplers are functions without state.

A method receives a ``request`` and reads its ``options``. ``source_domain`` prepares the source and ``source_only``
trains GHCA's encoder on it; ``tensors`` holds series as networks read them, ``sampling`` draws batches,
``augment`` perturbs them, and ``training`` takes the optimiser steps. Losses are in ``mmd``, ``contrast`` and
``adversary``; ``adaptation_score`` compares preprocessings without target labels.

>>> import numpy as np
>>> from croptransfer.engine.methods.shared.sampling import split_source
>>> train, held_out = split_source(np.tile([0, 1], 50), None, 0.2, np.random.default_rng(0))
>>> len(train), len(held_out)
(80, 20)
"""
