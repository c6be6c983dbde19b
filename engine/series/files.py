"""Series files (``.npz``): pixels' time series with labels, dates and bands.

Keys read: ``X`` (n, t, c) float32 with NaN for no observation, ``doy`` (t,) day of year or ``dates``
(t,) ISO dates, ``bands`` (c,), and where they are there ``y`` (n,) class index, ``class_names`` (k,),
``group`` (n,) spatial block, ``region`` (n,), ``year`` (n,), ``lon`` and ``lat`` (n,) degrees. Other keys
are ignored.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import InputError
from .archive import Archive
from .file_keys import check_shapes, read_days, read_labels, read_lonlat, select_part
from .series_set import Series, SeriesSet, index_of_classes
from .spread import rank_within, spread_order


class SeriesFile:
    """An opened series file, or a part of it, with everything read but the values; close it, as with ``with``.

    Parameters
    ----------
    path : path of the ``.npz`` file.
    part : ``{"region": [...], "year": [...], "lat": [low, high]}``, each optional, as in a splits
        file: only these pixels are kept.
    classes : only these classes are kept, in this order. Empty: the classes that occur, in the
        file's order.

    Attributes
    ----------
    day, bands, classes, labels : of the part, as in :class:`SeriesSet`.

    Raises
    ------
    InputError
        ``series-unreadable``, ``series-key`` or ``series-shape``, naming the file and the key;
        ``series-class`` for a class the file does not have; ``series-empty`` when nothing is left.
    """

    def __init__(self, path: str | Path, part: Mapping[str, Any] | None = None, classes: tuple[str, ...] = ()) -> None:
        path = Path(path)
        self._archive = Archive(path)
        try:
            self._read_facts(path, part or {}, classes)
        except InputError:
            self._archive.__exit__(None, None, None)
            raise

    def _read_facts(self, path: Path, part: Mapping[str, Any], classes: tuple[str, ...]) -> None:
        archive = self._archive
        n, t, _ = check_shapes(archive, path)
        labels, names = read_labels(archive, path)
        self.day = read_days(archive, t, path)
        self.bands = tuple(map(str, archive.read("bands")))
        keep = select_part(archive, n, part, path)
        if labels is not None:
            for name in classes:
                if name not in names:
                    raise InputError("series-class", f"The series file {path.name} has no class '{name}'.")
            found = np.bincount(labels[keep], minlength=len(names))
            wanted = classes or tuple(name for name, count in zip(names, found) if count)
            labels, names = index_of_classes(names, wanted)[labels], wanted
            keep &= labels >= 0
        self._index = np.flatnonzero(keep)
        if not len(self._index):
            raise InputError(
                "series-empty", f"No series of {path.name} is left.", "Check the region, year, latitude and classes."
            )
        self.labels = None if labels is None else labels[keep]
        self.classes = names

    def __enter__(self) -> SeriesFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._archive.__exit__(kind, fault, at)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def counts(self) -> np.ndarray:
        """(k,) int64 series of each class, observed or not."""
        labels = np.zeros(0, np.int64) if self.labels is None else self.labels
        return np.bincount(labels, minlength=len(self.classes))

    @cached_property
    def group(self) -> np.ndarray | None:
        """(n,) int64, as in :class:`SeriesSet`."""
        if "group" not in self._archive:
            return None
        return np.unique(self._archive.read("group"), return_inverse=True)[1].astype(np.int64)[self._index]

    @cached_property
    def lonlat(self) -> np.ndarray | None:
        """(n, 2) float64 degrees, as in :class:`SeriesSet`."""
        return read_lonlat(self._archive, self._index)

    def blocks(self) -> Iterator[np.ndarray]:
        """The values (b, t, c) of all series, some at a time, in the file's order."""
        return self._archive.row_blocks("X", self._index)

    def _values(self, index: np.ndarray) -> np.ndarray:
        """(m, t, c) float32 values of the series ``index``."""
        return self._archive.rows("X", self._index[index])

    def outline(self) -> SeriesSet:
        """Bands, days and classes as a set without any series, whose population are those of the file."""
        values = np.zeros((0, len(self.day), len(self.bands)), np.float32)
        if self.labels is None:
            return SeriesSet(values, self.day, self.bands)
        return SeriesSet(values, self.day, self.bands, self.labels[:0], self.classes, population=self.counts)

    def read(self, most: int | None = None, seed: int = 0, by_class: bool = True) -> SeriesSet:
        """Read the series in the file's order, all of them or a random draw.

        Parameters
        ----------
        most : int, optional
            Draw at most this many series of each class, in turn from its spatial blocks; by default all are read.
            Where any class has more, series that were never observed are left out of every class.
        seed : int
            Seed of the draw.
        by_class : bool
            False draws from all series at once, so that class shares stay; then ``most`` is the total.

        Returns
        -------
        SeriesSet
        """
        label = np.zeros(len(self), np.int64) if self.labels is None or not by_class else self.labels
        if most is None or np.bincount(label).max() <= most:
            everything = np.arange(len(self))
            return self._set(everything, self._values(everything), None)
        rng = np.random.default_rng(seed)
        unit = np.arange(len(self)) if self.group is None or not by_class else self.group
        chosen, values = self._observed(spread_order(label, unit, rng), label, most)
        order = np.argsort(chosen)
        return self._set(chosen[order], values[order], None if self.labels is None else self.counts)

    def _observed(self, waiting: np.ndarray, label: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
        """The first ``most`` of each label that were observed, in the order of ``waiting``, and their values."""
        room = np.full(label.max() + 1, most)
        chosen, values = [], []
        factor = 1
        while len(waiting):
            # A class of which most were never observed gets the next in line; a few less need no second pass.
            wanted = np.where(2 * room > most, factor * room, 0)
            now = rank_within(label[waiting]) < wanted[label[waiting]]
            if not now.any():
                break
            index = waiting[now]
            read = self._values(index)
            seen = np.flatnonzero(np.isfinite(read).all(axis=2).any(axis=1))
            seen = seen[rank_within(label[index[seen]]) < room[label[index[seen]]]]
            chosen.append(index[seen])
            values.append(read[seen])
            room -= np.bincount(label[index[seen]], minlength=len(room))
            waiting = waiting[~now]
            factor *= 4
        return np.concatenate(chosen), np.concatenate(values)

    def _set(self, index: np.ndarray, values: np.ndarray, population: np.ndarray | None) -> SeriesSet:
        return SeriesSet(
            values=values,
            day=self.day,
            bands=self.bands,
            labels=None if self.labels is None else self.labels[index],
            classes=self.classes,
            group=None if self.group is None else self.group[index],
            lonlat=None if self.lonlat is None else self.lonlat[index],
            population=population,
        )


def read_series(
    path: str | Path,
    part: Mapping[str, Any] | None = None,
    classes: tuple[str, ...] = (),
    most: int | None = None,
    seed: int = 0,
    by_class: bool = True,
) -> SeriesSet:
    """Read a series file, a part of it, or a random draw; raises as :class:`SeriesFile`.

    ``path``, ``part`` and ``classes`` as of :class:`SeriesFile`; ``most``, ``seed`` and ``by_class`` as of
    :meth:`SeriesFile.read`.
    """
    with SeriesFile(path, part, classes) as file:
        return file.read(most, seed, by_class)


def read_latitude(path: str | Path, part: Mapping[str, Any] | None = None) -> float | None:
    """Read the median latitude of a series file, or of a part of it.

    Parameters
    ----------
    path : str or Path
        A series file that can be read.
    part : mapping, optional
        As of :class:`SeriesFile`.

    Returns
    -------
    float or None
        Degrees north; None where the file has no ``lat``.
    """
    path = Path(path)
    with Archive(path) as archive:
        if "lat" not in archive:
            return None
        latitude = archive.read("lat")
        latitude = latitude[select_part(archive, len(latitude), part or {}, path)].astype(np.float64)
    latitude = latitude[np.isfinite(latitude)]
    return float(np.median(latitude)) if len(latitude) else None


def write_series(path: str | Path, series: Series, dates: Sequence[str] = ()) -> None:
    """Write a series file that :func:`read_series` gives back unchanged, block by block.

    Parameters
    ----------
    path : str or Path
        File to write.
    series : Series
        What to write.
    dates : sequence of str
        ISO dates of its days, where all its pixels share one calendar.
    """
    fields: dict[str, np.ndarray] = {"doy": (series.day - 1) % 365 + 1, "bands": np.array(series.bands)}
    if dates:
        fields["dates"] = np.array(dates)
    if series.labels is not None:
        fields |= {"y": series.labels.astype(np.int16), "class_names": np.array(series.classes)}
    if series.group is not None:
        fields["group"] = series.group
    if series.lonlat is not None:
        fields |= {"lon": series.lonlat[:, 0], "lat": series.lonlat[:, 1]}
    shape = (len(series), len(series.day), len(series.bands))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        # The size is not known before, and may go beyond what a plain archive holds.
        with archive.open("X.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for block in series.blocks():
                file.write(np.ascontiguousarray(block, "<f4").data)
        for key, array in fields.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
