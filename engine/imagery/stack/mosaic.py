"""The tiles of a stack joined into one: neighbouring Sentinel-2 tiles, or the parts of a large export."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..geo.grid import pixel_bounds, same_grid, to_pixel, window_transform
from ..geo.resample import Resampler
from ..geo.types import Grid, Window
from .decode import BufferCache
from .tile import Tile
from .tiling import finest, full_window, union_grid


class Mosaic:
    """Tiles on one grid, continued until it covers all of them: the first one's, or that of the smallest pixels.

    Where tiles overlap, a date at a pixel is that of the first tile that observed any band of it there: bands of one
    date never come from two tiles, and what the rim or the clouds of one hide the next one may show. Tiles on the
    pixels of that grid keep their values; others, such as those of the next UTM zone, are brought onto it (bilinear).

    Attributes
    ----------
    base : the tile whose grid is continued
    grid : Grid
    resampled : tiles that do not lie on its pixels
    """

    def __init__(self, tiles: Sequence[Tile]) -> None:
        # Of a tile with finer pixels than the grid's a window would fill many times the memory.
        self.base = finest(tiles, lambda tile: tile.grid)
        self.grid = union_grid(self.base.grid, [tile.grid for tile in tiles])
        self._parts = [_Part(tile, self.grid) for tile in tiles]
        self.resampled = [part.tile for part in self._parts if part.resampler]

    def read(self, window: Window, names: Sequence[str], memory: BufferCache) -> np.ndarray:
        """(h, w, t, c) float32 of stored bands in a window of the mosaic; NaN for gaps, and where no tile lies.

        Raises
        ------
        InputError
            ``raster-unreadable``, naming the file and the band.
        """
        here = [(part, common) for part in self._parts if (common := _common(window, part.place))]
        if len(here) == 1 and here[0][1] == window:
            alone = here[0][0].read(window, names, memory)
            if alone is not None:
                return alone
        shape = (window.height, window.width, self._parts[0].tile.dates, len(names))
        series = memory.array("mosaic", shape, np.float32)
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
    """A tile and where it lies in the mosaic."""

    def __init__(self, tile: Tile, grid: Grid) -> None:
        self.tile = tile
        column, row = to_pixel(grid.transform, np.array(tile.grid.transform[0]), np.array(tile.grid.transform[3]))
        self.place = Window(round(float(column)), round(float(row)), tile.grid.width, tile.grid.height)
        own = Grid(tile.grid.width, tile.grid.height, window_transform(grid, self.place), grid.crs)
        self.resampler: Resampler | None = None
        if not same_grid(own, tile.grid):
            self.resampler = Resampler(grid, tile.grid)
            left, top, right, bottom = pixel_bounds(tile.grid, full_window(tile.grid), grid) or (0.0, 0.0, 0.0, 0.0)
            left, top = math.floor(left), math.floor(top)
            self.place = Window(left, top, math.ceil(right) - left, math.ceil(bottom) - top)

    def read(self, window: Window, names: Sequence[str], memory: BufferCache) -> np.ndarray | None:
        """(h, w, t, c) in a window of the mosaic that lies in the tile's place; None where it shows nothing of it."""
        if self.resampler is None:
            own = Window(window.column - self.place.column, window.row - self.place.row, window.width, window.height)
            return self.tile.read(own, names, memory)
        across, down = self.resampler.positions(window)
        part = self.resampler.source_window(across, down)
        if part is None:
            return None
        read = self.tile.read(part, names, memory)
        values = self.resampler.bilinear(read.reshape(part.height, part.width, -1), part, across, down)
        return values.reshape(window.height, window.width, *read.shape[2:])


def _common(window: Window, place: Window) -> Window | None:
    """What two windows of one grid share; None where they share nothing."""
    column, row = max(window.column, place.column), max(window.row, place.row)
    right = min(window.column + window.width, place.column + place.width)
    bottom = min(window.row + window.height, place.row + place.height)
    return Window(column, row, right - column, bottom - row) if right > column and bottom > row else None
