"""The band table of a stack as a CSV file: written as recognised, corrected by a person, and read back."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError, writing
from ...imagery import StackBand
from ...imagery.geo.types import Encoding
from ...imagery.labels.table import Table, read_table
from ...imagery.labels.table_coordinates import number_of
from ...imagery.sensors.band_names import date_choices, parse_date
from ...imagery.sensors.quality_flags import is_quality
from ...imagery.stack.band_report import BandRow
from .limits import EncodingLimits

COLUMNS = ("file", "number", "date", "band", "unit", "scale", "offset", "nodata", "observed", "note")


def table_cells(rows: Sequence[BandRow], folder: str = "") -> list[list[str]]:
    """The cells of a band table, in the order of ``COLUMNS``.

    Parameters
    ----------
    rows : sequence of BandRow
    folder : str, optional
        Of the table: files below it are written relative to it.
    """
    return [
        [
            _relative(row.band.path, folder),
            str(row.band.index),
            row.band.date or "",
            row.band.band or "",
            row.unit,
            "" if row.scale is None else repr(float(row.scale)),
            "" if row.offset is None else repr(float(row.offset)),
            row.nodata,
            f"{row.observed:.3f}",
            row.note,
        ]
        for row in rows
    ]


def write_band_table(rows: Sequence[BandRow], path: str) -> None:
    """Write a band table; on failure no part of it stays.

    Parameters
    ----------
    rows : sequence of BandRow
    path : str
        Of the CSV file, in UTF-8.

    Raises
    ------
    InputError
        ``output-unwritable``.
    """
    part = Path(f"{path}.part")
    with writing(path):
        try:
            with part.open("w", encoding="utf-8-sig", newline="") as file:
                csv.writer(file).writerows([COLUMNS, *table_cells(rows, os.path.dirname(os.path.abspath(path)))])
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def read_band_table(path: str) -> tuple[StackBand, ...]:
    """The raster bands that a band table names; rows that were removed are left out of the stack.

    Parameters
    ----------
    path : str
        A table in text form with the columns ``file``, ``number``, ``date`` and ``band``; ``scale``, ``offset`` and
        ``nodata`` are optional, others are ignored.

    Raises
    ------
    InputError
        ``band-table``, naming the row and column that is wrong; ``vector-unreadable`` for a file that is no table.
    """
    table = read_table(path)
    place = {title.strip().lower(): number for number, title in enumerate(table.header)}
    missing = [name for name in ("file", "number", "date", "band") if name not in place]
    name = Path(path).name
    if missing:
        hint = "Make it by: croptransfer describe STACK --output table.csv"
        raise InputError("band-table", f"The band table {name} has no column {', '.join(missing)}.", hint)
    bands = [_band(table, place, row, f"Row {number} of the band table {name}", path) for number, row in _rows(table)]
    if not bands:
        raise InputError("band-table", f"The band table {name} has no rows.", "Keep the rows of the bands to read.")
    return tuple(bands)


def _rows(table: Table) -> list[tuple[int, list[str]]]:
    return list(enumerate(table.rows, 2))


def _band(table: Table, place: dict[str, int], row: Sequence[str], where: str, path: str) -> StackBand:
    cells = {title: row[number] for title, number in place.items()}
    if not cells["file"] or not cells["number"].isdigit():
        raise InputError("band-table", f"{where} has no file or number of a band.", "Write both, or remove the row.")
    for title in ("date", "band"):
        if not cells[title]:
            raise InputError("band-table", f"{where} has no {title}.", f"Write the {title}, or remove the row.")
    choices = date_choices(cells["date"])
    date = None if choices else parse_date(cells["date"])[0]
    if date is None:
        reason = f"may be {' or '.join(choices)}" if choices else "is no date"
        raise InputError("band-table", f"{where}: {cells['date']} {reason}.", "Write it as 2021-05-01.")
    file = cells["file"]
    beside = os.path.join(os.path.dirname(os.path.abspath(path)), file)
    file = beside if not os.path.isabs(file) and os.path.exists(beside) else file
    encoding = None if is_quality(cells["band"]) else _encoding(cells, where)
    return StackBand(file, int(cells["number"]), date, cells["band"], encoding)


def _encoding(cells: dict[str, str], where: str) -> Encoding | None:
    numbers = {}
    for title in ("scale", "offset"):
        text = cells.get(title, "")
        value = number_of(text) if text else None
        if value is not None and (value != value or (title == "scale" and value == 0)):
            raise InputError("band-table", f"{where}: the {title} is {text}.", "Write a number, or leave it empty.")
        numbers[title] = value
    found = Encoding(cells.get("nodata", "") or None, **numbers)
    problem = EncodingLimits("band-table", where).problem(found)
    if problem:
        raise problem
    return None if found == Encoding() else found


def _relative(path: str, folder: str) -> str:
    below = folder and os.path.isabs(path) and path.startswith(os.path.join(folder, ""))
    return os.path.relpath(path, folder) if below else path
