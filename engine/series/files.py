"""Series files (``.npz``): pixels' time series with labels, dates and bands.

Keys read: ``X`` (n, t, c) float32 with NaN for no observation, ``doy`` (t,) day of year or ``dates``
(t,) ISO dates, ``bands`` (c,), and where they are there ``y`` (n,) class index, ``class_names`` (k,),
``group`` (n,) spatial block, ``region`` (n,), ``year`` (n,), ``lon`` and ``lat`` (n,) degrees. Other keys
are ignored.
"""

from __future__ import annotations

import datetime
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .series_set import SeriesSet, continuous_days

REQUIRED = ("X", "bands")
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    MemoryError,
)
"""What NumPy raises at archives that are cut off, damaged, locked, or claim to hold more than they do."""
LEAST_STEP_BACK = 95
"""Days of the year by which a season that runs into the next year jumps back there, at least: 353, 1 does, 80, 64
are days in the wrong order."""


def read_series(path: str | Path, part: Mapping[str, Any] | None = None, classes: tuple[str, ...] = ()) -> SeriesSet:
    """Read a series file, or a part of it.

    Parameters
    ----------
    path : path of the ``.npz`` file.
    part : ``{"region": [...], "year": [...], "lat": [low, high]}``, each optional, as in a splits
        file: only these pixels are kept.
    classes : only these classes are kept, in this order. Empty: the classes that occur, in the
        file's order.

    Raises
    ------
    InputError
        ``series-unreadable``, ``series-key`` or ``series-shape``, naming the file and the key;
        ``series-class`` for a class the file does not have; ``series-empty`` when nothing is left.
    """
    path = Path(path)
    data = _load(path)
    n, t, c = _shape(data, path)
    labels = classes_found = None
    if "y" in data:
        if "class_names" not in data:
            raise InputError(
                "series-key",
                f"The series file {path.name} has labels but no key 'class_names'.",
                "Write the class names, in the order of the indices in y, under that key.",
            )
        if data["y"].dtype.kind not in "iuf" or (np.mod(data["y"], 1) != 0).any():
            raise InputError(
                "series-shape",
                f"Key 'y' in the series file {path.name} does not hold whole numbers.",
                "Labels are indices from 0 into class_names.",
            )
        labels, classes_found = data["y"].astype(np.int64), tuple(str(k) for k in data["class_names"])
        if n and not (0 <= labels.min() and labels.max() < len(classes_found)):
            raise InputError(
                "series-shape",
                f"The series file {path.name} has a label in y outside its {len(classes_found)} class names.",
                "Labels are indices from 0 into class_names.",
            )
    series = SeriesSet(
        values=data["X"].astype(np.float32),
        day=_days(data, t, path),
        bands=tuple(str(b) for b in data["bands"]),
        labels=labels,
        classes=classes_found or (),
        block=np.unique(data["group"], return_inverse=True)[1].astype(np.int64) if "group" in data else None,
        place=_place(data),
    )
    series = series.take(_kept(data, n, part or {}, path))
    if series.labels is not None:
        for name in classes:
            if name not in series.classes:
                raise InputError("series-class", f"The series file {path.name} has no class '{name}'.")
        series = series.with_classes(classes or [k for i, k in enumerate(series.classes) if (series.labels == i).any()])
    if not len(series):
        raise InputError(
            "series-empty", f"No series of {path.name} is left.", "Check the region, year, latitude and classes."
        )
    return series


def read_latitude(path: str | Path, part: Mapping[str, Any] | None = None) -> float | None:
    """Latitude in degrees of the middle of (a part of) a series file that can be read; None where it has no ``lat``."""
    path = Path(path)
    with np.load(path, allow_pickle=False) as file:
        data = {key: file[key] for key in ("lat", "region", "year") if key in file.files}
    if "lat" not in data:
        return None
    latitude = data["lat"][_kept(data, len(data["lat"]), part or {}, path)].astype(np.float64)
    latitude = latitude[np.isfinite(latitude)]
    return float(np.median(latitude)) if len(latitude) else None


def write_series(path: str | Path, series: SeriesSet, dates: Sequence[str] = ()) -> None:
    """Write ``series`` as a series file that :func:`read_series` gives back as it was.

    ``dates`` are the ISO dates of its days, where all its pixels share one calendar.
    """
    fields: dict[str, np.ndarray] = {
        "X": series.values.astype(np.float32, copy=False),
        "doy": (series.day - 1) % 365 + 1,
        "bands": np.array(series.bands),
    }
    if dates:
        fields["dates"] = np.array(dates)
    if series.labels is not None:
        fields |= {"y": series.labels.astype(np.int16), "class_names": np.array(series.classes)}
    if series.block is not None:
        fields["group"] = series.block
    if series.place is not None:
        fields |= {"lon": series.place[:, 0], "lat": series.place[:, 1]}
    np.savez_compressed(path, **fields)


def _place(data: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """(n, 2) longitude and latitude where the file has both as numbers."""
    if not all(key in data and data[key].dtype.kind in "iuf" for key in ("lon", "lat")):
        return None
    return np.stack([data["lon"], data["lat"]], axis=1).astype(np.float64)


def _load(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        raise InputError("series-unreadable", f"The series file {path} does not exist.", "Check the path.")
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        with file:
            return {key: file[key] for key in file.files}
    except UNREADABLE as fault:
        reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else fault
        raise InputError(
            "series-unreadable",
            f"The series file {path} cannot be read: {reason}.",
            "A series file is a NumPy .npz archive with the keys X, doy and bands.",
        ) from fault


def _kept(data: Mapping[str, np.ndarray], count: int, part: Mapping[str, Any], path: Path) -> np.ndarray:
    """(n,) bool: the pixels of a part of the file."""
    keep = np.ones(count, bool)
    for key in ("region", "year"):
        if key in part:
            keep &= np.isin(_need(data, key, path), part[key])
    if "lat" in part:
        latitude = _need(data, "lat", path)
        keep &= (latitude >= part["lat"][0]) & (latitude <= part["lat"][1])
    return keep


def _need(data: Mapping[str, np.ndarray], key: str, path: Path) -> np.ndarray:
    if key not in data:
        raise InputError("series-key", f"The series file {path.name} has no key '{key}'.")
    return data[key]


def _shape(data: Mapping[str, np.ndarray], path: Path) -> tuple[int, int, int]:
    for key in REQUIRED:
        _need(data, key, path)
    values = data["X"]
    if values.ndim != 3 or values.dtype.kind not in "fiu":
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
        if key in data and data[key].shape != (length,):
            raise InputError(
                "series-shape",
                f"Key '{key}' in the series file {path.name} has shape {data[key].shape}, expected ({length},).",
            )
    for key, what in (("bands", "band"), ("class_names", "class")):
        names = [str(name) for name in np.ravel(data.get(key, ()))]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError("series-shape", f"The series file {path.name} has the {what} {twice} twice.")
    return n, t, c


def _days(data: Mapping[str, np.ndarray], count: int, path: Path) -> np.ndarray:
    if "dates" in data:
        try:
            dates = [datetime.date.fromisoformat(str(d)) for d in data["dates"]]
        except ValueError as fault:
            raise InputError("series-shape", f"A date in the series file {path.name} is not ISO: {fault}.") from fault
        first = datetime.date(dates[0].year, 1, 1)
        day = np.array([(d - first).days + 1 for d in dates], np.float32)
    else:
        if _need(data, "doy", path).dtype.kind not in "iuf":
            raise InputError("series-shape", f"Key 'doy' in the series file {path.name} does not hold numbers.")
        _check_days_of_year(data["doy"], path)
        day = continuous_days(data["doy"])
    if count > 1 and not (np.diff(day) > 0).all():
        raise InputError("series-shape", f"The dates in the series file {path.name} are not in order.")
    return day


def _check_days_of_year(day: np.ndarray, path: Path) -> None:
    wrong = day[~((day >= 1) & (day <= 366))]
    if len(wrong):
        message = f"Key 'doy' in the series file {path.name} holds {wrong[0]:g}, which is no day of a year."
        raise InputError("series-shape", message, "Days of the year go from 1 to 366.")
    step = np.diff(day.astype(np.float64))
    back = np.flatnonzero((step <= 0) & (step > -LEAST_STEP_BACK))
    if len(back):
        first, then = day[back[0]], day[back[0] + 1]
        raise InputError(
            "series-shape",
            f"The days of the year in the series file {path.name} are not in order: {then:g} follows {first:g}.",
            "Sort the dates of X and doy; a season over the new year goes on from 1.",
        )
