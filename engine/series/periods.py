"""Calendar periods of equal length over a season, and which dates fall into each."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .dates import season_date

MONTH = "month"
"""A period that is a calendar month; every other one is a number of days."""
DAYS_OF_MONTH = 365.25 / 12
LONGEST_PERIOD = 366


@dataclass(frozen=True)
class Periods:
    """Consecutive periods, and which dates of a series fall into each."""

    dates: tuple[str, ...]
    """(g,) ISO date of the middle of each period, ascending."""
    period_of_date: np.ndarray
    """(t,) int64 period of each date of the series; -1 for a date outside the season."""
    step: float
    """Days from one period to the next; a month counts as 30.4."""

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def empty(self) -> int:
        """Number of periods that have no date at all."""
        return len(self) - len(np.unique(self.period_of_date[self.period_of_date >= 0]))


def season_periods(dates: Sequence[str], period: str, start: str = "", end: str = "") -> Periods:
    """The periods of a season.

    Periods of days are counted from ``start``; without one from 1 January of the first date's year, so that stacks
    of several years share one calendar. A period belongs to the season when its middle does, and only dates from
    ``start`` to ``end`` are used.

    Parameters
    ----------
    dates : (t,) ISO dates, ascending.
    period : ``month`` or the number of days, 1 to 366.
    start, end : first and last ISO date of the season; empty: all dates.

    Raises
    ------
    InputError
        ``period`` or ``season`` for a text that is neither, ``no-dates`` when no date is in the season,
        ``period-too-long`` when the season holds fewer than two periods or is shorter than one.
    """
    days = period_days(period)
    earliest, latest = (season_date(text, name) if text else None for text, name in ((start, "start"), (end, "end")))
    if earliest and latest and earliest > latest:
        raise InputError("season", f"The season ends on {end}, before it starts on {start}.", "Exchange the two dates.")
    seen = [datetime.date.fromisoformat(date) for date in dates]
    inside = [d for d in seen if (not earliest or d >= earliest) and (not latest or d <= latest)]
    if not inside:
        raise InputError(
            "no-dates",
            f"No date is in the season from {start or 'the first'} to {end or 'the last'}: "
            f"the dates go from {dates[0]} to {dates[-1]}.",
            "Correct the start or the end.",
        )
    starts = _starts(earliest or inside[0], latest or inside[-1], days, counted=earliest)
    middles = [first + (following - first - datetime.timedelta(1)) // 2 for first, following in zip(starts, starts[1:])]
    kept = [
        n
        for n, middle in enumerate(middles)
        if (not earliest or middle >= earliest) and (not latest or middle <= latest)
    ]
    if len(kept) < 2 or (days or 0) > (inside[-1] - inside[0]).days + 1:
        what = "A month" if days is None else f"A period of {days} days"
        raise InputError(
            "period-too-long",
            f"{what} is too long for the season: its dates go from {inside[0]} to {inside[-1]}, "
            "and at least two periods are needed.",
            "Choose a shorter period or a longer season.",
        )
    bounds = np.array([starts[n].toordinal() for n in (*kept, kept[-1] + 1)])
    ordinals = np.array([d.toordinal() for d in seen])
    period_of_date = np.searchsorted(bounds, ordinals, side="right") - 1
    period_of_date[(period_of_date >= len(kept)) | ~np.isin(ordinals, [d.toordinal() for d in inside])] = -1
    return Periods(
        tuple(middles[n].isoformat() for n in kept), period_of_date.astype(np.int64), float(days or DAYS_OF_MONTH)
    )


def middle_distance(dates: Sequence[str], periods: Periods) -> np.ndarray:
    """Return how far each date is from the middle of its period.

    Parameters
    ----------
    dates : sequence of str
        (t,) ISO dates.
    periods : Periods
        The periods into which they fall.

    Returns
    -------
    (t,) float32
        Days; meaningless for a date outside the season.
    """
    days = np.array([datetime.date.fromisoformat(date).toordinal() for date in dates])
    middles = np.array([datetime.date.fromisoformat(date).toordinal() for date in periods.dates])
    return np.abs(days - middles[periods.period_of_date]).astype(np.float32)


def period_days(period: str) -> int | None:
    """Return the length of a period.

    Parameters
    ----------
    period : str
        ``month`` or a number of days, 1 to 366.

    Returns
    -------
    int or None
        Days; None for a month.

    Raises
    ------
    InputError
        ``period`` for any other text.
    """
    if period == MONTH:
        return None
    if not period.isascii() or not period.isdigit() or not 1 <= int(period) <= LONGEST_PERIOD:
        raise InputError(
            "period", f"'{period}' is not a period.", f"Write a number of days, 1 to {LONGEST_PERIOD}, or {MONTH}."
        )
    return int(period)


def _starts(
    first: datetime.date, last: datetime.date, days: int | None, counted: datetime.date | None
) -> list[datetime.date]:
    """First days of the periods that hold ``first`` to ``last``, and of the one after them."""
    if days is None:
        months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month + 1)
        return [datetime.date(month // 12, month % 12 + 1, 1) for month in months]
    origin = counted or datetime.date(first.year, 1, 1)
    skipped = (first - origin).days // days
    count = ((last - origin).days // days) - skipped + 1
    return [origin + datetime.timedelta(days * (skipped + n)) for n in range(count + 1)]
