"""Which predictions in the target become pseudo-labels: confidence, certainty, stability, and class quotas.

Confidence relative to the class as in FlexMatch (Zhang et al. 2021, arXiv:2110.08263) and FreeMatch (Wang et al.
2023, arXiv:2205.07246); certainty by stochastic passes of the teacher as in UPS (Rizve et al. 2021,
arXiv:2101.06329).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Selection:
    """Thresholds of the selection."""

    confidence: float = 0.8
    """Least mean probability of the predicted class, for the most confidently predicted class; lower for others."""
    deviation: float = 0.1
    """Greatest standard deviation of that probability over the passes."""
    information: float = 0.15
    """Greatest mutual information of the passes, in shares of log k."""
    agreement: float = 0.8
    """Least share of passes that predict the class."""
    cap: float = 3.0
    """Greatest number of pseudo-labels of a class, in multiples of the median class."""
    fewest: int = 10
    """A class with fewer pseudo-labels gets none: only its source prototype is used."""
    certainty: bool = True
    """Whether the spread of the passes counts."""
    stability: bool = True
    """Whether the agreement of the passes and with the round before counts."""
    relaxations: int = 2
    """How many times the thresholds are relaxed for a class with too few."""


@dataclass(frozen=True)
class PseudoLabels:
    """The chosen pixels of the target."""

    index: np.ndarray
    """(m,) indices of the pixels."""
    label: np.ndarray
    """(m,) their pseudo-labels."""
    weight: np.ndarray
    """(m,) trust, above 0 to 1."""
    predicted: np.ndarray
    """(n,) the class predicted for every pixel, for the next round's stability."""
    relaxed: tuple[int, ...]
    """Classes whose thresholds were relaxed."""

    def count(self, classes: int) -> np.ndarray:
        """Number of pseudo-labels of each class.

        Parameters
        ----------
        classes : int
            Number of classes k.

        Returns
        -------
        ndarray (k,) of int
            Numbers.
        """
        return np.bincount(self.label, minlength=classes)


def mutual_information(passes: np.ndarray) -> np.ndarray:
    """Mutual information of the prediction and the pass.

    Parameters
    ----------
    passes : ndarray (s, n, k)
        Probabilities of s stochastic passes.

    Returns
    -------
    ndarray (n,)
        In shares of log k, 0 to 1.
    """
    k = passes.shape[2]
    return np.maximum(_entropy(passes.mean(axis=0)) - _entropy(passes).mean(axis=0), 0.0) / np.log(k)


def select_pseudo_labels(
    passes: np.ndarray,
    quota: float,
    previous: np.ndarray | None = None,
    typicality: np.ndarray | None = None,
    selection: Selection = Selection(),
) -> PseudoLabels:
    """Choose pseudo-labels from stochastic predictions of the teacher.

    Parameters
    ----------
    passes : ndarray (s, n, k)
        Probabilities of s stochastic passes over n pixels.
    quota : float
        Share of each class's predicted pixels that may be chosen, the most reliable first.
    previous : ndarray (n,) of int, optional
        Classes predicted in the round before.
    typicality : ndarray (n,), optional
        How typical of its predicted class a pixel is, 0 to 1, low for crops unknown to the source; None: all one.
    selection : Selection
        Thresholds.

    Returns
    -------
    PseudoLabels
        The chosen pixels.
    """
    s, n, k = passes.shape
    mean = passes.mean(axis=0)
    predicted = mean.argmax(axis=1)
    own = passes[:, np.arange(n), predicted]
    confidence, deviation = own.mean(axis=0), own.std(axis=0)
    information = mutual_information(passes)
    agreement = (passes.argmax(axis=2) == predicted).mean(axis=0)
    stable = np.ones(n, bool) if previous is None else predicted == previous
    if not selection.certainty:
        deviation, information = np.zeros(n), np.zeros(n)
    if not selection.stability:
        agreement, stable = np.ones(n), np.ones(n, bool)
    typical = np.ones(n) if typicality is None else typicality
    reliability = (
        confidence * (1 - np.minimum(2 * deviation, 1)) * (1 - np.minimum(information, 1)) * agreement * typical
    )

    level = np.array([confidence[predicted == c].mean() if (predicted == c).any() else 0.0 for c in range(k)])
    threshold = selection.confidence * level / max(level.max(), 1e-12)
    chosen: list[np.ndarray] = []
    relaxed: list[int] = []
    for c in range(k):
        member = (predicted == c) & stable
        allowed = int(np.ceil(quota * (predicted == c).sum()))
        picks = np.zeros(0, int)
        for relaxation in range(selection.relaxations + 1):
            ease = 1.0 + 0.5 * relaxation
            passing = member & (confidence >= threshold[c] / ease) & (deviation <= selection.deviation * ease)
            passing &= (information <= selection.information * ease) & (agreement >= selection.agreement / ease)
            picks = np.flatnonzero(passing)
            if len(picks) >= min(selection.fewest, allowed):
                break
            if relaxation < selection.relaxations and c not in relaxed:
                relaxed.append(c)
        picks = picks[np.argsort(-reliability[picks], kind="stable")[:allowed]]
        chosen.append(picks if len(picks) >= selection.fewest else picks[:0])
    counts = [len(picks) for picks in chosen if len(picks)]
    limit = int(selection.cap * np.median(counts)) if counts else 0
    index = np.concatenate([picks[:limit] for picks in chosen]).astype(int)
    weight = np.maximum(reliability[index], 1e-3)
    return PseudoLabels(index, predicted[index], weight, predicted, tuple(relaxed))


def _entropy(probability: np.ndarray) -> np.ndarray:
    return -(probability * np.log(np.maximum(probability, 1e-12))).sum(axis=-1)
