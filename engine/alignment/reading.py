"""How the target is read by the source model: the shift of its days and its standardisation, chosen without labels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..models.encoder import CropNetwork
from ..models.standardise import Statistics, matched_statistics
from ..progress import Progress
from ..series import SeriesSet
from .phenology_shift import (
    Evidence,
    ShiftEstimate,
    ShiftSafeguard,
    draw_resamples,
    estimate_shift,
    gather_evidence,
)
from .augment import JITTER
from .class_shares import shrink_shares
from .source_only import SourceDomain
from .training import BalancedSampler, Pool, make_pool, predict, softmax

SOURCE_PIXELS = 500
"""Class-balanced source series with which the target is compared."""

FAVOUR = 0.2
"""Matched statistics are taken unless their score is lower by this much."""
REPEATS = 2
"""How often class shares and matched statistics are estimated in turn."""


@dataclass(frozen=True)
class Reading:
    """A shift and a standardisation of the target."""

    shift: float
    """Days added to the target's days."""
    statistics: Statistics
    """Standardisation of the target."""
    name: str
    """``source`` for the source's statistics, ``matched`` for the target's own, corrected for class shares."""
    estimates: dict[str, ShiftEstimate] = field(default_factory=dict)
    """The evidence, by name of the standardisation."""

    def with_shares(
        self, shares: np.ndarray, domain: SourceDomain, source: SeriesSet, values: np.ndarray, placed: np.ndarray
    ) -> Reading:
        """The same reading with matched statistics brought up to date with better class shares."""
        if self.name != "matched":
            return self
        return replace(self, statistics=matched_to_shares(shares, domain, source, values, placed))

    def report(self) -> dict[str, Any]:
        """JSON-ready account of the choice."""
        account: dict[str, Any] = {"days": self.shift}
        for name, estimate in self.estimates.items():
            account[name] = {
                "taken": estimate.days,
                "best": estimate.best,
                "score": {f"{d:g}": round(e.score, 3) for d, e in sorted(estimate.evidence.items())},
            }
        if self.name in self.estimates:
            account["best"] = self.estimates[self.name].best
        return account


def matched_to_shares(
    shares: np.ndarray, domain: SourceDomain, source: SeriesSet, values: np.ndarray, placed: np.ndarray
) -> Statistics:
    """Statistics for target series (n, t, c) on days (t,), given the target's class shares (k,)."""
    labels = domain.labels[domain.train]
    weight = (shares / np.maximum(np.bincount(labels, minlength=domain.classes), 1))[labels]
    return matched_statistics(
        source.values[domain.train], source.day, weight, values, placed, domain.statistics
    )


def choose_reading(
    network: CropNetwork, domain: SourceDomain, source: SeriesSet, values: np.ndarray, day: np.ndarray,
    temperature: float, doubt: float, pixels: int, find_shift: bool, rng: np.random.Generator, progress: Progress,
) -> Reading:  # fmt: skip
    """Choose shift and standardisation on the source model.

    Parameters
    ----------
    values : (n, t, c) target series. ``day``: (t,) their days as they came.
    temperature : that of the source model's logits.
    doubt : how far estimated class shares are moved towards equal ones.
    pixels : target series to use; 0 to choose nothing.
    find_shift : whether to look for a shift at all.
    """
    base = Reading(0.0, domain.statistics, "source")
    if not pixels:
        return base
    sample = values[np.sort(rng.permutation(len(values))[:pixels])]
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    drawn = BalancedSampler(domain.labels[domain.train], domain.classes, generator).draw(SOURCE_PIXELS)
    chosen = np.unique(domain.train[drawn.numpy()])
    labels = domain.labels[chosen]
    index = torch.from_numpy(chosen)
    pool = Pool(domain.pool.values[index], domain.pool.observed[index], domain.pool.day)
    safeguard = ShiftSafeguard()
    resamples = draw_resamples(len(sample), safeguard.bootstraps, rng)

    def tick() -> None:
        progress.check()

    # Jittered days on both sides: two calendars on one grid of dates must not look alike for the grid's sake.
    noise = int(rng.integers(2**31))
    embedding = predict(network, pool, tick, JITTER, torch.Generator().manual_seed(noise)).embedding
    device = domain.pool.values.device

    def judge(statistics: Statistics, shift: float) -> Evidence:
        placed = domain.calendar.place(day, shift)
        seen = make_pool(sample, placed, statistics, domain.calendar, device)
        read = predict(network, seen, tick, JITTER, torch.Generator().manual_seed(noise + 1))
        return gather_evidence(embedding, labels, read.embedding, softmax(read.logits, temperature), resamples)

    shifts = None if find_shift else (0.0,)
    refine = (4.0, 2.0) if find_shift else ()

    def scan(statistics_at: Any) -> ShiftEstimate:
        def at(shift: float) -> Evidence:
            return judge(statistics_at(shift), shift)

        if shifts is None:
            return estimate_shift(at, refine=refine, safeguard=safeguard)
        return estimate_shift(at, shifts, refine, safeguard)

    plain = scan(lambda shift: domain.statistics)

    def matched_at(shift: float) -> Statistics:
        shares = plain.evidence[shift].shares if shift in plain.evidence else plain.taken.shares
        placed = domain.calendar.place(day, shift)
        return matched_to_shares(shrink_shares(shares, doubt), domain, source, sample, placed)

    matched = scan(matched_at)
    estimates = {"source": plain, "matched": matched}
    for name, estimate in estimates.items():
        progress.metric(
            f"shift_evidence_{name}",
            {f"{d:g}": [round(float(e.discrepancy[0]), 4), round(float(e.inception[0]), 4)]
             for d, e in sorted(estimate.evidence.items())},
        )  # fmt: skip
    if matched.taken.score > plain.taken.score - FAVOUR:
        statistics, evidence = matched_at(matched.days), matched.taken
        for _ in range(REPEATS):  # better statistics show better class shares, and those better statistics
            shares = shrink_shares(evidence.shares, doubt)
            statistics = matched_to_shares(shares, domain, source, sample, domain.calendar.place(day, matched.days))
            evidence = judge(statistics, matched.days)
        reading = Reading(matched.days, statistics, "matched", estimates)
    else:
        reading = Reading(plain.days, domain.statistics, "source", estimates)
    progress.metric("shift_days", reading.shift)
    progress.metric("standardisation", reading.name)
    return reading
