"""The pixels of a stack that have labels: those in polygons and under points, or of the classes of a raster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...progress import Progress
from ...series.spread import rank_within, spread_order
from ..geo.gdal_errors import call_gdal
from ..geo.grid import to_pixel, window_transform
from ..geo.rasterize import burn
from ..geo.types import Grid, Window
from ..geo.windows import cut_windows
from .label_layer import sorted_classes
from .label_raster import LabelRaster
from .label_shapes import LabelledShapes
from .lost_labels import CONFLICT, TOO_SMALL, LostLabels

LABEL_TILE = 1024
"""Side, in pixels, of the squares in which labels are drawn."""
RASTER_TILE = 4_000_000
"""Pixels of a label raster that are read at once, about."""
BLOCKS_ACROSS = 10
"""Blocks for validation along each side of the labelled area, about."""
CELLS_ACROSS = 5
"""Cells along each side of such a block, over which the pixels of a label raster are spread."""
SPARE = 10
"""Pixels of a polygon or class kept for each one wanted, until it is known which were observed."""
POOL, RASTER_POOL = 2_000_000, 500_000
"""Labelled pixels of shapes and of a raster kept in memory before they are thinned."""

SEVERAL = -2
"""Owner of a pixel that shapes of several classes hold."""
BOXES = 50_000
"""Shapes whose boxes are computed at once."""


@dataclass(frozen=True)
class LabelledPixels:
    """Pixels with a label, each of one class only."""

    row: np.ndarray
    """(n,) int64."""
    column: np.ndarray
    """(n,) int64."""
    shape: np.ndarray
    """(n,) int64 index of the polygon or point that holds the pixel."""

    def take(self, index: np.ndarray) -> LabelledPixels:
        """Some of the pixels.

        Parameters
        ----------
        index : ndarray of int, shape (m,), or of bool, shape (n,)
        """
        return LabelledPixels(self.row[index], self.column[index], self.shape[index])


@dataclass(frozen=True)
class LabelAssignment:
    """Which pixels of a stack have which label."""

    pixels: LabelledPixels
    class_of: np.ndarray
    """(m,) int64 index into ``classes`` of each polygon or point; of a raster, of each class in each cell."""
    block_of: np.ndarray
    """(m,) int64 spatial block of each."""
    classes: tuple[str, ...]
    """Class names."""
    lost: LostLabels
    """Labels without a pixel, by reason."""


def assign_shapes(
    shapes: LabelledShapes, grid: Grid, rng: np.random.Generator, per_class: int, progress: Progress
) -> LabelAssignment:
    """The pixels of polygons and points, at least ``SPARE * per_class`` of each class where there are so many.

    Parameters
    ----------
    shapes : LabelledShapes
    grid : Grid
        Of the stack.
    rng : numpy.random.Generator
    per_class : int
        Pixels wanted of each class.
    progress : Progress
    """
    pixels, lost = _labelled_pixels(shapes, grid, rng, per_class, progress)
    class_of = np.array(shapes.class_of, np.int64)
    return LabelAssignment(pixels, class_of, _blocks(shapes, grid), shapes.classes, LostLabels(shapes.lost + lost))


def assign_raster(
    raster: LabelRaster, grid: Grid, rng: np.random.Generator, per_class: int, progress: Progress
) -> LabelAssignment:
    """The pixels of a label raster, spread over the stack; blocks are squares of it.

    Parameters
    ----------
    raster : LabelRaster
    grid : Grid
        Of the stack.
    rng : numpy.random.Generator
    per_class : int
        Pixels wanted of each class.
    progress : Progress
    """
    side = max(np.sqrt(grid.width * grid.height) / BLOCKS_ACROSS, max(grid.width, grid.height) / BLOCKS_ACROSS**2)
    side = max(1, int(np.ceil(side / CELLS_ACROSS)))
    across = -(-grid.width // side)
    tile = raster.tile_side(LABEL_TILE, RASTER_TILE)
    windows = cut_windows(grid, tile, tile)
    # Row, column, class and cell of each pixel kept.
    found = [np.zeros((4, 0), np.int64)]
    total = 0
    for number, window in enumerate(windows):
        progress.update(0.3 * number / len(windows))
        classes = raster.read(window)
        row, column = np.nonzero(classes >= 0)
        # Of a class that fills the tile a random part is kept: to sort all its pixels would take most of the time.
        order = rng.permutation(len(row))
        kept = np.sort(order[rank_within(classes[row, column].astype(np.int16)[order]) < SPARE * per_class])
        row, column = row[kept], column[kept]
        label = classes[row, column].astype(np.int64)
        row, column = row + window.row, column + window.column
        found.append(np.stack([row, column, label, row // side * across + column // side]))
        total += len(row)
        if total > RASTER_POOL or number == len(windows) - 1:
            pool = np.concatenate(found, axis=1)
            order = spread_order(pool[2], pool[3], rng)
            found = [pool[:, np.sort(order[rank_within(pool[2][order]) < SPARE * per_class])]]
            total = found[0].shape[1]
    row, column, label, cell = found[-1]
    names = sorted_classes(raster.classes)
    label = np.array([names.index(name) for name in raster.classes] or [0], np.int64)[label]
    keys, shape = np.unique(np.stack([cell, label]), axis=1, return_inverse=True)
    cell_row, cell_column = np.divmod(keys[0], across)
    block = cell_row // CELLS_ACROSS * across + cell_column // CELLS_ACROSS
    pixels = LabelledPixels(row, column, shape.reshape(-1).astype(np.int64))
    return LabelAssignment(pixels, keys[1], block, names, LostLabels())


def _labelled_pixels(
    shapes: LabelledShapes, grid: Grid, rng: np.random.Generator, per_class: int, progress: Progress
) -> tuple[LabelledPixels, LostLabels]:
    boxes = _pixel_boxes(shapes, grid)
    class_of = np.array(shapes.class_of, np.int64)
    found: list[LabelledPixels] = []
    total = 0
    windows = cut_windows(grid, LABEL_TILE, LABEL_TILE)
    drawn = np.zeros(len(boxes), bool)
    inner: list[_InnerPixel] = []
    for number, window in enumerate(windows):
        near = (boxes[:, 0] <= window.column + window.width) & (boxes[:, 2] >= window.column)
        near &= (boxes[:, 1] <= window.row + window.height) & (boxes[:, 3] >= window.row)
        index = np.flatnonzero(near)
        if not len(index):
            continue
        progress.update(0.3 * number / len(windows))
        owner = _owners(shapes, class_of, index, grid, window)
        row, column = np.nonzero(owner >= 0)
        drawn[np.unique(owner[row, column])] = True
        inner += _inner_pixels(shapes, index[~drawn[index]], grid, window, owner)
        part = LabelledPixels(row + window.row, column + window.column, owner[row, column])
        # A polygon as large as the stack must not fill the memory; the spare is for unobserved pixels.
        order = rng.permutation(len(row))
        part = part.take(np.sort(order[rank_within(part.shape[order]) < SPARE * per_class]))
        found.append(part)
        total += len(part.row)
        if total > POOL:
            found = [_thinned(concatenate(found), class_of, rng, SPARE * per_class)]
            total = len(found[0].row)
    small, lost = _small_shapes([one for one in inner if not drawn[one.shape]], class_of)
    return concatenate([*found, small]), lost


@dataclass(frozen=True)
class _InnerPixel:
    """The pixel in the middle of a shape that holds the centre of none."""

    shape: int
    row: int
    column: int
    owner: int
    """Shape that holds the pixel's centre; -1 for none, -2 for shapes of several classes."""


def _inner_pixels(
    shapes: LabelledShapes, index: np.ndarray, grid: Grid, window: Window, owner: np.ndarray
) -> list[_InnerPixel]:
    """The pixels of a window that hold the inner point of shapes without a pixel."""
    found = []
    for number in index:
        shape = next(iter(shapes.shapes.at([number])))
        point, _ = call_gdal(shape.PointOnSurface)
        if point is None or point.IsEmpty():
            continue
        x, y = to_pixel(grid.transform, np.array(point.GetX()), np.array(point.GetY()))
        row, column = int(np.floor(y)), int(np.floor(x))
        top, left = row - window.row, column - window.column
        if 0 <= top < window.height and 0 <= left < window.width:
            found.append(_InnerPixel(int(number), row, column, int(owner[top, left])))
    return found


def _small_shapes(inner: Sequence[_InnerPixel], class_of: np.ndarray) -> tuple[LabelledPixels, LostLabels]:
    """The pixels of shapes that hold no pixel centre, where no other class has them; and the other shapes by reason."""
    lost = LostLabels()
    free: dict[tuple[int, int], list[int]] = {}
    for one in inner:
        if one.owner == SEVERAL:
            lost[CONFLICT] += 1
        elif one.owner < 0:
            free.setdefault((one.row, one.column), []).append(one.shape)
        elif class_of[one.owner] != class_of[one.shape]:
            lost[TOO_SMALL] += 1
    kept = []
    for (row, column), own in free.items():
        if len({int(class_of[shape]) for shape in own}) == 1:
            kept.append((row, column, own[0]))
        else:
            lost[CONFLICT] += len(own)
    row, column, shape = np.array(kept, np.int64).reshape(-1, 3).T
    return LabelledPixels(row, column, shape), lost


def _owners(shapes: LabelledShapes, class_of: np.ndarray, index: np.ndarray, grid: Grid, window: Window) -> np.ndarray:
    """(h, w) int64 index of the shape that holds each pixel; -1 where none does, SEVERAL where two classes do."""
    transform = window_transform(grid, window)
    numbers = range(1, len(index) + 1)
    last = burn(shapes.shapes.at(index), numbers, window, transform).astype(np.int64)
    first = burn(shapes.shapes.at(index[::-1]), numbers[::-1], window, transform).astype(np.int64)
    local = np.concatenate([[-1], class_of[index]])
    twice = local[first] != local[last]
    drawn = burn(shapes.shapes.at(index), [1] * len(index), window, transform, add=True)
    if (drawn > 2).any():
        # The first and the last may agree and one between them not: count the classes there.
        classes = np.zeros(drawn.shape, np.int64)
        for label in np.unique(class_of[index]):
            own = index[class_of[index] == label]
            classes += burn(shapes.shapes.at(own), [1] * len(own), window, transform) > 0
        twice |= classes > 1
    owner = np.concatenate([[-1], index])[last]
    owner[twice] = SEVERAL
    return owner


def _pixel_boxes(shapes: LabelledShapes, grid: Grid) -> np.ndarray:
    """(n, 4) left, top, right, bottom of every shape, in pixels of the grid."""
    boxes = shapes.shapes.boxes()
    for start in range(0, len(boxes), BOXES):
        here = boxes[start : start + BOXES]
        corners = [to_pixel(grid.transform, here[:, i], here[:, j]) for i in (0, 1) for j in (2, 3)]
        columns, rows = np.stack([c for c, _ in corners]), np.stack([r for _, r in corners])
        here[:] = np.stack([columns.min(axis=0), rows.min(axis=0), columns.max(axis=0), rows.max(axis=0)], axis=1)
    return boxes


def _blocks(shapes: LabelledShapes, grid: Grid) -> np.ndarray:
    """(n,) int64: the spatial tile that holds each shape's middle."""
    boxes = _pixel_boxes(shapes, grid)
    column, row = boxes[:, [0, 2]].mean(axis=1), boxes[:, [1, 3]].mean(axis=1)
    across, down = np.ptp(column), np.ptp(row)
    # Labels along a line would else get one block each.
    side = max(np.sqrt(across * down) / BLOCKS_ACROSS, max(across, down) / BLOCKS_ACROSS**2, 1.0)
    tile = np.stack([(column - column.min()) // side, (row - row.min()) // side], axis=1).astype(np.int64)
    return np.unique(tile, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _thinned(pixels: LabelledPixels, class_of: np.ndarray, rng: np.random.Generator, per_class: int) -> LabelledPixels:
    label = class_of[pixels.shape]
    order = spread_order(label, pixels.shape, rng)
    return pixels.take(order[rank_within(label[order]) < per_class])


def concatenate(parts: Sequence[LabelledPixels]) -> LabelledPixels:
    """All pixels of some parts.

    Parameters
    ----------
    parts : sequence of LabelledPixels
    """
    empty = [np.zeros(0, np.int64)]
    row, column, shape = (np.concatenate(empty + [getattr(p, n) for p in parts]) for n in ("row", "column", "shape"))
    return LabelledPixels(row, column, shape)
