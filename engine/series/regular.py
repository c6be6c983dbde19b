"""Series on a regular grid of days, gaps filled: for methods that cannot read gaps."""

from __future__ import annotations

import numpy as np

SHORTEST_STEP = 5.0
"""Days between two dates of a grid at least."""


def regular_days(day: np.ndarray) -> np.ndarray:
    """A regular grid (g,) over the season of the increasing days (t,), as dense as these are in the middle."""
    if len(day) < 2:
        return np.asarray(day, np.float32)
    step = max(float(np.median(np.diff(day))), SHORTEST_STEP)
    count = max(2, round(float(day[-1] - day[0]) / step) + 1)
    return np.linspace(float(day[0]), float(day[-1]), count).astype(np.float32)


def fill_linearly(values: np.ndarray, observed: np.ndarray, day: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Linear interpolation of series between their observed dates; before the first and after the last it is flat.

    Parameters
    ----------
    values : (n, t, c); whatever stands at a gap is ignored.
    observed : (n, t) bool, at least one true in every row.
    day : (t,) increasing days.
    grid : (g,) days wanted.

    Returns
    -------
    (n, g, c) float32.
    """
    t = len(day)
    dates = np.arange(t)
    before = np.maximum.accumulate(np.where(observed, dates, -1), axis=1)
    after = np.minimum.accumulate(np.where(observed, dates, t)[:, ::-1], axis=1)[:, ::-1]
    # ``grid`` lies between dates ``place - 1`` and ``place``.
    place = np.searchsorted(day, grid, side="right")
    left = np.where(place > 0, before[:, np.maximum(place - 1, 0)], -1)
    right = np.where(place < t, after[:, np.minimum(place, t - 1)], t)
    left, right = np.where(left < 0, right, left), np.where(right >= t, left, right)
    rows = np.arange(len(values))[:, None]
    apart = day[right] - day[left]
    weight = np.divide(grid - day[left], apart, out=np.zeros(left.shape), where=apart > 0)[:, :, None]
    return ((1 - weight) * values[rows, left] + weight * values[rows, right]).astype(np.float32)
