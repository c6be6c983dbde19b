"""Shapes of a layer brought onto a grid, and why a layer may be beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .crs import crs_of, epsg, in_degrees, transformation
from .grid import extent_intersects, near_longitude, to_map
from .rasterize import transform_shape
from .types import Grid

Extent = tuple[float, float, float, float]
"""Minimum x, maximum x, minimum y, maximum y."""


class Placement:
    """Brings shapes of a layer into the CRS of a grid, whichever way their longitudes are counted.

    Parameters
    ----------
    crs : osr.SpatialReference or None
        Of the layer; None for that of the grid.
    grid : Grid
    """

    def __init__(self, crs: Any, grid: Grid) -> None:
        self._change = transformation(crs, crs_of(grid.crs))
        self._from_degrees = self._change is not None and bool(crs.IsGeographic())
        self._to_degrees = in_degrees(grid.crs)
        self._grid = grid

    def place(self, shape: Any) -> bool:
        """Transform a shape in place; returns False where it has no coordinates in the CRS of the grid.

        Parameters
        ----------
        shape : ogr.Geometry
        """
        if self._from_degrees:
            left, right, _, _ = shape.GetEnvelope()
            _move(shape, -360.0 * round((left + right) / 2 / 360))
        if not transform_shape(shape, self._change):
            return False
        if not self._to_degrees:
            return True
        left, right, _, _ = shape.GetEnvelope()
        middle = np.array([(left + right) / 2])
        _move(shape, float(near_longitude(middle, self._grid)[0] - middle[0]))
        return True


def _move(shape: Any, distance: float) -> None:
    """Move a shape in x."""
    if not distance:
        return
    for number in range(shape.GetGeometryCount()):
        _move(shape.GetGeometryRef(number), distance)
    for number in range(shape.GetPointCount()):
        shape.SetPoint_2D(number, shape.GetX(number) + distance, shape.GetY(number))


def grid_extent(grid: Grid) -> Extent:
    """Extent of a grid.

    Parameters
    ----------
    grid : Grid
    """
    x, y = to_map(grid.transform, np.array([0, grid.width] * 2), np.array([0, 0, grid.height, grid.height]))
    return float(x.min()), float(x.max()), float(y.min()), float(y.max())


def placement_hint(extent: Extent | None, crs: Any, grid: Grid) -> str:
    """A sentence on why a layer may be beside a grid; empty where nothing is known.

    Parameters
    ----------
    extent : tuple of 4 float or None
        Minimum x, maximum x, minimum y, maximum y of the layer.
    crs : osr.SpatialReference or None
        Of the layer.
    grid : Grid
    """
    if extent is None:
        return ""
    own = crs or crs_of(grid.crs)
    degrees = own is not None and bool(own.IsGeographic())
    small = max(map(abs, extent[:2])) <= 360 and max(map(abs, extent[2:])) <= 180
    if degrees and not small:
        return "Its coordinates are no degrees of longitude and latitude: set its CRS to the one they are in."
    if small and _touches((*extent[2:], *extent[:2]), crs if degrees else epsg(4326), grid):
        return "They would overlap if longitude and latitude were exchanged: exchange them."
    if small and own is not None and not degrees and _touches(extent, epsg(4326), grid):
        return "They would overlap if the coordinates were degrees: set the CRS of the layer to WGS 84 (EPSG:4326)."
    return ""


def _touches(extent: Extent, crs: Any, grid: Grid) -> bool:
    """Whether an extent surely touches a grid."""
    if max(map(abs, extent[2:])) > 90 and crs is not None and crs.IsGeographic():
        return False
    return bool(grid.crs) and extent_intersects(extent, crs, grid)
