"""What was mapped, counted tile by tile and added up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TileStatistics:
    """Counts of one tile of the map."""

    confidence: np.ndarray
    """(k, 101) int64: mapped pixels by class and confidence in whole percent."""
    outside: int
    """Pixels outside the mask."""
    unobserved: int
    """Pixels inside the mask without a single clear observation: nodata in the map."""
    sums: np.ndarray
    """(k, t, c) float64: sums of the values of a sample of the pixels of each class ..."""
    seen: np.ndarray
    """... and (k, t, c) int64 how many values those are."""
    checked: int = 0
    """Pixels of which the student was certain and that the full model classified too."""
    agreed: int = 0
    """Those of them that both gave the same class."""
    exact: int = 0
    """Pixels left to the full model because the student was uncertain."""


@dataclass(frozen=True)
class MapStatistics:
    """What was mapped, counted while it was written."""

    confidence: np.ndarray
    """(k, 101) int64: mapped pixels by class and confidence in whole percent."""
    outside: int
    """Pixels outside the mask."""
    unobserved: int
    """Pixels inside the mask without a single clear observation: nodata in the map."""
    curves: np.ndarray
    """(k, t, c) float32: mean series of the pixels of each class, NaN where there is none."""
    checked: int = 0
    """As in :class:`TileStatistics`."""
    agreed: int = 0
    """As in :class:`TileStatistics`."""
    exact: int = 0
    """As in :class:`TileStatistics`."""

    @property
    def pixels(self) -> np.ndarray:
        """(k,) int64: mapped pixels of each class."""
        return self.confidence.sum(axis=1)

    @property
    def mapped(self) -> int:
        """Number of pixels that got a class."""
        return int(self.confidence.sum())

    @staticmethod
    def total(tiles: Iterable[TileStatistics]) -> MapStatistics:
        """Add tiles up.

        Parameters
        ----------
        tiles : iterable of TileStatistics
            At least one; floating sums depend on their order.

        Returns
        -------
        MapStatistics
            Of the whole map.
        """
        rest = iter(tiles)
        first = next(rest)
        confidence, sums, seen = first.confidence.copy(), first.sums.copy(), first.seen.copy()
        counts = np.array([first.outside, first.unobserved, first.checked, first.agreed, first.exact], np.int64)
        for tile in rest:
            confidence += tile.confidence
            sums += tile.sums
            seen += tile.seen
            counts += (tile.outside, tile.unobserved, tile.checked, tile.agreed, tile.exact)
        outside, unobserved, *checks = counts.tolist()
        return MapStatistics(confidence, outside, unobserved, mean_curves(sums, seen), *checks)


def mean_curves(sums: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mean series from sums of values.

    Parameters
    ----------
    sums : ndarray (k, t, c) of float64
        Sums of values.
    seen : ndarray (k, t, c) of int64 or float64
        Numbers of values.

    Returns
    -------
    ndarray (k, t, c) of float32
        NaN where there is no value.
    """
    return np.divide(sums, seen, out=np.full_like(sums, np.nan), where=seen > 0).astype(np.float32)
