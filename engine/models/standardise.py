"""Standardisation per band, and the moments of two domains over the part of the season that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..series import fill_linearly

LIMIT = 8.0
"""Standardised values are clipped here: one bright cloud must not rule a series."""
STEP_DAYS = 8.0
"""Days between those on which the moments of two domains are compared."""


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
        return np.clip(scaled, -LIMIT, LIMIT, out=scaled).astype(np.float32, copy=False)


def band_statistics(values: np.ndarray, weight: np.ndarray | None = None) -> Statistics:
    """Weighted mean and standard deviation of each band over the observed values.

    Parameters
    ----------
    values : (n, t, c) with NaN for gaps.
    weight : (n,) weight of each series; None: all equal.
    """
    n, t, c = values.shape
    both = np.outer(np.ones(n) if weight is None else weight, np.ones(t)) * np.isfinite(values).all(axis=2)
    total = both.sum()
    if total <= 0:
        return Statistics(np.zeros(c), np.ones(c))
    filled = np.where(np.isfinite(values), values, 0.0).astype(np.float64)
    mean = np.einsum("nt,ntc->c", both, filled) / total
    variance = np.einsum("nt,ntc->c", both, (filled - mean) ** 2) / total
    std = np.sqrt(variance)
    return Statistics(mean, np.where(std > 1e-6 * np.maximum(np.abs(mean), 1e-3), std, 1.0))


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
    start, end = max(source_day.min(), target_day.min()), min(source_day.max(), target_day.max())
    if start > end:
        return base
    grid = np.linspace(start, end, max(2, round(float(end - start) / STEP_DAYS) + 1)).astype(np.float32)
    of_source = _moments(source, source_day, grid, source_weight)
    of_target = _moments(target, target_day, grid, None)
    # (x - mean) / std must equal ((x - of_target) / of_target.std * of_source.std + of_source - base) / base.std
    std = base.std * of_target.std / of_source.std
    mean = of_target.mean - (of_source.mean - base.mean) * of_target.std / of_source.std
    return Statistics(mean, std)


def _moments(values: np.ndarray, day: np.ndarray, grid: np.ndarray, weight: np.ndarray | None) -> Statistics:
    """Moments over the days of ``grid``, between the dates along a line; series never observed do not count.

    Each domain has dates of its own: those of one that happen to fall into the dry season must not make it look
    like another sensor.
    """
    observed = np.isfinite(values).all(axis=2)
    some = observed.any(axis=1)
    filled = fill_linearly(np.nan_to_num(values[some]), observed[some], day, grid)
    return band_statistics(filled, None if weight is None else weight[some])
