"""How the target is read: the shift of its days and its standardisation, chosen without its labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ...models.device import NetworkThreads
from ...models.encoder import CropNetwork
from ...models.standardise import Statistics, matched_statistics
from ...progress import Progress
from ...series import SeriesSet
from ..shared.adaptation_score import AdaptationScore, score_adaptation
from ..shared.augment import JITTER
from ..shared.class_shares import ShareUncertainty, shrink_shares
from ..shared.source_only import SourceDomain
from ..shared.training import BalancedSampler, Predictions, SeriesTensors, make_tensors, predict, softmax
from .phenology_shift import ShiftEstimate, estimate_shift
from .temporal_profiles import CropProfiles

SOURCE_PIXELS = 400
"""Class-balanced source series with which the target is compared."""

FAVOUR = 0.2
"""Matched statistics are taken unless their score is lower by this much."""
CLEAR = 1.0
"""Gain in score by which matched statistics are clearly better, as with a sensor that scales its bands otherwise. Over
thirty transfers it stayed below 0.7, and below that it says nothing of which of both is better."""
REPEATS = 3
"""How often class shares and matched statistics are estimated in turn."""


@dataclass(frozen=True)
class TargetPreprocessing:
    """A shift and a standardisation of the target."""

    statistics: Statistics
    """Standardisation of the target."""
    name: str
    """``source`` for the source's statistics, ``matched`` for the target's own, corrected for class shares."""
    estimate: ShiftEstimate = ShiftEstimate()
    """How the shift was found."""
    evidence: dict[str, AdaptationScore] = field(default_factory=dict)
    """The evidence for each standardisation that was judged, by its name."""

    @property
    def shift(self) -> float:
        """Days added to the target's days."""
        return self.estimate.days

    def with_shares(
        self, shares: np.ndarray, domain: SourceDomain, source: SeriesSet, values: np.ndarray, placed: np.ndarray
    ) -> TargetPreprocessing:
        """The same reading with matched statistics brought up to date with better class shares."""
        if self.name != "matched":
            return self
        return replace(self, statistics=matched_to_shares(shares, domain, source, values, placed))

    def unadapted(self, domain: SourceDomain) -> TargetPreprocessing:
        """The reading where no stage after the source models passed.

        It has the source's statistics, as source only has them, unless the target's own are far better (:data:`CLEAR`).
        """
        if self.name != "matched":
            return self
        gain = self.evidence["matched"].score - self.evidence["source"].score
        return self if gain > CLEAR else replace(self, statistics=domain.statistics, name="source")

    def report(self) -> dict[str, Any]:
        """JSON-ready account of the choice."""
        score = {name: round(evidence.score, 3) for name, evidence in self.evidence.items()}
        return {**self.estimate.report(), "score": score}


def matched_to_shares(
    shares: np.ndarray, domain: SourceDomain, source: SeriesSet, values: np.ndarray, placed: np.ndarray
) -> Statistics:
    """Statistics for target series (n, t, c) on days (t,), given the target's class shares (k,)."""
    labels = domain.labels[domain.sample]
    weight = (shares / np.maximum(np.bincount(labels, minlength=domain.classes), 1))[labels]
    return matched_statistics(source.values[domain.sample], source.day, weight, values, placed, domain.statistics)


def estimate_target_shift(
    domain: SourceDomain, source: SeriesSet, values: np.ndarray, day: np.ndarray, tick: Callable[[], None]
) -> ShiftEstimate:
    """Estimate the shift of target series (n, t, c) with days (t,) as they came."""

    def standardised(series: np.ndarray) -> np.ndarray:
        scaled = domain.statistics.apply(series)
        scaled[~np.isfinite(series).all(axis=2)] = np.nan
        return scaled

    known = standardised(source.values[domain.sample])
    curves = CropProfiles.of(known, source.day, domain.labels[domain.sample], domain.classes)
    return estimate_shift(curves, standardised(values), day, domain.calendar, tick)


@dataclass(frozen=True)
class SourceEnsemble:
    """The source models as they judge a reading of the target, all together: one alone errs more often."""

    networks: Sequence[CropNetwork]
    """The source models."""
    temperatures: Sequence[float]
    """Divisor of each one's logits."""
    executor: NetworkThreads
    """What lets them look at the same time."""
    domain: SourceDomain
    """The source as it was learnt."""
    source: SeriesSet
    """The source as it came."""
    doubt: ShareUncertainty
    """How far the class shares that they see in the target are trusted."""
    tick: Callable[[], None]
    """Asked for cancel at every chunk."""


def choose_preprocessing(
    judge: SourceEnsemble,
    values: np.ndarray,
    day: np.ndarray,
    pixels: int,
    find_shift: bool,
    match: bool,
    rng: np.random.Generator,
    progress: Progress,
) -> TargetPreprocessing:
    """Choose the shift by the crops' curves, and the standardisation by the source models.

    Parameters
    ----------
    values : (n, t, c) target series.
    day : (t,) their days as they came.
    pixels : target series to use; 0 to choose nothing.
    find_shift : whether to look for a shift at all.
    match : whether the target's own statistics may be taken.
    """
    domain, source = judge.domain, judge.source
    if not pixels:
        return TargetPreprocessing(domain.statistics, "source")
    sample = values[np.sort(rng.permutation(len(values))[:pixels])]
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    drawn = BalancedSampler(domain.labels[domain.train], domain.classes, generator).draw(SOURCE_PIXELS)
    chosen = np.unique(domain.train[drawn.numpy()])
    labels = domain.labels[chosen]
    pool = domain.pool.take(chosen)
    # Jittered days on both sides: two domains must not look alike because they share a grid of dates.
    noise = int(rng.integers(2**31))
    device = domain.pool.values.device

    def look(network: CropNetwork, series: SeriesTensors, seed: int) -> Predictions:
        return predict(network, series, judge.tick, JITTER, torch.Generator().manual_seed(seed))

    known = judge.executor.map(lambda network: look(network, pool, noise).embedding, judge.networks)

    estimate = estimate_target_shift(domain, source, sample, day, judge.tick) if find_shift else ShiftEstimate()
    if estimate.beyond:
        progress.warning(
            "The target's series look most like crops of the source when their dates are moved by "
            f"{estimate.best:+.0f} days or more, which is not done: check the dates, or give both season starts."
        )
    placed = domain.calendar.align_days(day, estimate.days)

    def evidence_of(statistics: Statistics) -> AdaptationScore:
        seen = make_tensors(sample, placed, statistics, domain.calendar, device)

        def of(number: int) -> AdaptationScore:
            read = look(judge.networks[number], seen, noise + 1)
            return score_adaptation(
                known[number], labels, read.embedding, softmax(read.logits, judge.temperatures[number])
            )

        return AdaptationScore.mean_of(judge.executor.map(of, range(len(judge.networks))))

    evidence = {"source": evidence_of(domain.statistics)}
    reading = TargetPreprocessing(domain.statistics, "source", estimate, evidence)
    if match:
        statistics, shares = domain.statistics, evidence["source"].shares
        for _ in range(REPEATS):  # better statistics show better class shares, and those better statistics
            trusted = shrink_shares(shares, domain.shares, judge.doubt)
            statistics = matched_to_shares(trusted, domain, source, sample, placed)
            evidence["matched"] = evidence_of(statistics)
            shares = evidence["matched"].shares
        if evidence["matched"].score > evidence["source"].score - FAVOUR:
            reading = replace(reading, statistics=statistics, name="matched")
    progress.metric("shift_evidence", reading.report())
    progress.metric("shift_days", reading.shift)
    progress.metric("standardisation", reading.name)
    return reading
