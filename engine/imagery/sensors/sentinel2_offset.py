"""The offset of Sentinel-2: from processing baseline 04.00 on, ESA stores reflectance times 10000 plus 1000.

Whether it is in the numbers follows, the surest first, from

1. the metadata of the product, ``MTD_MSIL2A.xml``;
2. its baseline: of tags, of ``MTD_TL.xml`` or a STAC item beside the image, or in the product's name (``N0400``);
3. the date, for files with names of ESA, of a catalogue of its originals or of Earth Engine's plain collections,
   whatever their format: the ground segment writes the offset since 25 January 2022;
4. the values: Earth Engine's harmonised collections, Sentinel Hub, FORCE, Theia and a part of Element 84's scenes have
   it removed, and most of them do not say so.

Names and dates may be contradicted by the values, for data is harmonised under its old name: dark pixels of vegetation
are below 0.09 (a stored 900) without the offset and above 0.095 with it, in every band, and a series over January 2022
shows a step of 0.1. Where neither shows, 3 is applied and 4 is not, and both are told.

Sources: ESA, Sentinel-2 processing baseline 04.00, 25 January 2022; Element 84, Earth Search ``boa_offset_applied``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..geo.gdal_io import file_name
from .sentinel2_names import ANY, BASELINE, BY_VALUES, DATE, METADATA, NAMED, NUMBERED, REMOVED, SINCE, Sentinel2
from .wavelengths import common_name

DARK = ("blue", "red", "green", "coastal")
"""Bands that are dark over vegetation, by their common names, the darkest first."""
NO_OFFSET, WITH_OFFSET = 0.09, 0.095
"""Dark values with the offset and without."""
STEP = (0.06, 0.17)
"""What a series over January 2022 rises by, season included."""
DARKEST = 0.16
"""Dark values of vegetation with the offset, at most."""
DARK_SHARE = 5
"""Percentile of a date's pixels that is its dark value."""
DARK_DATES = 20
"""Percentile of the dates' dark values that is that of the series: others are under clouds or snow."""
NOT_IN = {
    METADATA: "their metadata say so",
    BASELINE: "their baseline says so",
    REMOVED: "by their name it has been removed",
}
"""Why the offset is not in the numbers of images that could have it by their date."""


def dark_bands(names: Iterable[str]) -> list[str]:
    """The names of the two darkest bands of a stack whose values show the offset; empty where none does.

    Parameters
    ----------
    names : iterable of str
    """
    found = [(DARK.index(common), name) for name in names for common in [common_name(name)] if common in DARK]
    return [name for _, name in sorted(found)[:2]]


def dark_value(values: np.ndarray) -> float:
    """The dark value of a band on a date; NaN where nothing was observed.

    Parameters
    ----------
    values : ndarray of float
        Reflectance, without gaps.
    """
    return float(np.percentile(values, DARK_SHARE)) if len(values) else np.nan


def shows_offset(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], how: str) -> bool | None:
    """Whether the values since 25 January 2022 have the offset.

    Parameters
    ----------
    before, after : sequence of sequence of float
        For each dark band its dark values on some dates, up to that day and since.
    how : str
        As of :class:`Sentinel2`.

    Returns
    -------
    bool or None
        None where the values do not show it.
    """
    late = [value for value in map(_dark_of_dates, after) if np.isfinite(value)]
    early = [value for value in map(_dark_of_dates, before) if np.isfinite(value)]
    if not late:
        return None
    if min(late) < NO_OFFSET:
        return False
    if early:
        return True if min(early) < NO_OFFSET and STEP[0] <= min(late) - min(early) <= STEP[1] else None
    enough = len(late) >= (1 if how == NAMED else 2) and how != ANY
    return True if enough and min(late) >= WITH_OFFSET and max(late) <= DARKEST else None


def _dark_of_dates(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.percentile(known, DARK_DATES)) if known else np.nan


class StackOffset:
    """The offset in all bands of one stack.

    Parameters
    ----------
    bands : sequence of (Sentinel2, str, str)
        What is known of each band that may have the offset, its ISO date and its file.
    """

    def __init__(self, bands: Sequence[tuple[Sentinel2, str, str]]) -> None:
        self._bands = bands
        self._shown: dict[str, bool | None] = {}
        self._maybe = False

    def undecided(self) -> list[str]:
        """The ways (see :class:`Sentinel2`) whose bands have to be read to decide."""
        found = []
        for how in (BASELINE, DATE, *BY_VALUES):
            possible = {own.possible_on(date) for own, date, _ in self._bands if own.how == how}
            if True in possible and (how != ANY or False in possible):
                found.append(how)
        return found

    def decide(self, how: str, before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> None:
        """Take the dark values of the bands of one way as :func:`shows_offset` needs them.

        Parameters
        ----------
        how : str
        before, after : sequence of sequence of float
        """
        self._shown[how] = shows_offset(before, after, how)
        # One dark band alone may be the soil of a desert.
        self._maybe = self._maybe or (how == NUMBERED and bool(shows_offset(before, after, NAMED)))

    def of(self, own: Sentinel2, date: str) -> float:
        """What is added to the reflectance of a band.

        Parameters
        ----------
        own : Sentinel2
        date : str
            ISO.
        """
        shown = self._shown.get(own.how)
        applies = shown or (shown is None and own.how in (METADATA, BASELINE, DATE))
        return own.offset if applies and own.possible_on(date) else 0.0

    def warnings(self, role: str) -> list[str]:
        """Sentences about the offset for people.

        Parameters
        ----------
        role : str
            Of the stack: ``source`` or ``target``.
        """
        silent = {how for how in (NUMBERED, ANY) if not self._shown.get(how)} - ({NUMBERED} if self._maybe else set())
        known = [one for one in self._bands if one[0].how not in silent]
        every = {date for _, date, _ in known}
        with_offset = [(own.how, date, path) for own, date, path in known if self.of(own, date)]
        dates = {date for _, date, _ in with_offset}
        what = "The offset of -1000 of Sentinel-2's processing baseline 04.00"
        hint = f"Set the offset of the {role} to decide otherwise."
        told = []
        if dates:
            guess = next((one for one in with_offset if one[0] not in (METADATA, BASELINE)), None)
            why = "their baseline is known."
            if guess is not None:
                how = "they are of that day or later" if guess[0] == DATE else "their values since that day show it"
                why = f"ESA writes it since 25 January 2022 and {how}. {file_name(guess[2])} names no baseline. {hint}"
            told.append(f"{what} is applied to {len(dates)} of the {len(every)} Sentinel-2 dates of the {role}: {why}")
        for how in (BASELINE, DATE, NAMED, NUMBERED):
            own_dates = {date: path for own, date, path in known if self._left_out(own, date, how)}
            such = f"{len(own_dates)} dates of the {role}, such as {file_name(next(iter(own_dates.values()), ''))}"
            if own_dates and how in (BASELINE, DATE):
                told.append(
                    f"{what} is not applied to {such}: their values are so low that it has been removed. {hint}"
                )
            elif own_dates and self._shown.get(how) is None:
                told.append(f"Whether {what[0].lower()}{what[1:]} is in {such} is unknown: it is not applied. {hint}")
        for how, why in (
            (METADATA, "their metadata say so"),
            (BASELINE, "their baseline says so"),
            (REMOVED, "harmonised, by their name"),
        ):
            own_dates = {date: path for own, date, path in known if own.how == how and not own.offset and date >= SINCE}
            if own_dates:
                such = f"{len(own_dates)} dates of the {role}, such as {file_name(next(iter(own_dates.values())))}"
                told.append(f"{what} is not in {such}: {why}. {hint}")
        return told

    def _left_out(self, own: Sentinel2, date: str, how: str) -> bool:
        return own.how == how and own.possible_on(date) and not self.of(own, date)
