"""Places and distances on the Earth, whatever the coordinate reference system of a grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from osgeo import osr

from .grids import to_map, transform_points
from .opening import crs_of, transformation
from .stack import Grid, Window


def wgs84() -> Any:
    """Longitudes and latitudes in degrees, in this order."""
    return epsg(4326)


def epsg(code: int) -> Any:
    """The spatial reference of an EPSG code with x before y."""
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(code)
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def to_degrees(crs: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, 2) longitude and latitude of coordinates of a spatial reference; infinite where there is no place.

    Raises
    ------
    InputError
        ``crs-unrelated`` for a system that is not tied to the Earth.
    """
    change = transformation(crs, wgs84())
    return np.stack([x, y], axis=1) if change is None else transform_points(change, x, y)


def metres_per_degree(latitude: float) -> tuple[float, float]:
    """Metres of a degree of longitude and of latitude there, within 1 m (series for the ellipsoid WGS 84)."""
    angle = math.radians(latitude)
    east = 111_412.84 * math.cos(angle) - 93.5 * math.cos(3 * angle) + 0.118 * math.cos(5 * angle)
    north = 111_132.92 - 559.82 * math.cos(2 * angle) + 1.175 * math.cos(4 * angle)
    return east, north


def pixel_metres(grid: Grid, window: Window, crs: str) -> tuple[float, float]:
    """Width and height in metres of a pixel in the middle of a window; in units of the grid without a CRS."""
    column = window.column + window.width / 2 + np.array([0.0, 1.0, 0.0])
    row = window.row + window.height / 2 + np.array([0.0, 0.0, 1.0])
    x, y = to_map(grid.transform, column, row)
    system = crs_of(crs)
    if system is not None and not system.IsLocal():
        x, y = to_degrees(system, x, y).T
        east, north = metres_per_degree(float(y[0]))
        x, y = x * east, y * north
    return float(math.hypot(x[1] - x[0], y[1] - y[0])), float(math.hypot(x[2] - x[0], y[2] - y[0]))
