"""What is estimated about a target without its labels: class shares, the shift of its season, calibrated predictions.

``class_shares`` has the class shares of predicted pixels, ``phenology_shift`` the probability of every shift of the
season by the ``temporal_profiles`` of the source's crops, and ``calibration`` the temperature of a network.

>>> import numpy as np
>>> from croptransfer.engine.estimation.class_shares import estimate_class_shares
>>> estimate_class_shares(np.array([[0.9, 0.1]] * 80 + [[0.1, 0.9]] * 20)).round(2)
array([0.86, 0.14])
"""
