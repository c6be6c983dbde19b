"""Tables (CSV, TSV, semicolons, spreadsheets) as label layers: separator, encoding, numbers and coordinates found.

GDAL reads tables in text form only with commas or tabs in UTF-8 and points as decimal separators; spreadsheets of many
countries write otherwise. Spreadsheets themselves (xlsx, ods, xls) are read by GDAL, all cells as texts.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osgeo import gdal, ogr

from ...errors import InputError
from ...text_files import decode_marked
from ..geo.gdal_errors import call_gdal, gdal_options
from ..geo.gdal_io import file_name, open_vector
from ..geo.text_encoding import TextDecoder
from .table_coordinates import NUMBER, TableCoordinates, number_of

SHEETS = (".xlsx", ".xlsm", ".ods", ".xls")
SUFFIXES = (".csv", ".tsv", ".txt", *SHEETS)
PLAIN_CELLS = {
    f"OGR_{driver}_{key}": value
    for driver in ("XLSX", "ODS", "XLS")
    for key, value in (("HEADERS", "DISABLE"), ("FIELD_TYPES", "STRING"))
}
"""GDAL's options to read a sheet from its first row on, without a guess at types."""
SEPARATORS = (",", ";", "\t", "|")
ENOUGH_BYTES = 2**22
"""Bytes of a table that are looked at to guess its encoding."""
INTEGER = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True)
class Table:
    """A table whose cells are texts."""

    header: list[str]
    """Names of the columns."""
    rows: list[list[str]]
    """Values, one list a row, as long as the header."""
    warnings: tuple[str, ...]
    """Sentences about what was decided for the user."""


def is_table(path: str) -> bool:
    """Whether a path is that of a table in text form or of a spreadsheet, by its ending.

    Parameters
    ----------
    path : str
    """
    return Path(path).suffix.lower() in SUFFIXES


def read_table(path: str, sheet: str = "") -> Table:
    """The table in a file, whose first row names the columns.

    Parameters
    ----------
    path : str
    sheet : str, optional
        Of a spreadsheet, as :func:`.layer_source.split_layer` gives it; empty for the only one.

    Raises
    ------
    InputError
        ``vector-unreadable`` for a file that is missing, empty or no table, naming the row where it breaks;
        ``layer-missing`` naming the sheets.
    """
    if Path(path).suffix.lower() in SHEETS:
        return _read_sheet(path, sheet)
    name = file_name(path)
    text, warnings = _decoded(path)
    if "\0" in text or not text.strip():
        message = f"The table {name} is {'no text' if text.strip() else 'empty'}."
        raise InputError("vector-unreadable", message, "Export it again as CSV in UTF-8.")
    # Excel's own line in front names the separator.
    named = re.match(r"\s*\"?sep=(.)\"?[^\r\n]*\r?\n", text, re.IGNORECASE)
    text = text[named.end() :] if named else text
    rows = _rows(text, named.group(1) if named else _separator(text), name)
    header = [column.strip() for column in rows[0]]
    table = []
    for number, row in enumerate(rows[1:], 2):
        extra = [value for value in row[len(header) :] if value.strip()]
        if extra:
            message = (
                f"Row {number} of the table {name} has {len(row)} values, its first row has {len(header)} columns."
            )
            hint = "Put values that hold the separator between quotation marks."
            raise InputError("vector-unreadable", message, hint)
        table.append([value.strip() for value in row[: len(header)]] + [""] * (len(header) - len(row)))
    return Table(header, table, warnings)


def _read_sheet(path: str, sheet: str) -> Table:
    with gdal_options(PLAIN_CELLS):
        dataset, layer = open_vector(path, sheet)
        columns = range(layer.GetLayerDefn().GetFieldCount())
        rows = [[feature.GetFieldAsString(i).strip() for i in columns] for feature in layer]
    rows = [row for row in rows if any(row)]
    if not rows:
        message = f"The table {file_name(path)} is empty."
        raise InputError(
            "vector-unreadable", message, "Choose the sheet with the labels, its columns in the first row."
        )
    used = [i for i in columns if any(row[i] for row in rows)]
    return Table([rows[0][i] for i in used], [[row[i] for i in used] for row in rows[1:]], ())


def open_table(path: str, sheet: str = "") -> tuple[Any, Any, list[str]]:
    """A table with coordinates as a point layer (or the shapes of its WKT column).

    Parameters
    ----------
    path, sheet : str
        As of :func:`read_table`.

    Returns
    -------
    dataset : ogr.DataSource
    layer : ogr.Layer
        With all columns as fields (whole numbers and numbers as such); a row without coordinates has no geometry.
    warnings : list of str
        Sentences for the user.

    Raises
    ------
    InputError
        As :func:`read_table`, and ``labels-geometry`` where no column holds coordinates.
    """
    table = read_table(path, sheet)
    name = file_name(path)
    warnings = list(table.warnings)
    places = TableCoordinates(table.header, table.rows, path)
    shapes, crs = places.geometries()
    warnings += places.warnings
    dataset = ogr.GetDriverByName("Memory").CreateDataSource(name)
    layer = dataset.CreateLayer(Path(path).stem, crs, ogr.wkbUnknown)
    columns = [[row[i] for row in table.rows] for i in range(len(table.header))]
    kinds = [_kind(column) for column in columns]
    for column, kind in zip(_distinct(table.header), kinds):
        layer.CreateField(ogr.FieldDefn(column, kind))
    definition = layer.GetLayerDefn()
    for row, shape in zip(table.rows, shapes):
        feature = ogr.Feature(definition)
        for index, (text, kind) in enumerate(zip(row, kinds)):
            if text:
                feature.SetField(index, number_of(text) if kind == ogr.OFTReal else text)
        if shape is not None:
            feature.SetGeometryDirectly(shape)
        layer.CreateFeature(feature)
    layer.ResetReading()
    return dataset, layer, warnings


def _decoded(path: str) -> tuple[str, tuple[str, ...]]:
    data = _bytes(path)
    marked = decode_marked(data)
    if marked is not None:
        return marked, ()
    # Each value by itself: what is beyond ASCII is in a few of them.
    decoder = TextDecoder(re.findall(rb"[^,;|\t\r\n\"]+", data[:ENOUGH_BYTES]))
    name = file_name(path)
    if decoder.fails:
        message = f"The table {name} is in an unknown encoding."
        raise InputError("text-encoding", message, "Save it again as CSV in UTF-8.")
    if decoder.encoding is None:
        return data.decode("utf-8", "replace"), ()
    warning = f"The table {name} is not in UTF-8: its encoding is taken for {decoder.title}."
    return data.decode(decoder.encoding, "replace"), (warning + " If names look wrong, save it in UTF-8.",)


def _bytes(path: str) -> bytes:
    if path.startswith("/vsi"):
        # In an archive or on a server, where only GDAL gets at it.
        size = call_gdal(lambda: gdal.VSIStatL(path))[0]
        file = call_gdal(lambda: gdal.VSIFOpenL(path, "rb"))[0] if size else None
        if file is not None:
            data = call_gdal(lambda: gdal.VSIFReadL(1, size.size if size else 0, file))[0]
            gdal.VSIFCloseL(file)
            return bytes(data or b"")
    try:
        return Path(path).read_bytes()
    except OSError as fault:
        missing = isinstance(fault, FileNotFoundError)
        reason = "does not exist" if missing else f"cannot be read: {fault.strerror}"
        hint = "Choose a point or polygon layer."
        raise InputError("vector-unreadable", f"The vector layer {path} {reason}.", hint) from fault


def _separator(text: str) -> str:
    """The separator by which the first rows have the most columns, all of them as many."""
    best, columns = ",", 1
    first = list(itertools.islice(io.StringIO(text, newline=""), 50))
    for separator in SEPARATORS:
        widths = [len(row) for row in csv.reader(first, delimiter=separator) if row]
        if widths and widths[0] > columns and sum(width == widths[0] for width in widths) > len(widths) / 2:
            best, columns = separator, widths[0]
    return best


def _rows(text: str, separator: str, name: str) -> list[list[str]]:
    # One value longer than 128 KB, such as the outline of a large polygon, is no fault.
    limit = csv.field_size_limit(2**31 - 1)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        return [row for row in rows if any(value.strip() for value in row)]
    except csv.Error as fault:
        hint = "Export it again as CSV in UTF-8."
        raise InputError("vector-unreadable", f"The table {name} cannot be read: {fault}.", hint) from fault
    finally:
        csv.field_size_limit(limit)


def _distinct(header: Sequence[str]) -> list[str]:
    """Names of the columns; one that occurs twice or is empty gets a number."""
    names: list[str] = []
    for number, name in enumerate(header, 1):
        names.append(name if name and name not in names else f"{name or 'column'}_{number}")
    return names


def _kind(values: Sequence[str]) -> int:
    """OGR type of a column: codes with leading zeros stay texts."""
    filled = [value for value in values if value]
    if not filled or any(value.lstrip("+-")[:1] == "0" and value.lstrip("+-")[1:2].isdigit() for value in filled):
        return int(ogr.OFTString)
    if all(INTEGER.fullmatch(value) for value in filled):
        return int(ogr.OFTInteger64)
    return int(ogr.OFTReal if all(NUMBER.fullmatch(value) for value in filled) else ogr.OFTString)
