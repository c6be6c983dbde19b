"""Places and distances on the Earth, whatever the coordinate reference system of a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from osgeo import osr

from ...errors import InputError
from .crs import crs_of, transformation
from .gdal_io import open_raster
from .grid import grid_of, to_map, transform_points
from .types import Grid, StackBand, Window

SEMI_MAJOR, FLATTENING = 6378137.0, 1 / 298.257223563
"""WGS 84, metres."""

TOLERANCE = 0.005
"""Up to this relative difference the plane area of a pixel is taken: a pixel of 10 m is then 0.01 ha."""


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


def pixel_hectares(grid: Grid) -> float:
    """Area of the pixel in the middle of the grid, in hectares; NaN where the CRS is unknown.

    The plane area in the units of the CRS where that is true to the ground (UTM, national grids,
    equal-area ones) and in local systems, else the area on the ellipsoid (degrees, Web Mercator).
    """
    if not grid.crs:
        return math.nan
    srs = osr.SpatialReference()
    srs.ImportFromWkt(grid.crs)
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    _, across, skew, _, skew_down, down = grid.transform
    plane = abs(across * down - skew * skew_down) * srs.GetLinearUnits() ** 2
    if srs.IsLocal():
        return plane / 10_000
    ground = _on_the_ellipsoid(grid, srs)
    if srs.IsProjected() and abs(plane - ground) <= TOLERANCE * ground:
        return plane / 10_000
    return ground / 10_000


def _on_the_ellipsoid(grid: Grid, srs: osr.SpatialReference) -> float:
    """Square metres of the middle pixel: its sides in degrees by the two radii of curvature there."""
    geographic = osr.SpatialReference()
    geographic.ImportFromEPSG(4326)
    geographic.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    transform = osr.CoordinateTransformation(srs, geographic)
    x0, across, skew, y0, skew_down, down = grid.transform
    column, row = grid.width / 2, grid.height / 2
    corner, right, below = (
        np.array(
            transform.TransformPoint(x0 + c * across + r * skew, y0 + c * skew_down + r * down)[:2],
        )
        for c, r in ((column, row), (column + 1, row), (column, row + 1))
    )
    (lon_1, lat_1), (lon_2, lat_2) = np.radians(right - corner), np.radians(below - corner)
    latitude = math.radians(corner[1])
    eccentricity = FLATTENING * (2 - FLATTENING)
    root = math.sqrt(1 - eccentricity * math.sin(latitude) ** 2)
    meridian = SEMI_MAJOR * (1 - eccentricity) / root**3
    parallel = SEMI_MAJOR / root * math.cos(latitude)
    return abs(lon_1 * lat_2 - lon_2 * lat_1) * meridian * parallel


def stack_latitude(bands: Sequence[StackBand]) -> float | None:
    """Latitude in degrees of the middle of a stack's first file; None where its CRS does not tell it.

    Raises
    ------
    InputError
        ``raster-unreadable`` or ``no-georeference``, naming the file.
    """
    return grid_latitude(grid_of(open_raster(bands[0].path), bands[0].path))


def grid_latitude(grid: Grid) -> float | None:
    """Latitude in degrees of the middle of a grid; None where its CRS does not tell it."""
    crs = crs_of(grid.crs)
    if crs is None or crs.IsLocal():
        return None
    x, y = to_map(grid.transform, np.array([grid.width / 2]), np.array([grid.height / 2]))
    try:
        latitude = float(to_degrees(crs, x, y)[0, 1])
    except InputError:
        return None
    return latitude if -90 <= latitude <= 90 else None
