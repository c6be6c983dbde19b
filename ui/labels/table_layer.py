"""A table of coordinates (CSV, TSV, semicolons, a sheet) as a layer, its separator and columns found by the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import QgsCoordinateReferenceSystem, QgsFeature, QgsField, QgsGeometry, QgsVectorLayer, QgsWkbTypes
from qgis.PyQt.QtCore import QThread

from ...engine.errors import InputError
from ...engine.imagery.labels.table import open_table

KINDS = {"Integer64": "int8", "Integer": "integer", "Real": "double"}
"""QGIS names of OGR types; all others are text."""
CHUNK = 100
"""Features added at once, so that other threads can run."""


def table_layer(path: str, sheet: str, thread: QThread) -> tuple[QgsVectorLayer, list[str]]:
    """The rows as features of a temporary layer that then belongs to ``thread``, and notes about it.

    May run on any thread. Rows without coordinates are left out.

    Raises
    ------
    InputError
        As :func:`engine.imagery.labels.table.open_table`; ``labels-geometry`` if no row has coordinates.
    """
    dataset, rows, notes = open_table(path, sheet)
    name, layer, count = Path(path).stem, None, 0
    features: list[QgsFeature] = []
    for row in rows:
        geometry = row.GetGeometryRef()
        if geometry is None:
            continue
        shape = QgsGeometry()
        shape.fromWkb(bytes(geometry.ExportToWkb()))
        if shape.type() != QgsWkbTypes.GeometryType.PointGeometry:
            shape.convertToMultiType()
        if layer is None:
            layer = _empty_layer(name, rows, shape)
            fields = layer.fields()
        feature = QgsFeature(fields)
        feature.setAttributes([row.GetField(number) for number in range(row.GetFieldCount())])
        feature.setGeometry(shape)
        features.append(feature)
        count += 1
        if len(features) == CHUNK:
            layer.dataProvider().addFeatures(features)
            features = []
    if layer is None:
        raise InputError("labels-geometry", f"No row of the table {Path(path).name} has coordinates.")
    layer.dataProvider().addFeatures(features)
    del rows, dataset
    left_out = count - layer.featureCount()
    if left_out:
        kind = QgsWkbTypes.displayString(layer.wkbType())
        notes = [*notes, f"{left_out} rows of the table {Path(path).name} are left out: they hold no {kind}."]
    layer.updateExtents()
    layer.moveToThread(thread)
    return layer, notes


def _empty_layer(name: str, rows: Any, shape: QgsGeometry) -> QgsVectorLayer:
    """A layer for shapes of this kind with the columns of the table."""
    layer = QgsVectorLayer(QgsWkbTypes.displayString(QgsWkbTypes.flatType(shape.wkbType())), name, "memory")
    layer.setCrs(_crs(rows))
    layer.dataProvider().addAttributes(_fields(rows))
    layer.updateFields()
    return layer


def _fields(rows: Any) -> list[QgsField]:
    """The columns as fields of QGIS; the names of their types depend on the version of Qt."""
    definition = rows.GetLayerDefn()
    columns = [definition.GetFieldDefn(number) for number in range(definition.GetFieldCount())]
    kinds = "&".join(f"field=f{number}:{KINDS.get(c.GetTypeName(), 'string')}" for number, c in enumerate(columns))
    fields = QgsVectorLayer(f"None?{kinds}", "columns", "memory").fields().toList()
    for field, column in zip(fields, columns):
        field.setName(column.GetName())
    return fields


def _crs(rows: Any) -> QgsCoordinateReferenceSystem:
    crs = rows.GetSpatialRef()
    return (
        QgsCoordinateReferenceSystem.fromWkt(crs.ExportToWkt()) if crs is not None else QgsCoordinateReferenceSystem()
    )
