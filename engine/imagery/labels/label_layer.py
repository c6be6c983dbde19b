"""Label layers: points and polygons with the crop in a field, read with any OGR driver or from a table in text form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
from osgeo import gdal, ogr

from ...errors import InputError
from ...series import MINIMUM_SAMPLES, few_samples
from ..geo.crs import crs_of, crs_of_layer, transformation
from ..geo.gdal_errors import call_gdal, quiet_gdal
from ..geo.gdal_io import file_name, next_feature, open_vector
from ..geo.grid import box_intersects, extent_intersects, reproject, to_map
from ..geo.rasterize import single_parts, usable_shape
from ..geo.shapes import Shapes
from ..geo.types import Grid, StackBand
from ..stack.tiling import stack_grid
from .class_table import mapped_class, require_known
from .inner_buffer import buffer_inward
from .text_table import is_text_table, open_text_table

QUICK_FEATURES = 100_000
"""Features that the quick check looks at."""
PARQUET = (".parquet", ".geoparquet", ".pq")


@dataclass(frozen=True)
class LabelLayer:
    """Vector layer with the crop of each point or polygon, or raster with the crop of each pixel."""

    path: str
    """File or OGR data source; or a raster of classes."""
    layer: str
    """Name of the layer in it; empty for its first layer."""
    field: str
    """Field that holds the crop (text or integer); of a raster, the column of its attribute table
    with the names, empty for the column that is found."""
    where: str = ""
    """Filter in OGR SQL; empty for all features."""
    inner_buffer: float = 0.0
    """Metres from the border of a polygon (or of a class in a raster) in which no pixel is taken."""
    per_polygon: int = 0
    """Most pixels taken of one polygon; 0 for no cap."""
    classes: Mapping[str, str] = dataclass_field(default_factory=dict)
    """Class table: name in the data -> name wanted, or "" to ignore; ``*`` for names not listed, which else stay."""


@dataclass(frozen=True)
class LabelledShapes:
    """The features of a label layer, in the coordinates of a stack."""

    shapes: Shapes
    """Points and polygons."""
    class_of: list[int]
    """Index into ``classes`` of each shape."""
    classes: tuple[str, ...]
    """Class names: integers by their value, texts by name."""
    warnings: tuple[str, ...]
    """Sentences about what was decided for the user."""


class LabelReader:
    """An opened label layer whose field and filter are known to be good.

    Raises
    ------
    InputError
        ``vector-unreadable``, ``layer-missing``, ``field-missing``, ``bad-filter``, ``labels-empty``
        or ``labels-geometry``, naming the layer and field.
    """

    def __init__(self, labels: LabelLayer) -> None:
        self.labels = labels
        self.name = labels.layer or file_name(labels.path)
        self.warnings: list[str] = []
        self.without_geometry = 0
        self._dataset, self.layer = self._open()
        definition = self.layer.GetLayerDefn()
        fields = self.fields = [definition.GetFieldDefn(i).GetName() for i in range(definition.GetFieldCount())]
        if labels.field not in fields:
            raise InputError(
                "field-missing",
                f"The layer {self.name} has no field '{labels.field}'.",
                f"Its fields are: {', '.join(fields)}." if fields else "It has no fields at all.",
            )
        self._field = fields.index(labels.field)
        if definition.GetGeomFieldCount() == 0:
            raise self.no_geometry()
        if labels.where:
            done, fault = call_gdal(lambda: self.layer.SetAttributeFilter(labels.where))
            if fault or done:
                raise self._bad_filter(fault)
        self.crs = crs_of_layer(self.layer)

    def _open(self) -> tuple[Any, Any]:
        path = self.labels.path
        if path.lower().endswith(PARQUET) and gdal.GetDriverByName("Parquet") is None:
            raise InputError(
                "vector-unreadable",
                f"The vector layer {path} cannot be read: this GDAL {gdal.__version__} has no Parquet driver.",
                "Save it as GeoPackage first, in Python by geopandas.read_parquet(file).to_file('labels.gpkg').",
            )
        if is_text_table(path):
            dataset, layer, warnings = open_text_table(path)
            self.warnings += warnings
            return dataset, layer
        return open_vector(path, self.labels.layer)

    def extent(self) -> tuple[float, float, float, float] | None:
        """Least x, greatest x, least y, greatest y in the layer's CRS; None when unknown."""
        found, fault = call_gdal(lambda: self.layer.GetExtent(True, can_return_null=True))
        return found

    def _read(self) -> Iterator[Any]:
        """Every feature; raises InputError when reading fails."""
        with quiet_gdal():
            self.layer.ResetReading()
        while True:
            feature, fault = next_feature(self.layer)
            if fault:
                raise self._bad_filter(fault) if self.labels.where else self._unreadable(fault)
            if feature is None:
                return
            yield feature

    def features(self) -> Iterator[tuple[str, Any]]:
        """Class as the class table wants it and geometry of every feature that has both and is not to be ignored."""
        for feature in self._read():
            name = self._class_name(feature)
            wanted = None if name is None else mapped_class(name, self.labels.classes)
            if wanted and _has_geometry(feature):
                yield wanted, feature.GetGeometryRef()

    def restrict_to(self, grid: Grid) -> None:
        """Read only features near ``grid`` from now on; all of them where its place in the layer is unknown."""
        column, row = np.meshgrid(np.linspace(0, grid.width, 21), np.linspace(0, grid.height, 21))
        x, y = to_map(grid.transform, column.ravel(), row.ravel())
        x, y = reproject(transformation(crs_of(grid.crs), self.crs), x, y)
        if np.isfinite(x).all() and np.isfinite(y).all():
            # Between the points of the lattice a border may bulge.
            margin = 0.05 * max(np.ptp(x), np.ptp(y))
            box = [float(v) for v in (x.min() - margin, y.min() - margin, x.max() + margin, y.max() + margin)]
            call_gdal(lambda: self.layer.SetSpatialFilterRect(*box))

    def counts(self, limit: int) -> tuple[Counter[str], int, bool]:
        """Features by class in the data, features without a class, and whether all features were looked at."""
        counts: Counter[str] = Counter()
        missing = 0
        for looked, feature in enumerate(self._read()):
            if looked >= limit:
                return counts, missing, False
            name = self._class_name(feature)
            if name is None:
                missing += 1
            else:
                counts[name] += 1
                self.without_geometry += bool(mapped_class(name, self.labels.classes)) and not _has_geometry(feature)
        return counts, missing, True

    def apply_class_table(self, counts: Counter[str]) -> Counter[str]:
        """Features by class as the class table wants them; raises InputError (``class-unknown``, ``class-table``)."""
        table = self.labels.classes
        if not table or not counts:
            return counts
        require_known(table, counts, f"field '{self.labels.field}' of the layer {self.name}")
        kept: Counter[str] = Counter()
        for name, count in counts.items():
            if wanted := mapped_class(name, table):
                kept[wanted] += count
        if not kept:
            raise InputError("class-table", f"The class table leaves out all classes of the layer {self.name}.")
        return kept

    def require_classes(self, counts: Counter[str], missing: int, least: int = 2) -> None:
        """Raise InputError (``labels-empty``, ``field-null`` or ``one-class``) where there is nothing to learn."""
        field = self.labels.field
        if not counts and not missing:
            told = f" after the filter {self.labels.where}" if self.labels.where else ""
            raise InputError(
                "labels-empty",
                f"The layer {self.name} has no features{told}.",
                "Choose a layer with labelled features.",
            )
        if not counts:
            raise InputError(
                "field-null",
                f"Field '{field}' of the layer {self.name} is empty (NULL) in all {missing} features.",
                "Choose the field that holds the crop.",
            )
        if len(counts) < least:
            raise InputError(
                "one-class",
                f"Field '{field}' of the layer {self.name} has the single class '{next(iter(counts))}'.",
                "A map needs at least two classes.",
            )
        if len(counts) > 255:
            raise InputError(
                "many-classes",
                f"Field '{field}' of the layer {self.name} has {len(counts)} values, a map holds 255 classes.",
                "Choose the field that holds the crop, or group its values.",
            )

    def _class_name(self, feature: Any) -> str | None:
        if not feature.IsFieldSetAndNotNull(self._field):
            return None
        kind = feature.GetFieldDefnRef(self._field).GetType()
        if kind == ogr.OFTReal:
            number = feature.GetFieldAsDouble(self._field)
            if np.isnan(number):
                return None
            if number != round(number):
                raise InputError(
                    "field-numbers",
                    f"Field '{self.labels.field}' of the layer {self.name} holds {number:g}, which is no class.",
                    "Choose the field that holds the crop, as text or as a whole number.",
                )
            return str(int(number))
        text = feature.GetFieldAsString(self._field)
        if isinstance(text, bytes):
            # A file that lies about its encoding: what is not UTF-8 is most often this.
            text = text.decode("cp1252", errors="replace")
        return str(text).strip() or None

    def no_geometry(self) -> InputError:
        """Make the error of a layer without usable geometry."""
        return InputError(
            "labels-geometry", f"The layer {self.name} has no points or polygons.", "Choose a point or polygon layer."
        )

    def _bad_filter(self, fault: str) -> InputError:
        return InputError(
            "bad-filter",
            f"The filter {self.labels.where} does not work on the layer {self.name}: {fault}.",
            "Write it as the WHERE part of SQL, such as year = 2021.",
        )

    def _unreadable(self, fault: str) -> InputError:
        return InputError("vector-unreadable", f"The layer {self.name} cannot be read to its end: {fault}.")


def layer_problems(labels: LabelLayer, source_bands: Sequence[StackBand], least: int = 2) -> list[InputError]:
    """What keeps a vector layer from being used with a source stack; reads no pixel of the stack.

    ``least`` is the number of classes needed.
    """
    try:
        reader = LabelReader(labels)
        counts, missing, complete = reader.counts(QUICK_FEATURES)
        if complete:
            counts = reader.apply_class_table(counts)
            reader.require_classes(counts, missing, least)
            problem = _few_points(reader, counts) if least > 1 else None
            if problem:
                return [problem]
        if source_bands:
            extent = reader.extent()
            if extent is not None and not extent_intersects(extent, reader.crs, stack_grid(source_bands)):
                return [no_overlap(reader.name, file_name(source_bands[0].path))]
    except InputError as problem:
        return [problem]
    return []


def read_shapes(labels: LabelLayer, grid: Grid, stack_name: str, least: int = 2) -> LabelledShapes:
    """The features of a label layer that lie on ``grid``, reprojected to its CRS, made valid, less their borders.

    Raises
    ------
    InputError
        As :func:`layer_problems` finds them, and ``no-overlap`` and ``inner-buffer``.
    """
    reader = LabelReader(labels)
    counts, missing, _ = reader.counts(2**62)
    counts = reader.apply_class_table(counts)
    reader.require_classes(counts, missing, least)
    warnings = list(reader.warnings)
    if reader.crs is None:
        warnings.append(f"The layer {reader.name} has no CRS: that of the stack {stack_name} is taken.")
    if missing:
        warnings.append(f"Left out of the layer {reader.name}: {_features(missing)} without '{labels.field}'.")
    change = transformation(reader.crs, crs_of(grid.crs))
    classes = sorted_classes(counts)
    index = {name: number for number, name in enumerate(classes)}
    shapes, lines, near = Shapes(), 0, 0
    class_of: list[int] = []
    reader.restrict_to(grid)
    for name, geometry in reader.features():
        near += 1
        shape = usable_shape(geometry)
        if shape is None:
            lines += 1
            continue
        if change is not None:
            failed, fault = call_gdal(lambda shape=shape: shape.Transform(change))  # type: ignore[misc]
            if fault or failed:
                continue
        # Single parts: a crop dissolved into one feature still has as many fields as it has parts.
        for part in single_parts(shape):
            if box_intersects(part.GetEnvelope(), grid):
                shapes.append(part)
                class_of.append(index[name])
    if lines:
        warnings.append(f"Left out of the layer {reader.name}: {_features(lines)} without a point or polygon.")
    if reader.without_geometry:
        told = f"Left out of the layer {reader.name}: {_features(reader.without_geometry)} without a geometry."
        warnings.append(told)
    if not len(shapes):
        without = lines == near > 0 or reader.without_geometry == sum(counts.values())
        raise reader.no_geometry() if without else no_overlap(reader.name, stack_name)
    found = LabelledShapes(shapes, class_of, classes, tuple(warnings))
    return _without_borders(found, labels.inner_buffer, reader.name, grid) if labels.inner_buffer else found


def _without_borders(found: LabelledShapes, distance: float, layer: str, grid: Grid) -> LabelledShapes:
    """The shapes less what lies within ``distance`` metres of a polygon's border."""
    inner = buffer_inward(list(found.shapes), distance, grid)
    left = [number for number, shape in enumerate(inner) if shape is not None]
    if not left:
        raise InputError(
            "inner-buffer",
            f"An inner buffer of {distance:g} m leaves nothing of the polygons of the layer {layer}.",
            "Give a smaller one: the narrowest field must be more than twice as wide.",
        )
    warnings = list(found.warnings)
    gone = len(inner) - len(left)
    if gone:
        polygons = "1 polygon is" if gone == 1 else f"{gone:,} polygons are"
        warnings.append(f"{polygons} left out of the layer {layer}: an inner buffer of {distance:g} m leaves nothing.")
    class_of = [found.class_of[number] for number in left]
    return LabelledShapes(Shapes(inner[number] for number in left), class_of, found.classes, tuple(warnings))


def _has_geometry(feature: Any) -> bool:
    geometry = feature.GetGeometryRef()
    return geometry is not None and not geometry.IsEmpty()


def _features(number: int) -> str:
    return "1 feature" if number == 1 else f"{number:,} features"


def sorted_classes(names: Any) -> tuple[str, ...]:
    """Class names in their order: by value when all are whole numbers, else by name."""
    numbers = all(re.fullmatch(r"[+-]?\d+", name) for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if numbers else 0, name.casefold(), name)))


def no_overlap(layer: str, stack: str) -> InputError:
    """The error for labels that lie beside the stack."""
    return InputError(
        "no-overlap",
        f"The layer {layer} does not overlap the stack {stack}.",
        "Choose labels and rasters of the same place, and check the CRS of both.",
    )


def _few_points(reader: LabelReader, counts: Counter[str]) -> InputError | None:
    # A polygon may hold many pixels, a point only one.
    if ogr.GT_Flatten(reader.layer.GetGeomType()) != ogr.wkbPoint:
        return None
    for name in sorted_classes(counts):
        if counts[name] < MINIMUM_SAMPLES:
            return few_samples(name, counts[name], f"the layer {reader.name}", "points")
    return None
