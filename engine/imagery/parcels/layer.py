"""Parcel layers: polygons read with any OGR driver, on the grid of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from osgeo import ogr

from ...errors import InputError
from ..geo.crs import crs_of_layer
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, open_vector, read_features
from ..geo.grid import extent_intersects
from ..geo.layer_source import parse_part
from ..geo.placement import Placement, placement_hint
from ..geo.rasterize import polygon_of
from ..geo.types import Grid, StackBand
from ..stack.tiling import readable_grid

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
    path : str
        File or OGR data source.
    layer : str
        Name of the layer in it; empty for its first layer.

    Attributes
    ----------
    name : str
    layer : ogr.Layer
    crs : osr.SpatialReference or None

    Raises
    ------
    InputError
        ``parcels-unreadable``, or ``parcels-geometry`` for a layer of points, lines or no geometry.
    """

    def __init__(self, path: str, layer: str) -> None:
        self.name = parse_part(layer).name or file_name(path)
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
        return read_features(self.layer, self._unreadable)

    def shapes(self, grid: Grid) -> Iterator[tuple[bool, Any | None]]:
        """The polygons of all features, linear and valid.

        Parameters
        ----------
        grid : Grid

        Yields
        ------
        polygon : bool
            Whether the feature is a polygon.
        shape : ogr.Geometry or None
            In the CRS of ``grid``; None where there is no polygon or it has no coordinates in that CRS.
        """
        placement = Placement(self.crs, grid)
        for feature in self.features():
            shape = polygon_of(feature.GetGeometryRef())
            yield shape is not None, shape if shape is not None and placement.place(shape) else None

    def count(self) -> int:
        """Number of features, or -1 where it is known only after reading them."""
        count, _ = call_gdal(lambda: self.layer.GetFeatureCount(0))
        return -1 if count is None else count

    def problem(self, grid: Grid) -> InputError | None:
        """What makes the layer unusable with a grid, as far as it is known at once.

        Parameters
        ----------
        grid : Grid
        """
        for number, feature in enumerate(self.features()):
            if number == QUICK_FEATURES or polygon_of(feature.GetGeometryRef()) is not None:
                break
        else:
            return self.no_polygons()
        extent = self._extent()
        return None if extent is None or extent_intersects(extent, self.crs, grid) else self.no_overlap(grid)

    def _extent(self) -> Any:
        return call_gdal(lambda: self.layer.GetExtent(True, can_return_null=True))[0]

    def no_polygons(self) -> InputError:
        """The error for a layer without any."""
        message = f"The parcel layer {self.name} has no polygons."
        return InputError("parcels-geometry", message, "Choose a polygon layer.")

    def no_overlap(self, grid: Grid) -> InputError:
        """The error for parcels that are all outside the target.

        Parameters
        ----------
        grid : Grid
            Of the target.
        """
        message = f"The parcel layer {self.name} does not overlap the target."
        hint = (
            placement_hint(self._extent(), self.crs, grid) or "Choose parcels of the same place, and check their CRS."
        )
        return InputError("parcels-no-overlap", message, hint)

    def _unreadable(self, fault: str) -> InputError:
        message = f"The parcel layer {self.name} cannot be read to its end: {fault}."
        return InputError("parcels-unreadable", message, "It may be damaged: export it again.")


def parcel_problems(path: str, layer: str, target_bands: Sequence[StackBand]) -> list[InputError]:
    """Find what makes parcels unusable with a target; reads no pixel.

    Parameters
    ----------
    path, layer : str
        As of :class:`ParcelLayer`.
    target_bands : sequence of StackBand
        Empty to check the layer alone.
    """
    try:
        parcels = ParcelLayer(path, layer)
        grid = readable_grid(target_bands)
        problem = None if grid is None else parcels.problem(grid)
    except InputError as found:
        problem = found
    return [problem] if problem else []
