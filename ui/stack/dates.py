"""Dates as people type them."""

from __future__ import annotations

from functools import lru_cache

from ...engine.imagery.sensors.band_names import parse_date as find_date


@lru_cache(maxsize=4096)
def parse_date(text: str) -> str | None:
    """A date in any spelling that file names use, as an ISO date; None when there is more or less than one."""
    date, rest = find_date(text)
    return date if not rest.strip() else None


def is_date(text: str | None) -> bool:
    """Whether the text is a date as the table writes it; a text that was typed in wrongly is not."""
    return bool(text) and parse_date(text) == text
