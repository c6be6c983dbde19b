"""Dates of the numbers on the time axis of a cube, in every unit and calendar of the CF conventions (section 4.4)."""

from __future__ import annotations

import datetime
import math
import re
from contextlib import suppress

import numpy as np

from ...errors import InputError, listed
from ..geo.gdal_io import file_name

SECONDS = {
    **dict.fromkeys(("week", "weeks"), 604800.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millisec", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "\u00b5s", "microsec", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanosec", "nanosecond", "nanoseconds"), 1e-9),
}
MONTHS_IN = {
    **dict.fromkeys(("month", "months", "mon", "mons"), 1),
    **dict.fromkeys(("year", "years", "yr", "yrs", "a", "common_year", "common_years", "common year"), 12),
}
"""Units that whole numbers count by the calendar, whatever UDUNITS takes for their mean length."""
MEAN_MONTH = 365.242198781 / 12
"""Days of a month of UDUNITS, for numbers that are not whole."""
SINCE = re.compile(
    r"([^\W\d][\w ]*?)\s+since\s+(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})"
    r"(?:[T ]+(\d{1,2}):?(\d{2})?(?::?(\d{1,2})(?:\.\d*)?)?)?\s*(?:Z|UTC|GMT|([+-]\d{1,2}):?(\d{2})?)?\s*$",
    re.IGNORECASE,
)
DIGITS = re.compile(r"(?:day|days)\s+as\s+(?:%y%m%d|yyyymmdd).*", re.IGNORECASE)
CIVIL, JULIAN_BEFORE_1582 = ("", "standard", "gregorian", "proleptic_gregorian", "none"), ("", "standard", "gregorian")
FIXED_YEAR = {"noleap": 365, "365_day": 365, "all_leap": 366, "366_day": 366, "360_day": 360}
"""Calendars whose years all have as many days."""
GREGORIAN = (1582, 10, 15)
ORDINAL_OF_JDN = 1721425
"""Julian day number of the day before 1 January of the year 1 in the proleptic Gregorian calendar."""
MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def dates_since(steps: np.ndarray, units: str, calendar: str, file: str) -> list[str | None]:
    """ISO dates of numbers in the units of a time axis, such as ``days since 1970-01-01``.

    Parameters
    ----------
    steps : ndarray of float64, shape (t,)
        NaN where there is none.
    units : str
        As the CF conventions write them, in any case.
    calendar : str
        Name of the CF calendar; empty for the civil one.
    file : str
        For the message.

    Returns
    -------
    list of (str or None)
        None where a number or the units are no date.

    Raises
    ------
    InputError
        ``cube-calendar`` for an unknown calendar.
    """
    calendar = calendar.strip().lower()
    if calendar not in (*CIVIL, "julian", *FIXED_YEAR):
        message = f"The time axis of {file_name(file)} has the calendar '{calendar}', which is unknown."
        known = listed([*filter(None, CIVIL[:-1]), "julian", *FIXED_YEAR], 20)
        raise InputError("cube-calendar", message, f"Write the cube again with one of: {known}.")
    if DIGITS.fullmatch(units.strip()):
        return [_of_digits(step) for step in steps]
    start = _start(units)
    if start is None:
        return [None] * len(steps)
    unit, year, month, day, hours = start
    dates: list[str | None] = []
    for step in steps:
        found = None
        with suppress(OverflowError, ValueError):
            if unit in MONTHS_IN:
                found = _after_months(year, month, day, float(step) * MONTHS_IN[unit])
            else:
                days = math.floor((float(step) * SECONDS[unit] + hours * 3600) / 86400 + 1e-9)
                found = _after_days(year, month, day, days, calendar)
        dates.append(found)
    return dates


def is_time_unit(units: str) -> bool:
    """Whether a unit of a time axis can be read.

    Parameters
    ----------
    units : str
    """
    return DIGITS.fullmatch(units.strip()) is not None or _start(units) is not None


def _start(units: str) -> tuple[str, int, int, int, float] | None:
    """Unit, year, month, day and hours of a text such as ``hours since 1900-01-01T00:00:00Z``; None for others."""
    match = SINCE.match(units.strip())
    if match is None:
        return None
    unit = match.group(1).lower()
    year, month, day = (int(part) for part in match.group(2, 3, 4))
    if len(match.group(4)) == 4:  # 01-01-1970
        year, day = day, year
    if unit not in (*SECONDS, *MONTHS_IN) or not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    hour, minute, second, zone, zone_minutes = (int(part or 0) for part in match.group(5, 6, 7, 8, 9))
    zone_hours = zone + math.copysign(zone_minutes / 60, zone)
    return unit, year, month, day, hour + minute / 60 + second / 3600 - zone_hours


def _of_digits(step: float) -> str | None:
    with suppress(OverflowError, ValueError):
        number = int(step)
        return datetime.date(number // 10000, number // 100 % 100, number % 100).isoformat()
    return None


def _after_months(year: int, month: int, day: int, months: float) -> str:
    whole = round(months)
    if abs(months - whole) > 1e-6:
        first = datetime.date(year, month, day)
        return (first + datetime.timedelta(days=months * MEAN_MONTH)).isoformat()
    years, month = divmod(month - 1 + whole, 12)
    return datetime.date(year + years, month + 1, min(day, MONTH_LENGTHS[month])).isoformat()


def _after_days(year: int, month: int, day: int, days: int, calendar: str) -> str:
    """The civil name of the day so many days after another of a calendar."""
    if calendar in FIXED_YEAR:
        return _in_fixed_year(year, month, day, days, calendar)
    if calendar == "julian":
        return "{:04d}-{:02d}-{:02d}".format(*_julian_date(_julian_number(year, month, day) + days))
    if calendar in JULIAN_BEFORE_1582 and (year, month, day) < GREGORIAN:
        return datetime.date.fromordinal(_julian_number(year, month, day) - ORDINAL_OF_JDN + days).isoformat()
    return (datetime.date(year, month, day) + datetime.timedelta(days=days)).isoformat()


def _in_fixed_year(year: int, month: int, day: int, days: int, calendar: str) -> str:
    lengths = [30] * 12 if calendar == "360_day" else [*MONTH_LENGTHS]
    if FIXED_YEAR[calendar] == 366:
        lengths[1] = 29
    years, left = divmod(sum(lengths[: month - 1]) + day - 1 + days, FIXED_YEAR[calendar])
    month = 0
    while left >= lengths[month]:
        left -= lengths[month]
        month += 1
    found = datetime.date(year + years, month + 1, 1)
    following = (found + datetime.timedelta(31)).replace(day=1)
    # 30 February of a calendar with months of 30 days is the last of the month.
    return min(found + datetime.timedelta(left), following - datetime.timedelta(1)).isoformat()


def _julian_number(year: int, month: int, day: int) -> int:
    """Julian day number of a date of the Julian calendar (Richards 2013, Explanatory Supplement, section 15.11)."""
    shift = (14 - month) // 12
    y, m = year + 4800 - shift, month + 12 * shift - 3
    return day + (153 * m + 2) // 5 + 365 * y + y // 4 - 32083


def _julian_date(number: int) -> tuple[int, int, int]:
    c = number + 32082
    d = (4 * c + 3) // 1461
    e = c - 1461 * d // 4
    m = (5 * e + 2) // 153
    return d - 4800 + m // 10, m + 3 - 12 * (m // 10), e - (153 * m + 2) // 5 + 1
