"""Values of Processing parameters as plain values: layers become the paths that the engine opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    NULL,
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingUtils,
    QgsProperty,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import Qt

from ...engine import imagery
from ...engine.errors import InputError
from ...engine.imagery.geo.types import StackBand
from ...engine.tasks.specs.band_table import read_band_table
from ..common.inputs import VectorInput, raster_path

Values = dict[str, Any]
"""Values of the parameters of an algorithm as QGIS passes them, by id."""


def plain_value(
    algorithm: QgsProcessingAlgorithm,
    definition: QgsProcessingParameterDefinition,
    parameters: Values,
    context: QgsProcessingContext,
) -> Any:
    """The value of a parameter without layers; None for layers to be written, whose names each thread makes itself."""
    name, kind = definition.name(), definition.type()
    given = parameters.get(name)
    if kind == "multilayer":
        return tuple(map(str, listed(given, context))) if takes_files(definition) else raster_paths(given, context)
    if kind == "source":
        return vector_input(given, definition.description(), context)
    if kind == "layer":
        return mask_input(given, context)
    if kind == "number":
        if definition.defaultValue() is None and not listed(given, context):
            return None
        whole = definition.dataType() == QgsProcessingParameterNumber.Type.Integer
        return (algorithm.parameterAsInt if whole else algorithm.parameterAsDouble)(parameters, name, context)
    if kind == "enum" and definition.allowMultiple():
        # QGIS replaces a name that it does not know by the defaults.
        return names(definition.defaultValue() if given is None else given, context)
    if kind == "datetime":
        return algorithm.parameterAsDateTime(parameters, name, context).date().toString(Qt.DateFormat.ISODate)
    if kind in ("file", "fileDestination"):
        read = algorithm.parameterAsString if kind == "file" else algorithm.parameterAsFileOutput
        return read(parameters, name, context) or None
    if kind == "boolean":
        return algorithm.parameterAsBoolean(parameters, name, context)
    if kind == "enum":
        return algorithm.parameterAsEnumString(parameters, name, context)
    if kind in ("string", "field", "authcfg", "folderDestination"):
        text = algorithm.parameterAsString(parameters, name, context) or ""
        return text.strip() if kind == "string" else text
    return None


def stack_bands(paths: list[str], table: str | None = None) -> tuple[StackBand, ...]:
    """The bands of a band table, else of the rasters as the engine recognises them; empty for neither."""
    if table:
        return read_band_table(table)
    return imagery.describe(paths) if paths else ()


def takes_files(definition: QgsProcessingParameterDefinition) -> bool:
    """Whether a parameter of several inputs takes files of any kind instead of layers."""
    several = isinstance(definition, QgsProcessingParameterMultipleLayers)
    return several and definition.layerType() == QgsProcessing.SourceType.TypeFile


def listed(value: Any, context: QgsProcessingContext) -> list[Any]:
    """The layers and texts of a parameter that takes one or several; empty for none."""
    if isinstance(value, QgsProperty):
        value = value.valueAsString(context.expressionContext())[0]
    # An empty field of a dialog or of a batch arrives as a null that is not None, and whose text is NULL.
    if value is None or value == NULL or value == "":
        return []
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(values) == 1 and isinstance(values[0], str) and not Path(values[0]).exists():
        # The toolbox and older models pass several files as one text.
        values = [part.strip().strip('"') for part in values[0].split(";") if part.strip()]
    return values


def unreadable(value: Any, context: QgsProcessingContext) -> str:
    """The first text of a parameter that names no layer; empty when all do."""
    texts = [str(one) for one in listed(value, context) if not isinstance(one, QgsMapLayer)]
    return next((text for text in texts if QgsProcessingUtils.mapLayerFromString(text, context) is None), "")


def raster_paths(value: Any, context: QgsProcessingContext) -> list[str]:
    """The rasters of a parameter as names GDAL opens.

    Unlike ``parameterAsLayerList`` it keeps what QGIS cannot open, so that the engine names it.
    """
    return [_raster_path(one, context) for one in listed(value, context)]


def _raster_path(value: Any, context: QgsProcessingContext) -> str:
    if isinstance(value, QgsMapLayer):
        return raster_path(value)
    text = str(value)
    if Path(text).exists():
        return text
    layer = QgsProcessingUtils.mapLayerFromString(text, context, False)
    return raster_path(layer) if isinstance(layer, QgsRasterLayer) else text


def vector_input(value: Any, label: str, context: QgsProcessingContext) -> VectorInput | None:
    """The vector layer of a parameter, or its selected features if the user chose so; None for none.

    Raises
    ------
    InputError
        ``labels-unreadable``, naming the parameter by its ``label``.
    """
    selected_only = False
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        selected_only, value = value.selectedFeaturesOnly, value.source
    values = listed(value, context)
    if not values:
        return None
    layer = _layer(values[0], context)
    if not isinstance(layer, QgsVectorLayer):
        hint = "Check that it exists and is a point or polygon layer."
        raise InputError("labels-unreadable", f"{label}: {values[0]} cannot be read.", hint)
    return VectorInput.of(layer, selected_only)


def mask_input(value: Any, context: QgsProcessingContext) -> VectorInput | str | None:
    """The mask of a parameter: a raster by its path, polygons with their unsaved edits; None for none."""
    values = listed(value, context)
    if not values:
        return None
    layer = _layer(values[0], context)
    if isinstance(layer, QgsVectorLayer):
        return VectorInput.of(layer)
    return raster_path(layer) if isinstance(layer, QgsRasterLayer) else str(values[0])


def _layer(value: Any, context: QgsProcessingContext) -> QgsMapLayer | None:
    return value if isinstance(value, QgsMapLayer) else QgsProcessingUtils.mapLayerFromString(str(value), context)


def names(value: Any, context: QgsProcessingContext) -> tuple[str, ...]:
    """The names of a parameter that takes several: as a list, or in one text with commas or semicolons."""
    texts = [part for one in listed(value, context) for part in str(one).replace(";", ",").split(",")]
    return tuple(text.strip() for text in texts if text.strip())
