"""The parcel layer with the crop of each parcel, as a GeoPackage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from osgeo import gdal, ogr

from ...errors import InputError, unwritable
from ..geo.gdal_errors import call_gdal, quiet_gdal
from ..geo.gdal_io import file_name
from ..geo.rasterize import polygon_of
from ..geo.text_encoding import TextDecoder, raw_bytes
from .layer import POLYGONS, ParcelLayer
from .store import Decision

TEXT_FEATURES = 10_000
"""Features whose texts are looked at to guess their encoding."""
IN_ONE_TRANSACTION = 20_000
"""Features after which a transaction is written to the disk."""
OWN_FIELDS = {
    "crop": ogr.OFTString,
    "crop_value": ogr.OFTInteger,
    "confidence": ogr.OFTReal,
    "second": ogr.OFTString,
    "second_confidence": ogr.OFTReal,
    "agreement": ogr.OFTReal,
    "pixels": ogr.OFTInteger64,
}
"""Fields that are added to those of the parcels."""
PLAIN_TYPES = (
    *(ogr.OFTInteger, ogr.OFTInteger64, ogr.OFTReal, ogr.OFTString),
    *(ogr.OFTBinary, ogr.OFTDate, ogr.OFTDateTime),
)
"""What a GeoPackage holds; other fields, such as lists, are written as text."""


class ParcelWriter:
    """Writes parcels one after another with their attributes and what was decided about them.

    Parameters
    ----------
    path : str
        Of the file to write; the caller renames it when the job is done.
    name : str
        Of the layer in it.
    source : ParcelLayer
        The parcels, whose fields and CRS are kept.
    classes : sequence of str
        Names of the classes 1..k.

    Attributes
    ----------
    crop_field : str
        Name of the field that holds the crop.
    warnings : list of str
        Sentences about fields that had to be renamed.

    Raises
    ------
    InputError
        ``output-unwritable``, naming the file and GDAL's reason.
    """

    def __init__(self, path: str, name: str, source: ParcelLayer, classes: Sequence[str]) -> None:
        self.path, self.classes = path, tuple(classes)
        definition = source.layer.GetLayerDefn()
        self._kept = [definition.GetFieldDefn(i) for i in range(definition.GetFieldCount())]
        self._texts = [i for i, field in enumerate(self._kept) if field.GetType() == ogr.OFTString]
        self._decoder = TextDecoder(self._sampled_texts(source))
        called = [self._decoder.decode(raw_bytes(field.GetNameRef())) for field in self._kept]
        taken: set[str] = set()
        names = [_free(field, taken) for field in called]
        self._own = [_free(field, taken) for field in OWN_FIELDS]
        self.crop_field = self._own[0]
        self.warnings = [
            f"Field '{field}' of the parcel layer {source.name} exists already: the new one is named '{new}'."
            for field, new in zip(OWN_FIELDS, self._own)
            if field != new
        ]
        self.warnings += [
            f"Field '{field}' of the parcel layer {source.name} exists twice: one is named '{new}'."
            for field, new in zip(called, names)
            if field != new
        ]
        if self._decoder.encoding:
            self.warnings.append(
                f"Texts of the parcel layer {source.name} are not in the encoding that it declares: they are read as "
                f"{self._decoder.title}. If they look wrong, name the right encoding in a .cpg file beside it."
            )
        self._written = 0
        # Feature ids that the source stores are kept.
        self._keyed = bool(source.layer.GetFIDColumn())
        self._dataset, self._layer = self._create(name, source, taken)
        fields = [_plain_field(field, new) for field, new in zip(self._kept, names)]
        fields += [ogr.FieldDefn(new, kind) for new, kind in zip(self._own, OWN_FIELDS.values())]
        for field in fields:
            self._do(lambda field=field: self._layer.CreateField(field))
        self._do(lambda: self._dataset.StartTransaction())

    def write(self, feature: Any, decision: Decision | None) -> None:
        """Write a feature of the source; one without a polygon is written without geometry.

        Parameters
        ----------
        feature : ogr.Feature
        decision : Decision or None
            None gives NULL in the added fields, but 0 pixels.
        """
        row = ogr.Feature(self._layer.GetLayerDefn())
        if self._keyed:
            row.SetFID(feature.GetFID())
        self._copy(feature, row)
        for field, value in zip(self._own, self._values(decision)):
            if value is None:
                row.SetFieldNull(field)
            else:
                row.SetField(field, value)
        self._do(lambda: self._layer.CreateFeature(row))
        self._written += 1
        if self._written % IN_ONE_TRANSACTION == 0:
            self._do(lambda: self._dataset.CommitTransaction())
            self._do(lambda: self._dataset.StartTransaction())

    def finish(self) -> None:
        """Write what is left, and close."""
        self._do(lambda: self._dataset.CommitTransaction())
        # The spatial index is made last, and may still not fit on the disk.
        self._do(lambda: self._dataset.FlushCache() or 0)
        self.close()

    def close(self) -> None:
        """Close the file as it is; harmless when it is closed."""
        with quiet_gdal():
            self._layer = None
            self._dataset = None

    def _create(self, name: str, source: ParcelLayer, taken: set[str]) -> tuple[Any, Any]:
        kind = source.layer.GetGeomType()
        multi = ogr.wkbMultiPolygon
        if ogr.GT_HasZ(kind):
            multi = ogr.GT_SetZ(multi)
        if ogr.GT_HasM(kind):
            multi = ogr.GT_SetM(multi)
        # A field of the parcels may have the name of the key or of the geometry.
        options = [f"FID={_free('fid', taken)}", f"GEOMETRY_NAME={_free('geom', taken)}"]
        driver = gdal.GetDriverByName("GPKG")
        dataset, fault = call_gdal(lambda: driver.Create(self.path, 0, 0, 0, gdal.GDT_Unknown))
        if dataset is None:
            raise self._unwritable(fault)
        layer, fault = call_gdal(lambda: dataset.CreateLayer(name, source.crs, multi, options))
        if layer is None:
            raise self._unwritable(fault)
        return dataset, layer

    def _sampled_texts(self, source: ParcelLayer) -> Iterator[bytes]:
        """Names of the fields, and the texts of many features."""
        yield from (raw_bytes(field.GetNameRef()) for field in self._kept)
        for feature in islice(source.features(), TEXT_FEATURES) if self._texts else ():
            yield from (raw_bytes(feature.GetFieldAsString(position)) for position in self._texts)

    def _copy(self, feature: Any, row: Any) -> None:
        """Give a new row the attributes and the polygon of a feature, as they are."""
        with quiet_gdal():
            row.SetFromWithMap(feature, True, list(range(len(self._kept))))
            for position, field in enumerate(self._kept):
                if field.GetType() not in PLAIN_TYPES and feature.IsFieldSetAndNotNull(position):
                    row.SetField(position, feature.GetFieldAsString(position))
            for position in self._texts if self._decoder.encoding else ():
                if feature.IsFieldSetAndNotNull(position):
                    text = raw_bytes(feature.GetFieldAsString(position))
                    row.SetField(position, self._decoder.decode(text))
            geometry = feature.GetGeometryRef()
            if geometry is not None and ogr.GT_Flatten(geometry.GetGeometryType()) not in POLYGONS:
                geometry = polygon_of(geometry)
            shape = None if geometry is None else geometry.GetLinearGeometry()
            row.SetGeometry(None if shape is None else ogr.ForceToMultiPolygon(shape))

    def _values(self, decision: Decision | None) -> tuple[Any, ...]:
        """The values of the added fields."""
        if decision is None:
            return (*[None] * (len(OWN_FIELDS) - 1), 0)
        second, probability = decision.second, decision.second_confidence
        return (
            self.classes[decision.crop],
            decision.crop + 1,
            round(decision.confidence, 1),
            None if second is None else self.classes[second],
            None if probability is None else round(probability, 1),
            round(decision.agreement, 1),
            decision.pixels,
        )

    def _do(self, call: Any) -> None:
        """Make a call that writes and returns 0 when done; raises InputError where it fails, as on a full disk."""
        failed, fault = call_gdal(call)
        if failed or fault:
            raise self._unwritable(fault or gdal.GetLastErrorMsg() or f"error {failed}")

    def _unwritable(self, fault: str) -> InputError:
        return unwritable(f"The parcel layer {file_name(self.path)}", fault)


def _plain_field(field: Any, name: str) -> Any:
    kind = field.GetType() if field.GetType() in PLAIN_TYPES else ogr.OFTString
    plain = ogr.FieldDefn(name, kind)
    if kind == field.GetType():
        plain.SetSubType(field.GetSubType())
        plain.SetWidth(field.GetWidth())
        plain.SetPrecision(field.GetPrecision())
    return plain


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of ``name_2``, ``name_3`` and so on that is not taken yet, whatever its capitals."""
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.casefold())
    return free
