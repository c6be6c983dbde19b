"""What a label raster holds, seen in passing: for a form that must not wait until all of it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from osgeo import gdal

from ..geo.gdal_io import file_name, open_raster
from ..geo.grid import grid_of
from ..geo.types import Grid, StackBand, Window
from ..stack.tiling import stack_grid
from .class_names import attribute_table
from .label_layer import LabelLayer
from .label_raster import LabelRaster

ALL_PIXELS = 2_000_000
"""Pixels up to which a stack is looked at as a whole."""
SIDE = 128
"""Side of the windows that are looked at of a larger one, and of ..."""
ACROSS = 8
"""... how many there are in a row and in a column."""


@dataclass(frozen=True)
class LabelPreview:
    """The classes of a label raster within a stack."""

    counts: Counter[str]
    """Pixels of the stack by the class's name in the raster; estimated where only parts were looked at."""
    complete: bool
    """Whether the whole stack was looked at."""


def name_columns(path: str) -> tuple[str, ...]:
    """Columns of text in the attribute table of a raster, which may name its classes.

    Raises InputError (``raster-unreadable``).
    """
    # A band without its dataset crashes.
    dataset = open_raster(path)
    columns, _ = attribute_table(dataset.GetRasterBand(1), path)
    return tuple(column.name for column in columns if column.kind == gdal.GFT_String)


def preview_labels(labels: LabelLayer, source_bands: Sequence[StackBand]) -> LabelPreview:
    """The classes under a stack, by the names they have in the raster; without a stack, those of the raster.

    Raises
    ------
    InputError
        As :class:`LabelRaster`.
    """
    path = source_bands[0].path if source_bands else labels.path
    grid = stack_grid(source_bands) if source_bands else grid_of(open_raster(path), path)
    raster = LabelRaster(replace(labels, classes={}, inner_buffer=0.0), grid, file_name(path))
    complete = grid.width * grid.height <= ALL_PIXELS
    pixels, looked = np.zeros(0, np.int64), 0
    for window in _tiles(grid, 512) if complete else _spread(grid):
        found = np.bincount(raster.read(window).ravel() + 1)[1:]
        both = np.zeros(max(len(pixels), len(found)), np.int64)
        both[: len(pixels)] += pixels
        both[: len(found)] += found
        pixels, looked = both, looked + window.width * window.height
    each = 1.0 if complete else grid.width * grid.height / looked
    # A class may lie in the raster just beside what was looked at.
    counts = Counter({name: round(each * int(count)) for name, count in zip(raster.classes, pixels) if count})
    return LabelPreview(counts, complete)


def _tiles(grid: Grid, side: int) -> Iterator[Window]:
    for row in range(0, grid.height, side):
        for column in range(0, grid.width, side):
            yield Window(column, row, min(side, grid.width - column), min(side, grid.height - row))


def _spread(grid: Grid) -> Iterator[Window]:
    """Small windows all over the grid."""
    width, height = min(SIDE, grid.width), min(SIDE, grid.height)
    for down in np.linspace(0, grid.height - height, ACROSS):
        for across in np.linspace(0, grid.width - width, ACROSS):
            yield Window(int(across), int(down), width, height)
