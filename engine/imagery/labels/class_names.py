"""Names of the values of a classified raster: from its attribute table, its category names, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osgeo import gdal, ogr

from ...errors import InputError
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, open_vector
from ..geo.text_encoding import TextDecoder, raw_bytes

VALUE_COLUMNS = ("value", "code", "class", "id", "class_value", "pixel_value")
NAME_COLUMNS = ("class_name", "class_names", "classname", "name", "label", "crop", "class", "landcover", "category")
"""Columns of an attribute table that hold values and names, the likeliest in front; capitals do not matter."""


@dataclass(frozen=True)
class Column:
    """One column of an attribute table."""

    name: str
    usage: int
    """``gdal.GFU_...``."""
    kind: int
    """``gdal.GFT_...``."""
    values: list[Any]


@dataclass(frozen=True)
class ClassNames:
    """What the values of a classified raster are called."""

    names: dict[int, str]
    """Value -> name; empty where the values are their own names."""
    warnings: tuple[str, ...] = ()
    """Sentences about what was decided for the user."""


def class_names(band: Any, path: str, column: str) -> ClassNames:
    """The names of a band's values.

    Parameters
    ----------
    band : gdal.Band
    path : str
        Its file.
    column : str
        Column of the attribute table that holds the names; empty for the one that is found.

    Raises
    ------
    InputError
        ``field-missing`` for a column there is not, ``class-column`` where several may hold the names.
    """
    columns, linear = attribute_table(band, path)
    if columns:
        return _from_table(columns, linear, path, column)
    if column:
        message = f"The label raster {file_name(path)} has no attribute table, so it has no column '{column}'."
        hint = "Leave the field empty: category names or the values themselves are the classes."
        raise InputError("field-missing", message, hint)
    categories = band.GetCategoryNames() or []
    return ClassNames({value: name.strip() for value, name in enumerate(categories) if name and name.strip()})


def _from_table(columns: Sequence[Column], first: tuple[int, int], path: str, wanted: str) -> ClassNames:
    numbers = _value_column(columns)
    rows = len(columns[0].values)
    values = [int(v) for v in numbers.values] if numbers else [first[0] + first[1] * row for row in range(rows)]
    texts = [c for c in columns if c is not numbers]
    names, warnings = _name_column(columns if wanted else texts, path, wanted)
    if names is None:
        return ClassNames({})
    called = {value: str(name).strip() for value, name in zip(values, names.values)}
    return ClassNames({value: name for value, name in called.items() if name}, warnings)


def _value_column(columns: Sequence[Column]) -> Column | None:
    numeric = [c for c in columns if c.kind != gdal.GFT_String]
    found = [c for c in numeric if c.usage in (gdal.GFU_MinMax, gdal.GFU_Min)]
    by_name = {c.name.lower(): c for c in numeric}
    found += [by_name[name] for name in VALUE_COLUMNS if name in by_name]
    return found[0] if found else None


def _name_column(columns: Sequence[Column], path: str, wanted: str) -> tuple[Column | None, tuple[str, ...]]:
    file = file_name(path)
    if wanted:
        named = [column for column in columns if column.name == wanted]
        if named:
            return named[0], ()
        message = f"The attribute table of the label raster {file} has no column '{wanted}'."
        raise InputError("field-missing", message, f"Its columns are: {', '.join(c.name for c in columns)}.")
    texts = [c for c in columns if c.kind == gdal.GFT_String and len({str(v).strip() for v in c.values}) > 1]
    candidates = [c for c in texts if c.usage == gdal.GFU_Name] or texts
    if len(candidates) <= 1:
        return (candidates[0] if candidates else None), ()
    likely = [c for name in NAME_COLUMNS for c in candidates if c.name.lower() == name]
    others = ", ".join(c.name for c in candidates if not likely or c is not likely[0])
    if not likely:
        message = f"The attribute table of the label raster {file} has several columns of text: {others}."
        raise InputError("class-column", message, "Name the one that holds the classes as the class field.")
    sentence = f"Classes of the label raster {file} are named by the column '{likely[0].name}', not by {others}."
    return likely[0], (sentence,)


def attribute_table(band: Any, path: str) -> tuple[list[Column], tuple[int, int]]:
    """Read an attribute table.

    Parameters
    ----------
    band : gdal.Band
    path : str
        Its file.

    Returns
    -------
    columns : list of Column
        Empty without a table.
    linear : tuple of int
        Value of the first row and step between rows, where no column holds the values.
    """
    table, _ = call_gdal(band.GetDefaultRAT)
    if table is not None and table.GetRowCount() and table.GetColumnCount():
        columns = [_column(table, number) for number in range(table.GetColumnCount())]
        linear, first, step = table.GetLinearBinning()
        return columns, ((int(first), max(1, int(step))) if linear else (0, 1))
    # Esri's table beside a GeoTIFF, which GDAL reads by itself only from 3.11 on.
    sidecar = Path(path + ".vat.dbf")
    return (_dbf_columns(str(sidecar)) if sidecar.is_file() else []), (0, 1)


def _column(table: Any, number: int) -> Column:
    kind = table.GetTypeOfCol(number)
    read = {gdal.GFT_String: table.GetValueAsString, gdal.GFT_Integer: table.GetValueAsInt}.get(
        kind, table.GetValueAsDouble
    )
    values = [read(row, number) for row in range(table.GetRowCount())]
    return Column(table.GetNameOfCol(number), table.GetUsageOfCol(number), kind, values)


def _dbf_columns(path: str) -> list[Column]:
    dataset, layer = open_vector(path, "")
    definition = layer.GetLayerDefn()
    fields = [definition.GetFieldDefn(i) for i in range(definition.GetFieldCount())]
    kinds = {ogr.OFTString: gdal.GFT_String, ogr.OFTReal: gdal.GFT_Real}
    types = [kinds.get(field.GetType(), gdal.GFT_Integer) for field in fields]
    rows: list[list[Any]] = []
    while (feature := call_gdal(layer.GetNextFeature)[0]) is not None:
        rows.append(["" if (value := feature.GetField(i)) is None else value for i in range(len(fields))])
    texts = [raw_bytes(value) for row in rows for value in row if isinstance(value, (str, bytes))]
    decoder = TextDecoder([*texts, *(raw_bytes(field.GetNameRef()) for field in fields)])

    def text(value: Any) -> Any:
        return decoder.decode(raw_bytes(value)) if isinstance(value, (str, bytes)) else value

    return [
        Column(text(field.GetNameRef()), gdal.GFU_Generic, types[i], [text(row[i]) for row in rows])
        for i, field in enumerate(fields)
    ]
