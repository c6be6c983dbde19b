"""Standardisation per band, and the moments of two domains on the days that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIMIT = 8.0
"""Standardised values are clipped here: one bright cloud must not rule a series."""
BIN_DAYS = 24.0
"""Length of the pieces of the season over which moments are averaged."""


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each band."""

    mean: np.ndarray
    """(c,) float64."""
    std: np.ndarray
    """(c,) float64, above zero."""

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardise values (n, t, c); gaps stay NaN; clipped at ``LIMIT``."""
        scaled = (values - self.mean.astype(np.float32)) / self.std.astype(np.float32)
        return np.clip(scaled, -LIMIT, LIMIT).astype(np.float32)


def band_statistics(
    values: np.ndarray, weight: np.ndarray | None = None, day_weight: np.ndarray | None = None
) -> Statistics:
    """Weighted mean and standard deviation of each band over the observed values.

    Parameters
    ----------
    values : (n, t, c) with NaN for gaps.
    weight : (n,) weight of each series; None: all equal.
    day_weight : (t,) weight of each date; None: all equal.
    """
    n, t, c = values.shape
    both = np.outer(np.ones(n) if weight is None else weight, np.ones(t) if day_weight is None else day_weight)
    both = both * np.isfinite(values).all(axis=2)
    total = both.sum()
    if total <= 0:
        return Statistics(np.zeros(c), np.ones(c))
    filled = np.where(np.isfinite(values), values, 0.0).astype(np.float64)
    mean = np.einsum("nt,ntc->c", both, filled) / total
    variance = np.einsum("nt,ntc->c", both, (filled - mean) ** 2) / total
    std = np.sqrt(variance)
    return Statistics(mean, np.where(std > 1e-6 * np.maximum(np.abs(mean), 1e-3), std, 1.0))


def shared_day_weights(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Weights of the dates of two calendars such that both cover the same parts of the season alike.

    The season is cut into bins of ``BIN_DAYS``; bins seen by one calendar only weigh nothing, every
    other bin weighs the same in both. A stack that starts in spring would else look darker than one of
    the whole year, and the offset between the sensors be mistaken.

    Parameters
    ----------
    first, second : (t1,), (t2,) days.

    Returns
    -------
    (t1,) and (t2,) weights, or None when the calendars share no bin.
    """
    start = min(first.min(), second.min())
    bins_first = np.floor((first - start) / BIN_DAYS).astype(int)
    bins_second = np.floor((second - start) / BIN_DAYS).astype(int)
    shared = np.intersect1d(bins_first, bins_second)
    if not len(shared):
        return None

    def weights(bins: np.ndarray) -> np.ndarray:
        count = np.bincount(bins)
        return np.where(np.isin(bins, shared), 1.0 / count[bins], 0.0)

    return weights(bins_first), weights(bins_second)


def matched_statistics(
    source: np.ndarray,
    source_day: np.ndarray,
    source_weight: np.ndarray,
    target: np.ndarray,
    target_day: np.ndarray,
    base: Statistics,
) -> Statistics:
    """Statistics for the target under which it gets the moments that the weighted source has under ``base``.

    With ``source_weight`` following the target's class shares, what is left between the moments of the two
    domains is the sensor's and the atmosphere's, not that of the crops grown; only that is taken out.

    Parameters
    ----------
    source : (n, t1, c), ``source_day`` (t1,), ``source_weight`` (n,).
    target : (m, t2, c), ``target_day`` (t2,) on the source's calendar.
    base : statistics with which the source is standardised.
    """
    days = shared_day_weights(source_day, target_day)
    if days is None:
        return base
    of_source = band_statistics(source, source_weight, days[0])
    of_target = band_statistics(target, None, days[1])
    # (x - mean) / std must equal ((x - of_target) / of_target.std * of_source.std + of_source - base) / base.std
    std = base.std * of_target.std / of_source.std
    mean = of_target.mean - (of_source.mean - base.mean) * of_target.std / of_source.std
    return Statistics(mean, std)
