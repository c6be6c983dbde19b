"""A sample of the pixels of one parcel, and their median."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..imagery import Window
from ..series.spread import low_discrepancy_key

MAX_PIXELS = 400
"""Pixels of a parcel of which the median is taken, at most: spread evenly over it, the same in every run."""
CLASSIFIED_PIXELS = 50
"""Pixels of a parcel that are classified themselves, at most: the first of those."""


@dataclass(frozen=True)
class Sample:
    """Observed pixels of one parcel, in an order in which already the first ones are spread over it."""

    count: int
    """Number of all its observed pixels."""
    key: np.ndarray
    """(m,) float64, ascending: their order."""
    series: np.ndarray
    """(m, t, c) float32, NaN for gaps."""

    @property
    def first(self) -> np.ndarray:
        """(m, t, c) float32: the pixels that are classified themselves."""
        return self.series[:CLASSIFIED_PIXELS]

    def merge(self, other: Sample) -> Sample:
        """Join the pixels of two windows.

        Parameters
        ----------
        other : Sample
            Of the same parcel.
        """
        key = np.concatenate([self.key, other.key])
        order = np.argsort(key, kind="stable")[:MAX_PIXELS]
        return Sample(self.count + other.count, key[order], np.concatenate([self.series, other.series])[order])

    def median(self) -> np.ndarray:
        """(t, c) median of the pixels by date and band; NaN on a date on which none was observed in all bands."""
        complete = np.isfinite(self.series).all(axis=2)
        # By hand: NumPy's median of values with gaps takes many times as long.
        ordered = np.sort(np.where(complete[:, :, None], self.series, np.float32(np.nan)), axis=0)
        count = complete.sum(axis=0)
        # Without an observation both are a gap.
        middle = [np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(ordered) - 1)]
        below, above = (np.take_along_axis(ordered, at[None, :, None], axis=0)[0] for at in middle)
        return (below + above) / 2


def take_sample(drawn: np.ndarray, box: Window, window: Window, series: np.ndarray, usable: np.ndarray) -> Sample:
    """Sample a parcel from a window that was read.

    Parameters
    ----------
    drawn : ndarray (h, w) of bool
        The parcel's pixels in ``box``.
    box : Window
        Part of ``window``.
    window : Window
        What was read.
    series : ndarray (H, W, t, c) of float32
        Values of the window; NaN for gaps.
    usable : ndarray (H, W) of bool
        Which of the window's pixels count.

    Returns
    -------
    Sample
        At most ``MAX_PIXELS`` pixels.
    """
    rows, columns = np.nonzero(drawn)
    rows, columns = rows + box.row - window.row, columns + box.column - window.column
    counted = usable[rows, columns]
    rows, columns = rows[counted], columns[counted]
    key = low_discrepancy_key(rows + window.row, columns + window.column)
    order = np.argsort(key, kind="stable")[:MAX_PIXELS]
    return Sample(len(rows), key[order], series[rows[order], columns[order]])
