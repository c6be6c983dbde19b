"""Several labelled sets (regions, years) made one: common bands, classes by name, one calendar of dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from .class_spelling import match_names, matched_sentence
from .composites import compose
from .magnitudes import magnitude_of, magnitudes_of, unit_warnings
from .season import HALF_YEAR, opposite
from .season_overlap import season_warnings
from .series_set import Series, SeriesSet, align_years, index_of_classes

MERGE_DAYS = 4.0
"""Dates of different parts at most this many days apart become one."""
MOST_DATES = 100
"""Dates of a joined set; where there would be more, they become composites of equal length."""
STEPS = (5.0, 8.0, 10.0, 16.0, 30.0)
"""Days that such a composite may cover."""
FAR_APART = 50.0
"""Factor between the values of two parts above which they cannot be in the same unit."""


@dataclass(frozen=True)
class Joined:
    """Several labelled parts as one :class:`Series`, whose values are put together a block at a time."""

    parts: tuple[Series, ...]
    """What is joined."""
    columns: tuple[tuple[int, ...], ...]
    """Of each part where its bands are that all have."""
    dates: tuple[np.ndarray, ...]
    """Of each part the date (its own number of dates,) that each of its dates becomes."""
    day: np.ndarray
    """(t,) float32 days, as those that follow are those of a :class:`SeriesSet`."""
    bands: tuple[str, ...]
    """(c,) common bands."""
    labels: np.ndarray
    """(n,) int64."""
    classes: tuple[str, ...]
    """(k,) class names."""
    group: np.ndarray | None
    """(n,) int64."""
    lonlat: np.ndarray | None
    """(n, 2) float64."""
    kept: np.ndarray
    """(m,) bool: the series of all parts that are left."""
    check: Callable[[], None]
    """Called at each block; may raise Cancelled."""

    def __len__(self) -> int:
        return len(self.labels)

    def with_classes(self, classes: Sequence[str]) -> Joined:
        """Return the series of the named classes only, re-indexed in that order.

        Parameters
        ----------
        classes : sequence of str
            Names of the classes to keep.

        Returns
        -------
        Joined
        """
        labels = index_of_classes(self.classes, classes)[self.labels]
        left = labels >= 0
        kept = self.kept.copy()
        kept[kept] = left
        group = None if self.group is None else self.group[left]
        lonlat = None if self.lonlat is None else self.lonlat[left]
        return replace(self, labels=labels[left], classes=tuple(classes), group=group, lonlat=lonlat, kept=kept)

    def blocks(self) -> Iterator[np.ndarray]:
        """The values (b, t, c) of all series, some at a time."""
        start = 0
        for part, columns, dates in zip(self.parts, self.columns, self.dates):
            for values in part.blocks():
                self.check()
                kept = self.kept[start : start + len(values)]
                start += len(values)
                if not kept.any():
                    continue
                values = values if kept.all() else values[kept]
                values = values if columns == tuple(range(len(part.bands))) else values[:, :, columns]
                yield _on_calendar(values, dates, len(self.day))

    def read(self) -> SeriesSet:
        """All of it in memory."""
        values = np.empty((len(self), len(self.day), len(self.bands)), np.float32)
        start = 0
        for block in self.blocks():
            values[start : start + len(block)] = block
            start += len(block)
        return SeriesSet(values, self.day, self.bands, self.labels, self.classes, self.group, self.lonlat)


def join_series(
    parts: Sequence[Series],
    names: Sequence[str] = (),
    warn: Callable[[str], None] = lambda sentence: None,
    check: Callable[[], None] = lambda: None,
    keep_spellings: bool = False,
) -> Joined:
    """One labelled set of all pixels of the parts, which is put together only when it is read.

    The seasons are aligned by whole years, and by half a year where two parts are in opposite hemispheres. Dates of
    different parts that are at most ``MERGE_DAYS`` apart become one on their mean day; on a date that a part does
    not have its pixels are gaps. Where more than ``MOST_DATES`` dates remain, they become medians of equal periods.
    Bands are those that all parts have, in the first one's order; classes are joined by name, in the order in which
    they occur; no block is shared between parts.

    Parameters
    ----------
    parts : at least one, each with labels.
    names : what each part is called in messages; empty: by its number.
    warn : receives a sentence about each thing decided for the user.
    check : called again and again while it is read; may raise Cancelled.
    keep_spellings : whether spellings of one class in different parts stay classes of their own.

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
    bands = _common_bands(parts, called, warn)
    columns = [tuple(part.bands.index(band) for band in bands) for part in parts]
    _check_units(parts, columns, called, warn)
    days = _one_season(parts, called, warn)
    day, dates = (days[0], [np.arange(len(days[0]))]) if len(parts) == 1 else _one_calendar(days, warn)
    of_part = _class_names(parts, called, warn, keep_spellings)
    classes = tuple(dict.fromkeys(name for own in of_part for name in own))
    labels, group, groups = [], [], 0
    for part, own_names in zip(parts, of_part):
        labels.append(np.array([classes.index(name) for name in own_names], np.int64)[part.labels])
        # A part of which no blocks are known may be a single field: it is one block.
        own = np.zeros(len(part), np.int64) if part.group is None else np.unique(part.group, return_inverse=True)[1]
        group.append(groups + own.reshape(-1))
        groups += int(own.max(initial=-1)) + 1
    known = any(part.group is not None for part in parts)
    return Joined(
        parts=tuple(parts),
        columns=tuple(columns),
        dates=tuple(dates),
        day=day,
        bands=bands,
        labels=np.concatenate(labels),
        classes=classes,
        group=parts[0].group if len(parts) == 1 else np.concatenate(group) if known else None,
        lonlat=_lonlat(parts),
        kept=np.ones(sum(map(len, parts)), bool),
        check=check,
    )


def _class_names(
    parts: Sequence[Series], names: Sequence[str], warn: Callable[[str], None], keep: bool
) -> list[list[str]]:
    """The classes of each part by the names that the joined set has for them."""
    known: dict[str, None] = {}
    found = []
    for part, name in zip(parts, names):
        other = {} if keep else match_names(part.classes, known)
        for sentence in matched_sentence(other, name):
            warn(sentence)
        found.append([other.get(own, own) for own in part.classes])
        known.update(dict.fromkeys(found[-1]))
    return found


def _common_bands(parts: Sequence[Series], names: Sequence[str], warn: Callable[[str], None]) -> tuple[str, ...]:
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


def _check_units(
    parts: Sequence[Series], columns: Sequence[tuple[int, ...]], names: Sequence[str], warn: Callable[[str], None]
) -> None:
    """Refuse to join reflectance from 0 to 1 with the same as whole numbers, and warn of bands that differ less."""
    if len(parts) == 1:
        return
    samples = [_sample(part, bands) for part, bands in zip(parts, columns)]
    sizes = [magnitude_of(some) for some in samples]
    known = [(size.typical, name) for size, name in zip(sizes, names) if size is not None and size.typical > 0]
    if known and max(known)[0] > FAR_APART * min(known)[0]:
        (low, one), (high, other) = min(known), max(known)
        raise InputError(
            "units-differ",
            f"The values of {other} are about {high / low:.0f} times those of {one}.",
            "Give both in the same unit, such as reflectance from 0 to 1.",
        )
    bands = [parts[0].bands[column] for column in columns[0]]
    of_bands = [magnitudes_of(some, bands) for some in samples]
    for size, name in zip(of_bands[1:], names[1:]):
        for sentence in unit_warnings(of_bands[0], size, (names[0], name), "Give both in the same unit."):
            warn(sentence)


def _sample(part: Series, columns: tuple[int, ...]) -> np.ndarray:
    """(m, t, c) values of some pixels."""
    step, start, found = max(1, len(part) // 1000), 0, []
    for values in part.blocks():
        found.append(values[-start % step :: step][:, :, columns])
        start += len(values)
    return np.concatenate(found)


def _one_season(parts: Sequence[Series], names: Sequence[str], warn: Callable[[str], None]) -> list[np.ndarray]:
    """Move the days of each part to the season of the first."""
    days = [parts[0].day]
    here = _latitude(parts[0])
    for part, name in zip(parts[1:], names[1:]):
        day = part.day
        if opposite(here, _latitude(part)):
            day = day + np.float32(HALF_YEAR)
            warn(
                f"{names[0]} and {name} are in opposite hemispheres: the days of {name} move by half a year "
                f"({HALF_YEAR} days)."
            )
        days.append(align_years(day, parts[0].day))
        try:
            season_warnings(parts[0].day, day, (names[0], name))
        except InputError as problem:
            # The joined set only has gaps there, which is for the person to judge.
            warn(problem.message)
    return days


def _latitude(part: Series) -> float | None:
    known = None if part.lonlat is None else part.lonlat[np.isfinite(part.lonlat[:, 1]), 1]
    return None if known is None or not len(known) else float(np.median(known))


def _one_calendar(days: Sequence[np.ndarray], warn: Callable[[str], None]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the days (t,) of the joined set, and for every part the date that each of its own becomes."""
    of_part = np.concatenate([np.full(len(day), number) for number, day in enumerate(days)])
    together = np.concatenate(days).astype(np.float64)
    order = np.argsort(together, kind="stable")
    date = np.empty(len(together), np.int64)
    number, first = -1, -np.inf
    inside: set[int] = set()
    for position in order:
        if together[position] - first > MERGE_DAYS or of_part[position] in inside:
            number, first, inside = number + 1, together[position], set()
        inside.add(of_part[position])
        date[position] = number
    count = number + 1
    if count > MOST_DATES:
        span = together.max() - together.min()
        # Beyond the longest step the calendar is of several years, and steps only grow.
        step = next((s for s in STEPS if span / s < MOST_DATES), float(np.ceil(span / (MOST_DATES - 1))))
        date = ((together - together.min()) // step).astype(np.int64)
        _, date = np.unique(date, return_inverse=True)
        date = date.reshape(-1)
        warn(
            f"The joined series would have {count} dates: they are put together as medians of {step:g} days, "
            f"{date.max() + 1} dates."
        )
        count = int(date.max()) + 1
        return _middle(together, date, count), [date[of_part == part] for part in range(len(days))]
    day = _middle(together, date, count)
    moved = float(np.abs(day[date] - together).max())
    if moved > 0:
        warn(
            f"Dates of the joined series at most {MERGE_DAYS:g} days apart became one on their mean day, "
            f"which moves them by up to {moved:.1f} days."
        )
    return day, [date[of_part == part] for part in range(len(days))]


def _middle(day: np.ndarray, date: np.ndarray, count: int) -> np.ndarray:
    """(count,) float32 mean of the days (n,) that became each date."""
    return (np.bincount(date, day, count) / np.bincount(date, minlength=count)).astype(np.float32)


def _on_calendar(values: np.ndarray, date: np.ndarray, count: int) -> np.ndarray:
    """The series (n, t, c) of a part on a calendar of ``count`` dates, where its own dates become ``date`` (t,)."""
    if len(np.unique(date)) < len(date):
        return compose(values, np.isfinite(values).all(axis=2), date, count, "median")
    placed = np.full((len(values), count, values.shape[2]), np.nan, np.float32)
    placed[:, date] = values
    return placed


def _lonlat(parts: Sequence[Series]) -> np.ndarray | None:
    if all(part.lonlat is None for part in parts):
        return None
    return np.concatenate([np.full((len(p), 2), np.nan) if p.lonlat is None else p.lonlat for p in parts])
