"""Pixels of one grid resampled to another, with the same result whichever window a pixel is read in.

GDAL's warper estimates its kernel from the window it is given, so tiles would differ from the whole
and a rotated grid would be blurred. Here the position in the other grid is computed for every pixel by itself.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .crs import crs_of, transformation
from .grid import near_longitude, reproject, to_map, to_pixel
from .types import Grid, Window

LATTICE = 32
"""Pixels between the exactly transformed points of another CRS; between them positions are interpolated
(within 1e-3 pixel for 10 m pixels and common projections)."""
MIN_WEIGHT = 0.5
"""Share of the interpolation weight of observed pixels, at least."""


class Positions(NamedTuple):
    """Where the pixels of a window are in another grid: the arguments of both ways to resample."""

    part: Window
    """The window of the other grid to read."""
    column: np.ndarray
    """(h, w) columns in the other grid; NaN where there is none."""
    row: np.ndarray
    """(h, w) rows in the other grid; NaN where there is none."""


class Resampler:
    """Resamples windows of one grid to another; a finer one is averaged first, by a whole number on each side.

    Parameters
    ----------
    grid : Grid
        The target.
    other : Grid
        The grid of the values.

    Raises
    ------
    InputError
        ``crs-unrelated``.
    """

    def __init__(self, grid: Grid, other: Grid) -> None:
        self.grid, self.other = grid, other
        self._change: Any = transformation(crs_of(grid.crs), crs_of(other.crs))

    @cached_property
    def factor(self) -> int:
        """Pixels of the other grid, on each side, that are averaged before they are interpolated."""
        middle = Window(self.grid.width // 2, self.grid.height // 2, 1, 1)
        for window in (middle, Window(0, 0, 1, 1), Window(self.grid.width - 1, self.grid.height - 1, 1, 1)):
            column, row = self._exact(*np.meshgrid(window.column + np.array([0.0, 1]), window.row + np.array([0.0, 1])))
            across, down = (
                np.array([column[0, 1] - column[0, 0], row[0, 1] - row[0, 0]]),
                np.array([column[1, 0] - column[0, 0], row[1, 0] - row[0, 0]]),
            )
            area = abs(across[0] * down[1] - across[1] * down[0])
            if np.isfinite(area):
                return max(1, int(math.sqrt(area) + 0.25))
        return 1

    def positions(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """The positions of pixels in the other grid.

        Parameters
        ----------
        window : Window
            In pixels of the target grid.

        Returns
        -------
        column, row : ndarray of float64, shape (h, w)
            Of the middle of each pixel, in pixels of the other grid; NaN where it has none.
        """
        column, row = window.column + np.arange(window.width) + 0.5, window.row + np.arange(window.height) + 0.5
        if self._change is None:
            return self._exact(*np.meshgrid(column, row))
        first_column, first_row = window.column // LATTICE, window.row // LATTICE
        knots_x = np.arange(first_column, (window.column + window.width) // LATTICE + 2) * float(LATTICE)
        knots_y = np.arange(first_row, (window.row + window.height) // LATTICE + 2) * float(LATTICE)
        knots = self._exact(*np.meshgrid(knots_x, knots_y))
        across, down = column / LATTICE - first_column, row / LATTICE - first_row
        i, j = across.astype(int)[None], down.astype(int)[:, None]
        u, v = (across - across.astype(int))[None], (down - down.astype(int))[:, None]
        with np.errstate(invalid="ignore"):
            x, y = (
                (k[j, i] * (1 - u) + k[j, i + 1] * u) * (1 - v) + (k[j + 1, i] * (1 - u) + k[j + 1, i + 1] * u) * v
                for k in knots
            )
        return x, y

    def locate(self, window: Window) -> Positions | None:
        """Where the pixels of a window are in the other grid; None when all of them are beside it.

        Parameters
        ----------
        window : Window
            On ``grid``.
        """
        column, row = self.positions(window)
        part = self.source_window(column, row)
        return None if part is None else Positions(part, column, row)

    def source_window(self, column: np.ndarray, row: np.ndarray) -> Window | None:
        """The window of the other grid that holds positions and their neighbours.

        Parameters
        ----------
        column, row : ndarray of float64, shape (h, w)
            As :meth:`positions` gives them.

        Returns
        -------
        Window or None
            None where all positions are outside.
        """
        inside = self._inside(column, row)
        if not inside.any():
            return None
        step = self.factor
        left, top = (int(values[inside].min() // step) - 1 for values in (column, row))
        right, bottom = (int(values[inside].max() // step) + 2 for values in (column, row))
        left, top = max(left, 0) * step, max(top, 0) * step
        right, bottom = min(right * step, self.other.width), min(bottom * step, self.other.height)
        return Window(left, top, right - left, bottom - top)

    def bilinear(self, values: np.ndarray, part: Window, column: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Values at positions, interpolated from the observed ones of the four pixels around each.

        Parameters
        ----------
        values : ndarray of float32, shape (h', w', b)
            Of ``part``; NaN for a gap.
        part : Window
            Window of the other grid, as :meth:`source_window` gives it.
        column, row : ndarray of float64, shape (h, w)
            As :meth:`positions` gives them.

        Returns
        -------
        ndarray of float32, shape (h, w, b)
            NaN outside the other grid and where observed pixels have less than half of the weight.
        """
        step = self.factor
        values = _averaged(values, step)
        height, width, _ = values.shape
        inside = self._inside(column, row)
        x = np.where(inside, (column - part.column) / step - 0.5, 0)
        y = np.where(inside, (row - part.row) / step - 0.5, 0)
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        u, v = (x - left).astype(np.float32), (y - top).astype(np.float32)
        total = np.zeros((*x.shape, values.shape[2]), np.float32)
        weight = np.zeros_like(total)
        for right, below, share in ((0, 0, (1 - u) * (1 - v)), (1, 0, u * (1 - v)), (0, 1, (1 - u) * v), (1, 1, u * v)):
            # Beyond the middle of the last pixel its own value holds.
            near = values[np.clip(top + below, 0, height - 1), np.clip(left + right, 0, width - 1)]
            seen = np.isfinite(near)
            total += np.where(seen, near, 0) * share[..., None]
            weight += seen * share[..., None]
        with np.errstate(invalid="ignore", divide="ignore"):
            result = total / weight
        result[(weight < MIN_WEIGHT - 1e-6) | ~inside[..., None]] = np.nan
        return result

    def nearest(self, values: np.ndarray, part: Window, column: np.ndarray, row: np.ndarray) -> np.ndarray:
        """The value of the pixel in which each position falls.

        Parameters
        ----------
        values : ndarray, shape (h', w')
            Of ``part``.
        part : Window
            Window of the other grid, as :meth:`source_window` gives it.
        column, row : ndarray of float64, shape (h, w)
            As :meth:`positions` gives them.

        Returns
        -------
        ndarray, shape (h, w)
            Of the type of ``values``; 0 or False outside the other grid.
        """
        inside = self._inside(column, row)
        x = np.where(inside, column - part.column, 0).astype(int)
        y = np.where(inside, row - part.row, 0).astype(int)
        return np.where(inside, values[y, x], np.zeros((), values.dtype))

    def _exact(self, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = reproject(self._change, *to_map(self.grid.transform, column, row))
        x = near_longitude(x, self.other)
        x, y = (np.where(np.isfinite(values), values, np.nan) for values in (x, y))
        return to_pixel(self.other.transform, x, y)

    def _inside(self, column: np.ndarray, row: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return (column >= 0) & (row >= 0) & (column < self.other.width) & (row < self.other.height)


def _averaged(values: np.ndarray, step: int) -> np.ndarray:
    """(h / step, w / step, b) mean of the observed pixels of each square of ``step`` x ``step``."""
    if step == 1:
        return values
    height, width, bands = values.shape
    rows, columns = -(-height // step), -(-width // step)
    padded = np.full((rows * step, columns * step, bands), np.nan, np.float32)
    padded[:height, :width] = values
    squares = padded.reshape(rows, step, columns, step, bands)
    seen = np.isfinite(squares)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(seen, squares, 0).sum(axis=(1, 3)) / seen.sum(axis=(1, 3), dtype=np.float32)
