"""How many days the target's season runs before or behind the source's, estimated without target labels.

Every shift is judged by two kinds of evidence on the source models: the class-share-weighted MK-MMD of the
embeddings, which is least, and the inception score of the predictions, which is greatest, where the calendars
agree (the second is that of TimeMatch, Nyborg et al. 2022). No shift is taken unless both improve clearly, or the
first decisively.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .class_shares import adjust_to_shares, estimate_class_shares
from .mmd import kernel, mean_squared_distance

SHIFTS = tuple(range(-64, 65, 16))
"""Shifts looked at first, in days."""


@dataclass(frozen=True)
class ShiftSafeguard:
    """What a shift must show before it is taken."""

    bootstraps: int = 100
    """Resamples of the target pixels."""
    certainty: float = 0.95
    """Share of the resamples in which both kinds of evidence must improve by their margin."""
    discrepancy_margin: float = 0.1
    """Least fall of MK-MMD, as a difference of logarithms."""
    inception_margin: float = 0.01
    """Least rise of the inception score, as a difference of logarithms; small, because crops that are told apart
    well even on a wrong calendar leave it little room."""
    decisive_fall: float = 0.5
    """Fall of MK-MMD that is enough by itself: a network that is sure of everything is so on a wrong calendar, too,
    and its inception score cannot rise. Natural transfers with nothing to gain stayed below 0.3, injected shifts
    with such a network came out above 0.9."""
    inception_tolerance: float = 0.05
    """Greatest fall of the inception score beside a decisive fall of MK-MMD."""
    joint_margin: float = 0.25
    """Least sum of both. Natural transfers with nothing to gain from a shift stayed below 0.15, injected shifts of
    16 days and more came out above 0.28."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for one way to read the target (a shift of its days, a standardisation)."""

    discrepancy: np.ndarray
    """(1 + bootstraps,) class-share-weighted squared MK-MMD of the embeddings; the first is the whole sample."""
    inception: np.ndarray
    """(1 + bootstraps,) mutual information of pixel and class, in shares of log k."""
    shares: np.ndarray
    """(k,) class shares estimated under it."""

    @staticmethod
    def of_all(single: Sequence[Evidence]) -> Evidence:
        """The evidence of several source models together: means of the logarithms, and of the class shares."""
        discrepancy, inception = (
            np.exp(np.mean([np.log(getattr(one, name)) for one in single], axis=0))
            for name in ("discrepancy", "inception")
        )
        return Evidence(discrepancy, inception, np.mean([one.shares for one in single], axis=0))

    @property
    def score(self) -> float:
        """Both kinds of evidence in one figure; greater is better."""
        return float(np.log(self.inception[0]) - np.log(self.discrepancy[0]))

    def clearly_better(self, other: Evidence, safeguard: ShiftSafeguard) -> bool:
        """Whether both kinds of evidence are better than under ``other`` by their margins, or one decisively."""
        fall = np.log(other.discrepancy) - np.log(self.discrepancy)
        rise = np.log(self.inception) - np.log(other.inception)
        low = 1 - safeguard.certainty
        fallen, risen = float(np.quantile(fall, low)), float(np.quantile(rise, low))
        each = fallen > safeguard.discrepancy_margin and risen > safeguard.inception_margin
        decisive = fallen > safeguard.decisive_fall and risen > -safeguard.inception_tolerance
        return decisive or (each and fallen + risen > safeguard.joint_margin)


@dataclass(frozen=True)
class ShiftEstimate:
    """The shift taken, the best one found, and the evidence for each."""

    days: float
    """Days to add to the target's days; 0 where the safeguard kept the calendar."""
    best: float
    """Shift with the best score."""
    evidence: dict[float, Evidence]
    """Evidence for every shift looked at."""

    @property
    def taken(self) -> Evidence:
        """Evidence for the shift taken."""
        return self.evidence[self.days]


def inception_score(probability: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Mutual information of pixel and class: entropy of the mean prediction less the mean entropy.

    Parameters
    ----------
    probability : (n, k).
    weight : (s, n) weights of the pixels in each of s resamples; None: one sample, all equal.

    Returns
    -------
    (s,) in shares of log k, 0 to 1.
    """
    n, k = probability.shape
    w = np.full((1, n), 1.0 / n) if weight is None else weight / weight.sum(axis=1, keepdims=True)
    p = np.maximum(probability.astype(np.float64), 1e-12)
    mean = w @ p
    return (-(mean * np.log(mean)).sum(axis=1) + w @ (p * np.log(p)).sum(axis=1)) / np.log(k)


def gather_evidence(
    source_embedding: torch.Tensor,
    source_labels: np.ndarray,
    target_embedding: torch.Tensor,
    probability: np.ndarray,
    resamples: np.ndarray,
) -> Evidence:
    """Judge one way to read the target.

    Parameters
    ----------
    source_embedding : (m, d), ``source_labels`` (m,).
    target_embedding : (n, d), ``probability`` (n, k) calibrated, of a class-balanced classifier.
    resamples : (s, n) weights of the target pixels; the first row is the sample as it is.
    """
    k = probability.shape[1]
    shares = estimate_class_shares(probability)
    count = np.bincount(source_labels, minlength=k)
    a = (shares / np.maximum(count, 1))[source_labels]
    source_weight = torch.as_tensor(a / a.sum(), dtype=target_embedding.dtype)
    b = torch.as_tensor(resamples / resamples.sum(axis=1, keepdims=True), dtype=target_embedding.dtype)
    scale = mean_squared_distance(source_embedding)  # of the source alone: the yardstick must not move with the shift
    within_source = source_weight @ kernel(source_embedding, source_embedding, scale) @ source_weight
    within_target = ((b @ kernel(target_embedding, target_embedding, scale)) * b).sum(dim=1)
    across = b @ (kernel(target_embedding, source_embedding, scale) @ source_weight)
    discrepancy = (within_source + within_target - 2 * across).clamp_min(1e-6).numpy().astype(np.float64)
    inception = np.maximum(inception_score(adjust_to_shares(probability, shares), resamples), 1e-6)
    return Evidence(discrepancy, inception, shares)


def draw_resamples(pixels: int, number: int, rng: np.random.Generator) -> np.ndarray:
    """Weights (1 + number, pixels) of bootstrap resamples; the first row is the sample as it is."""
    drawn = rng.multinomial(pixels, np.full(pixels, 1.0 / pixels), size=number)
    return np.concatenate([np.ones((1, pixels)), drawn]).astype(np.float64)


def estimate_shift(
    judge: Callable[[float], Evidence],
    shifts: Sequence[float] = SHIFTS,
    refine: Sequence[float] = (8.0, 4.0, 2.0),
    safeguard: ShiftSafeguard = ShiftSafeguard(),
) -> ShiftEstimate:
    """Find the shift of the target's days, or keep 0.

    Parameters
    ----------
    judge : gives the evidence for a shift in days; called once for each.
    shifts : shifts looked at first; 0 is always among them.
    refine : steps by which the neighbourhood of the best is then searched.
    safeguard : what the best must show against 0.
    """
    evidence = {float(shift): judge(float(shift)) for shift in sorted({0.0, *map(float, shifts)})}
    best = _best(evidence)
    for step in refine:
        for neighbour in (best - step, best + step):
            if neighbour not in evidence:
                evidence[neighbour] = judge(neighbour)
        best = _best(evidence)
    taken = best if best != 0 and evidence[best].clearly_better(evidence[0.0], safeguard) else 0.0
    return ShiftEstimate(taken, best, evidence)


def _best(evidence: dict[float, Evidence]) -> float:
    return max(sorted(evidence, key=abs), key=lambda shift: evidence[shift].score)
