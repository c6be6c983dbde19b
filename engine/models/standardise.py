"""Standardisation per band, and the moments of two domains over the part of the season that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..series import fill_linearly

LIMIT = 8.0
"""Greatest absolute standardised value: one bright cloud must not dominate a series."""
STEP_DAYS = 8.0
"""Interval in days of the grid on which the moments of two domains are compared."""


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each band."""

    mean: np.ndarray
    """(c,) float64."""
    std: np.ndarray
    """(c,) float64, above zero."""

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardise values.

        Parameters
        ----------
        values : ndarray (n, t, c)
            Values; NaN for gaps.

        Returns
        -------
        ndarray (n, t, c) of float32
            Clipped to ``-LIMIT`` to ``LIMIT``; gaps stay NaN.
        """
        scaled = (values - self.mean.astype(np.float32)) / self.std.astype(np.float32)
        return np.clip(scaled, -LIMIT, LIMIT, out=scaled).astype(np.float32, copy=False)


def band_statistics(values: np.ndarray, weight: np.ndarray | None = None) -> Statistics:
    """Weighted mean and standard deviation of each band over the observed values.

    Parameters
    ----------
    values : ndarray (n, t, c)
        Values; NaN for gaps.
    weight : ndarray (n,), optional
        Weight of each series; None: all equal.

    Returns
    -------
    Statistics
        A standard deviation of 1 for a band without variation.
    """
    n, t, c = values.shape
    both = np.outer(np.ones(n) if weight is None else weight, np.ones(t)) * np.isfinite(values).all(axis=2)
    total = both.sum()
    if total <= 0:
        return Statistics(np.zeros(c), np.ones(c))
    filled = np.where(np.isfinite(values), values, 0.0).astype(np.float64)
    mean = np.einsum("nt,ntc->c", both, filled) / total
    std = np.sqrt(np.einsum("nt,ntc->c", both, (filled - mean) ** 2) / total)
    return Statistics(mean, np.where(std > 1e-6 * np.maximum(np.abs(mean), 1e-3), std, 1.0))


def matched_statistics(
    source: np.ndarray,
    source_day: np.ndarray,
    source_weight: np.ndarray,
    target: np.ndarray,
    target_day: np.ndarray,
    base: Statistics,
) -> Statistics:
    """Statistics under which the target has the moments that the weighted source has under ``base``.

    With ``source_weight`` following the target's class shares, the remaining difference of the moments is that of the
    sensor and the atmosphere, not of the crops grown; only that is removed.

    Parameters
    ----------
    source : ndarray (n, t1, c)
        Source series; NaN for gaps.
    source_day : ndarray (t1,)
        Days of the source.
    source_weight : ndarray (n,)
        Weight of each source series.
    target : ndarray (m, t2, c)
        Target series; NaN for gaps.
    target_day : ndarray (t2,)
        Days of the target on the source's calendar.
    base : Statistics
        Statistics with which the source is standardised.

    Returns
    -------
    Statistics
        For the target; ``base`` where the seasons do not overlap.
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
    """Moments over the days of ``grid``, interpolated linearly; series never observed do not count.

    The domains have different dates: when those of one happen to fall into the dry season, that must not look like
    another sensor.
    """
    observed = np.isfinite(values).all(axis=2)
    some = observed.any(axis=1)
    filled = fill_linearly(np.nan_to_num(values[some]), observed[some], day, grid)
    return band_statistics(filled, None if weight is None else weight[some])
