"""Dates as texts."""

from __future__ import annotations

import datetime

from ..errors import InputError


def parse_iso_date(text: str) -> datetime.date | None:
    """The date that a text names.

    Parameters
    ----------
    text : str

    Returns
    -------
    datetime.date or None
        None unless the text has the form ``YYYY-MM-DD``.
    """
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    # Python 3.11 also reads 20210301 and 2021-W09-1, which do not sort as texts.
    return date if date.isoformat() == text else None


def season_date(text: str, name: str) -> datetime.date:
    """The first or last date of a season.

    Parameters
    ----------
    text : str
        ``YYYY-MM-DD``.
    name : str
        ``start`` or ``end``, for the message.

    Returns
    -------
    datetime.date

    Raises
    ------
    InputError
        ``season``.
    """
    date = parse_iso_date(text)
    if date is None:
        hint = "Write year, month and day: 2021-03-01."
        raise InputError("season", f"The {name} of the season, '{text}', is not a date.", hint)
    return date
