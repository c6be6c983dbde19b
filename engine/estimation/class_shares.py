"""The class shares of an unlabelled target, by expectation-maximisation (Saerens, Latinne, Decaestecker 2002).

Neural Computation 14(1), doi 10.1162/089976602753284446, eqs. 2.9; with a weak Dirichlet prior, so that
one pixel does not make a map of one crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PRIOR_COUNT = 1.0
"""Weight of the prior, in pixels of every class."""


def estimate_class_shares(
    probability: np.ndarray,
    trained_shares: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    prior_count: float = PRIOR_COUNT,
    iterations: int = 200,
    tolerance: float = 1e-6,
) -> np.ndarray:
    """Estimate the class shares of predicted pixels by expectation-maximisation.

    Parameters
    ----------
    probability : ndarray (n, k)
        Calibrated predictions of a classifier trained under ``trained_shares``.
    trained_shares : ndarray (k,), optional
        Class shares of its training; None: equal.
    weight : ndarray (n,), optional
        Weight of each pixel; None: all one.
    prior_count : float
        Pixels of each class that the Dirichlet prior adds; 0 for maximum likelihood.
    iterations : int
        Iterations at most.
    tolerance : float
        Largest change of a share at which to stop.

    Returns
    -------
    ndarray (k,)
        Shares with a sum of one.
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
        change = np.abs(updated - shares).max()
        shares = updated
        if change < tolerance:
            break
    return shares


def adjust_to_shares(
    probability: np.ndarray, shares: np.ndarray, trained_shares: np.ndarray | None = None, strength: float = 1.0
) -> np.ndarray:
    """Adjust predictions to other class shares than those of the training (Saerens et al. 2002, eq. 2.4).

    Parameters
    ----------
    probability : ndarray (..., k)
        Predictions.
    shares : ndarray (k,)
        Class shares to adjust to.
    trained_shares : ndarray (k,), optional
        Class shares of the training; None: equal.
    strength : float
        How far to adjust: 0 not at all, 1 by Bayes' rule.

    Returns
    -------
    ndarray (..., k)
        Adjusted predictions.
    """
    k = probability.shape[-1]
    trained = np.full(k, 1.0 / k) if trained_shares is None else np.asarray(trained_shares, float)
    adjusted = probability * (shares / trained) ** strength
    return adjusted / np.maximum(adjusted.sum(axis=-1, keepdims=True), 1e-300)


def expected_shares(probability: np.ndarray) -> np.ndarray:
    """Class shares (k,), whose sum is one, the mean prediction: a step of expectation-maximisation from equal shares.

    A model that is confident where it is wrong, as in an unknown domain, drives further steps to extremes; over eleven
    transfers and disturbed ones the mean of a source model was closer to the truth.

    Parameters
    ----------
    probability : ndarray (n, k)
        Predictions.
    """
    return probability.mean(axis=0)


@dataclass(frozen=True)
class ShareUncertainty:
    """Uncertainty of estimated class shares."""

    error: float
    """Typical Euclidean distance of such an estimate from the truth; 0 for an exact one."""
    minimum: float
    """Least share of a class, in multiples of an equal share: a class that an estimate loses must be able to come back,
    since the alignment never recovers a lost one."""


def shrink_shares(shares: np.ndarray, source: np.ndarray, uncertainty: ShareUncertainty) -> np.ndarray:
    """Shrink estimated shares towards those of the source, more the closer they are to them.

    The positive-part estimator of James and Stein (1961) keeps ``1 - error**2 / distance**2`` of the difference. A
    distance that errors alone would cause is no evidence that other crops are grown; three times that distance is kept
    nearly whole.

    Parameters
    ----------
    shares : ndarray (k,)
        Estimate for the target.
    source : ndarray (k,)
        Class shares of the source.
    uncertainty : ShareUncertainty
        Of the estimate.

    Returns
    -------
    ndarray (k,)
        Shares with a sum of one.
    """
    distance = float(np.linalg.norm(shares - source))
    kept = max(0.0, 1.0 - (uncertainty.error / distance) ** 2) if distance > 0 else 0.0
    used = np.maximum(source + kept * (shares - source), uncertainty.minimum / len(shares))
    return used / used.sum()
