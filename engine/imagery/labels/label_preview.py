"""What a label raster holds, seen in passing: for a form that must not wait until all of it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from osgeo import gdal

from ..geo.gdal_io import open_raster
from ..geo.types import Grid, StackBand, Window
from ..geo.windows import cut_windows
from .class_names import attribute_table
from .label_layer import LabelLayer
from .label_raster import open_label_raster

ALL_PIXELS = 2_000_000
"""Pixels up to which a stack is read as a whole."""
SIDE = 128
"""Side of the windows that are read of a larger one."""
ACROSS = 8
"""Number of these windows in a row and in a column."""


@dataclass(frozen=True)
class LabelPreview:
    """The classes of a label raster within a stack."""

    counts: Counter[str]
    """Pixels of the stack by the class's name in the raster; estimated where only parts were read."""
    complete: bool
    """Whether the whole stack was read."""


def name_columns(path: str) -> tuple[str, ...]:
    """Columns of text in the attribute table of a raster, which may name its classes.

    Parameters
    ----------
    path : str

    Raises
    ------
    InputError
        ``raster-unreadable``.
    """
    # A band without its dataset crashes.
    dataset = open_raster(path)
    columns, _ = attribute_table(dataset.GetRasterBand(1), path)
    return tuple(column.name for column in columns if column.kind == gdal.GFT_String)


def preview_labels(labels: LabelLayer, source_bands: Sequence[StackBand]) -> LabelPreview:
    """The classes under a stack, by the names they have in the raster; without a stack, those of the raster.

    Parameters
    ----------
    labels : LabelLayer
        A raster.
    source_bands : sequence of StackBand
        Of the stack; may be empty.

    Raises
    ------
    InputError
        As :class:`.label_raster.LabelRaster`.
    """
    raster = open_label_raster(replace(labels, classes={}, inner_buffer=0.0), source_bands)
    grid = raster.grid
    complete = grid.width * grid.height <= ALL_PIXELS
    pixels: Counter[int] = Counter()
    read = 0
    for window in cut_windows(grid, 512, 512) if complete else _spread(grid):
        pixels.update(raster.read(window).ravel().tolist())
        read += window.pixels
    weight = 1.0 if complete else grid.width * grid.height / read
    # A class may be in the raster just beside what was read.
    counts = {name: round(weight * pixels[number]) for number, name in enumerate(raster.classes) if pixels[number]}
    return LabelPreview(Counter(counts), complete)


def _spread(grid: Grid) -> Iterator[Window]:
    """Small windows all over the grid."""
    width, height = min(SIDE, grid.width), min(SIDE, grid.height)
    for down in np.linspace(0, grid.height - height, ACROSS):
        for across in np.linspace(0, grid.width - width, ACROSS):
            yield Window(int(across), int(down), width, height)
