"""Preprocessing of the target: the shift of its days and its standardisation, chosen without its labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ...estimation.class_shares import shrink_shares
from ...estimation.phenology_shift import ShiftEstimate, estimate_shift
from ...estimation.temporal_profiles import CropProfiles
from ...models.standardise import Statistics, matched_statistics
from ...series import SeriesSet
from ..shared.adaptation_score import AdaptationScore, score_adaptation
from ..shared.augment import JITTER
from ..shared.sampling import BalancedSampler
from ..shared.source_domain import SourceDomain
from ..shared.tensors import Predictions, SeriesTensors, make_tensors, predict, softmax
from .context import Checkpoint, FitContext

SOURCE_PIXELS = 400
"""Class-balanced source series with which the target is compared."""

FAVOUR = 0.2
"""Matched statistics are used unless their score is lower by this much."""
REPEATS = 3
"""How many times class shares and matched statistics are estimated alternately."""


@dataclass(frozen=True)
class TargetPreprocessing:
    """Shift and standardisation of the target."""

    statistics: Statistics
    """Standardisation of the target."""
    name: str
    """``source`` for the source's statistics, ``matched`` for the target's own, corrected for class shares."""
    estimate: ShiftEstimate = ShiftEstimate()
    """How the shift was found."""
    scores: dict[str, AdaptationScore] = field(default_factory=dict)
    """The score of each standardisation that was compared, by its name."""

    @property
    def shift(self) -> float:
        """Days added to the target's days."""
        return self.estimate.days

    def with_shares(
        self, shares: np.ndarray, domain: SourceDomain, source: SeriesSet, values: np.ndarray, placed: np.ndarray
    ) -> TargetPreprocessing:
        """Update matched statistics with better class shares; itself where the source's statistics are used.

        ``shares``, ``domain``, ``source``, ``values`` and ``placed`` as of :func:`matched_to_shares`.
        """
        if self.name != "matched":
            return self
        return replace(self, statistics=matched_to_shares(shares, domain, source, values, placed))

    def report(self) -> dict[str, Any]:
        """JSON-ready account of the choice."""
        score = {name: round(score.score, 3) for name, score in self.scores.items()}
        return {**self.estimate.report(), "score": score}


def matched_to_shares(
    shares: np.ndarray, domain: SourceDomain, source: SeriesSet, values: np.ndarray, placed: np.ndarray
) -> Statistics:
    """Statistics of the target, matched to the source under given class shares.

    Parameters
    ----------
    shares : ndarray (k,)
        Class shares of the target.
    domain : SourceDomain
        The prepared source.
    source : SeriesSet
        The source in the units of its stack.
    values : ndarray (n, t, c)
        Target series.
    placed : ndarray (t,)
        Their days on the source's calendar.

    Returns
    -------
    Statistics
        For the target.
    """
    labels = domain.labels[domain.sample]
    weight = (shares / np.maximum(np.bincount(labels, minlength=domain.classes), 1))[labels]
    return matched_statistics(source.values[domain.sample], source.day, weight, values, placed, domain.statistics)


def estimate_target_shift(
    domain: SourceDomain, source: SeriesSet, values: np.ndarray, day: np.ndarray, tick: Callable[[], None]
) -> ShiftEstimate:
    """Estimate the shift of the target with profiles of the source's crops.

    ``domain``, ``source`` and ``values`` as of :func:`matched_to_shares`.

    Parameters
    ----------
    day : ndarray (t,)
        Days of the target's stack.
    tick : callable
        Called before each shift; may raise to cancel.
    """

    def standardised(series: np.ndarray) -> np.ndarray:
        scaled = domain.statistics.apply(series)
        scaled[~np.isfinite(series).all(axis=2)] = np.nan
        return scaled

    known = standardised(source.values[domain.sample])
    profiles = CropProfiles.of(known, source.day, domain.labels[domain.sample], domain.classes)
    held_out = domain.held_out if len(domain.held_out) else domain.sample
    evidence = profiles.evidence(standardised(source.values[held_out]), source.day, domain.labels[held_out])
    return estimate_shift(profiles, standardised(values), day, domain.calendar, tick, evidence=evidence)


class _Comparison:
    """A class-balanced sample of the source, with which preprocessed target series are compared.

    All source models score together: a single one errs more often.
    """

    def __init__(self, context: FitContext, teachers: Checkpoint, rng: np.random.Generator) -> None:
        domain = context.domain
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        drawn = BalancedSampler(domain.labels[domain.train], domain.classes, generator).draw(SOURCE_PIXELS)
        chosen = np.unique(domain.train[drawn.numpy()])
        self._context, self._teachers = context, teachers
        self._labels, self._seed = domain.labels[chosen], int(rng.integers(2**31))
        self._known = self._predict(domain.tensors.take(chosen), self._seed)

    def _predict(self, tensors: SeriesTensors, seed: int) -> list[Predictions]:
        """Predictions of each model for jittered series.

        Both domains are jittered: they must not look similar because they share a grid of dates.
        """
        return self._context.executor.map(
            lambda network: predict(network, tensors, self._context.tick, JITTER, torch.Generator().manual_seed(seed)),
            self._teachers.networks,
        )

    def score(self, values: np.ndarray, placed: np.ndarray, statistics: Statistics) -> AdaptationScore:
        """Score target series (n, t, c) on days (t,) of the source's calendar under these statistics."""
        domain = self._context.domain
        tensors = make_tensors(values, placed, statistics, domain.calendar, domain.tensors.values.device)
        seen = self._predict(tensors, self._seed + 1)

        def of(number: int) -> AdaptationScore:
            probability = softmax(seen[number].logits, self._teachers.validations[number].temperature)
            known = self._known[number].embedding
            return score_adaptation(known, self._labels, seen[number].embedding, probability)

        return AdaptationScore.mean_of(self._context.executor.map(of, range(len(seen))))


def choose_preprocessing(
    context: FitContext, teachers: Checkpoint, values: np.ndarray, day: np.ndarray, rng: np.random.Generator
) -> TargetPreprocessing:
    """Choose the shift by the crops' profiles, and the standardisation by the source models.

    Parameters
    ----------
    context : FitContext
        The fit; its settings may switch off either choice.
    teachers : Checkpoint
        The source models.
    values : ndarray (n, t, c)
        Target series in the units of the stack.
    day : ndarray (t,)
        Days of the target's stack.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    TargetPreprocessing
        Shift and standardisation; those of the source for a target too small to adapt to.
    """
    domain, source, settings = context.domain, context.request.source, context.settings
    progress, pixels = context.request.progress, settings.scan_pixels
    if len(values) < settings.min_target_pixels or not pixels:
        return TargetPreprocessing(domain.statistics, "source")
    sample = values[np.sort(rng.permutation(len(values))[:pixels])]
    comparison = _Comparison(context, teachers, rng)
    estimate = ShiftEstimate()
    if settings.find_shift:
        estimate = estimate_target_shift(domain, source, sample, day, progress.check)
    if estimate.beyond:
        progress.warning(
            f"The target matches the source best when its dates are shifted by {estimate.best:+.0f} days or more, at"
            " the search limit. No shift is applied. Check the dates, or set both season starts."
        )
    placed = domain.calendar.align_days(day, estimate.days)
    scores = {"source": comparison.score(sample, placed, domain.statistics)}
    chosen = TargetPreprocessing(domain.statistics, "source", estimate, scores)
    if settings.match_statistics:
        statistics, shares = domain.statistics, scores["source"].shares
        for _ in range(REPEATS):  # better statistics give better class shares, and those better statistics
            trusted = shrink_shares(shares, domain.shares, settings.source_uncertainty)
            statistics = matched_to_shares(trusted, domain, source, sample, placed)
            scores["matched"] = comparison.score(sample, placed, statistics)
            shares = scores["matched"].shares
        if scores["matched"].score > scores["source"].score - FAVOUR:
            chosen = replace(chosen, statistics=statistics, name="matched")
    progress.metric("shift_evidence", chosen.report())
    progress.metric("shift_days", chosen.shift)
    progress.metric("standardisation", chosen.name)
    return chosen
