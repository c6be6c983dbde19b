"""Dates and band names as they stand in band descriptions, file names and metadata, as tables of patterns.

The tables are tried from top to bottom and the first pattern that yields a real date wins, so the
special ones (two dates of which only the first counts) stand above the general ones.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

FIRST_YEAR, LAST_YEAR = 1972, 2060
"""Years taken for a date: the first civil imaging satellite flew in 1972."""
MIDDLE_OF_MONTH = 15
"""Day given to a monthly composite: its middle is the nearest to what it shows."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY = r"(\d{4})-?(\d{2})-?(\d{2})"
SEPARATED_DAY = r"(\d{4})[-_.:/ ](\d{1,2})[-_.:/ ](\d{1,2})"
END = r"(?!\d)"
START = r"(?<!\d)"


@dataclass(frozen=True)
class DatePattern:
    """One way in which a date is written."""

    title: str
    """What writes dates like this."""
    pattern: str
    """Regular expression; the whole match is taken out of the text, its groups go to ``read``."""
    read: Callable[..., datetime.date]
    """Date of the groups; raises ValueError for numbers that are no date."""
    example: str
    """A text with such a date."""
    meaning: str
    """The ISO date of the example."""


def _date(year: str, month: str, day: str) -> datetime.date:
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        raise ValueError(f"year {year}")
    return datetime.date(int(year), int(month), int(day))


def _middle(*six: str) -> datetime.date:
    first, last = _date(*six[:3]), _date(*six[3:])
    if not 0 <= (last - first).days <= 200:
        raise ValueError("not an interval")
    return first + (last - first) // 2


def _day_of_year(year: str, day: str) -> datetime.date:
    found = _date(year, "1", "1") + datetime.timedelta(int(day) - 1)
    if found.year != int(year) or int(day) < 1:
        raise ValueError(f"day {day} of {year}")
    return found


def _month(year: str, month: str) -> datetime.date:
    return _date(year, month, str(MIDDLE_OF_MONTH))


def _named_month(day: str, month: str, year: str) -> datetime.date:
    return _date(year, str(MONTHS.index(month[:3].lower()) + 1), day)


MONTH_NAME = "(" + "|".join(MONTHS) + ")[a-z]*"

DATE_PATTERNS = (
    DatePattern(
        "Landsat product: acquired, then processed",
        rf"(?:L[COTEM]0\d_[A-Z0-9]{{4}}_\d{{6}}_){DAY}_\d{{8}}{END}",
        _date,
        "LC08_L2SP_224078_20200518_20200820_02_T1_SR_B4",
        "2020-05-18",
    ),
    DatePattern(
        "interval, separated days: its middle",
        rf"{START}{SEPARATED_DAY}(?:_to_|_|--|/| to | - |\.\.){SEPARATED_DAY}{END}",
        _middle,
        "CB4_64_16D_STK_022024_2018-08-29_2018-09-13_EVI",
        "2018-09-05",
    ),
    DatePattern(
        "interval, eight digits: its middle",
        rf"{START}(\d{{4}})(\d{{2}})(\d{{2}})(?:_to_|_|--|-)(\d{{4}})(\d{{2}})(\d{{2}}){END}",
        _middle,
        "NDVI_20210501_20210516",
        "2021-05-08",
    ),
    DatePattern(
        "year, month, day, separated, perhaps with a time",
        rf"{START}{SEPARATED_DAY}(?:[T ]\d{{2}}:?\d{{2}}(?::?\d{{2}}(?:\.\d+)?)?Z?)?{END}",
        _date,
        "B08_2021-05-01",
        "2021-05-01",
    ),
    DatePattern(
        "year, month, day as eight digits, perhaps with a time",
        rf"{START}(\d{{4}})(\d{{2}})(\d{{2}})(?:[T _]?\d{{6}}(?:\.\d+)?Z?|[T_]?\d{{4}})?{END}",
        _date,
        "NDVI_20210501",
        "2021-05-01",
    ),
    DatePattern(
        "day, name of the month, year",
        rf"{START}(\d{{1,2}})[-_. ]?{MONTH_NAME}[-_. ]?(\d{{4}}){END}",
        _named_month,
        "NDVI 1 May 2021",
        "2021-05-01",
    ),
    DatePattern(
        "year, name of the month, day",
        rf"{START}(\d{{4}})[-_. ]?{MONTH_NAME}[-_. ]?(\d{{1,2}}){END}",
        lambda year, month, day: _named_month(day, month, year),
        "2021May01_NDVI",
        "2021-05-01",
    ),
    DatePattern(
        "day, month, year with points",
        rf"{START}(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}){END}",
        lambda day, month, year: _date(year, month, day),
        "NDVI 16.05.2021",
        "2021-05-16",
    ),
    DatePattern(
        "year and day of year",
        rf"{START}(\d{{4}})[-_.]?(?:doy)?(\d{{3}}){END}",
        _day_of_year,
        "MOD13Q1.A2012273.h12v10.006.2015256070127_NDVI",
        "2012-09-29",
    ),
    DatePattern(
        "year and month, separated: middle of the month",
        rf"{START}(\d{{4}})[-_.](\d{{2}}){END}",
        _month,
        "B02_2017-11",
        "2017-11-15",
    ),
    DatePattern(
        "name of the month and year: middle of the month",
        rf"(?<![A-Za-z]){MONTH_NAME}[-_. ]?(\d{{4}}){END}",
        lambda month, year: _named_month(str(MIDDLE_OF_MONTH), month, year),
        "NDVI_May2021",
        "2021-05-15",
    ),
    DatePattern(
        "year and name of the month: middle of the month",
        rf"{START}(\d{{4}})[-_. ]?{MONTH_NAME}(?![A-Za-z\d])",
        lambda year, month: _named_month(str(MIDDLE_OF_MONTH), month, year),
        "2021_May_NDVI",
        "2021-05-15",
    ),
    DatePattern(
        "year and month as six digits: middle of the month",
        rf"{START}(\d{{4}})(\d{{2}}){END}",
        _month,
        "NDVI_202105",
        "2021-05-15",
    ),
)

KNOWN_BANDS = tuple(
    """
    B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12 B13 B14 B15 B16
    COASTAL BLUE BLU GREEN GRN YELLOW RED REDEDGE RE RE1 RE2 RE3 RE4 BNR NIR NIR1 NIR2 NIR08 NIR09
    SWIR SWIR1 SW1 SWIR16 SWIR2 SW2 SWIR22 SWIR3 MIR TIR PAN
    NDVI NDV EVI EVI2 SAVI MSAVI OSAVI NDWI MNDWI NDMI NDRE NDTI NDSI LSWI NBR NBR2 GNDVI LAI FAPAR FCOVER GCVI CIRE
    GVMI PSRI BSI
    VV VH HH HV VVVH RVI LST DEM
    """.split()
)
"""Names of bands and indices that are recognised among other words, in capitals and in their usual order."""

WORDS_BESIDE = re.compile(
    r"""^(?: S2[ABC]? | S1[ABC]? | SEN2[ABL]? | SENTINEL\d?[AB]? | MSI | MSIL[12][AC] | IW | GRDH? | 1SDV
    | L[COTEM]?0?\d | LND?0?\d | LANDSAT\d? | L1C | L2[AC]? | L2SP | T[12]
    | TERRA | AQUA | MODIS | M[OY]D\d+[A-Z]\d | H\d{2}V\d{2} | A | CB4A? | CBERS4A? | STK | 16D
    | SR | ST | TOA | BOA | N0\d{3} | R\d{3} | T\d{2}[A-Z]{3} | \d+M | \d+ | \d{8}T\d{6}Z?
    | BAND | MEAN | MEDIAN | COMPOSITE | REFLECTANCE | SURFACE | DAYS? )$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Words that stand beside a band's name and say nothing about which band it is."""


def parse_date(text: str) -> tuple[str | None, str]:
    """The ISO date in ``text`` and the text without it; (None, text) when there is none.

    Parameters
    ----------
    text : band description, file name without its ending, or metadata value.
    """
    for kind in DATE_PATTERNS:
        for match in re.finditer(kind.pattern, text, re.IGNORECASE):
            try:
                found = kind.read(*match.groups())
            except ValueError:
                continue
            return found.isoformat(), text[: match.start()] + " " + text[match.end() :]
    return None, text


def parse_band(rest: str, free: bool) -> str | None:
    """The band's name in what is left of a text once its date is taken out.

    Parameters
    ----------
    rest : text without its date.
    free : whether any name will do, as in a band description; in a file name only a known one does.

    Returns
    -------
    str or None
        A known name in capitals with two digits (``b8`` is ``B08``), else the text itself where it
        is ``free`` and more than a number.
    """
    words = [word for word in re.split(r"[\s_.,;:/()\[\]-]+", rest) if word]
    known = [name for name in map(standard_name, words) if name]
    beside = [word for word in words if not standard_name(word) and not WORDS_BESIDE.match(word)]
    if len(set(known)) == 1 and (not free or not beside):
        return known[0]
    if not free:
        return known[-1] if known and len(set(known)) == 1 else None
    name = re.sub(r"^[\s_.,;:-]+|[\s_.,;:-]+$", "", re.sub(r"\s+", " ", rest))
    return None if re.fullmatch(r"(?:band|layer|raster)?[\s_-]*\d*", name, re.IGNORECASE) else name


def standard_name(word: str) -> str | None:
    """A known band's name in its one spelling (``b8`` is ``B08``), or None for another word."""
    name = word.upper()
    short = re.fullmatch(r"B(\d)", name)
    name = f"B0{short.group(1)}" if short else name
    return name if name in KNOWN_BANDS else None


def band_order(names: Iterable[str]) -> tuple[str, ...]:
    """The names in one fixed order, however the files that hold them are named or sorted."""
    position = {name: number for number, name in enumerate(KNOWN_BANDS)}
    return tuple(sorted(names, key=lambda name: (position.get(name, len(position)), name)))
