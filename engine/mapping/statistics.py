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
    """Pixels that the exact network looked at beside its student."""
    agreed: int = 0
    """Those of them that both gave the same class."""
    exact: int = 0
    """Pixels that the student was not sure of and the exact network classified."""


@dataclass(frozen=True)
class MapStatistics:
    """What was mapped, counted while it was written."""

    pixels: np.ndarray
    """(k,) int64: mapped pixels of each class."""
    confidence: np.ndarray
    """(k, 101) int64: mapped pixels by class and confidence in whole percent."""
    outside: int
    """Pixels outside the mask."""
    unobserved: int
    """Pixels inside the mask without a single clear observation: nodata in the map."""
    curves: np.ndarray
    """(k, t, c) float32: mean series of the pixels of each class, NaN where there is none."""
    checked: int = 0
    """Pixels that the exact network looked at beside its student."""
    agreed: int = 0
    """Those of them that both gave the same class."""
    exact: int = 0
    """Pixels that the student was not sure of and the exact network classified."""

    @property
    def mapped(self) -> int:
        """Number of pixels that got a class."""
        return int(self.pixels.sum())

    @staticmethod
    def of(tiles: Iterable[TileStatistics]) -> MapStatistics:
        """The sum of at least one tile, added in the order given: floating sums depend on it."""
        rest = iter(tiles)
        first = next(rest)
        confidence, sums, seen = first.confidence.copy(), first.sums.copy(), first.seen.copy()
        counts = np.array([first.outside, first.unobserved, first.checked, first.agreed, first.exact], np.int64)
        for tile in rest:
            confidence += tile.confidence
            sums += tile.sums
            seen += tile.seen
            counts += (tile.outside, tile.unobserved, tile.checked, tile.agreed, tile.exact)
        curves = np.divide(sums, seen, out=np.full_like(sums, np.nan), where=seen > 0).astype(np.float32)
        outside, unobserved, checked, agreed, exact = counts.tolist()
        return MapStatistics(confidence.sum(axis=1), confidence, outside, unobserved, curves, checked, agreed, exact)
