"""Label layers: points and polygons with the crop in a field, read with any OGR driver or from a table in text form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from osgeo import gdal, ogr

from ...errors import InputError, listed
from ..geo.crs import crs_of, crs_of_layer, in_degrees, transformation
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, filter_layer, open_vector, read_features
from ..geo.grid import reproject, to_map
from ..geo.layer_source import parse_part, split_layer
from ..geo.placement import Extent, placement_hint
from ..geo.text_encoding import TextDecoder, raw_bytes
from ..geo.types import Grid
from .class_table import ClassRules, require_known
from .label_years import LabelYears, year_field, years_of
from .table import is_table, open_table

MAX_CLASSES = 255
"""Classes that a map holds."""
PARQUET = (".parquet", ".geoparquet", ".pq")


@dataclass(frozen=True)
class LabelLayer:
    """Vector layer with the crop of each point or polygon, or raster with the crop of each pixel."""

    path: str
    """File or OGR data source; or a raster of classes."""
    layer: str
    """Name of the layer in it, and what QGIS writes behind it (:func:`.layer_source.split_layer`); empty for the only
    one."""
    field: str
    """Field that holds the crop (text or integer); of a raster, the column of its attribute table
    with the names, empty for the column that is found."""
    where: str = ""
    """Filter in OGR SQL; empty for all features."""
    inner_buffer: float = 0.0
    """Metres from the border of a polygon (or of a class in a raster) in which no pixel is taken."""
    per_polygon: int = 0
    """Maximum number of pixels taken of one polygon; 0 for no limit."""
    classes: Mapping[str, str] = dataclass_field(default_factory=dict)
    """Class table: name in the data -> name wanted, or "" to ignore; ``*`` for names not listed, which else stay."""
    keep_spellings: bool = False
    """Whether spellings of one class, such as Maize and maize, stay classes of their own."""


class ClassCounts(NamedTuple):
    """How many features of a layer have which class."""

    by_class: Counter[str]
    """By class in the data."""
    missing: int
    """Features without a class."""
    complete: bool
    """Whether all features were read."""


class LabelReader:
    """An opened label layer whose field and filter are known to be good.

    Parameters
    ----------
    labels : LabelLayer

    Attributes
    ----------
    layer : ogr.Layer
    crs : osr.SpatialReference or None
    fields : list of str
    warnings : list of str
    without_geometry : int
        Features that have a class and no geometry, after :meth:`require_classes`.
    other_year : int
        Features left out by :meth:`features`, since they are of another year than :meth:`require_years` wants.

    Raises
    ------
    InputError
        ``vector-unreadable``, ``layer-missing``, ``field-missing``, ``bad-filter``, ``labels-empty``
        or ``labels-geometry``, naming the layer and field.
    """

    def __init__(self, labels: LabelLayer) -> None:
        self.labels = labels
        self._path, rest = split_layer(labels.path)
        self._part = parse_part(labels.layer or rest)
        self.name = self._part.name or file_name(self._path)
        self.warnings: list[str] = []
        self.without_geometry = 0
        self.other_year = 0
        self._rules: ClassRules | None = None
        self._years: LabelYears | None = None
        self._years_found: Counter[frozenset[int]] = Counter()
        self._shapeless: Counter[str] = Counter()
        self._decoder: TextDecoder | None = None
        self._dataset, self.layer = self._open()
        definition = self.layer.GetLayerDefn()
        fields = self.fields = self._field_names(definition)
        if labels.field not in fields:
            hint = f"Its fields are: {', '.join(fields)}." if fields else "It has no fields at all."
            raise InputError("field-missing", f"The layer {self.name} has no field '{labels.field}'.", hint)
        self._field = fields.index(labels.field)
        self._year_field = year_field([name if name != labels.field else "" for name in fields])
        if definition.GetGeomFieldCount() == 0:
            raise self.no_geometry()
        filter_layer(self.layer, self._part, labels.where, self._path)
        self.crs = crs_of_layer(self.layer)

    def _open(self) -> tuple[Any, Any]:
        path = self._path
        if path.lower().endswith(PARQUET) and gdal.GetDriverByName("Parquet") is None:
            message = f"The vector layer {path} cannot be read: this GDAL {gdal.__version__} has no Parquet driver."
            hint = "Save it as GeoPackage first, in Python by geopandas.read_parquet(file).to_file('labels.gpkg')."
            raise InputError("vector-unreadable", message, hint)
        part = self.labels.layer or split_layer(self.labels.path)[1]
        if is_table(path):
            dataset, layer, warnings = open_table(path, part)
            self.warnings += warnings
            return dataset, layer
        return open_vector(path, part)

    def _field_names(self, definition: Any) -> list[str]:
        raw = [raw_bytes(definition.GetFieldDefn(i).GetNameRef()) for i in range(definition.GetFieldCount())]
        decoder = TextDecoder(raw)
        self._warn_of(decoder, "names of fields")
        return [decoder.decode(name) for name in raw]

    def _warn_of(self, decoder: TextDecoder, what: str) -> None:
        cpg = f"a text file {Path(self._path).stem}.cpg beside it"
        if decoder.fails:
            message = f"The {what} of the layer {self.name} are in an unknown encoding."
            raise InputError(
                "text-encoding", message, f"Name the encoding in {cpg}, such as CP1252, or save it as GeoPackage."
            )
        if decoder.encoding:
            self.warnings.append(
                f"The {what} of the layer {self.name} are not in the encoding that the file declares: they are read as "
                f"{decoder.title}. If they look wrong, name the right encoding in {cpg}."
            )

    def extent(self) -> Extent | None:
        """Minimum x, maximum x, minimum y, maximum y in the layer's CRS; None when unknown."""
        found, fault = call_gdal(lambda: self.layer.GetExtent(True, can_return_null=True))
        return found

    def features(self) -> Iterator[tuple[str, Any]]:
        """Class and geometry of every feature that has both and is not to be ignored, after :meth:`require_classes`."""
        for feature in read_features(self.layer, self._unreadable):
            name = self._decoded(self._raw_name(feature))
            wanted = "" if name is None or self._rules is None else self._rules.of(name)
            if not wanted or not _has_geometry(feature):
                continue
            if self._years and not self._years.wanted(feature.GetFieldAsString(self._year_field)):
                self.other_year += 1
                continue
            yield wanted, feature.GetGeometryRef()

    def require_years(self, dates: Sequence[str]) -> LabelYears | None:
        """Leave out labels of another year than a stack from now on, where a field names years; after :meth:`counts`.

        Parameters
        ----------
        dates : sequence of str
            ISO dates of the stack.

        Returns
        -------
        LabelYears or None
            None where no field names years.
        """
        if self._year_field is None:
            return None
        field = self.fields[self._year_field]
        filters = f"{self.labels.where} {self._part.subset}".casefold()
        self._years = LabelYears(field, self._years_found, dates, field.casefold() in filters)
        self.warnings += self._years.warnings(self.name)
        return self._years

    def restrict_to(self, grid: Grid) -> None:
        """Read only features near a grid from now on; all of them where its place in the layer is unknown.

        Parameters
        ----------
        grid : Grid
        """
        column, row = np.meshgrid(np.linspace(0, grid.width, 21), np.linspace(0, grid.height, 21))
        x, y = to_map(grid.transform, column.ravel(), row.ravel())
        x, y = reproject(transformation(crs_of(grid.crs), self.crs), x, y)
        extent = self.extent()
        # Longitudes may be counted another way on both sides, and those across 180 degrees are in two places.
        degrees = in_degrees(grid.crs) if self.crs is None else self.crs.IsGeographic()
        turned = degrees and (max(map(abs, [*(extent or (0, 0))[:2], x.min(), x.max()])) > 180 or np.ptp(x) > 180)
        if np.isfinite(x).all() and np.isfinite(y).all() and not turned:
            # Between the points of the lattice a border may bulge.
            margin = 0.05 * max(np.ptp(x), np.ptp(y))
            box = [float(v) for v in (x.min() - margin, y.min() - margin, x.max() + margin, y.max() + margin)]
            call_gdal(lambda: self.layer.SetSpatialFilterRect(*box))

    def counts(self, limit: int = 2**62) -> ClassCounts:
        """Count the features of each name in the data.

        Parameters
        ----------
        limit : int, optional
            Features to read at most.
        """
        raw: Counter[bytes | None] = Counter()
        shapeless: Counter[bytes | None] = Counter()
        year_texts: Counter[str] = Counter()
        complete = True
        for number, feature in enumerate(read_features(self.layer, self._unreadable)):
            if number >= limit:
                complete = False
                break
            text = self._raw_name(feature)
            raw[text] += 1
            if self._year_field is not None:
                year_texts[feature.GetFieldAsString(self._year_field)] += 1
            shapeless[text] += not _has_geometry(feature)
        self._years_found.clear()
        for years, count in year_texts.items():
            self._years_found[years_of(years)] += count
        # All names together say more of their encoding than one does.
        self._decoder = TextDecoder(text for text in raw if text is not None)
        self._warn_of(self._decoder, f"texts of the field '{self.labels.field}'")
        counts: Counter[str] = Counter()
        missing = 0
        for text, count in raw.items():
            name = self._decoded(text)
            if name is None:
                missing += count
            else:
                counts[name] += count
                self._shapeless[name] += shapeless[text]
        return ClassCounts(counts, missing, complete)

    def require_classes(self, counts: ClassCounts, min_classes: int = 2) -> Counter[str]:
        """Check that there is something to learn.

        Parameters
        ----------
        counts : ClassCounts
        min_classes : int, optional
            Number of classes needed.

        Returns
        -------
        Counter of str
            Features by class as the class table maps them.

        Raises
        ------
        InputError
            ``labels-empty``, ``field-null``, ``one-class``, ``many-classes``, ``class-unknown`` or ``class-table``.
        """
        mapped = self._apply_class_table(counts.by_class)
        of_field = f"Field '{self.labels.field}' of the layer {self.name}"
        hint = "Choose the field that holds the crop."
        if not mapped and not counts.missing:
            filtered = f" after the filter {self.labels.where}" if self.labels.where else ""
            message = f"The layer {self.name} has no features{filtered}."
            raise InputError("labels-empty", message, "Choose a layer with labelled features.")
        if not mapped:
            raise InputError("field-null", f"{of_field} is empty (NULL) in all {counts.missing} features.", hint)
        if len(mapped) < min_classes:
            message = f"{of_field} has the single class '{next(iter(mapped))}'."
            raise InputError("one-class", message, "A map needs at least two classes.")
        if len(mapped) > MAX_CLASSES:
            message = f"{of_field} has {len(mapped)} values, a map holds {MAX_CLASSES} classes."
            raise InputError("many-classes", message, f"{hint[:-1]}, or group its values.")
        return mapped

    def _apply_class_table(self, counts: Counter[str]) -> Counter[str]:
        table = self.labels.classes
        where = f"field '{self.labels.field}' of the layer {self.name}"
        if table and counts:
            require_known(table, counts, where)
        self._rules = ClassRules(table, counts, self.labels.keep_spellings)
        kept: Counter[str] = Counter()
        for name, count in counts.items():
            if wanted := self._rules.of(name):
                kept[wanted] += count
        self.without_geometry = sum(count for name, count in self._shapeless.items() if self._rules.of(name))
        self.warnings += self._rules.warnings(where)
        if counts and not kept:
            if table:
                raise InputError("class-table", f"The class table leaves out all classes of the layer {self.name}.")
            texts = listed([f"'{text}'" for text in self._rules.names.nothing])
            message = f"F{where[1:]} holds no class, only {texts}."
            raise InputError("field-null", message, "Choose the field that holds the crop.")
        return kept

    def _decoded(self, text: bytes | None) -> str | None:
        return None if text is None or self._decoder is None else self._decoder.decode(text).strip() or None

    def _raw_name(self, feature: Any) -> bytes | None:
        if not feature.IsFieldSetAndNotNull(self._field):
            return None
        kind = feature.GetFieldDefnRef(self._field).GetType()
        if kind == ogr.OFTReal:
            number = feature.GetFieldAsDouble(self._field)
            if np.isnan(number):
                return None
            if number != round(number):
                message = f"Field '{self.labels.field}' of the layer {self.name} holds {number:g}, which is no class."
                hint = "Choose the field that holds the crop, as text or as a whole number."
                raise InputError("field-numbers", message, hint)
            return str(int(number)).encode()
        return raw_bytes(feature.GetFieldAsString(self._field)).strip() or None

    def no_geometry(self) -> InputError:
        """Make the error of a layer without usable geometry."""
        message = f"The layer {self.name} has no points or polygons."
        return InputError("labels-geometry", message, "Choose a point or polygon layer.")

    def _unreadable(self, fault: str) -> InputError:
        message = f"The layer {self.name} cannot be read to its end: {fault}."
        if not (self.labels.where or self._part.subset):
            return InputError("vector-unreadable", message, "It may be damaged: export it again.")
        return InputError("bad-filter", message, "Check its filter, the WHERE part of SQL, such as year = 2021.")


def _has_geometry(feature: Any) -> bool:
    geometry = feature.GetGeometryRef()
    return geometry is not None and not geometry.IsEmpty()


def sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Class names in their order: by value when all are whole numbers, else by name.

    Parameters
    ----------
    names : iterable of str
    """
    names = list(names)
    numbers = all(re.fullmatch(r"[+-]?\d+", name) for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if numbers else 0, name.casefold(), name)))


def no_overlap_error(layer: str, stack: str, extent: Extent | None, crs: Any, grid: Grid) -> InputError:
    """The error for labels that are outside the stack.

    Parameters
    ----------
    layer, stack : str
        Their names.
    extent : tuple of 4 float or None
        Of the labels.
    crs : osr.SpatialReference or None
        Of the labels.
    grid : Grid
        Of the stack.
    """
    return InputError(
        "no-overlap",
        f"The layer {layer} does not overlap the stack {stack}.",
        placement_hint(extent, crs, grid) or "Choose labels and rasters of the same place, and check the CRS of both.",
    )
