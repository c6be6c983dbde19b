"""When the season starts: what moves the days of a target so that it is sown when the source is."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from ..errors import InputError
from .dates import parse_iso_date
from .series_set import DAYS_PER_YEAR

NEW_YEAR = "01-01"
HALF_YEAR = 182
"""Days between the seasons of the two hemispheres."""
TROPICS = 15.0
"""Degrees of latitude up to which the hemisphere does not decide when things grow."""


@dataclass(frozen=True)
class Season:
    """How the days of a target are counted so that they are comparable with those of the source."""

    start: str = NEW_YEAR
    """Month and day (``MM-DD``) of the target that is what 1 January is of the source."""
    source_start: str = ""
    """Month and day at which the source's season starts; empty where it is not given."""
    latitude: float | None = None
    """Latitude in degrees of the target; None where it is unknown."""

    @property
    def days(self) -> int:
        """Days by which the target is moved towards the end of the year, -182 to 182."""
        days = (1 - day_of_year(self.start)) % DAYS_PER_YEAR
        return days if days <= HALF_YEAR else days - DAYS_PER_YEAR

    def check(self) -> None:
        """Raise InputError (``season-start``) where a start is no month and day, or the latitude none."""
        for start in (self.start, self.source_start or NEW_YEAR):
            day_of_year(start)
        if self.latitude is not None and not -90 <= self.latitude <= 90:
            raise InputError("season-start", f"{self.latitude} is not a latitude: it must be -90 to 90.")

    def of_start(self, target_start: str, source_start: str = "") -> Season:
        """Return the season of a target that starts when the source's does.

        Parameters
        ----------
        target_start : str
            Month and day (``MM-DD``) at which the season of the target starts.
        source_start : str
            The same of the source; empty for the start that is already known.

        Returns
        -------
        Season

        Raises
        ------
        InputError
            ``season-start`` where the start of the source is unknown, or a start is not a month and day.
        """
        source_start = source_start or self.source_start
        if not source_start:
            raise InputError(
                "season-start",
                "The start of the target's season is given, but not that of the source's.",
                "Give both, as month and day (MM-DD), or neither.",
            )
        start = _later(target_start, 1 - day_of_year(source_start))
        return replace(self, start=start, source_start=source_start)

    def for_latitude(self, other: float | None) -> Season:
        """Return the season of a further stack, moved by half a year where it is in the opposite hemisphere.

        Parameters
        ----------
        other : float or None
            Latitude of that stack in degrees.

        Returns
        -------
        Season
        """
        moved = _later(self.start, HALF_YEAR) if opposite(self.latitude, other) else self.start
        return replace(self, start=moved, latitude=other)


def opposite(one: float | None, other: float | None) -> bool:
    """Return whether two latitudes are in opposite hemispheres, both outside the inner tropics.

    Parameters
    ----------
    one, other : float or None
        Degrees north; None where unknown.

    Returns
    -------
    bool
    """
    if one is None or other is None:
        return False
    return one * other < 0 and min(abs(one), abs(other)) > TROPICS


def day_of_year(start: str) -> int:
    """Return the day of the year of a month and day.

    Parameters
    ----------
    start : str
        ``MM-DD``; 29 February counts as the 28th.

    Returns
    -------
    int
        1 to 365.

    Raises
    ------
    InputError
        ``season-start`` for any other text.
    """
    date = parse_iso_date(f"2000-{start}")
    if date is None:
        raise InputError(
            "season-start", f"'{start}' is not the start of a season.", "Write month and day: 03-15 is 15 March."
        )
    leap_day = date.month == 2 and date.day == 29
    return datetime.date(2001, date.month, 28 if leap_day else date.day).timetuple().tm_yday


def _later(start: str, days: int) -> str:
    """Month and day ``days`` after ``start``, in a year of 365 days."""
    day = (day_of_year(start) - 1 + days) % DAYS_PER_YEAR
    return (datetime.date(2001, 1, 1) + datetime.timedelta(day)).strftime("%m-%d")
