"""The tiles of a stack joined into one: neighbouring Sentinel-2 tiles, or the parts of a large export."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..geo.grid import pixel_bounds, same_grid, to_pixel
from ..geo.resample import Resampler
from ..geo.types import Grid, Window
from ..geo.windows import full_window, grid_of_window, intersection
from .decode import BufferCache
from .tile import Tile
from .tiling import finest, union_grid


class Mosaic:
    """Tiles on one grid, continued until it covers all of them: the first one's, or that of the smallest pixels.

    Where tiles overlap, a date at a pixel is that of the first tile that observed any band of it there: bands of one
    date never come from two tiles, and what the rim or the clouds of one hide the next one may show. Tiles on the
    pixels of that grid keep their values; others, such as those of the next UTM zone, are resampled to it (bilinear).

    Parameters
    ----------
    tiles : sequence of Tile
        In the order in which they are preferred.

    Attributes
    ----------
    base : Tile
        The tile whose grid is continued.
    grid : Grid
    resampled : list of Tile
        Those whose pixels are not on the grid.
    """

    def __init__(self, tiles: Sequence[Tile]) -> None:
        # A window of a tile with finer pixels than the grid's would fill many times the memory.
        self.base = finest(tiles, lambda tile: tile.grid)
        self.grid = union_grid(self.base.grid, [tile.grid for tile in tiles])
        self._parts = [_Part(tile, self.grid) for tile in tiles]
        self.resampled = [part.tile for part in self._parts if part.resampler]

    def read(self, window: Window, names: Sequence[str], memory: BufferCache) -> np.ndarray:
        """Read stored bands in a window of the mosaic.

        Parameters
        ----------
        window : Window
            On ``grid``.
        names, memory
            As of :meth:`.Tile.read`, as is what it returns and raises; NaN also where there is no tile.
        """
        here = [(part, common) for part in self._parts if (common := intersection(window, part.window)).pixels]
        if len(here) == 1 and here[0][1] == window:
            alone = here[0][0].read(window, names, memory)
            if alone is not None:
                return alone
        series = memory.array("mosaic", (*window.shape, self._parts[0].tile.dates, len(names)), np.float32)
        series.fill(np.nan)
        for part, common in here:
            values = part.read(common, names, memory)
            if values is not None:
                row, column = common.row - window.row, common.column - window.column
                into = series[row : row + common.height, column : column + common.width]
                free = np.isnan(into).all(axis=3)
                into[free] = values[free]
        return series


class _Part:
    """A tile and its window of the mosaic."""

    def __init__(self, tile: Tile, grid: Grid) -> None:
        self.tile = tile
        column, row = to_pixel(grid.transform, np.array(tile.grid.transform[0]), np.array(tile.grid.transform[3]))
        self.window = Window(round(float(column)), round(float(row)), tile.grid.width, tile.grid.height)
        self.resampler: Resampler | None = None
        if not same_grid(grid_of_window(grid, self.window), tile.grid):
            self.resampler = Resampler(grid, tile.grid)
            left, top, right, bottom = pixel_bounds(tile.grid, full_window(tile.grid), grid) or (0.0, 0.0, 0.0, 0.0)
            left, top = math.floor(left), math.floor(top)
            self.window = Window(left, top, math.ceil(right) - left, math.ceil(bottom) - top)

    def read(self, window: Window, names: Sequence[str], memory: BufferCache) -> np.ndarray | None:
        """(h, w, t, c) in a window of the mosaic within the tile's; None where the tile shows nothing of it."""
        if self.resampler is None:
            column, row = window.column - self.window.column, window.row - self.window.row
            return self.tile.read(Window(column, row, window.width, window.height), names, memory)
        located = self.resampler.locate(window)
        if located is None:
            return None
        read = self.tile.read(located.part, names, memory)
        values = self.resampler.bilinear(read.reshape(*located.part.shape, -1), *located)
        return values.reshape(*window.shape, *read.shape[2:])
