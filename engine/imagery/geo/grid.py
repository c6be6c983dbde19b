"""The geometry of pixel grids: the grid of a file, whether two grids agree, windows of one in the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import InputError
from .crs import crs_of, in_degrees, same_crs, transformation
from .gdal_errors import UNKNOWN_ERROR, call_gdal
from .gdal_io import file_name
from .types import Grid, Window

TOLERANCE = 0.01
"""Pixels by which two grids may differ and still count as the same."""
STEPS = 21
"""Points along each side of what is transformed into another CRS."""


def grid_of(dataset: Any, path: str) -> Grid:
    """The grid of an open dataset; a geotransform of NaN or without extent, as damaged headers hold it, is none.

    Parameters
    ----------
    dataset : gdal.Dataset
    path : str
        For messages.

    Raises
    ------
    InputError
        ``no-georeference``, or ``raster-unreadable`` for a broken header.
    """
    # GDAL reads the keys of a GeoTIFF only now, and raises for broken ones where it may.
    transform: Any
    transform, fault = call_gdal(lambda: dataset.GetGeoTransform(can_return_null=True))
    if transform is None and fault != UNKNOWN_ERROR:
        message = f"The raster {file_name(path)} cannot be read: {fault}."
        raise InputError("raster-unreadable", message, "It may be damaged.")
    finite = transform is not None and all(map(math.isfinite, transform))
    if not finite or transform[1] * transform[5] - transform[2] * transform[4] == 0:
        raise InputError(
            "no-georeference",
            f"The raster {file_name(path)} has no position on the map (no geotransform).",
            "Georeference it first; a raster with only control points needs to be warped.",
        )
    crs = call_gdal(dataset.GetProjection)[0] or ""
    return Grid(dataset.RasterXSize, dataset.RasterYSize, tuple(transform), crs)


def to_map(transform: tuple[float, ...], column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Map coordinates of pixel coordinates.

    Parameters
    ----------
    transform : tuple of 6 float
        GDAL geotransform.
    column, row : float or ndarray of float
        (0, 0) is the outer corner of the first pixel.

    Returns
    -------
    x, y : like ``column`` and ``row``
    """
    x = transform[0] + column * transform[1] + row * transform[2]
    y = transform[3] + column * transform[4] + row * transform[5]
    return x, y


def to_pixel(transform: tuple[float, ...], x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates of map coordinates, the inverse of :func:`to_map`.

    Parameters
    ----------
    transform : tuple of 6 float
        GDAL geotransform.
    x, y : float or ndarray of float

    Returns
    -------
    column, row : like ``x`` and ``y``
    """
    determinant = transform[1] * transform[5] - transform[2] * transform[4]
    dx, dy = x - transform[0], y - transform[3]
    column = (dx * transform[5] - dy * transform[2]) / determinant
    return column, (dy * transform[1] - dx * transform[4]) / determinant


def reproject(change: Any, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in another CRS.

    Parameters
    ----------
    change : osr.CoordinateTransformation or None
        Of :func:`.crs.transformation`; None leaves the coordinates as they are.
    x, y : ndarray of float, one shape

    Returns
    -------
    x, y : ndarray of float64, that shape
        Infinite where a point has no position in the other CRS.
    """
    if change is None:
        return x, y
    points, _ = call_gdal(lambda: change.TransformPoints(np.column_stack([x.ravel(), y.ravel()]).tolist()))
    if points is None:
        return np.full(x.shape, np.inf), np.full(x.shape, np.inf)
    moved = np.array(points, np.float64)
    return moved[:, 0].reshape(x.shape), moved[:, 1].reshape(x.shape)


def near_longitude(x: np.ndarray, grid: Grid) -> np.ndarray:
    """Coordinates moved by whole turns of 360 degrees so that they are near a grid in degrees, else as they are.

    Longitudes are written from -180 to 180 or from 0 to 360, and a raster across 180 degrees continues beyond it.

    Parameters
    ----------
    x : ndarray of float
        In the CRS of ``grid``.
    grid : Grid
    """
    known = np.isfinite(x)
    if not known.any() or not in_degrees(grid.crs):
        return x
    middle, _ = to_map(grid.transform, np.array(grid.width / 2), np.array(grid.height / 2))
    turns = round((float(middle) - float(x[known].mean())) / 360)
    return x + 360 * turns if turns else x


def window_transform(grid: Grid, window: Window) -> tuple[float, float, float, float, float, float]:
    """GDAL geotransform of a window of a grid.

    Parameters
    ----------
    grid : Grid
    window : Window
        In pixels of ``grid``.
    """
    x, y = to_map(grid.transform, np.array(window.column), np.array(window.row))
    g = grid.transform
    return (float(x), g[1], g[2], float(y), g[4], g[5])


def same_grid(first: Grid, second: Grid) -> bool:
    """Whether two grids hold the same pixels: same size, same corners within 0.01 pixel, same CRS by meaning.

    Parameters
    ----------
    first, second : Grid
    """
    if (first.width, first.height) != (second.width, second.height) or not same_crs(first.crs, second.crs):
        return False
    columns, rows = np.array([0.0, first.width, 0, first.width]), np.array([0.0, 0, first.height, first.height])
    column, row = to_pixel(first.transform, *to_map(second.transform, columns, rows))
    return bool(np.abs(column - columns).max() <= TOLERANCE and np.abs(row - rows).max() <= TOLERANCE)


def pixel_bounds(grid: Grid, window: Window, other: Grid) -> tuple[float, float, float, float] | None:
    """The bounds of a window in the pixels of another grid.

    Parameters
    ----------
    grid : Grid
    window : Window
        In pixels of ``grid``.
    other : Grid

    Returns
    -------
    tuple of float or None
        Left, top, right, bottom in pixels of ``other``; None where no point of the window has a position there.
    """
    column, row = np.meshgrid(
        window.column + np.linspace(0, window.width, STEPS), window.row + np.linspace(0, window.height, STEPS)
    )
    x, y = to_map(grid.transform, column.ravel(), row.ravel())
    change = None if grid.crs == other.crs else transformation(crs_of(grid.crs), crs_of(other.crs))
    x, y = reproject(change, x, y)
    column, row = to_pixel(other.transform, near_longitude(x, other), y)
    valid = np.isfinite(column) & np.isfinite(row)
    if not valid.any():
        return None
    column, row = column[valid], row[valid]
    return float(column.min()), float(row.min()), float(column.max()), float(row.max())


def overlaps(grid: Grid, other: Grid) -> bool:
    """Whether any pixel of ``grid`` is on ``other``.

    Parameters
    ----------
    grid, other : Grid
    """
    bounds = pixel_bounds(grid, Window(0, 0, grid.width, grid.height), other)
    if bounds is None:
        return False
    left, top, right, bottom = bounds
    return (
        right > TOLERANCE and bottom > TOLERANCE and left < other.width - TOLERANCE and top < other.height - TOLERANCE
    )


def extent_intersects(extent: tuple[float, float, float, float], crs: Any, grid: Grid) -> bool:
    """Whether the extent of a layer touches a grid; true as well where that cannot be computed.

    Parameters
    ----------
    extent : tuple of 4 float
        Least x, greatest x, least y, greatest y.
    crs : osr.SpatialReference or None
        Of ``extent``.
    grid : Grid
    """
    x, y = np.meshgrid(np.linspace(extent[0], extent[1], STEPS), np.linspace(extent[2], extent[3], STEPS))
    change = transformation(crs, crs_of(grid.crs))
    if change is not None and crs.IsGeographic() and abs(x.mean()) > 180:
        x = x - 360 * round(x.mean() / 360)
    x, y = reproject(change, x, y)
    if change is not None and not (np.isfinite(x).all() and np.isfinite(y).all()):
        return True
    x = near_longitude(x, grid)
    return box_intersects((x.min(), x.max(), y.min(), y.max()), grid)


def box_intersects(box: tuple[float, float, float, float], grid: Grid) -> bool:
    """Whether a box in the grid's CRS touches the grid.

    Parameters
    ----------
    box : tuple of float
        Minimum x, maximum x, minimum y, maximum y.
    grid : Grid
    """
    bounds = box_bounds(box, grid)
    if bounds is None:
        return False
    left, top, right, bottom = bounds
    return right >= 0 and bottom >= 0 and left <= grid.width and top <= grid.height


def box_bounds(box: tuple[float, float, float, float], grid: Grid) -> tuple[float, float, float, float] | None:
    """The pixel coordinates that hold a box.

    Parameters
    ----------
    box : tuple of float
        Minimum x, maximum x, minimum y, maximum y in the grid's CRS.
    grid : Grid

    Returns
    -------
    tuple of float or None
        Left, top, right, bottom; None for a box that is not finite.
    """
    # In plain numbers: ten times as fast as arrays of four.
    if not all(map(math.isfinite, box)):
        return None
    corners: list[Any] = [(x, y) for x in box[:2] for y in box[2:]]
    columns, rows = zip(*(to_pixel(grid.transform, x, y) for x, y in corners))
    return min(columns), min(rows), max(columns), max(rows)
