"""Temperature scaling (Guo et al. 2017, arXiv:1706.04599), fitted on held-out source samples."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

RANGE = (0.2, 5.0)
"""Range of temperatures; a handful of held-out samples must not drive it further."""


def fit_temperature(logits: np.ndarray, labels: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The divisor of the logits that minimises the weighted negative log-likelihood.

    Parameters
    ----------
    logits : ndarray (n, k)
        Logits.
    labels : ndarray (n,) of int
        Class indices.
    weight : ndarray (n,), optional
        Weights, for instance to balance the classes; None: all equal.

    Returns
    -------
    float
        Within ``RANGE``; 1 without samples.
    """
    if not len(logits):
        return 1.0
    w = np.ones(len(logits)) if weight is None else np.asarray(weight, float)
    z = logits.astype(np.float64)
    own = z[np.arange(len(z)), labels]

    def loss(log_temperature: float) -> float:
        t = np.exp(log_temperature)
        return float((w * (logsumexp(z / t, axis=1) - own / t)).sum() / w.sum())

    best = minimize_scalar(loss, bounds=tuple(np.log(RANGE)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(best.x))
