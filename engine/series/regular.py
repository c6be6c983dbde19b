"""Series on a regular grid of days, gaps filled: for methods that cannot read gaps, and for regular stacks."""

from __future__ import annotations

import numpy as np

from .whittaker import smooth

FILLS = {
    "none": "Gaps stay gaps.",
    "linear": "On the straight line between the observations before and after.",
    "whittaker": "Smoothed: by penalised least squares, which also evens out noise.",
}
"""Ways to fill the gaps of a series, with a sentence for people."""
ENDS = {"gap": "They stay gaps: nothing was seen there.", "nearest": "They repeat the first and the last value."}
"""Values before the first and after the last observation of a pixel."""

SHORTEST_STEP = 5.0
"""Days between two dates of a grid at least."""


def regular_days(day: np.ndarray) -> np.ndarray:
    """Return a regular grid over the season of a series, as dense as its dates are in the median.

    Parameters
    ----------
    day : (t,) float32
        Increasing days.

    Returns
    -------
    (g,) float32
        Days at equal steps of at least :data:`SHORTEST_STEP`, from the first to the last day.
    """
    if len(day) < 2:
        return np.asarray(day, np.float32)
    step = max(float(np.median(np.diff(day))), SHORTEST_STEP)
    count = max(2, round(float(day[-1] - day[0]) / step) + 1)
    return np.linspace(float(day[0]), float(day[-1]), count).astype(np.float32)


def fill_linearly(values: np.ndarray, observed: np.ndarray, day: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Linear interpolation of series between their observed dates; before the first and after the last it is flat.

    Parameters
    ----------
    values : (n, t, c); ignored at gaps.
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
    # ``grid`` is between dates ``after_grid - 1`` and ``after_grid``.
    after_grid = np.searchsorted(day, grid, side="right")
    left = np.where(after_grid > 0, before[:, np.maximum(after_grid - 1, 0)], -1)
    right = np.where(after_grid < t, after[:, np.minimum(after_grid, t - 1)], t)
    left, right = np.where(left < 0, right, left), np.where(right >= t, left, right)
    rows = np.arange(len(values))[:, None]
    apart = day[right] - day[left]
    weight = np.divide(grid - day[left], apart, out=np.zeros(left.shape), where=apart > 0)[:, :, None]
    return ((1 - weight) * values[rows, left] + weight * values[rows, right]).astype(np.float32)


def fill_gaps(
    values: np.ndarray, observed: np.ndarray, day: np.ndarray, fill: str, smoothness: float = 1.0, ends: str = "gap"
) -> np.ndarray:
    """Series at equal steps with their gaps filled.

    Parameters
    ----------
    values : (n, g, c), NaN where not observed.
    observed : (n, g) bool.
    day : (g,) increasing days.
    fill : key of :data:`FILLS`.
    smoothness : of Whittaker's smoother, above 0.
    ends : key of :data:`ENDS`; not used where nothing is filled.

    Returns
    -------
    (n, g, c) float32. A series without an observation stays empty, and one with a single one has no gap to fill
    between two: only ``nearest`` spreads it.
    """
    if fill == "none":
        return values
    if fill == "linear":
        # An empty series has nothing to be filled from: as if observed everywhere it stays as it is.
        anything = observed | ~observed.any(axis=1)[:, None]
        lines = fill_linearly(np.ascontiguousarray(values), anything, day, day)
        filled = np.ascontiguousarray(np.moveaxis(lines, 0, 2))
    else:
        filled = np.array(np.moveaxis(values, 0, 2), np.float32, order="C")
        smoothed = np.moveaxis(smooth(values, observed, smoothness), 0, 2)
        np.copyto(filled, smoothed, where=observed.sum(axis=1) > 1, casting="same_kind")
    steps = np.arange(len(day))
    before = np.ascontiguousarray((steps < observed.argmax(axis=1)[:, None]).T)
    behind = np.ascontiguousarray((steps[::-1] < observed[:, ::-1].argmax(axis=1)[:, None]).T)
    if ends == "gap":
        np.copyto(filled, np.nan, where=(before | behind)[:, None])
    else:
        for step in steps[:0:-1]:
            np.copyto(filled[step - 1], filled[step], where=before[step - 1])
        for step in steps[1:]:
            np.copyto(filled[step], filled[step - 1], where=behind[step])
    return np.moveaxis(filled, 2, 0)
