"""Dates that R's package terra writes beside a raster, as ``name.tif.aux.json``."""

from __future__ import annotations

import datetime
import json
import os
from contextlib import suppress
from typing import Any

from ...text_files import read_text_file
from ..sensors.band_names import parse_date

EPOCH = datetime.date(1970, 1, 1)
MIDDLE = 15
"""Day given to a month."""


def terra_dates(path: str, count: int) -> list[str | None]:
    """The date of each band; empty without such a file, or where it is of other bands.

    Parameters
    ----------
    path : str
        Of the raster.
    count : int
        Number of its bands.
    """
    beside = path + ".aux.json"
    if not os.path.isfile(beside):
        return []
    content: Any = None
    with suppress(OSError, ValueError):
        content = json.loads(read_text_file(beside))
    times = content.get("time") if isinstance(content, dict) else None
    times = times if isinstance(times, list) else [times]
    if len(times) != count:
        return []
    step = str(content.get("timestep", content.get("step", ""))).lower()
    return [_date(time, step) for time in times]


def _date(time: Any, step: str) -> str | None:
    """ISO date of a text, or of a number in steps since 1970."""
    if isinstance(time, str):
        found = parse_date(time)[0]
        if found or not time.lstrip("-").isdigit():
            return found
        time = int(time)
    if not isinstance(time, (int, float)) or isinstance(time, bool):
        return None
    with suppress(OverflowError, ValueError):
        if step.startswith("sec"):
            return (EPOCH + datetime.timedelta(seconds=float(time))).isoformat()
        if step.startswith(("yearmonth", "year-month")):
            # terra counts years with months as fractions.
            return datetime.date(int(time), int(round(time % 1 * 12)) % 12 + 1, MIDDLE).isoformat()
        if step.startswith("day") or not step:
            return (EPOCH + datetime.timedelta(days=float(time))).isoformat()
    return None
