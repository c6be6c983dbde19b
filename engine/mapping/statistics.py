"""What was mapped, counted tile by tile and added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass
class MapStatistics:
    """Counts of a map or of one of its tiles, filled while it is mapped."""

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

    @property
    def pixels(self) -> np.ndarray:
        """(k,) int64: mapped pixels of each class."""
        return self.confidence.sum(axis=1)

    @property
    def mapped(self) -> int:
        """Number of pixels that got a class."""
        return int(self.confidence.sum())

    @property
    def curves(self) -> np.ndarray:
        """(k, t, c) float32: mean series of the pixels of each class, NaN where there is none."""
        empty = np.full_like(self.sums, np.nan)
        return np.divide(self.sums, self.seen, out=empty, where=self.seen > 0).astype(np.float32)

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> MapStatistics:
        """Make statistics from arrays, such as those of a file.

        Parameters
        ----------
        arrays : Mapping of str to ndarray
            Every field by its name; the counts have no dimension.

        Raises
        ------
        KeyError
            Where a field is missing.
        """
        values: dict[str, Any] = {}
        for field in fields(MapStatistics):
            array = arrays[field.name]
            values[field.name] = array if array.ndim else int(array)
        return MapStatistics(**values)

    @staticmethod
    def total(tiles: Iterable[MapStatistics]) -> MapStatistics:
        """Add tiles up.

        Parameters
        ----------
        tiles : iterable of MapStatistics
            At least one; floating sums depend on their order.

        Returns
        -------
        MapStatistics
            Of the whole map.
        """
        rest = iter(tiles)
        totals = {name: np.array(value) for name, value in vars(next(rest)).items()}
        for tile in rest:
            for name, total in totals.items():
                total += getattr(tile, name)
        return MapStatistics.from_arrays(totals)
