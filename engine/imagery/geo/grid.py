"""The geometry of pixel grids: where a file's pixels lie, whether two grids agree, windows between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from osgeo import osr

from ...errors import InputError
from .crs import crs_of, same_crs, transformation
from .gdal_errors import call_gdal
from .gdal_io import file_name
from .types import Grid, Window

TOLERANCE = 0.01
"""Pixels by which two grids may differ and still count as the same."""


def grid_of(dataset: Any, path: str) -> Grid:
    """The grid of an open dataset; raises InputError (``no-georeference``) naming the file.

    A geotransform of NaN or without extent, as damaged headers hold it, is none.
    """
    # GDAL reads the keys of a GeoTIFF only now, and raises for broken ones where it may.
    transform: Any
    transform, fault = call_gdal(lambda: dataset.GetGeoTransform(can_return_null=True))
    if transform is None and fault != "unknown error":
        message = f"The raster {file_name(path)} cannot be read: {fault}."
        raise InputError("raster-unreadable", message, "It may be damaged.")
    crs = call_gdal(dataset.GetProjection)[0] or ""
    placed = transform is not None and all(map(math.isfinite, transform))
    if not placed or transform[1] * transform[5] - transform[2] * transform[4] == 0:
        raise InputError(
            "no-georeference",
            f"The raster {file_name(path)} has no position on the map (no geotransform).",
            "Georeference it first, or warp it where it has only control points.",
        )
    return Grid(dataset.RasterXSize, dataset.RasterYSize, tuple(transform), crs)


def to_map(transform: tuple[float, ...], column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Map coordinates of pixel coordinates (0, 0 is the corner of the first pixel)."""
    x = transform[0] + column * transform[1] + row * transform[2]
    y = transform[3] + column * transform[4] + row * transform[5]
    return x, y


def to_pixel(transform: tuple[float, ...], x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates (column, row) of map coordinates."""
    determinant = transform[1] * transform[5] - transform[2] * transform[4]
    dx, dy = x - transform[0], y - transform[3]
    column = (dx * transform[5] - dy * transform[2]) / determinant
    return column, (dy * transform[1] - dx * transform[4]) / determinant


def window_transform(grid: Grid, window: Window) -> tuple[float, float, float, float, float, float]:
    """GDAL geotransform of a window of the grid."""
    x, y = to_map(grid.transform, np.array(window.column), np.array(window.row))
    g = grid.transform
    return (float(x), g[1], g[2], float(y), g[4], g[5])


def same_grid(first: Grid, second: Grid) -> bool:
    """Whether two grids hold the same pixels: same size, same place within 0.01 pixel, same CRS by meaning."""
    if (first.width, first.height) != (second.width, second.height) or not same_crs(first.crs, second.crs):
        return False
    columns, rows = np.array([0.0, first.width, 0, first.width]), np.array([0.0, 0, first.height, first.height])
    x, y = to_map(second.transform, columns, rows)
    column, row = to_pixel(first.transform, x, y)
    return bool(np.abs(column - columns).max() <= TOLERANCE and np.abs(row - rows).max() <= TOLERANCE)


def pixel_bounds(grid: Grid, window: Window, other: Grid) -> tuple[float, float, float, float] | None:
    """Where ``window`` of ``grid`` lies in ``other``: left, top, right, bottom in its pixels; None when nowhere."""
    steps = 21
    column, row = np.meshgrid(
        window.column + np.linspace(0, window.width, steps), window.row + np.linspace(0, window.height, steps)
    )
    x, y = to_map(grid.transform, column.ravel(), row.ravel())
    change = None if grid.crs == other.crs else transformation(crs_of(grid.crs), crs_of(other.crs))
    if change is not None:
        points = transform_points(change, x, y)
        x, y = points[:, 0], points[:, 1]
    column, row = to_pixel(other.transform, x, y)
    valid = np.isfinite(column) & np.isfinite(row)
    if not valid.any():
        return None
    column, row = column[valid], row[valid]
    return float(column.min()), float(row.min()), float(column.max()), float(row.max())


def transform_points(change: osr.CoordinateTransformation, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, 2) transformed points; infinite where a point has no place in the other system."""
    points, fault = call_gdal(lambda: change.TransformPoints(np.column_stack([x, y]).tolist()))
    if points is None:
        return np.full((len(x), 2), np.inf)
    return np.array(points, np.float64)[:, :2]


def overlaps(grid: Grid, other: Grid) -> bool:
    """Whether any pixel of ``grid`` lies on ``other``."""
    bounds = pixel_bounds(grid, Window(0, 0, grid.width, grid.height), other)
    if bounds is None:
        return False
    left, top, right, bottom = bounds
    return (
        right > TOLERANCE and bottom > TOLERANCE and left < other.width - TOLERANCE and top < other.height - TOLERANCE
    )


def extent_intersects(extent: tuple[float, float, float, float], crs: Any, grid: Grid) -> bool:
    """Whether the extent of a layer meets the grid; true as well where that cannot be computed."""
    x, y = np.meshgrid(np.linspace(extent[0], extent[1], 21), np.linspace(extent[2], extent[3], 21))
    x, y = x.ravel(), y.ravel()
    change = transformation(crs, crs_of(grid.crs))
    if change is not None:
        points = transform_points(change, x, y)
        if not np.isfinite(points).all():
            return True
        x, y = points[:, 0], points[:, 1]
    return box_intersects((x.min(), x.max(), y.min(), y.max()), grid)


def box_intersects(box: tuple[float, float, float, float], grid: Grid) -> bool:
    """Whether a box (least x, greatest x, least y, greatest y) in the grid's CRS touches the grid."""
    # In plain numbers: ten times as fast as arrays of four.
    if not all(map(math.isfinite, box)):
        return False
    places: list[Any] = [(x, y) for x in box[:2] for y in box[2:]]
    columns, rows = zip(*(to_pixel(grid.transform, x, y) for x, y in places))
    return max(columns) >= 0 and max(rows) >= 0 and min(columns) <= grid.width and min(rows) <= grid.height
