"""Parcel layers: polygons read with any OGR driver, on the grid of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from osgeo import ogr

from ...errors import InputError
from ..geo.crs import crs_of, crs_of_layer, transformation
from ..geo.gdal_errors import call_gdal, quiet_gdal
from ..geo.gdal_io import file_name, next_feature, open_vector
from ..geo.grid import extent_intersects
from ..geo.rasterize import usable_shape
from ..geo.types import Grid, StackBand
from ..stack.tiling import stack_grid

MEDIAN, SET = "median", "set"
PARCEL_METHODS = (MEDIAN, SET)
"""How a parcel may be classified: by the median of its pixels, or by the mean probabilities of a set of them."""
QUICK_FEATURES = 10_000
"""Features among which the quick check looks for a polygon."""
POLYGONS = (ogr.wkbPolygon, ogr.wkbMultiPolygon, ogr.wkbCurvePolygon, ogr.wkbMultiSurface)
OTHERS = (ogr.wkbPoint, ogr.wkbMultiPoint, ogr.wkbLineString, ogr.wkbMultiLineString, ogr.wkbNone)
"""Geometry types of layers that hold no polygon."""


class ParcelLayer:
    """An opened layer of parcels.

    Parameters
    ----------
    path : file or OGR data source.
    layer : name of the layer in it; empty for its first layer.

    Raises
    ------
    InputError
        ``parcels-unreadable``, or ``parcels-geometry`` for a layer of points, lines or no geometry.
    """

    def __init__(self, path: str, layer: str) -> None:
        self.name = layer or file_name(path)
        try:
            self._dataset, self.layer = open_vector(path, layer)
        except InputError as problem:
            message = problem.message.replace("The vector layer", "The parcel layer")
            hint = problem.hint if problem.code == "layer-missing" else "Choose a polygon layer."
            raise InputError("parcels-unreadable", message, hint) from problem
        if ogr.GT_Flatten(self.layer.GetGeomType()) in OTHERS:
            raise self.no_polygons()
        self.crs = crs_of_layer(self.layer)

    def features(self) -> Iterator[Any]:
        """Every feature, from the first; raises InputError (``parcels-unreadable``) where reading fails."""
        with quiet_gdal():
            self.layer.ResetReading()
        while True:
            feature, fault = next_feature(self.layer)
            if fault:
                message = f"The parcel layer {self.name} cannot be read to its end: {fault}."
                raise InputError("parcels-unreadable", message, "It may be damaged: export it again.")
            if feature is None:
                return
            yield feature

    def shapes(self, grid: Grid) -> Iterator[tuple[bool, Any | None]]:
        """Of every feature, whether it is a polygon, and this in the CRS of ``grid``, linear and valid.

        The shape is None where there is none, and where the polygon has no place in that CRS.
        """
        change = transformation(self.crs, crs_of(grid.crs))
        for feature in self.features():
            shape = polygon_of(feature.GetGeometryRef())
            polygon = shape is not None
            if polygon and change is not None and any(call_gdal(lambda shape=shape: shape.Transform(change))):  # type: ignore[misc]
                shape = None
            yield polygon, shape

    def count(self) -> int:
        """Number of features, or -1 where only reading would tell."""
        count, _ = call_gdal(lambda: self.layer.GetFeatureCount(0))
        return -1 if count is None else count

    def problem(self, grid: Grid) -> InputError | None:
        """What can be known at once to keep the layer from being used with a grid."""
        for looked, feature in enumerate(self.features()):
            if looked == QUICK_FEATURES or polygon_of(feature.GetGeometryRef()) is not None:
                break
        else:
            return self.no_polygons()
        extent, _ = call_gdal(lambda: self.layer.GetExtent(True, can_return_null=True))
        return None if extent is None or extent_intersects(extent, self.crs, grid) else self.no_overlap()

    def no_polygons(self) -> InputError:
        """The error for a layer without any."""
        message = f"The parcel layer {self.name} has no polygons."
        return InputError("parcels-geometry", message, "Choose a polygon layer.")

    def no_overlap(self) -> InputError:
        """The error for parcels that all lie beside the target."""
        return InputError(
            "parcels-no-overlap",
            f"The parcel layer {self.name} does not overlap the target.",
            "Choose parcels of the same place, and check their CRS.",
        )


def parcel_problems(path: str, layer: str, target_bands: Sequence[StackBand]) -> list[InputError]:
    """What keeps parcels from being used with a target; reads no pixel."""
    try:
        parcels = ParcelLayer(path, layer)
        if not target_bands:
            return []
        try:
            grid = stack_grid(target_bands)
        except InputError:
            # The target's own problem, told by stack_problems.
            return []
        problem = parcels.problem(grid)
    except InputError as found:
        problem = found
    return [problem] if problem else []


def polygon_of(geometry: Any) -> Any | None:
    """A copy of a polygon, linear and valid; None for any other geometry, or none."""
    shape = None if geometry is None or geometry.IsEmpty() else usable_shape(geometry)
    return shape if shape is not None and ogr.GT_Flatten(shape.GetGeometryType()) in POLYGONS else None
