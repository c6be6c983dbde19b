"""The class shares of an unlabelled target, by expectation-maximisation (Saerens, Latinne, Decaestecker 2002).

Neural Computation 14(1), doi 10.1162/089976602753284446, eqs. 2.9; with a weak Dirichlet prior, so that one pixel
does not make a map of one crop.
"""

from __future__ import annotations

import numpy as np

PRIOR_COUNT = 1.0
"""Pixels of every class that the prior is worth."""


def estimate_class_shares(
    probability: np.ndarray,
    trained_shares: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    prior_count: float = PRIOR_COUNT,
    iterations: int = 200,
    tolerance: float = 1e-6,
) -> np.ndarray:
    """Estimate the class shares of the pixels whose predictions are given.

    Parameters
    ----------
    probability : (n, k) calibrated predictions of a classifier trained under ``trained_shares``.
    trained_shares : (k,) class shares it was trained under; None: equal (class-balanced training).
    weight : (n,) weight of each pixel; None: all one.
    prior_count : pixels of each class that the Dirichlet prior adds; 0 for plain maximum likelihood.

    Returns
    -------
    (k,) shares that sum to one.
    """
    n, k = probability.shape
    trained = np.full(k, 1.0 / k) if trained_shares is None else np.asarray(trained_shares, float)
    w = np.ones(n) if weight is None else np.asarray(weight, float)
    likelihood = probability.astype(np.float64) / trained
    shares = trained.copy()
    for _ in range(iterations):
        responsibility = likelihood * shares
        responsibility /= np.maximum(responsibility.sum(axis=1, keepdims=True), 1e-300)
        updated = w @ responsibility + prior_count
        updated /= updated.sum()
        moved = np.abs(updated - shares).max()
        shares = updated
        if moved < tolerance:
            break
    return shares


def adjust_to_shares(
    probability: np.ndarray, shares: np.ndarray, trained_shares: np.ndarray | None = None
) -> np.ndarray:
    """Predictions (..., k) as they would be had the classifier been trained under ``shares`` (k,)."""
    k = probability.shape[-1]
    trained = np.full(k, 1.0 / k) if trained_shares is None else np.asarray(trained_shares, float)
    adjusted = probability * (shares / trained)
    return adjusted / np.maximum(adjusted.sum(axis=-1, keepdims=True), 1e-300)


def shrink_shares(shares: np.ndarray, towards_equal: float) -> np.ndarray:
    """Shares (k,) moved towards equal shares by ``towards_equal`` (0 to 1).

    Expectation-maximisation on a model that is not yet aligned can lose a class that is there; a class
    lost at that point is never found again.
    """
    return (1 - towards_equal) * shares + towards_equal / len(shares)
