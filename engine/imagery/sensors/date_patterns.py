"""How dates are written in file names, band descriptions and metadata: three tables, an example for each way.

The tables are tried from top to bottom. What a pattern matches is not read again, so the special ones
(a product's name with a second date that says when it was processed) are above the general ones.
"""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

FIRST_YEAR, LAST_YEAR = 1972, 2060
"""Years taken for a date: the first civil imaging satellite flew in 1972."""
MIDDLE_OF_MONTH = "15"
"""Day given to a monthly composite: its middle is the nearest to what it shows."""
MAX_INTERVAL = 200
"""Days between two dates that still bound one composite."""

MONTHS = tuple(
    names.split()
    for names in (
        "january januar janvier enero janeiro gennaio jan jaen janv ene gen",
        "february februar fevrier febrero fevereiro febbraio feb febr fevr fev",
        "march maerz marz mars marzo marco mar mrz",
        "april avril abril aprile apr avr abr",
        "may mai mayo maio maggio mag",
        "june juni juin junio junho giugno jun giu",
        "july juli juillet julio julho luglio jul juil lug",
        "august aout agosto aug ago",
        "september septembre septiembre setembro settembre sept sep set",
        "october oktober octobre octubre outubro ottobre oct okt out ott",
        "november novembre noviembre novembro nov",
        "december dezember decembre diciembre dezembro dicembre dec dez dic",
    )
)
"""Names of the months in English, German, French, Spanish, Portuguese and Italian, long and short, without accents."""
ACCENTS = {"a": "a\u00e4\u00e1\u00e2", "e": "e\u00e9\u00e8", "u": "u\u00fb\u00fc", "c": "c\u00e7"}
"""Letters of these names that may have an accent."""


def _accented(name: str) -> str:
    return "".join(f"[{ACCENTS[letter]}]" if letter in ACCENTS else letter for letter in name)


MONTH_NAME = (
    "(" + "|".join(map(_accented, sorted((n for own in MONTHS for n in own), key=len, reverse=True))) + r")(?![^\W\d_])"
)
SEPARATED_DAY = r"(\d{4})[-_.:/ ](\d{1,2})[-_.:/ ](\d{1,2})"
YYYYMMDD = r"(\d{4})(\d{2})(\d{2})"
CLOCK = r"(?:[T ]\d{2}:?\d{2}(?::?\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
"""The time of day behind a separated day, if there is one."""
BETWEEN = r"(?:_to_|_|--?|/| to | - |\.\.)"
"""Separators of the two ends of an interval."""
END = r"(?!\d)"
START = r"(?:(?<![A-Za-z\d])(?:[XTD]|date[-_.]?))?(?<!\d)"
"""Programs put a letter in front of a name that begins with a number, as R does (``X2021.05.01``)."""
DEKAD = r"(?:dekad|decade|decada|dek|dk|d)"
WEEK = r"(?:week|woche|semaine|semana|settimana|sem|kw|wk|w)"


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
    plain = "".join(c for c in unicodedata.normalize("NFKD", month.lower()) if not unicodedata.combining(c))
    return _date(year, str(next(number for number, names in enumerate(MONTHS, 1) if plain in names)), day)


def _dekad(year: str, month: str, dekad: str) -> datetime.date:
    """The middle of the first, second or third ten days of a month."""
    return _date(year, month, str(10 * int(dekad) - 5))


def _dekad_of_year(year: str, number: str) -> datetime.date:
    if not 1 <= int(number) <= 36:
        raise ValueError(f"dekad {number}")
    return _dekad(year, str((int(number) + 2) // 3), str((int(number) - 1) % 3 + 1))


def _week(year: str, week: str) -> datetime.date:
    """The Thursday of an ISO week."""
    _date(year, "1", "1")
    return datetime.date.fromisocalendar(int(year), int(week), 4)


def _composite(days: str, year: str, number: str) -> datetime.date:
    """The middle of a numbered composite of 8 or 16 days."""
    first = (int(number) - 1) * int(days) + 1
    return _day_of_year(year, str(min(first + int(days) // 2, 365)))


def _half_month(year: str, month: str, half: str) -> datetime.date:
    return _date(year, month, "8" if half in "1aA" else "23")


def day_or_dekad(year: str, number: str) -> dict[str, str]:
    """What seven digits may mean.

    Parameters
    ----------
    year : str
        Four digits.
    number : str
        Three digits: a day of the year, or a month and one of its dekads.

    Returns
    -------
    dict of str to str
        ISO dates by ``day`` and ``dekad``, of those that are dates.
    """
    found = {}
    with suppress(ValueError):
        found["day"] = _day_of_year(year, number).isoformat()
    if number[2] in "123":
        with suppress(ValueError):
            found["dekad"] = _dekad(year, number[:2], number[2]).isoformat()
    return found


def _day_or_dekad(year: str, number: str) -> tuple[datetime.date, ...]:
    return tuple(sorted(datetime.date.fromisoformat(date) for date in set(day_or_dekad(year, number).values())))


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
        "year, month and dekad: its middle",
        rf"{START}(\d{{4}})[-_. ]?(\d{{2}})[-_. ]?{DEKAD}[-_. ]?([123]){END}",
        _dekad,
    ),
    DatePattern(
        "dekad, month and year: its middle",
        rf"(?<![A-Za-z\d]){DEKAD}[-_. ]?([123])[-_. ](\d{{2}})[-_. ](\d{{4}}){END}",
        lambda dekad, month, year: _dekad(year, month, dekad),
    ),
    DatePattern(
        "year and dekad of the year: its middle",
        rf"{START}(\d{{4}})[-_. ]?{DEKAD}[-_. ]?(\d{{2}}){END}",
        _dekad_of_year,
    ),
    DatePattern(
        "dekad of the year and year: its middle",
        rf"(?<![A-Za-z\d]){DEKAD}[-_. ]?(\d{{2}})[-_. ](\d{{4}}){END}",
        lambda number, year: _dekad_of_year(year, number),
    ),
    DatePattern(
        "year and ISO week: its Thursday", rf"{START}(\d{{4}})[-_. ]?{WEEK}[-_. ]?(\d{{1,2}})(?:-[1-7])?{END}", _week
    ),
    DatePattern(
        "ISO week and year: its Thursday",
        rf"(?<![A-Za-z\d]){WEEK}[-_. ]?(\d{{1,2}})[-_. ](\d{{4}}){END}",
        lambda week, year: _week(year, week),
    ),
    DatePattern(
        "composite of 8 or 16 days, year and its number: its middle",
        rf"(?<!\d)(8|16)[-_ ]?days?[-_. ](\d{{4}})[-_. ](\d{{1,2}}){END}",
        _composite,
    ),
    DatePattern(
        "year, month and its half: its middle",
        rf"{START}(\d{{4}})[-_. ]?(\d{{2}})(?:[-_. ]?(?:half|hm|h)[-_. ]?(?=[12])|(?=[ab](?![A-Za-z\d])))([12ab]){END}",
        _half_month,
    ),
    DatePattern(
        "day of the year and year",
        rf"(?<![A-Za-z\d])(?:doy|jd|day)[-_. ]?(\d{{3}})[-_. ](\d{{4}}){END}",
        lambda day, year: _day_of_year(year, day),
    ),
    DatePattern(
        "year and day of the year of NASA's products, and with a time behind them",
        rf"(?:(?<![A-Za-z\d])(?:A|doy)[-_.]?(\d{{4}})(\d{{3}})(?:\d{{6}})?{END}|{START}(\d{{4}})(\d{{3}})(?=T\d{{4}}))",
        lambda *four: _day_of_year(*(four[:2] if four[0] else four[2:])),
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
    DatePattern("year and day of year", rf"{START}(\d{{4}})(?:[-_.](?:doy)?|doy[-_.]?)(\d{{3}}){END}", _day_of_year),
    DatePattern(
        "year, and day of the year or month and dekad, which all names of a stack together decide",
        rf"{START}(\d{{4}})(\d{{3}}){END}",
        _day_or_dekad,
    ),
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
        "year and quarter: middle of its second month",
        rf"{START}(\d{{4}})[-_. ]?Q([1-4])(?![A-Za-z\d])",
        lambda year, quarter: _date(year, str(3 * int(quarter) - 1), MIDDLE_OF_MONTH),
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
