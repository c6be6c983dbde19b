"""Inputs of a stack (a file, a folder, a layer) read into bands, notes and possible dates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from qgis.core import Qgis, QgsDateTimeRange, QgsMimeDataUtils, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QDateTime, QMimeData

from ...engine.errors import InputError
from ...engine.imagery import describe_path
from ...engine.imagery.geo.gdal_io import file_name
from ...engine.imagery.geo.types import StackBand
from ...engine.imagery.sensors.band_names import date_choices
from ..common.qt import tr

Key = tuple[str, int]
"""Path and number of a raster band."""
ORDERS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day", "ydm": "year, day, month"}
"""Orders in which people write a date."""


@dataclass(frozen=True)
class InputRead:
    """One input as it was read."""

    bands: tuple[StackBand, ...]
    notes: tuple[str, ...]
    """Sentences about what was left out or is ambiguous."""
    choices: dict[Key, dict[str, str]] = field(default_factory=dict)
    """Possible dates of bands with an ambiguous date, by their order (a key of ORDERS)."""


def read_input(path: str, layer_date: str | None = None) -> InputRead:
    """Bands and notes of one path; ``layer_date`` dates bands without a date. Opens files, raises InputError."""
    found = describe_path(path)
    bands, notes = found.bands, found.notes
    if layer_date and any(band.date is None for band in bands):
        bands = tuple(replace(band, date=band.date or layer_date) for band in bands)
        note = tr("{name}: the date {date} is the middle of the layer's temporal range.")
        # The notes of the file may report the missing date that the layer gives.
        notes = (note.format(name=file_name(path), date=layer_date),)
    undated = [band for band in bands if band.date is None]
    # Thousands of bands may share one file name.
    orders = {name: in_orders(name, date_choices(Path(name).stem)) for name in {file_name(b.path) for b in undated}}
    choices = {(b.path, b.index): orders[file_name(b.path)] for b in undated if len(orders[file_name(b.path)]) > 1}
    # The form offers ambiguous dates as links, so their notes are dropped.
    offered = {" or ".join(sorted(set(dates.values()))) for dates in choices.values()}
    return InputRead(bands, tuple(note for note in notes if not any(one in note for one in offered)), choices)


def read_inputs(paths: Iterable[str], dates: dict[str, str]) -> dict[str, InputRead | InputError]:
    """Each path as :func:`read_input` reads it, or the reason why it cannot be read."""
    found: dict[str, InputRead | InputError] = {}
    for path in paths:
        try:
            found[path] = read_input(path, dates.get(path))
        except InputError as problem:
            found[path] = problem
    return found


def in_orders(text: str, dates: Iterable[str]) -> dict[str, str]:
    """The ISO ``dates`` by the order of day, month and year in which ``text`` shows them."""
    found = {}
    for date in dates:
        year, month, day = date.split("-")
        numbers = {"y": f"(?:{year}|{year[2:]})", "m": f"0?{int(month)}", "d": f"0?{int(day)}"}
        for order in ORDERS:
            if re.search(r"(?<!\d)" + r"[-_./ ]?".join(numbers[letter] for letter in order) + r"(?!\d)", text):
                found[order] = date
    return found


def date_of_layer(layer: QgsRasterLayer) -> str | None:
    """The middle of the fixed temporal range of a layer, as an ISO date; None without one."""
    temporal = layer.temporalProperties()
    fixed = Qgis.RasterTemporalMode.FixedTemporalRange
    if temporal is None or not temporal.isActive() or temporal.mode() != fixed:
        return None
    return middle_of(temporal.fixedTemporalRange())


def middle_of(dates: QgsDateTimeRange) -> str | None:
    """The day in the middle of a range, or its only end; None for a range without ends."""
    ends = [end for end in (dates.begin(), dates.end()) if end.isValid()]
    if not ends:
        return None
    middle: QDateTime = ends[0].addMSecs(ends[0].msecsTo(ends[-1]) // 2)
    return middle.toString("yyyy-MM-dd")


def dropped(mime: QMimeData) -> list[QgsRasterLayer | str]:
    """The dropped layers (from QGIS's layer panel) and paths (from its browser or a file manager)."""
    if not QgsMimeDataUtils.isUriList(mime):
        return [url.toLocalFile() or url.toString() for url in mime.urls()]
    found: list[QgsRasterLayer | str] = []
    for uri in QgsMimeDataUtils.decodeUriList(mime):
        layer = QgsProject.instance().mapLayer(uri.layerId)
        if isinstance(layer, QgsRasterLayer):
            found.append(layer)
        elif layer is None and uri.uri:
            found.append(uri.uri)
    return found
