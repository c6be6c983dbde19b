"""The one form in which pixels' time series travel through the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..errors import InputError

DAYS_PER_YEAR = 365
CHUNK = 4096
"""Series that are handled at once where not all need to be."""


class Series(Protocol):
    """Time series as they are joined and written: a :class:`SeriesSet`, or the content of a file."""

    @property
    def day(self) -> np.ndarray:
        """Days of the dates, shape (t,)."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands, shape (c,)."""

    @property
    def labels(self) -> np.ndarray | None:
        """Index of each series' class, shape (n,)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def group(self) -> np.ndarray | None:
        """Spatial block of each series, shape (n,)."""

    @property
    def lonlat(self) -> np.ndarray | None:
        """Longitude and latitude of each series, shape (n, 2)."""

    def __len__(self) -> int: ...
    def blocks(self) -> Iterator[np.ndarray]:
        """The values (b, t, c) of all series, some at a time."""


@dataclass(frozen=True)
class SeriesSet:
    """Time series of n pixels over t dates and c bands, with or without crop labels."""

    values: np.ndarray
    """(n, t, c) float32; NaN where the pixel was not seen on that date."""
    day: np.ndarray
    """(t,) float32, increasing: days since 31 December before the season's first date, so that 1 is
    1 January of the first date's year and a season that runs into the next year continues past 365."""
    bands: tuple[str, ...]
    """(c,) band names, in the order of ``values``."""
    labels: np.ndarray | None = None
    """(n,) int64 index into ``classes``; None for a target."""
    classes: tuple[str, ...] = ()
    """(k,) class names; empty for a target."""
    group: np.ndarray | None = None
    """(n,) int64 spatial block (field or tile) of each pixel, for validation by block; None: unknown."""
    lonlat: np.ndarray | None = None
    """(n, 2) float64 longitude and latitude of each pixel in degrees (WGS 84), NaN where unknown; None: all unknown."""
    population: np.ndarray | None = None
    """(k,) int64 series of each class among those that these were drawn from; None: these are all there are."""

    def __post_init__(self) -> None:
        n, t, c = self.values.shape
        if self.day.shape != (t,) or len(self.bands) != c:
            raise ValueError(f"values {self.values.shape} do not fit {self.day.shape} days and {len(self.bands)} bands")
        if t > 1 and not (np.diff(self.day) > 0).all():
            raise ValueError("the days of a series must increase")
        for name in ("labels", "group"):
            array = getattr(self, name)
            if array is not None and array.shape != (n,):
                raise ValueError(f"{name} has shape {array.shape}, expected ({n},)")
        if self.lonlat is not None and self.lonlat.shape != (n, 2):
            raise ValueError(f"lonlat has shape {self.lonlat.shape}, expected ({n}, 2)")
        if self.population is not None and self.population.shape != (len(self.classes),):
            raise ValueError(f"population has shape {self.population.shape}, expected ({len(self.classes)},)")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def observed(self) -> np.ndarray:
        """(n, t) bool: true where every band has a finite value."""
        return np.isfinite(self.values).all(axis=2)

    @property
    def class_shares(self) -> np.ndarray:
        """(k,) share of each class, in what these series were drawn from where that is known."""
        if self.labels is None:
            raise ValueError("these series have no labels")
        count = np.bincount(self.labels, minlength=len(self.classes)) if self.population is None else self.population
        return count / count.sum()

    def blocks(self) -> Iterator[np.ndarray]:
        """The values (b, t, c) of all series, some at a time."""
        for start in range(0, len(self), CHUNK):
            yield self.values[start : start + CHUNK]

    def take(self, index: np.ndarray) -> SeriesSet:
        """Return some of the pixels.

        Parameters
        ----------
        index : (m,) int64 or (n,) bool
            Pixels to keep, in that order.

        Returns
        -------
        SeriesSet
        """
        return replace(
            self,
            values=self.values[index],
            labels=None if self.labels is None else self.labels[index],
            group=None if self.group is None else self.group[index],
            lonlat=None if self.lonlat is None else self.lonlat[index],
        )

    def without_labels(self) -> SeriesSet:
        """The same series as a method sees a target: no labels, no class names."""
        return replace(self, labels=None, classes=(), population=None)

    def with_bands(self, bands: Sequence[str]) -> SeriesSet:
        """Return the named bands in the given order.

        Parameters
        ----------
        bands : sequence of str
            Names of bands.

        Raises
        ------
        InputError
            ``bands-differ``, naming the missing bands.
        """
        missing = [b for b in bands if b not in self.bands]
        if missing:
            raise InputError(
                "bands-differ",
                f"The series have no {', '.join(missing)}, they have {', '.join(self.bands)}.",
                "Source and target need the same band names.",
            )
        return replace(self, values=self.values[:, :, [self.bands.index(b) for b in bands]], bands=tuple(bands))

    def with_classes(self, classes: Sequence[str]) -> SeriesSet:
        """Return the pixels of the named classes only, re-indexed in that order.

        Parameters
        ----------
        classes : sequence of str
            Names of classes; one without a pixel stays a class.

        Returns
        -------
        SeriesSet
        """
        if self.labels is None:
            raise ValueError("these series have no labels")
        index = index_of_classes(self.classes, classes)
        population = None
        if self.population is not None:
            population = np.zeros(len(classes), np.int64)
            population[index[index >= 0]] = self.population[index >= 0]
        labels = index[self.labels]
        kept = self if (labels >= 0).all() else self.take(labels >= 0)
        return replace(kept, labels=labels[labels >= 0], classes=tuple(classes), population=population)


def index_of_classes(names: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Return where each name is among the wanted ones.

    Parameters
    ----------
    names : sequence of str
        k names.
    wanted : sequence of str
        Names in the order of the index.

    Returns
    -------
    (k,) int64
        Position in ``wanted``; -1 for a name that is not wanted.
    """
    index = np.full(len(names), -1, np.int64)
    for position, name in enumerate(wanted):
        if name in names:
            index[names.index(name)] = position
    return index


def continuous_days(day_of_year: np.ndarray) -> np.ndarray:
    """Turn days of the year into days that keep increasing over the new year.

    ``[257, 353, 1, 17]`` becomes ``[257, 353, 366, 382]``.

    Parameters
    ----------
    day_of_year : (t,) array
        1 to 366, in date order.

    Returns
    -------
    (t,) float32
    """
    day = np.asarray(day_of_year, np.float32)
    return (day + DAYS_PER_YEAR * np.concatenate([[0], np.cumsum(np.diff(day) <= 0)])).astype(np.float32)


def align_years(day: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Move days by whole years so that their season is as near as possible to another.

    A season from 20 December and one from 5 January are 16 days apart, not 349.

    Parameters
    ----------
    day : (t,) float32
        Days to move.
    reference : (u,) float32
        Days of the other season.

    Returns
    -------
    (t,) float32
    """
    apart = float(np.mean(reference) - np.mean(day))
    return (day + DAYS_PER_YEAR * round(apart / DAYS_PER_YEAR)).astype(np.float32)
