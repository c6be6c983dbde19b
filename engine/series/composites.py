"""One observation of each period, made from those of its dates."""

from __future__ import annotations

import numpy as np

METHODS = {
    "median": "The median of each band: robust against clouds and haze that were missed.",
    "mean": "The mean of each band.",
    "max": "The observation with the greatest index (NDVI unless another is named), with all its bands.",
    "nearest": "The clear observation nearest to the middle of the period, with all its bands.",
}
"""Ways to make it, with a sentence for people."""


def compose(
    values: np.ndarray,
    observed: np.ndarray,
    period_of_date: np.ndarray,
    count: int,
    method: str,
    score: np.ndarray | None = None,
) -> np.ndarray:
    """Make one observation per period from those of its dates.

    Parameters
    ----------
    values : (n, t, c) float32
        Ignored where nothing was observed.
    observed : (n, t) bool
        Whether the pixel was seen on that date.
    period_of_date : (t,) int64
        Period of each date, 0 to ``count`` - 1; -1 for a date that is not used.
    count : int
        Number of periods.
    method : str
        Key of :data:`METHODS`.
    score : (t,) or (n, t) array, optional
        Needed by ``max`` and ``nearest``: the observation with the highest score, the first of equal ones, never NaN.

    Returns
    -------
    (n, count, c) float32
        NaN for a period without an observation. In memory the pixels come last.
    """
    n, t, c = values.shape
    # With the pixels last every step below runs through memory in one go.
    series = np.ascontiguousarray(np.moveaxis(values, 0, 2), np.float32)
    seen = np.ascontiguousarray(observed.T)
    composites = np.full((count, c, n), np.nan, np.float32)
    for period in range(count):
        dates = np.flatnonzero(period_of_date == period)
        if not len(dates):
            continue
        if score is not None:
            _pick(series, seen, dates, np.broadcast_to(score, (n, t)), composites[period])
        elif len(dates) == 1:
            np.copyto(composites[period], series[dates[0]], where=seen[dates[0]])
        elif method == "mean":
            _mean(series[dates], seen[dates], composites[period])
        else:
            _median(series[dates], seen[dates], composites[period])
    return np.moveaxis(composites, 2, 0)


def _pick(series: np.ndarray, seen: np.ndarray, dates: np.ndarray, score: np.ndarray, out: np.ndarray) -> None:
    best = np.full(series.shape[2], -np.inf, np.float32)
    for date in dates:
        better = seen[date] & (score[:, date] > best)
        np.copyto(best, score[:, date], where=better)
        np.copyto(out, series[date], where=better)


def _mean(series: np.ndarray, seen: np.ndarray, out: np.ndarray) -> None:
    total = np.where(seen[:, None], series, 0).sum(axis=0)
    number = seen.sum(axis=0)
    np.divide(total, number, out=out, where=number > 0)


def _median(series: np.ndarray, seen: np.ndarray, out: np.ndarray) -> None:
    # What was not observed is sorted behind everything else.
    ordered = list(np.where(seen[:, None], series, np.inf))
    # Bubble sort by whole planes: for the few dates of a period several times as fast as np.sort along that axis.
    for end in range(len(ordered) - 1, 0, -1):
        for k in range(end):
            ordered[k], ordered[k + 1] = np.minimum(ordered[k], ordered[k + 1]), np.maximum(ordered[k], ordered[k + 1])
    number = seen.sum(axis=0)
    for total in range(1, len(ordered) + 1):
        middle = 0.5 * (ordered[(total - 1) // 2] + ordered[total // 2]) if total % 2 == 0 else ordered[total // 2]
        np.copyto(out, middle, where=number == total)
