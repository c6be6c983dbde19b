"""Tables in text form (CSV, TSV, semicolons) as label layers: separator, encoding, numbers and coordinates found.

GDAL reads such files only with commas or tabs in UTF-8 and points as decimal separators; spreadsheets of many
countries write otherwise.
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

import numpy as np
from osgeo import gdal, ogr

from ...errors import InputError
from ..geo.crs import crs_of, epsg
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name

SUFFIXES = (".csv", ".tsv", ".txt")
SEPARATORS = (",", ";", "\t", "|")
X_NAMES = ("longitude", "lon", "long", "lng"), ("x", "easting", "east", "point_x", "coord_x", "x_coord", "xcoord")
Y_NAMES = ("latitude", "lat"), ("y", "northing", "north", "point_y", "coord_y", "y_coord", "ycoord")
"""Columns of coordinates, in degrees and in a projected system; capitals do not matter."""
WKT_NAMES = ("wkt", "geom", "geometry", "the_geom", "wkt_geom", "shape")
INTEGER = re.compile(r"[+-]?\d{1,18}")
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
ACCEPTED = "lon and lat, longitude and latitude, x and y, easting and northing, or wkt"


@dataclass(frozen=True)
class TextTable:
    """A table of texts."""

    header: list[str]
    """Names of the columns."""
    rows: list[list[str]]
    """Values, one list a row, as long as the header."""
    warnings: tuple[str, ...]
    """Sentences about what was decided for the user."""


def is_text_table(path: str) -> bool:
    """Whether a path is that of a table in text form, by its ending.

    Parameters
    ----------
    path : str
    """
    return Path(path).suffix.lower() in SUFFIXES


def read_text_table(path: str) -> TextTable:
    """The table in a text file, whose first row names the columns.

    Parameters
    ----------
    path : str

    Raises
    ------
    InputError
        ``vector-unreadable`` for a file that is missing, empty or no table, naming the row where it breaks.
    """
    name = file_name(path)
    text, warnings = _decoded(path)
    if "\0" in text or not text.strip():
        message = f"The table {name} is {'no text' if text.strip() else 'empty'}."
        raise InputError("vector-unreadable", message, "Export it again as CSV in UTF-8.")
    rows = _rows(text, _separator(text), name)
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
    return TextTable(header, table, warnings)


def open_text_table(path: str) -> tuple[Any, Any, list[str]]:
    """A table with coordinates as a point layer (or the shapes of its WKT column).

    Parameters
    ----------
    path : str

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
        As :func:`read_text_table`, and ``labels-geometry`` where no column holds coordinates.
    """
    table = read_text_table(path)
    name = file_name(path)
    warnings = list(table.warnings)
    shapes, crs = _geometries(table, path, warnings)
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
                feature.SetField(index, _number(text) if kind == ogr.OFTReal else text)
        if shape is not None:
            feature.SetGeometryDirectly(shape)
        layer.CreateFeature(feature)
    layer.ResetReading()
    return dataset, layer, warnings


def _decoded(path: str) -> tuple[str, tuple[str, ...]]:
    data = _bytes(path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace"), ()
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        warning = f"The table {file_name(path)} is not in UTF-8: it is read as Windows-1252 (Western European)."
        return data.decode("cp1252", errors="replace"), (warning,)


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


def _number(text: str) -> float:
    return float(text.replace(",", ".")) if NUMBER.fullmatch(text) else float("nan")


def _geometries(table: TextTable, path: str, warnings: list[str]) -> tuple[list[Any], Any]:
    """The geometry of each row (None where it has none) and the CRS, None when unknown."""
    name = file_name(path)
    own = _sidecar_crs(path)
    for geographic, x_names, y_names in zip((True, False), X_NAMES, Y_NAMES):
        x_column, y_column = (_find_column(table, names, name, warnings) for names in (x_names, y_names))
        if x_column is None or y_column is None:
            continue
        x, y = np.array([[_number(row[c]) for row in table.rows] for c in (x_column, y_column)], np.float64)
        seen = np.isfinite(x) & np.isfinite(y)
        if not seen.any() and len(x):
            continue
        degrees = bool((np.abs(x[seen]) <= 180).all() and (np.abs(y[seen]) <= 90).all())
        if degrees and own is None:
            own = epsg(4326)
            if not geographic:
                both = f"{table.header[x_column]} and {table.header[y_column]}"
                warnings.append(f"The columns {both} of the table {name} hold degrees: WGS 84 is used.")
        return [_point(*xy) if valid else None for *xy, valid in zip(x, y, seen)], own
    wkt = _find_column(table, WKT_NAMES, name, warnings)
    if wkt is None:
        hint = f"Name them {ACCEPTED}; it has {', '.join(table.header[:20])}."
        raise InputError("labels-geometry", f"The table {name} has no columns with coordinates.", hint)
    return _shapes(table, wkt, name, warnings), own


def _find_column(table: TextTable, names: Sequence[str], name: str, warnings: list[str]) -> int | None:
    lower = [column.lower() for column in table.header]
    found = [lower.index(one) for one in names if one in lower]
    if len(found) > 1:
        columns = ", ".join(table.header[i] for i in found)
        warnings.append(f"The table {name} has the columns {columns}: '{table.header[found[0]]}' is used.")
    return found[0] if found else None


def _shapes(table: TextTable, column: int, name: str, warnings: list[str]) -> list[Any]:
    shapes, broken = [], []
    for number, row in enumerate(table.rows, 2):
        text = row[column]
        shape = call_gdal(lambda text=text: ogr.CreateGeometryFromWkt(text))[0] if text else None  # type: ignore[misc]
        if text and shape is None:
            broken.append(number)
        shapes.append(shape)
    if broken and len(broken) == sum(1 for row in table.rows if row[column]):
        message = (
            f"Column '{table.header[column]}' of the table {name} holds no geometry in WKT, as in row {broken[0]}."
        )
        raise InputError("labels-geometry", message, "Write it like POINT(3.7 51.0), or give columns of coordinates.")
    if broken:
        rows = "1 row" if len(broken) == 1 else f"{len(broken):,} rows"
        warnings.append(f"Left out of the table {name}: {rows} whose WKT cannot be read, the first is row {broken[0]}.")
    return shapes


def _point(x: float, y: float) -> Any:
    point = ogr.Geometry(ogr.wkbPoint)
    point.AddPoint_2D(float(x), float(y))
    return point


def _sidecar_crs(path: str) -> Any:
    """The CRS of a ``.prj`` file beside the table, as GDAL and QGIS write it; None without one."""
    prj = Path(path).with_suffix(".prj")
    try:
        return crs_of(prj.read_text("utf-8", errors="replace")) if prj.is_file() else None
    except OSError:
        return None
