"""Names of the values of a classified raster: from its attribute table, its category names, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, open_vector

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
    """Value -> name; empty where the values stand for themselves."""
    warnings: tuple[str, ...] = ()
    """Sentences about what was decided for the user."""


def class_names(band: Any, path: str, column: str) -> ClassNames:
    """The names of a band's values.

    Parameters
    ----------
    column : column of the attribute table that holds the names; empty for the one that is found.

    Raises
    ------
    InputError
        ``field-missing`` for a column there is not, ``class-column`` where several may hold the names.
    """
    columns, linear = attribute_table(band, path)
    if columns:
        return _from_table(columns, linear, path, column)
    if column:
        raise InputError(
            "field-missing",
            f"The label raster {file_name(path)} has no attribute table, so there is no column '{column}' in it.",
            "Leave the field empty: category names or the values themselves are the classes.",
        )
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
        for column in columns:
            if column.name == wanted:
                return column, ()
        raise InputError(
            "field-missing",
            f"The attribute table of the label raster {file} has no column '{wanted}'.",
            f"Its columns are: {', '.join(c.name for c in columns)}.",
        )
    texts = [c for c in columns if c.kind == gdal.GFT_String and len({str(v).strip() for v in c.values}) > 1]
    candidates = [c for c in texts if c.usage == gdal.GFU_Name] or texts
    if len(candidates) <= 1:
        return (candidates[0] if candidates else None), ()
    likely = [c for name in NAME_COLUMNS for c in candidates if c.name.lower() == name]
    others = ", ".join(c.name for c in candidates if not likely or c is not likely[0])
    if not likely:
        raise InputError(
            "class-column",
            f"The attribute table of the label raster {file} has several columns of text: {others}.",
            "Name the one that holds the classes as the class field.",
        )
    sentence = f"Classes of the label raster {file} are named by the column '{likely[0].name}', not by {others}."
    return likely[0], (sentence,)


def attribute_table(band: Any, path: str) -> tuple[list[Column], tuple[int, int]]:
    """Columns of the attribute table, and value of its first row and step between rows where no column has them."""
    table, _ = call_gdal(band.GetDefaultRAT)
    if table is not None and table.GetRowCount() and table.GetColumnCount():
        columns = [_column(table, number) for number in range(table.GetColumnCount())]
        linear, least, step = table.GetLinearBinning()
        return columns, ((int(least), max(1, int(step))) if linear else (0, 1))
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
    from osgeo import ogr

    dataset, layer = open_vector(path, "")
    definition = layer.GetLayerDefn()
    fields = [definition.GetFieldDefn(i) for i in range(definition.GetFieldCount())]
    kinds = {ogr.OFTString: gdal.GFT_String, ogr.OFTReal: gdal.GFT_Real}
    rows = []
    while True:
        feature, _ = call_gdal(layer.GetNextFeature)
        if feature is None:
            break
        rows.append([feature.GetField(i) for i in range(len(fields))])
    return [
        Column(
            field.GetName(),
            gdal.GFU_Generic,
            kinds.get(field.GetType(), gdal.GFT_Integer),
            [("" if row[i] is None else row[i]) for row in rows],
        )
        for i, field in enumerate(fields)
    ]
