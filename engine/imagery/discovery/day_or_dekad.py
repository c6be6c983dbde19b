"""Seven digits such as 2021031 are a day of the year or a dekad of a month: all names of a stack decide together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..geo.gdal_io import file_name, open_raster
from ..geo.types import StackBand
from ..sensors.band_names import date_choices
from ..sensors.date_patterns import day_or_dekad
from .raster_bands import stem_of

NUMBER = re.compile(r"(?<!\d)(\d{4})(\d{3})(?!\d)")
ENOUGH = 4
"""Numbers that all look like dekads, at least: of so many days of the year one would end in another digit."""


def settle_dates(bands: Sequence[StackBand]) -> tuple[list[StackBand], list[str]]:
    """Date the bands whose seven digits may be a day of the year or a dekad, where the other bands decide it.

    Parameters
    ----------
    bands : sequence of StackBand
        Of a stack.

    Returns
    -------
    bands : list of StackBand
    notes : list of str
        Sentences about what was decided.
    """
    if all(band.date for band in bands):
        return list(bands), []
    opened: dict[str, Any] = {}
    texts = [_text(band, opened) for band in bands]
    found = [NUMBER.search(text) for text in texts]
    open_ones = [i for i, one in enumerate(found) if one and not bands[i].date and len(date_choices(texts[i])) == 2]
    numbers = {one.groups() for one in found if one}
    readings = {number: day_or_dekad(*number) for number in numbers}
    if not open_ones or (all(len(dates) == 2 for dates in readings.values()) and len(numbers) < ENOUGH):
        return list(bands), []
    dekads = all(len(dates) == 2 for dates in readings.values())
    settled = list(bands)
    for i in open_ones:
        dates = readings[found[i].groups()]  # type: ignore[union-attr]
        settled[i] = replace(bands[i], date=dates["dekad" if dekads else "day"])
    what, other = ("dekads of months", "days of the year") if dekads else ("days of the year", "dekads of months")
    first = found[open_ones[0]].group()  # type: ignore[union-attr]
    name = file_name(bands[open_ones[0]].path)
    return settled, [f"Dates of {name} such as {first} are read as {what}, not as {other}: all of them fit."]


def _text(band: StackBand, opened: dict[str, Any]) -> str:
    """The description of a band, or the name of its file."""
    if band.path not in opened:
        opened[band.path] = open_raster(band.path)
    dataset = opened[band.path]
    description = dataset.GetRasterBand(band.index).GetDescription() if band.index <= dataset.RasterCount else ""
    return description if description and NUMBER.search(description) else stem_of(band.path)
