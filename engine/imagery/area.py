"""How much ground a pixel covers."""

from __future__ import annotations

import math

import numpy as np
from osgeo import osr

from .stack import Grid

SEMI_MAJOR, FLATTENING = 6378137.0, 1 / 298.257223563
"""WGS 84, metres."""
TOLERANCE = 0.005
"""Up to this relative difference the plane area of a pixel is taken: a pixel of 10 m is then 0.01 ha."""


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
