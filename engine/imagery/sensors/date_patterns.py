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
    examples: tuple[tuple[str, str], ...]
    """Texts with such a date, and the ISO date that each means."""
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
        (("S2A_MSIL2A_20180420T105031_N0500_R051_T31UFS_20230806T130540", "2018-04-20"),),
    ),
    DatePattern(
        "Sentinel-2 product until 2016: sensing time behind V",
        rf"S2[A-D]_OPER_PRD_MSIL\w{{2}}_\w{{4}}_\d{{8}}T\d{{6}}_R\d{{3}}_V{YYYYMMDD}T\d{{6}}_\d{{8}}T\d{{6}}{END}",
        _date,
        (("S2A_OPER_PRD_MSIL1C_PDMC_20151231T020842_R008_V20151230T105153_20151230T105153", "2015-12-30"),),
    ),
    DatePattern(
        "Landsat product: acquired, then processed",
        rf"L[COTEM]0\d_[A-Z0-9]{{4}}_\d{{6}}_{YYYYMMDD}_\d{{8}}{END}",
        _date,
        (("LC08_L2SP_224078_20200518_20200820_02_T1_SR_B4", "2020-05-18"),),
    ),
    DatePattern(
        "Landsat scene before Collections: path, row, year, day of year",
        rf"{START}L[COTEM]\d\d{{6}}(\d{{4}})(\d{{3}})[A-Z]{{3}}\d{{2}}",
        _day_of_year,
        (("LC82240782020139LGN00_B4", "2020-05-18"),),
    ),
    DatePattern(
        "Earth Engine's Sentinel-2 image: sensing time, then a second time of the same product",
        rf"{START}{YYYYMMDD}T\d{{6}}_\d{{8}}T\d{{6}}_T\w{{5}}",
        _date,
        (
            ("20151128T002653_20151130T102149_T56MNN", "2015-11-28"),
            ("20210501T150711_20210501T151139_T19LBD_B4", "2021-05-01"),
        ),
    ),
)
"""Names that products have, with the date of the image in a fixed position."""

DAY_PATTERNS = (
    DatePattern(
        "interval, separated days: its middle",
        rf"{START}{SEPARATED_DAY}{CLOCK}{BETWEEN}{SEPARATED_DAY}{CLOCK}{END}",
        _middle_of_interval,
        (
            ("CB4_64_16D_STK_022024_2018-08-29_2018-09-13_EVI", "2018-09-05"),
            ("2021-05-01T00:00:00Z/2021-05-16T23:59:59Z", "2021-05-08"),
        ),
    ),
    DatePattern(
        "interval, eight digits: its middle",
        rf"{START}{YYYYMMDD}(?:T\d{{6}}Z?)?{BETWEEN}{YYYYMMDD}(?:T\d{{6}}Z?)?{END}",
        _middle_of_interval,
        (
            ("NDVI_20210501_20210516", "2021-05-08"),
            ("S1A_IW_GRDH_1SDV_20210501T235958_20210502T000023_037692_047285_1A2B", "2021-05-01"),
            ("s1a-iw-grd-vh-20210501t053000-20210501t053025-037692-047285-002", "2021-05-01"),
        ),
    ),
    DatePattern(
        "interval, days of the year: its middle",
        rf"{START}(\d{{4}})(\d{{3}}){BETWEEN}(\d{{4}})(\d{{3}}){END}",
        lambda *four: _midpoint(_day_of_year(*four[:2]), _day_of_year(*four[2:])),
        (("NDVI_2021121_2021136", "2021-05-08"),),
    ),
    DatePattern(
        "year, month, day, separated, perhaps with a time, as STAC's datetime",
        rf"{START}{SEPARATED_DAY}{CLOCK}{END}",
        _date,
        (
            ("2021-05-01T10:15:59.024000Z", "2021-05-01"),
            ("B08_2021-05-01", "2021-05-01"),
            ("2021:05:01 10:15:59", "2021-05-01"),
        ),
    ),
    DatePattern(
        "year, month, day as eight digits, perhaps with a time",
        rf"{START}{YYYYMMDD}(?:[T _]?\d{{6}}(?:\.\d+)?Z?|[T_]?\d{{4}})?{END}",
        _date,
        (
            ("NDVI_20210501", "2021-05-01"),
            ("T31UFS_20210501T105031_B8A_20m", "2021-05-01"),
            ("20210501_202106_12_2263_3B_AnalyticMS_SR", "2021-05-01"),
            ("LC08_224078_20210501", "2021-05-01"),
            ("S2B_31UFS_20210501_0_L2A", "2021-05-01"),
        ),
    ),
    DatePattern(
        "day, name of the month, year",
        rf"{START}(\d{{1,2}})[-_. ]?{MONTH_NAME}[-_. ]?(\d{{4}}){END}",
        _named_month,
        (("NDVI 1 May 2021", "2021-05-01"),),
    ),
    DatePattern(
        "year, name of the month, day",
        rf"{START}(\d{{4}})[-_. ]?{MONTH_NAME}[-_. ]?(\d{{1,2}}){END}",
        lambda year, month, day: _named_month(day, month, year),
        (("2021May01_NDVI", "2021-05-01"),),
    ),
    DatePattern(
        "day, month, year with points",
        rf"{START}(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}){END}",
        lambda day, month, year: _date(year, month, day),
        (("NDVI 05.06.2021", "2021-06-05"),),
    ),
    DatePattern(
        "day and month, whose order is clear only from a number above 12, and year",
        rf"{START}(\d{{1,2}})([-_/])(\d{{1,2}})\2(\d{{4}}){END}",
        lambda one, separator, other, year: _either_order(one, other, year),
        (("NDVI_16-05-2021", "2021-05-16"),),
    ),
    DatePattern(
        "year and day of year",
        rf"{START}(\d{{4}})[-_.]?(?:doy)?(\d{{3}}){END}",
        _day_of_year,
        (
            ("MOD13Q1.A2012273.h12v10.006.2015256070127_NDVI", "2012-09-29"),
            ("HLS.L30.T31UFS.2012273T103626.v2.0.B04", "2012-09-29"),
            ("MOD13Q1.061__250m_16_days_NDVI_doy2012273_aid0001", "2012-09-29"),
            ("SEN2L_B02_2012_273", "2012-09-29"),
        ),
    ),
)

MONTH_PATTERNS = (
    DatePattern(
        "interval of months, separated: its middle",
        rf"{START}(\d{{4}})[-_.](\d{{2}}){BETWEEN}(\d{{4}})[-_.](\d{{2}}){END}",
        _middle_of_months,
        (("planet_medres_normalized_analytic_2020-06_2020-08_mosaic", "2020-07-17"),),
    ),
    DatePattern(
        # Not 2021-02-30: the month of a day that does not exist is no date either.
        "year and month, separated: middle of the month",
        rf"{START}(\d{{4}})([-_.])(\d{{2}}){END}(?!\2\d{{1,2}}(?!\d|k?m\b))",
        lambda year, _, month: _date(year, month, MIDDLE_OF_MONTH),
        (("B02_2017-11", "2017-11-15"),),
    ),
    DatePattern(
        "name of the month and year: middle of the month",
        rf"(?<![A-Za-z]){MONTH_NAME}[-_. ]?(\d{{4}}){END}",
        lambda month, year: _named_month(MIDDLE_OF_MONTH, month, year),
        (("NDVI_May2021", "2021-05-15"),),
    ),
    DatePattern(
        "year and name of the month: middle of the month",
        rf"{START}(\d{{4}})[-_. ]?{MONTH_NAME}(?![A-Za-z\d])",
        lambda year, month: _named_month(MIDDLE_OF_MONTH, month, year),
        (("2021_May_NDVI", "2021-05-15"),),
    ),
    DatePattern(
        "year and month as six digits: middle of the month",
        rf"{START}(\d{{4}})(\d{{2}}){END}",
        lambda year, month: _date(year, month, MIDDLE_OF_MONTH),
        (("NDVI_202105", "2021-05-15"),),
    ),
)

DATE_PATTERNS = tuple(
    replace(kind, rank=rank)
    for rank, kinds in enumerate((PRODUCT_PATTERNS, DAY_PATTERNS, MONTH_PATTERNS))
    for kind in kinds
)
