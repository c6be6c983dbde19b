"""QGIS layers as plain values of a Job.

The engine opens files, not layers. Data that only QGIS has (a memory layer, unsaved edits, a selection, a filter, a
database, a CRS set by the user) is written to a temporary file first.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureRequest,
    QgsFeedback,
    QgsFields,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
    QgsWkbTypes,
)

from ...engine.errors import Cancelled, InputError
from ...engine.tasks import LabelLayer

RETRIES, PAUSE = 5, 0.5
"""Repeated readings of a file that QGIS is reopening, and seconds between them."""
COUNTED = ("ogr", "memory", "delimitedtext")
"""Providers that know exactly how many features a layer has."""


def raster_path(layer: QgsRasterLayer) -> str:
    """The name by which GDAL opens the layer's raster; raises InputError (``raster-layer``)."""
    if layer.providerType() != "gdal":
        raise InputError(
            "raster-layer",
            f"The raster layer '{layer.name()}' comes from the provider '{layer.providerType()}', not from a file.",
            "Save it as a GeoTIFF first.",
        )
    provider = layer.dataProvider()
    if provider is not None and layer.isValid() and provider.crs().isValid() and layer.crs() != provider.crs():
        raise InputError(
            "raster-layer",
            f"The raster layer '{layer.name()}' has the CRS {layer.crs().authid()} in QGIS, "
            f"but {provider.crs().authid()} in its file.",
            "Write the correct CRS to the file (Raster > Projections > Assign Projection).",
        )
    return layer.source()


@dataclass(frozen=True)
class VectorInput:
    """A vector layer at one moment, readable on any thread; made on the layer's thread."""

    name: str
    """Name of the layer, for messages."""
    crs: QgsCoordinateReferenceSystem
    fields: QgsFields
    geometry: QgsWkbTypes.Type
    source: QgsVectorLayerFeatureSource
    """The features, unsaved edits included."""
    file: tuple[str, str] | None
    """Path and layer name of a file with the same features; None if it must be written first."""
    where: str = ""
    """Filter of the layer in OGR SQL."""
    keys: tuple[int, ...] = ()
    """Fields that hold the key of the table, which OGR does not list as fields."""
    selected: tuple[int, ...] | None = field(default=None, repr=False)
    """Ids of the selected features if only these count."""
    count: int = -1
    """Number of features; negative if the provider only estimates it."""

    @staticmethod
    def of(layer: QgsVectorLayer, selected_only: bool = False) -> VectorInput:
        """Copy the state of a layer; quick, reads no feature."""
        where = layer.subsetString()
        selected = tuple(layer.selectedFeatureIds()) if selected_only else None
        return VectorInput(
            name=layer.name(),
            crs=layer.crs(),
            fields=layer.fields(),
            geometry=layer.wkbType(),
            source=QgsVectorLayerFeatureSource(layer),
            file=None if selected is not None or layer.isModified() else _file_of(layer, where),
            where=where,
            keys=tuple(layer.primaryKeyAttributes()),
            selected=selected,
            count=_count_of(layer) if selected is None else len(selected),
        )

    def request(self) -> QgsFeatureRequest:
        """The features that count."""
        request = QgsFeatureRequest()
        if self.selected is not None:
            request.setFilterFids(list(self.selected))
        return request

    def count_classes(self, field_name: str, feedback: QgsFeedback | None = None) -> Counter[str]:
        """Number of features of each value of ``field_name``, without NULL and empty values."""
        counts: Counter[str] = Counter()
        index = self.fields.lookupField(field_name)
        if index < 0:
            return counts
        request = self.request().setFlags(QgsFeatureRequest.Flag.NoGeometry).setSubsetOfAttributes([index])
        for feature in self._features(request, feedback):
            value = feature.attribute(index)
            # NULL of a field reaches Python as None or as an invalid QVariant, by version.
            null = value is None or (hasattr(value, "isNull") and value.isNull())
            # The engine writes integers of a real field without the decimal point.
            whole = isinstance(value, float) and value.is_integer()
            text = "" if null else str(int(value) if whole else value).strip()
            if text:
                counts[text] += 1
        return counts

    def _features(self, request: QgsFeatureRequest, feedback: QgsFeedback | None) -> Iterator[QgsFeature]:
        """All features, or InputError (``labels-unreadable``) or Cancelled.

        While QGIS reopens a GeoPackage for editing, a reader on another thread finds no features and no error: it is
        read again, and continues after the features that were already read.
        """
        done = 0
        for attempt in range(RETRIES + 1):
            if attempt:
                time.sleep(PAUSE)
            for feature in islice(self.source.getFeatures(request), done, None):
                if feedback is not None and feedback.isCanceled():
                    raise Cancelled()
                done += 1
                yield feature
            if done >= self.count:
                return
        raise InputError(
            "labels-unreadable",
            f"Only {done:,} of the {self.count:,} features of the layer '{self.name}' can be read.",
            "Save its edits, and close other programs that write its file.",
        )

    def labels(self, field_name: str, folder: str | Path, feedback: QgsFeedback | None = None) -> LabelLayer:
        """The layer as the engine reads it; written to ``folder`` if no file has the same features."""
        file = self.file if self._in_file(field_name) else None
        path, layer = file or self._write(Path(folder) / "labels.gpkg", [self.fields.lookupField(field_name)], feedback)
        return LabelLayer(path, layer, field_name, self.where if file else "")

    def _in_file(self, field_name: str) -> bool:
        """Whether the file has the field: joined and calculated fields exist only in QGIS, and keys are no fields."""
        index = self.fields.lookupField(field_name)
        if index < 0:
            return True
        return index not in self.keys and self.fields.fieldOrigin(index) == QgsFields.FieldOrigin.OriginProvider

    def mask(self, folder: str | Path, feedback: QgsFeedback | None = None) -> str:
        """The polygons as the engine reads them, ``path|layername=name``."""
        as_it_is = self.file if not self.where else None
        path, layer = as_it_is or self._write(Path(folder) / "mask.gpkg", [], feedback)
        return f"{path}|layername={layer}" if layer else path

    def parcels(self, folder: str | Path, feedback: QgsFeedback | None = None) -> str:
        """The polygons with all their attributes as the engine reads them, ``path|layername=name``."""
        every = range(self.fields.count())
        stored = all(self.fields.fieldOrigin(index) == QgsFields.FieldOrigin.OriginProvider for index in every)
        as_it_is = self.file if stored and not self.where else None
        path, layer = as_it_is or self._write(Path(folder) / "parcels.gpkg", every, feedback)
        return f"{path}|layername={layer}" if layer else path

    def _write(self, path: Path, fields: Iterable[int], feedback: QgsFeedback | None) -> tuple[str, str]:
        kept, indices = QgsFields(), [index for index in fields if index >= 0]
        for index in indices:
            kept.append(self.fields.at(index))
        options = QgsVectorFileWriter.SaveVectorOptions()
        options.driverName = "GPKG"
        options.layerName = path.stem
        # A field with the name of GeoPackage's own key would be mistaken for it.
        options.layerOptions = ["FID=croptransfer_fid"]
        writer = QgsVectorFileWriter.create(
            str(path), kept, self.geometry, self.crs, QgsCoordinateTransformContext(), options
        )
        try:
            for feature in self._features(self.request(), feedback):
                copy = QgsFeature(kept)
                copy.setGeometry(feature.geometry())
                copy.setAttributes([feature.attribute(index) for index in indices])
                writer.addFeature(copy)
            fault = "" if writer.hasError() == QgsVectorFileWriter.WriterError.NoError else writer.errorMessage()
        finally:
            # The file is complete only after the writer is deleted.
            del writer
        if fault:
            raise InputError("labels-unreadable", f"The layer '{self.name}' cannot be copied: {fault}.")
        return str(path), path.stem


def _count_of(layer: QgsVectorLayer) -> int:
    """Number of features with unsaved edits, or -1 for providers that cannot count them quickly."""
    return int(layer.featureCount()) if layer.providerType() in COUNTED else -1


def _file_of(layer: QgsVectorLayer, where: str) -> tuple[str, str] | None:
    """Path and layer name by which OGR reads the same features; None if it cannot."""
    provider = layer.dataProvider()
    if layer.providerType() != "ogr" or provider is None or layer.crs() != provider.crs():
        return None
    parts = QgsProviderRegistry.instance().decodeUri("ogr", layer.source())
    plain = {"path", "layerName", "layerId", "subset", "vsiPrefix", "vsiSuffix"}
    if any(value for key, value in parts.items() if key not in plain):
        return None
    if where.lstrip().lower().startswith("select") or parts.get("layerId") not in (None, 0):
        return None
    path = f"{parts.get('vsiPrefix') or ''}{parts.get('path') or ''}{parts.get('vsiSuffix') or ''}"
    return (path, parts.get("layerName") or "") if path else None
