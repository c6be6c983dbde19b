"""Dates as people type them."""

from __future__ import annotations

from functools import lru_cache

from ...engine.imagery.sensors.band_names import parse_date as find_date


@lru_cache(maxsize=4096)
def parse_date(text: str) -> str | None:
    """A date in any form that file names use, as an ISO date; None unless there is exactly one."""
    date, rest = find_date(text)
    return date if not rest.strip() else None


def is_date(text: str | None) -> bool:
    """Whether the text is an ISO date."""
    return bool(text) and parse_date(text) == text
