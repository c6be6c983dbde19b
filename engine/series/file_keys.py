"""The keys of a series file beside its values: read, and checked for their shape."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .archive import Archive
from .series_set import continuous_days

REQUIRED = ("X", "bands")
LEAST_STEP_BACK = 95
"""Days of the year by which a season that runs into the next year jumps back there, at least: 353, 1 does, 80, 64
are days in the wrong order."""


def read_labels(archive: Archive, path: Path) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Read the labels of a series file.

    Parameters
    ----------
    archive : Archive
        The opened file.
    path : Path
        Its path, for messages.

    Returns
    -------
    labels : (n,) int64 or None
        Class indices; None where the file has no labels.
    names : tuple of str
        Class names; empty without labels.

    Raises
    ------
    InputError
        ``series-key`` without class names, ``series-shape`` for labels that are not indices into them.
    """
    if "y" not in archive:
        return None, ()
    if "class_names" not in archive:
        raise InputError(
            "series-key",
            f"The series file {path.name} has labels but no key 'class_names'.",
            "Write the class names, in the order of the indices in y, under that key.",
        )
    labels, names = archive.read("y"), tuple(map(str, archive.read("class_names")))
    if labels.dtype.kind not in "iuf" or (labels.dtype.kind == "f" and (np.mod(labels, 1) != 0).any()):
        raise InputError(
            "series-shape",
            f"Key 'y' in the series file {path.name} does not hold whole numbers.",
            "Labels are indices from 0 into class_names.",
        )
    labels = labels.astype(np.int64)
    if len(labels) and not (0 <= labels.min() and labels.max() < len(names)):
        raise InputError(
            "series-shape",
            f"The series file {path.name} has a label in y outside its {len(names)} class names.",
            "Labels are indices from 0 into class_names.",
        )
    return labels, names


def read_lonlat(archive: Archive, index: np.ndarray) -> np.ndarray | None:
    """Read the positions of some pixels.

    Parameters
    ----------
    archive
        As of :func:`read_labels`.
    index : (m,) int64
        Pixels wanted.

    Returns
    -------
    (m, 2) float64 or None
        Longitude and latitude in degrees; None where the file does not hold both as numbers.
    """
    if not all(key in archive and archive.header(key).dtype.kind in "iuf" for key in ("lon", "lat")):
        return None
    return np.stack([archive.read(key)[index] for key in ("lon", "lat")], axis=1).astype(np.float64)


def select_part(archive: Archive, count: int, part: Mapping[str, Any], path: Path) -> np.ndarray:
    """Find the pixels of a part of the file.

    Parameters
    ----------
    archive
        As of :func:`read_labels`.
    count : int
        Pixels in the file, n.
    part : mapping
        As of :class:`SeriesFile`.
    path
        As of :func:`read_labels`.

    Returns
    -------
    (n,) bool

    Raises
    ------
    InputError
        ``series-key`` where the file lacks a key that the part names.
    """
    keep = np.ones(count, bool)
    for key in ("region", "year"):
        if key in part:
            keep &= np.isin(_need(archive, key, path), part[key])
    if "lat" in part:
        latitude = _need(archive, "lat", path)
        keep &= (latitude >= part["lat"][0]) & (latitude <= part["lat"][1])
    return keep


def _need(archive: Archive, key: str, path: Path) -> np.ndarray:
    _require(archive, key, path)
    return archive.read(key)


def _require(archive: Archive, key: str, path: Path) -> None:
    if key not in archive:
        raise InputError("series-key", f"The series file {path.name} has no key '{key}'.")


def check_shapes(archive: Archive, path: Path) -> tuple[int, int, int]:
    """Check that the keys of a file have shapes that fit together, and return the number of pixels, dates and bands.

    ``archive`` and ``path`` as of :func:`read_labels`.

    Raises
    ------
    InputError
        ``series-key`` for a missing key, ``series-shape`` for one of another shape or with duplicate names.
    """
    for key in REQUIRED:
        _require(archive, key, path)
    values = archive.header("X")
    if len(values.shape) != 3 or values.dtype.kind not in "fiu":
        raise InputError(
            "series-shape",
            f"X in the series file {path.name} has shape {values.shape} and type {values.dtype}.",
            "It must hold numbers in the order pixels, dates, bands.",
        )
    n, t, c = values.shape
    if not t or not c:
        raise InputError("series-shape", f"X in the series file {path.name} has {t} dates and {c} bands.")
    expected = {"doy": t, "dates": t, "bands": c, "y": n, "group": n, "region": n, "year": n, "lat": n, "lon": n}
    for key, length in expected.items():
        if key in archive and archive.header(key).shape != (length,):
            raise InputError(
                "series-shape",
                f"Key '{key}' in the series file {path.name} has shape {archive.header(key).shape}, "
                f"expected ({length},).",
            )
    for key, what in (("bands", "band"), ("class_names", "class")):
        names = [str(name) for name in np.ravel(archive.read(key))] if key in archive else []
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError("series-shape", f"The series file {path.name} has the {what} {twice} twice.")
    return n, t, c


def read_days(archive: Archive, count: int, path: Path) -> np.ndarray:
    """Read the days of the dates.

    Parameters
    ----------
    archive
        As of :func:`read_labels`.
    count : int
        Number of dates, t.
    path
        As of :func:`read_labels`.

    Returns
    -------
    (t,) float32
        Days as in :class:`SeriesSet`, increasing.

    Raises
    ------
    InputError
        ``series-key`` without dates, ``series-shape`` for values that are not dates in order.
    """
    if "dates" in archive:
        dates = []
        for text in map(str, archive.read("dates")):
            try:
                dates.append(datetime.date.fromisoformat(text))
            except ValueError as fault:
                message = f"Key 'dates' in the series file {path.name} holds '{text}', which is not a date."
                raise InputError("series-shape", message, "Write dates as YYYY-MM-DD.") from fault
        first = datetime.date(dates[0].year, 1, 1)
        day = np.array([(d - first).days + 1 for d in dates], np.float32)
    else:
        days = _need(archive, "doy", path)
        if days.dtype.kind not in "iuf":
            raise InputError("series-shape", f"Key 'doy' in the series file {path.name} does not hold numbers.")
        _check_days_of_year(days, path)
        day = continuous_days(days)
    if count > 1 and not (np.diff(day) > 0).all():
        raise InputError("series-shape", f"The dates in the series file {path.name} are not in order.")
    return day


def _check_days_of_year(day: np.ndarray, path: Path) -> None:
    wrong = day[~((day >= 1) & (day <= 366))]
    if len(wrong):
        message = f"Key 'doy' in the series file {path.name} holds {wrong[0]:g}, which is not a day of the year."
        raise InputError("series-shape", message, "Days of the year go from 1 to 366.")
    step = np.diff(day.astype(np.float64))
    back = np.flatnonzero((step <= 0) & (step > -LEAST_STEP_BACK))
    if len(back):
        first, then = day[back[0]], day[back[0] + 1]
        raise InputError(
            "series-shape",
            f"The days of the year in the series file {path.name} are not in order: {then:g} follows {first:g}.",
            "Sort the dates of X and doy; a season over the new year continues after 365 from 1.",
        )
