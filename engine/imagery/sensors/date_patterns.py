"""How dates are written in file names, band descriptions and metadata: three tables, an example for each way.

The tables are tried from top to bottom. What a pattern matches is not read again, so the special ones
(a product's name with a second date that says when it was processed) are above the general ones.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

FIRST_YEAR, LAST_YEAR = 1972, 2060
"""Years taken for a date: the first civil imaging satellite flew in 1972."""
MIDDLE_OF_MONTH = "15"
"""Day given to a monthly composite: its middle is the nearest to what it shows."""
MAX_INTERVAL = 200
"""Days between two dates that still bound one composite."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH_NAME = (
    "(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])"
)
SEPARATED_DAY = r"(\d{4})[-_.:/ ](\d{1,2})[-_.:/ ](\d{1,2})"
YYYYMMDD = r"(\d{4})(\d{2})(\d{2})"
CLOCK = r"(?:[T ]\d{2}:?\d{2}(?::?\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
"""The time of day behind a separated day, if there is one."""
BETWEEN = r"(?:_to_|_|--?|/| to | - |\.\.)"
"""Separators of the two ends of an interval."""
END = r"(?!\d)"
START = r"(?<!\d)"


@dataclass(frozen=True)
class DatePattern:
    """One way in which a date is written."""

    title: str
    """What writes dates like this."""
    pattern: str
    """Regular expression; the whole match is removed from the text, its groups go to ``read``."""
    read: Callable[..., datetime.date | tuple[datetime.date, ...]]
    """Date of the groups, or several where they are ambiguous; ValueError where they are no date."""
    rank: int = 0
    """Number of its table: the lower, the surer. A product's own pattern settles the date; days go before months."""


def _date(year: str, month: str, day: str) -> datetime.date:
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        raise ValueError(f"year {year}")
    return datetime.date(int(year), int(month), int(day))


def _day_of_year(year: str, day: str) -> datetime.date:
    found = _date(year, "1", "1") + datetime.timedelta(int(day) - 1)
    if found.year != int(year) or int(day) < 1:
        raise ValueError(f"day {day} of {year}")
    return found


def _midpoint(first: datetime.date, last: datetime.date) -> datetime.date:
    if not 0 <= (last - first).days <= MAX_INTERVAL:
        raise ValueError("not an interval")
    return first + (last - first) // 2


def _middle_of_interval(*six: str) -> datetime.date:
    return _midpoint(_date(*six[:3]), _date(*six[3:]))


def _middle_of_months(*four: str) -> datetime.date:
    """The middle from the start of the first month to the end of the second."""
    following = (_date(four[2], four[3], "28") + datetime.timedelta(4)).replace(day=1)
    return _midpoint(_date(four[0], four[1], "1"), following)


def _named_month(day: str, month: str, year: str) -> datetime.date:
    return _date(year, str(MONTHS.index(month[:3].lower()) + 1), day)


def _either_order(one: str, other: str, year: str) -> tuple[datetime.date, ...]:
    """Day before month and month before day: both where both are dates."""
    found = set()
    for month, day in ((other, one), (one, other)):
        with suppress(ValueError):
            found.add(_date(year, month, day))
    return tuple(sorted(found))


PRODUCT_PATTERNS = (
    DatePattern(
        "Sentinel-2 product: sensing time, before baseline and processing time",
        rf"S2[A-D]_MSIL[12][AC]_{YYYYMMDD}T\d{{6}}_N\d{{4}}_R\d{{3}}_T\w{{5}}(?:_\d{{8}}T\d{{6}})?{END}",
        _date,
    ),
    DatePattern(
        "Sentinel-2 product until 2016: sensing time behind V",
        rf"S2[A-D]_OPER_PRD_MSIL\w{{2}}_\w{{4}}_\d{{8}}T\d{{6}}_R\d{{3}}_V{YYYYMMDD}T\d{{6}}_\d{{8}}T\d{{6}}{END}",
        _date,
    ),
    DatePattern(
        "Landsat product: acquired, then processed",
        rf"L[COTEM]0\d_[A-Z0-9]{{4}}_\d{{6}}_{YYYYMMDD}_\d{{8}}{END}",
        _date,
    ),
    DatePattern(
        "Landsat scene before Collections: path, row, year, day of year",
        rf"{START}L[COTEM]\d\d{{6}}(\d{{4}})(\d{{3}})[A-Z]{{3}}\d{{2}}",
        _day_of_year,
    ),
    DatePattern(
        "Earth Engine's Sentinel-2 image: sensing time, then a second time of the same product",
        rf"{START}{YYYYMMDD}T\d{{6}}_\d{{8}}T\d{{6}}_T\w{{5}}",
        _date,
    ),
)
"""Names that products have, with the date of the image in a fixed position."""

DAY_PATTERNS = (
    DatePattern(
        "interval, separated days: its middle",
        rf"{START}{SEPARATED_DAY}{CLOCK}{BETWEEN}{SEPARATED_DAY}{CLOCK}{END}",
        _middle_of_interval,
    ),
    DatePattern(
        "interval, eight digits: its middle",
        rf"{START}{YYYYMMDD}(?:T\d{{6}}Z?)?{BETWEEN}{YYYYMMDD}(?:T\d{{6}}Z?)?{END}",
        _middle_of_interval,
    ),
    DatePattern(
        "interval, days of the year: its middle",
        rf"{START}(\d{{4}})(\d{{3}}){BETWEEN}(\d{{4}})(\d{{3}}){END}",
        lambda *four: _midpoint(_day_of_year(*four[:2]), _day_of_year(*four[2:])),
    ),
    DatePattern(
        "year, month, day, separated, perhaps with a time, as STAC's datetime",
        rf"{START}{SEPARATED_DAY}{CLOCK}{END}",
        _date,
    ),
    DatePattern(
        "year, month, day as eight digits, perhaps with a time",
        rf"{START}{YYYYMMDD}(?:[T _]?\d{{6}}(?:\.\d+)?Z?|[T_]?\d{{4}})?{END}",
        _date,
    ),
    DatePattern(
        "day, name of the month, year", rf"{START}(\d{{1,2}})[-_. ]?{MONTH_NAME}[-_. ]?(\d{{4}}){END}", _named_month
    ),
    DatePattern(
        "year, name of the month, day",
        rf"{START}(\d{{4}})[-_. ]?{MONTH_NAME}[-_. ]?(\d{{1,2}}){END}",
        lambda year, month, day: _named_month(day, month, year),
    ),
    DatePattern(
        "day, month, year with points",
        rf"{START}(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}){END}",
        lambda day, month, year: _date(year, month, day),
    ),
    DatePattern(
        "day and month, whose order is clear only from a number above 12, and year",
        rf"{START}(\d{{1,2}})([-_/])(\d{{1,2}})\2(\d{{4}}){END}",
        lambda one, separator, other, year: _either_order(one, other, year),
    ),
    DatePattern("year and day of year", rf"{START}(\d{{4}})[-_.]?(?:doy)?(\d{{3}}){END}", _day_of_year),
)

MONTH_PATTERNS = (
    DatePattern(
        "interval of months, separated: its middle",
        rf"{START}(\d{{4}})[-_.](\d{{2}}){BETWEEN}(\d{{4}})[-_.](\d{{2}}){END}",
        _middle_of_months,
    ),
    DatePattern(
        # Not 2021-02-30: the month of a day that does not exist is no date either.
        "year and month, separated: middle of the month",
        rf"{START}(\d{{4}})([-_.])(\d{{2}}){END}(?!\2\d{{1,2}}(?!\d|k?m\b))",
        lambda year, _, month: _date(year, month, MIDDLE_OF_MONTH),
    ),
    DatePattern(
        "name of the month and year: middle of the month",
        rf"(?<![A-Za-z]){MONTH_NAME}[-_. ]?(\d{{4}}){END}",
        lambda month, year: _named_month(MIDDLE_OF_MONTH, month, year),
    ),
    DatePattern(
        "year and name of the month: middle of the month",
        rf"{START}(\d{{4}})[-_. ]?{MONTH_NAME}(?![A-Za-z\d])",
        lambda year, month: _named_month(MIDDLE_OF_MONTH, month, year),
    ),
    DatePattern(
        "year and month as six digits: middle of the month",
        rf"{START}(\d{{4}})(\d{{2}}){END}",
        lambda year, month: _date(year, month, MIDDLE_OF_MONTH),
    ),
)

DATE_PATTERNS = tuple(
    replace(kind, rank=rank)
    for rank, kinds in enumerate((PRODUCT_PATTERNS, DAY_PATTERNS, MONTH_PATTERNS))
    for kind in kinds
)
