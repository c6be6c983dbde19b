"""Positions, distances and areas on the Earth, whatever the coordinate reference system of a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from .crs import crs_of, epsg, transformation
from .gdal_io import open_raster
from .grid import grid_of, reproject, to_map
from .types import Grid, StackBand, Window

SEMI_MAJOR, FLATTENING = 6378137.0, 1 / 298.257223563
"""WGS 84, metres."""

TOLERANCE = 0.005
"""Up to this relative difference the plane area of a pixel is taken: a pixel of 10 m is then 0.01 ha."""


def to_degrees(crs: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Longitude and latitude of coordinates.

    Parameters
    ----------
    crs : osr.SpatialReference
        Of the coordinates.
    x, y : ndarray of float, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Degrees on WGS 84; infinite where a point has no position.

    Raises
    ------
    InputError
        ``crs-unrelated`` for a system that is not tied to the Earth.
    """
    return np.stack(reproject(transformation(crs, epsg(4326)), x, y), axis=1)


def _metres_per_degree(latitude: float) -> tuple[float, float]:
    """Metres of a degree of longitude and of latitude there, within 1 m (series for the ellipsoid WGS 84)."""
    angle = math.radians(latitude)
    east = 111_412.84 * math.cos(angle) - 93.5 * math.cos(3 * angle) + 0.118 * math.cos(5 * angle)
    north = 111_132.92 - 559.82 * math.cos(2 * angle) + 1.175 * math.cos(4 * angle)
    return east, north


def _middle_pixel(transform: tuple[float, ...], column: float, row: float) -> tuple[np.ndarray, np.ndarray]:
    """(3,) x and y of a position on the grid, of one a column further, and of one a row further."""
    return to_map(transform, column + np.array([0.0, 1.0, 0.0]), row + np.array([0.0, 0.0, 1.0]))


def pixel_metres(grid: Grid, window: Window, crs: str) -> tuple[float, float]:
    """Width and height of a pixel in the middle of a window.

    Parameters
    ----------
    grid : Grid
    window : Window
        In pixels of ``grid``.
    crs : str
        WKT of the grid's CRS.

    Returns
    -------
    width, height : float
        Metres; units of the grid without a CRS, or with a local one.
    """
    x, y = _middle_pixel(grid.transform, window.column + window.width / 2, window.row + window.height / 2)
    system = crs_of(crs)
    if system is not None and not system.IsLocal():
        x, y = to_degrees(system, x, y).T
        east, north = _metres_per_degree(float(y[0]))
        x, y = x * east, y * north
    return float(math.hypot(x[1] - x[0], y[1] - y[0])), float(math.hypot(x[2] - x[0], y[2] - y[0]))


def pixel_hectares(grid: Grid) -> float:
    """Area of the pixel in the middle of a grid.

    The plane area in the units of the CRS where that is true to the ground (UTM, national grids,
    equal-area ones) and in local systems, else the area on the ellipsoid (degrees, Web Mercator).

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    float
        Hectares; NaN where the CRS is unknown.
    """
    crs = crs_of(grid.crs)
    if crs is None:
        return math.nan
    _, across, skew, _, skew_down, down = grid.transform
    plane = abs(across * down - skew * skew_down) * crs.GetLinearUnits() ** 2
    if crs.IsLocal():
        return plane / 10_000
    ground = _ellipsoid_area(grid, crs)
    true_to_ground = crs.IsProjected() and abs(plane - ground) <= TOLERANCE * ground
    return (plane if true_to_ground else ground) / 10_000


def _ellipsoid_area(grid: Grid, crs: Any) -> float:
    """Square metres of the middle pixel: its sides in degrees by the two radii of curvature there."""
    corner, right, below = to_degrees(crs, *_middle_pixel(grid.transform, grid.width / 2, grid.height / 2))
    (lon_1, lat_1), (lon_2, lat_2) = np.radians(right - corner), np.radians(below - corner)
    latitude = math.radians(corner[1])
    eccentricity = FLATTENING * (2 - FLATTENING)
    root = math.sqrt(1 - eccentricity * math.sin(latitude) ** 2)
    meridian = SEMI_MAJOR * (1 - eccentricity) / root**3
    parallel = SEMI_MAJOR / root * math.cos(latitude)
    return abs(lon_1 * lat_2 - lon_2 * lat_1) * meridian * parallel


def stack_latitude(bands: Sequence[StackBand]) -> float | None:
    """Latitude of the middle of a stack's first file.

    Parameters
    ----------
    bands : sequence of StackBand
        At least one.

    Returns
    -------
    float or None
        Degrees; None where the file's CRS does not say.

    Raises
    ------
    InputError
        ``raster-unreadable`` or ``no-georeference``, naming the file.
    """
    return grid_latitude(grid_of(open_raster(bands[0].path), bands[0].path))


def grid_latitude(grid: Grid) -> float | None:
    """Latitude of the middle of a grid.

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    float or None
        Degrees; None where the CRS does not say.
    """
    crs = crs_of(grid.crs)
    if crs is None or crs.IsLocal():
        return None
    x, y = to_map(grid.transform, np.array([grid.width / 2]), np.array([grid.height / 2]))
    try:
        latitude = float(to_degrees(crs, x, y)[0, 1])
    except InputError:
        return None
    return latitude if -90 <= latitude <= 90 else None
