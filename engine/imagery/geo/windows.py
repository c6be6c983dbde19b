"""Windows of a grid: cut from it, intersected, joined, and the numbers that a raster band holds in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from osgeo import gdal

from .gdal_errors import call_gdal
from .grid import window_transform
from .types import Grid, Window

BUFFER_TYPES = {
    np.dtype(np.uint8): gdal.GDT_Byte,
    np.dtype(np.int32): gdal.GDT_Int32,
    np.dtype(np.float64): gdal.GDT_Float64,
}


def full_window(grid: Grid) -> Window:
    """The window that is the whole grid.

    Parameters
    ----------
    grid : Grid
    """
    return Window(0, 0, grid.width, grid.height)


def cut_windows(grid: Grid, width: int, height: int) -> list[Window]:
    """Windows that cover a grid, row by row; the last ones of a row and column may be smaller.

    Parameters
    ----------
    grid : Grid
    width, height : int
        Size of the windows in pixels, at least 1.
    """
    return [
        Window(column, row, min(width, grid.width - column), min(height, grid.height - row))
        for row in range(0, grid.height, height)
        for column in range(0, grid.width, width)
    ]


def grid_of_window(grid: Grid, window: Window) -> Grid:
    """The grid that has just the pixels of a window.

    Parameters
    ----------
    grid : Grid
    window : Window
        It may reach beyond the grid.
    """
    return Grid(window.width, window.height, window_transform(grid, window), grid.crs)


def sample_window(grid: Grid, side: int, across: int, down: int) -> Window:
    """A square somewhere on a grid, the whole grid where that is smaller.

    Parameters
    ----------
    grid : Grid
    side : int
        Side of the square in pixels.
    across, down : int
        Its place in quarters of the grid, 0 (left, top) to 4 (right, bottom).
    """
    width, height = min(side, grid.width), min(side, grid.height)
    return Window((grid.width - width) * across // 4, (grid.height - height) * down // 4, width, height)


def intersection(one: Window, other: Window) -> Window:
    """The pixels that two windows of one grid share; a window without pixels where they share none.

    Parameters
    ----------
    one, other : Window
    """
    left, top = max(one.column, other.column), max(one.row, other.row)
    right = min(one.column + one.width, other.column + other.width)
    bottom = min(one.row + one.height, other.row + other.height)
    return Window(left, top, max(right - left, 0), max(bottom - top, 0))


def bounding_window(windows: Sequence[Window]) -> Window:
    """The smallest window that holds all of some.

    Parameters
    ----------
    windows : sequence of Window
        At least one.
    """
    left, top = min(one.column for one in windows), min(one.row for one in windows)
    right = max(one.column + one.width for one in windows)
    return Window(left, top, right - left, max(one.row + one.height for one in windows) - top)


def read_window(band: Any, window: Window, dtype: DTypeLike = np.float64) -> tuple[np.ndarray | None, str]:
    """Read a window of a raster band.

    Parameters
    ----------
    band : gdal.Band
    window : Window
        On the grid of the band.
    dtype : numpy type, optional (default=float64)
        uint8, int32 or float64.

    Returns
    -------
    numbers : ndarray of ``dtype``, shape (h, w), or None
        As they are stored; read-only; None where GDAL fails.
    fault : str
        GDAL's message; empty on success.
    """
    data, fault = call_gdal(lambda: band.ReadRaster(*window, buf_type=BUFFER_TYPES[np.dtype(dtype)]))
    return (None, fault) if data is None else (np.frombuffer(data, dtype).reshape(window.shape), "")


def read_valid(band: Any, window: Window) -> tuple[np.ndarray | None, str]:
    """Read a window of a raster band with NaN wherever its mask or nodata value hides the number.

    Parameters
    ----------
    band : gdal.Band
    window : Window
        On the grid of the band.

    Returns
    -------
    numbers : ndarray of float64, shape (h, w), or None
        None where GDAL fails.
    fault : str
        GDAL's message; empty on success.
    """
    numbers, fault = read_window(band, window)
    # Within the call, too: GDAL looks for a mask only now, and may complain about a damaged file.
    mask, mask_fault = call_gdal(band.GetMaskBand)
    valid = None
    if mask is not None:
        valid, mask_fault = read_window(mask, window, np.uint8)
    if numbers is None or valid is None:
        return None, fault or mask_fault
    return np.where(valid != 0, numbers, np.nan), ""
