"""Several labelled sets (regions, years) made one: common bands, classes by name, one calendar of dates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import InputError
from .composites import compose
from .season import HALF_YEAR, opposite
from .series_set import SeriesSet, align_years

MERGE_DAYS = 4.0
"""Dates of different parts that lie within so many days become one."""
MOST_DATES = 100
"""Dates of a joined set; where there would be more, they become composites of equal length."""
STEPS = (5.0, 8.0, 10.0, 16.0, 30.0)
"""Days that such a composite may cover."""
CHUNK = 4096
"""Pixels that are put together at once."""
FAR_APART = 50.0
"""Factor between the values of two parts above which they cannot be in the same unit."""


def join_series(
    parts: Sequence[SeriesSet],
    names: Sequence[str] = (),
    warn: Callable[[str], None] = lambda sentence: None,
    check: Callable[[], None] = lambda: None,
) -> SeriesSet:
    """One labelled set of all pixels of the parts.

    The seasons are laid over each other by whole years, and by half a year where two parts lie in opposite
    hemispheres. Dates of different parts that are at most ``MERGE_DAYS`` apart become one on their mean day; on a
    date that a part does not have its pixels are gaps. Where more than ``MOST_DATES`` dates remain, they become
    medians of equal periods. Bands are those that all parts have, in the first one's order; classes are joined by
    name, in the order in which they occur; no block is shared between parts.

    Parameters
    ----------
    parts : at least one set, each with labels.
    names : what each part is called in messages; empty: by its number.
    warn : receives a sentence about each thing decided for the user.
    check : called between parts; may raise Cancelled.

    Raises
    ------
    InputError
        ``no-labels`` naming the part without; ``bands-differ`` where the parts have no band in common;
        ``units-differ`` where the values of two parts are orders of magnitude apart.
    """
    called = list(names) or [f"part {number}" for number in range(1, len(parts) + 1)]
    for part, name in zip(parts, called):
        if part.labels is None:
            raise InputError("no-labels", f"There are no labels in {name}.", "Only labelled series can be joined.")
    if len(parts) == 1:
        return parts[0]
    bands = _common_bands(parts, called, warn)
    parts = [part if part.bands == bands else part.with_bands(bands) for part in parts]
    _require_one_unit(parts, called)
    days = _one_season(parts, called, warn)
    day, places = _one_calendar(days, warn)
    classes = tuple(dict.fromkeys(name for part in parts for name in part.classes))
    total = sum(map(len, parts))
    values = np.full((total, len(day), len(bands)), np.nan, np.float32)
    labels, block = np.empty(total, np.int64), np.empty(total, np.int64)
    start = blocks = 0
    for part, place in zip(parts, places):
        stop = start + len(part)
        for first in range(0, len(part), CHUNK):
            check()
            chunk = slice(first, min(first + CHUNK, len(part)))
            _fill(values[start + first : start + chunk.stop], part.values[chunk], place)
        index = np.array([classes.index(name) for name in part.classes], np.int64)
        labels[start:stop] = index[part.labels]
        # A part of which no blocks are known may be a single field: it is one block.
        own = np.zeros(len(part), np.int64) if part.block is None else np.unique(part.block, return_inverse=True)[1]
        block[start:stop] = blocks + own.reshape(-1)
        start, blocks = stop, blocks + int(own.max(initial=-1)) + 1
    known = any(part.block is not None for part in parts)
    return SeriesSet(values, day, bands, labels, classes, block if known else None, _places(parts))


def _common_bands(parts: Sequence[SeriesSet], names: Sequence[str], warn: Callable[[str], None]) -> tuple[str, ...]:
    common = tuple(band for band in parts[0].bands if all(band in part.bands for part in parts))
    if not common:
        have = "; ".join(f"{name} has {', '.join(part.bands)}" for part, name in zip(parts, names))
        hint = "Extract all of them from the same bands or indices."
        raise InputError("bands-differ", f"The series to be joined have no band in common: {have}.", hint)
    for part, name in zip(parts, names):
        rest = [band for band in part.bands if band not in common]
        if rest:
            warn(f"Bands of {name} that not all parts have are left out: {', '.join(rest)}.")
    return common


def _require_one_unit(parts: Sequence[SeriesSet], names: Sequence[str]) -> None:
    """Refuse to join reflectance from 0 to 1 with the same as whole numbers."""
    with np.errstate(all="ignore"):
        sizes = [_typical_size(part.values) for part in parts]
    known = [(size, name) for size, name in zip(sizes, names) if size > 0]
    if known and max(known)[0] > FAR_APART * min(known)[0]:
        (low, one), (high, other) = min(known), max(known)
        raise InputError(
            "units-differ",
            f"The values of {other} are about {high / low:.0f} times those of {one}.",
            "Give both in the same unit, such as reflectance from 0 to 1.",
        )


def _typical_size(values: np.ndarray) -> float:
    """Median of the absolute values of some pixels; 0 where nothing was observed."""
    some = np.abs(values[:: max(1, len(values) // 1000)])
    some = some[np.isfinite(some)]
    return float(np.median(some)) if len(some) else 0.0


def _one_season(parts: Sequence[SeriesSet], names: Sequence[str], warn: Callable[[str], None]) -> list[np.ndarray]:
    """The days of each part, moved so that the seasons lie over that of the first."""
    days = [parts[0].day]
    here = _latitude(parts[0])
    for part, name in zip(parts[1:], names[1:]):
        day = part.day
        if opposite(here, _latitude(part)):
            day = day + np.float32(HALF_YEAR)
            warn(
                f"{names[0]} and {name} lie in opposite hemispheres: the days of {name} are moved by half a year "
                f"({HALF_YEAR} days)."
            )
        days.append(align_years(day, parts[0].day))
    return days


def _latitude(part: SeriesSet) -> float | None:
    known = None if part.place is None else part.place[np.isfinite(part.place[:, 1]), 1]
    return None if known is None or not len(known) else float(np.median(known))


def _one_calendar(days: Sequence[np.ndarray], warn: Callable[[str], None]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The days (t,) of the joined set, and for every part the date (its own number of dates,) that each becomes."""
    of_part = np.concatenate([np.full(len(day), number) for number, day in enumerate(days)])
    together = np.concatenate(days).astype(np.float64)
    order = np.argsort(together, kind="stable")
    place = np.empty(len(together), np.int64)
    number, begun = -1, -np.inf
    inside: set[int] = set()
    for position in order:
        if together[position] - begun > MERGE_DAYS or of_part[position] in inside:
            number, begun, inside = number + 1, together[position], set()
        inside.add(of_part[position])
        place[position] = number
    count = number + 1
    if count > MOST_DATES:
        span = together.max() - together.min()
        # Beyond the longest step the calendar is of several years, and steps only grow.
        step = next((s for s in STEPS if span / s < MOST_DATES), float(np.ceil(span / (MOST_DATES - 1))))
        place = ((together - together.min()) // step).astype(np.int64)
        _, place = np.unique(place, return_inverse=True)
        place = place.reshape(-1)
        warn(
            f"The joined series would have {count} dates: they are put together as medians of {step:g} days, "
            f"{place.max() + 1} dates."
        )
        count = int(place.max()) + 1
        return _middle(together, place, count), [place[of_part == part] for part in range(len(days))]
    day = _middle(together, place, count)
    moved = float(np.abs(day[place] - together).max())
    if moved > 0:
        warn(
            f"Dates of the joined series at most {MERGE_DAYS:g} days apart became one on their mean day, "
            f"which moves them by up to {moved:.1f} days."
        )
    return day, [place[of_part == part] for part in range(len(days))]


def _middle(day: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """(count,) float32 mean of the days (n,) that became each date."""
    return (np.bincount(place, day, count) / np.bincount(place, minlength=count)).astype(np.float32)


def _fill(out: np.ndarray, values: np.ndarray, place: np.ndarray) -> None:
    """Write the series (n, t, c) of a part to their places (t,) in the joined calendar ``out`` (n, g, c)."""
    if len(np.unique(place)) == len(place):
        out[:, place] = values
    else:
        out[:] = compose(values, np.isfinite(values).all(axis=2), place, out.shape[1], "median")


def _places(parts: Sequence[SeriesSet]) -> np.ndarray | None:
    if all(part.place is None for part in parts):
        return None
    return np.concatenate([np.full((len(p), 2), np.nan) if p.place is None else p.place for p in parts])
