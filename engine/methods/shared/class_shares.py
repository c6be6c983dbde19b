"""The class shares of an unlabelled target, by expectation-maximisation (Saerens, Latinne, Decaestecker 2002).

Neural Computation 14(1), doi 10.1162/089976602753284446, eqs. 2.9; with a weak Dirichlet prior, so that one pixel
does not make a map of one crop.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    probability: np.ndarray, shares: np.ndarray, trained_shares: np.ndarray | None = None, trust: float = 1.0
) -> np.ndarray:
    """Predictions (..., k) as they would be had the classifier been trained under ``shares`` (k,).

    ``trust`` is how far they follow them: 0 not at all, 1 as Bayes' rule has it.
    """
    k = probability.shape[-1]
    trained = np.full(k, 1.0 / k) if trained_shares is None else np.asarray(trained_shares, float)
    adjusted = probability * (shares / trained) ** trust
    return adjusted / np.maximum(adjusted.sum(axis=-1, keepdims=True), 1e-300)


def expected_shares(probability: np.ndarray) -> np.ndarray:
    """Class shares (k,) as the mean of predictions (n, k): one step of expectation-maximisation from equal shares.

    A model that is sure where it is wrong, as one is in a domain it does not know, drives the further steps to
    the extremes; over eleven transfers and disturbed ones the mean of a source model lay nearer to the truth.
    """
    return probability.mean(axis=0)


@dataclass(frozen=True)
class ShareUncertainty:
    """How far estimated class shares are trusted."""

    error: float
    """Typical Euclidean distance of such an estimate from the truth; 0 trusts it."""
    least: float
    """Least share of a class, in multiples of an equal share: a class that an estimate loses must be able to come
    back, for one that is lost in the alignment is never found again."""


def shrink_shares(shares: np.ndarray, source: np.ndarray, doubt: ShareUncertainty) -> np.ndarray:
    """Estimated shares (k,) moved towards those of the source, the more the nearer they lie to them.

    The positive-part estimator of James and Stein (1961): of the way from the source's shares to the estimate,
    ``1 - error**2 / distance**2`` is gone. A distance that errors alone would make is no evidence that other crops
    are grown; one of three times that size nearly all stands.

    Parameters
    ----------
    shares : estimate for the target. ``source``: (k,) class shares of the source.

    Returns
    -------
    (k,) shares that sum to one.
    """
    distance = float(np.linalg.norm(shares - source))
    kept = max(0.0, 1.0 - (doubt.error / distance) ** 2) if distance > 0 else 0.0
    moved = np.maximum(source + kept * (shares - source), doubt.least / len(shares))
    return moved / moved.sum()
