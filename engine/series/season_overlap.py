"""Whether two series of dates show the same part of the season."""

from __future__ import annotations

import datetime

import numpy as np

from ..errors import InputError
from .series_set import DAYS_PER_YEAR, align_years

FEWEST_COMMON = 4
"""Dates in the common part of the season below which a method has little to compare."""
MARGIN = 8.0
"""Days by which a date may be beyond the other season and still count."""
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
HINT = (
    "Choose rasters of the same part of the season. Where seasons start at different times, as in the other "
    "hemisphere, set the start of the season of both."
)


def season_warnings(source: np.ndarray, target: np.ndarray, names: tuple[str, str], of_span: bool = False) -> list[str]:
    """Compare the days of two sides.

    Parameters
    ----------
    source, target : ndarray of float, shape (t,) and (u,)
        Days of the dates, comparable but for whole years.
    names : tuple of str
        What the two sides are called in messages.
    of_span : bool, optional (default=False)
        Whether ``source`` is only the first and the last day.

    Returns
    -------
    list of str
        A sentence where they have few dates of the season in common; else empty.

    Raises
    ------
    InputError
        ``season-overlap`` where they have no part of the season in common.
    """
    moved = align_years(np.asarray(target, np.float32), np.asarray(source, np.float32))
    low, high = max(source.min(), moved.min()) - MARGIN, min(source.max(), moved.max()) + MARGIN
    spans = f"{names[0]} shows {_span(source)} and {names[1]} {_span(moved)}"
    if low > high:
        raise InputError("season-overlap", f"Source and target share no part of the season: {spans}.", HINT)
    counts = [int(((days >= low) & (days <= high)).sum()) for days in ([moved] if of_span else [source, moved])]
    if min(counts) >= FEWEST_COMMON:
        return []
    shown = " and ".join(f"{count} of {name}" for count, name in zip(counts, names[-len(counts) :]))
    return [f"Few dates are in the common part of the season, {shown}: {spans}. The map may be poor. {HINT}"]


def _span(days: np.ndarray) -> str:
    """The first and the last day as dates without a year, and their number."""
    ends = [datetime.date(2001, 1, 1) + datetime.timedelta(int(round(float(d))) - 1) for d in (days.min(), days.max())]
    first, last = (f"{end.day} {MONTHS[end.month - 1]}" for end in ends)
    whole = days.max() - days.min() >= DAYS_PER_YEAR - MARGIN
    return "the whole year" if whole else first if days.max() == days.min() else f"{first} to {last}"
