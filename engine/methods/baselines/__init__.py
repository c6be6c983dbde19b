"""The methods that GHCA is compared with: published ones, rebuilt from their papers, one per file.

Each docstring says what the paper or its public code defines and what is a choice of this project. All share the
splits, the class-balanced batches, the budget of optimiser steps and the loop of ``training_loop``. Those that learn
from the source alone (``dcm``, ``transformer``, ``phenocropnet``) are variants of ``supervised``; ``random_forest`` has
no loop. ``daccn`` and ``pan`` share the loss of ``mmd_aligned``, ``dann`` and ``cdan`` that of ``adversarial``;
``cstn`` and ``timematch`` (with
``shift_scan``) train on pseudo-labels.

>>> from croptransfer.engine.methods.baselines.shift_scan import best_shift
>>> best_shift([-8.0, 0.0, 8.0], score=lambda days: -abs(days - 5))
8.0
"""
