"""Series drawn from a stack: the labelled pixels of the source, a spread of unlabelled ones of the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..progress import Progress
from ..series import MINIMUM_SAMPLES, SeriesSet, few_samples
from .grids import to_pixel, window_transform
from .label_layer import LabelLayer, LabelledShapes, read_shapes
from .mask import Mask
from .opening import file_name
from .rasterise import burn
from .reader import Stack
from .stack import Grid, Window

TARGET_SAMPLES = 5000
"""Unlabelled pixels that are enough to learn from."""
LABEL_TILE = 1024
"""Side, in pixels, of the squares in which labels are drawn."""
BLOCKS_ACROSS = 10
"""Blocks for validation along each side of the labelled area, about."""
SAMPLE_WINDOWS = 32
"""Windows over which the unlabelled sample is spread."""
MORE_WINDOWS = 256
"""Windows looked at before a sample smaller than wanted is good enough."""
ENOUGH = 500
"""Size of such a smaller sample."""
CELL_PIXELS = 64 * 64
SPARE = 10
"""Pixels of a polygon or class kept for each one wanted, until it is known which were observed."""
POOL = 2_000_000
"""Labelled pixels kept in memory before they are thinned."""


@dataclass(frozen=True)
class LabelledPixels:
    """Pixels that labels claim, each by one class only."""

    row: np.ndarray
    """(n,) int64."""
    column: np.ndarray
    """(n,) int64."""
    shape: np.ndarray
    """(n,) int64 index of the polygon or point that claims the pixel."""

    def take(self, index: np.ndarray) -> LabelledPixels:
        """The pixels of ``index``."""
        return LabelledPixels(self.row[index], self.column[index], self.shape[index])


def sample_labels(
    labels: LabelLayer, stack: Stack, seed: int, per_class: int, progress: Progress | None = None
) -> SeriesSet:
    """The series of labelled pixels with their classes.

    A polygon labels the pixels whose centre it holds, a point the pixel it falls in. A pixel claimed by
    two classes and a pixel without any complete observation are left out. Pixels of a class beyond
    ``per_class`` are left out so that all its polygons stay represented. ``block`` is the spatial tile
    of the pixel's polygon, so that one field is never on both sides of a validation.

    Returns
    -------
    SeriesSet
        Pixels in row-major order; classes sorted by name, whole numbers by value. What was decided for
        the user is added to ``stack.warnings``.

    Raises
    ------
    InputError
        As :func:`label_problems`; ``no-overlap``, ``one-class`` and ``few-samples`` as the pixels show them.
    """
    progress = progress or Progress()
    rng = np.random.default_rng(seed)
    shapes = read_shapes(labels, stack.grid, stack.name)
    layer = labels.layer or file_name(labels.path)
    stack.warnings.extend(shapes.warnings)
    shapes = _without_distant_classes(shapes, layer, stack)
    class_of = np.array(shapes.class_of, np.int64)
    pixels = _labelled_pixels(shapes, stack.grid, rng, per_class, progress)
    waiting = pixels.take(spread_order(class_of[pixels.shape], pixels.shape, rng))
    kept: list[LabelledPixels] = []
    values: list[np.ndarray] = []
    found = np.zeros(len(shapes.classes), np.int64)
    factor = 1
    while len(waiting.row):
        # Unobserved pixels drop out after reading, so a class short of pixels gets the next in line: more
        # of them each time, for every time reads the same windows again.
        label = class_of[waiting.shape]
        now = _rank_within(label) < (factor * (per_class - found).clip(0))[label]
        factor *= 4
        if not now.any():
            break
        part = waiting.take(now)
        series = read_pixels(stack, part.row, part.column, progress)
        seen = np.isfinite(series).all(axis=2).any(axis=1)
        kept.append(part.take(seen))
        values.append(series[seen])
        found += np.bincount(class_of[kept[-1].shape], minlength=len(found))
        waiting = waiting.take(~now)
    for name, count in zip(shapes.classes, found):
        if count < MINIMUM_SAMPLES:
            raise few_samples(name, int(count), f"the layer {layer}")
    row, column, shape = (np.concatenate([getattr(k, name) for k in kept]) for name in ("row", "column", "shape"))
    order = np.flatnonzero(_rank_within(class_of[shape]) < per_class)
    order = order[np.lexsort((column[order], row[order]))]
    return SeriesSet(
        values=np.concatenate(values)[order],
        day=stack.day,
        bands=stack.bands,
        labels=class_of[shape][order],
        classes=shapes.classes,
        block=_blocks(shapes, stack.grid)[shape][order],
    )


def sample_unlabelled(
    stack: Stack, mask: Mask | None, count: int = TARGET_SAMPLES, seed: int = 0, progress: Progress | None = None
) -> SeriesSet:
    """At most ``count`` observed pixels inside the mask, random and spread over the stack.

    Raises
    ------
    InputError
        ``mask-empty`` when the mask leaves no pixel, ``target-empty`` when none of them was ever observed.
    """
    progress = progress or Progress()
    rng = np.random.default_rng(seed)
    cells = stack.tiles(CELL_PIXELS)
    order = _spread_cells(cells, stack.grid, rng)
    pool = np.empty((0, len(stack.dates), len(stack.bands)), np.float32)
    of_cell = np.empty(0, np.int64)
    visited = inside_mask = 0
    for number, index in enumerate(order):
        if (visited >= SAMPLE_WINDOWS and len(pool) >= count) or (visited >= MORE_WINDOWS and len(pool) >= ENOUGH):
            break
        progress.update(min(number / len(cells), max(visited, 1) / SAMPLE_WINDOWS))
        window = cells[index]
        inside = None if mask is None else mask.read(window)
        if inside is not None and not inside.any():
            continue
        visited += 1
        inside_mask += window.width * window.height if inside is None else int(inside.sum())
        series = stack.read(window)
        wanted = np.isfinite(series).all(axis=3).any(axis=2)
        if inside is not None:
            wanted &= inside
        rows, columns = np.nonzero(wanted)
        # All of a cell may be needed, where a mask leaves only a few cells; what proves too much goes again.
        chosen = rng.permutation(len(rows))[:count]
        pool = np.concatenate([pool, series[rows[chosen], columns[chosen]]])
        of_cell = np.concatenate([of_cell, np.full(len(chosen), index)])
        if len(pool) > 3 * count:
            kept = spread_order(np.zeros(len(pool), np.int64), of_cell, rng)[: 2 * count]
            pool, of_cell = pool[kept], of_cell[kept]
    if not inside_mask:
        raise InputError(
            "mask-empty",
            f"The mask {mask.name if mask else ''} leaves no pixel of the target {stack.name}.",
            "Check what the mask marks: pixels that are not 0, or the inside of polygons.",
        )
    if not len(pool):
        told = f"No pixel inside the mask {mask.name}" if mask else "No pixel"
        raise InputError(
            "target-empty",
            f"{told} of the {stack.role} {stack.name} has an observation: every date is nodata in some band.",
            "Check the nodata value of the rasters, and that all bands of a date cover the same place.",
        )
    chosen = np.sort(spread_order(np.zeros(len(pool), np.int64), of_cell, rng)[:count])
    return SeriesSet(values=pool[chosen], day=stack.day, bands=stack.bands)


def read_pixels(stack: Stack, row: np.ndarray, column: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """(n, t, c) float32 series of single pixels, read in few windows."""
    values = np.empty((len(row), len(stack.dates), len(stack.bands)), np.float32)
    windows = stack.windows()
    for number, window in enumerate(windows):
        here = (row >= window.row) & (row < window.row + window.height)
        here &= (column >= window.column) & (column < window.column + window.width)
        index = np.flatnonzero(here)
        if not len(index):
            continue
        if progress is not None:
            progress.update(number / len(windows))
        top, left = int(row[index].min()), int(column[index].min())
        part = Window(left, top, int(column[index].max()) - left + 1, int(row[index].max()) - top + 1)
        values[index] = stack.read(part)[row[index] - top, column[index] - left]
    return values


def spread_order(group: np.ndarray, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An order that takes every group's members in turn from its places, at random within a place.

    Parameters
    ----------
    group, place : (n,) int64, such as the class of a pixel and its polygon.

    Returns
    -------
    ndarray
        (n,) int64 index: the first m of a group come from as many places as there are.
    """
    random = rng.random(len(group))
    by_place = np.lexsort((random, place, group))
    rank = np.empty(len(group), np.int64)
    rank[by_place] = _rank_of_runs(np.stack([group[by_place], place[by_place]]))
    return np.lexsort((random, rank, group))


def _rank_of_runs(keys: np.ndarray) -> np.ndarray:
    """(n,) position of each column of ``keys`` (k, n) in its run of equal columns."""
    count = keys.shape[1]
    if not count:
        return np.zeros(0, np.int64)
    starts = np.concatenate([[True], (np.diff(keys, axis=1) != 0).any(axis=0)])
    first = np.flatnonzero(starts)
    return np.arange(count) - np.repeat(first, np.diff(np.append(first, count)))


def _rank_within(group: np.ndarray) -> np.ndarray:
    """(n,) how many before each element belong to the same group."""
    order = np.argsort(group, kind="stable")
    rank = np.empty(len(group), np.int64)
    rank[order] = _rank_of_runs(group[order][None])
    return rank


def _without_distant_classes(shapes: LabelledShapes, layer: str, stack: Stack) -> LabelledShapes:
    """Leave out classes that have no feature on the stack, as when a country's layer meets one scene."""
    here = sorted(set(shapes.class_of))
    if len(here) == 1:
        raise InputError(
            "one-class",
            f"On the stack {stack.name} the layer {layer} has the single class '{shapes.classes[here[0]]}'.",
            "A map needs at least two classes.",
        )
    distant = [name for index, name in enumerate(shapes.classes) if index not in here]
    if not distant:
        return shapes
    shown = ", ".join(distant[:5]) + (f" and {len(distant) - 5} more" if len(distant) > 5 else "")
    stack.warnings.append(f"Classes of the layer {layer} without a feature on the stack are left out: {shown}.")
    position = {old: new for new, old in enumerate(here)}
    classes = tuple(shapes.classes[index] for index in here)
    return LabelledShapes(shapes.shapes, [position[index] for index in shapes.class_of], classes, shapes.warnings)


def _labelled_pixels(
    shapes: LabelledShapes, grid: Grid, rng: np.random.Generator, per_class: int, progress: Progress
) -> LabelledPixels:
    boxes = _pixel_boxes(shapes, grid)
    class_of = np.array(shapes.class_of, np.int64)
    found: list[LabelledPixels] = []
    total = 0
    tiles = [(r, c) for r in range(0, grid.height, LABEL_TILE) for c in range(0, grid.width, LABEL_TILE)]
    for number, (top, left) in enumerate(tiles):
        window = Window(left, top, min(LABEL_TILE, grid.width - left), min(LABEL_TILE, grid.height - top))
        near = (boxes[:, 0] <= left + window.width) & (boxes[:, 2] >= left)
        near &= (boxes[:, 1] <= top + window.height) & (boxes[:, 3] >= top)
        index = np.flatnonzero(near)
        if not len(index):
            continue
        progress.update(0.3 * number / len(tiles))
        owner = _owners(shapes, class_of, index, grid, window)
        row, column = np.nonzero(owner >= 0)
        part = LabelledPixels(row + top, column + left, owner[row, column])
        # A polygon as large as the stack must not fill the memory; the spare is for unobserved pixels.
        order = rng.permutation(len(row))
        part = part.take(np.sort(order[_rank_within(part.shape[order]) < SPARE * per_class]))
        found.append(part)
        total += len(part.row)
        if total > POOL:
            found = [_thinned(_joined(found), class_of, rng, SPARE * per_class)]
            total = len(found[0].row)
    return _joined(found)


def _owners(shapes: LabelledShapes, class_of: np.ndarray, index: np.ndarray, grid: Grid, window: Window) -> np.ndarray:
    """(h, w) int64 index of the shape that holds each pixel; -1 where none does or two classes do."""
    transform = window_transform(grid, window)
    here: Sequence = [shapes.shapes[i] for i in index]
    numbers = list(range(1, len(index) + 1))
    last = burn(here, numbers, window, transform).astype(np.int64)
    first = burn(here[::-1], numbers[::-1], window, transform).astype(np.int64)
    local = np.concatenate([[-1], class_of[index]])
    twice = local[first] != local[last]
    claims = burn(here, [1] * len(index), window, transform, add=True)
    if (claims > 2).any():
        # The first and the last may agree and one between them not: count the classes there.
        classes = np.zeros(claims.shape, np.int64)
        for label in np.unique(class_of[index]):
            own = [shapes.shapes[i] for i in index if class_of[i] == label]
            classes += burn(own, [1] * len(own), window, transform) > 0
        twice |= classes > 1
    owner = np.concatenate([[-1], index])[last]
    owner[twice] = -1
    return owner


def _pixel_boxes(shapes: LabelledShapes, grid: Grid) -> np.ndarray:
    """(n, 4) left, top, right, bottom of every shape, in pixels of the grid."""
    boxes = np.array([shape.GetEnvelope() for shape in shapes.shapes], np.float64)
    corners = [to_pixel(grid.transform, boxes[:, i], boxes[:, j]) for i in (0, 1) for j in (2, 3)]
    columns, rows = np.stack([c for c, _ in corners]), np.stack([r for _, r in corners])
    return np.stack([columns.min(axis=0), rows.min(axis=0), columns.max(axis=0), rows.max(axis=0)], axis=1)


def _blocks(shapes: LabelledShapes, grid: Grid) -> np.ndarray:
    """(n,) int64: the spatial tile in which each shape's middle lies."""
    boxes = _pixel_boxes(shapes, grid)
    column, row = boxes[:, [0, 2]].mean(axis=1), boxes[:, [1, 3]].mean(axis=1)
    across, down = np.ptp(column), np.ptp(row)
    # Labels along a line would else get one block each.
    side = max(np.sqrt(across * down) / BLOCKS_ACROSS, max(across, down) / BLOCKS_ACROSS**2, 1.0)
    tile = np.stack([(column - column.min()) // side, (row - row.min()) // side], axis=1).astype(np.int64)
    return np.unique(tile, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _spread_cells(cells: Sequence[Window], grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """(n,) order of the cells in which all parts of the grid come early."""
    parts = 6
    row = np.array([(c.row + c.height / 2) * parts // grid.height for c in cells], np.int64)
    column = np.array([(c.column + c.width / 2) * parts // grid.width for c in cells], np.int64)
    return spread_order(np.zeros(len(cells), np.int64), row * parts + column, rng)


def _thinned(pixels: LabelledPixels, class_of: np.ndarray, rng: np.random.Generator, per_class: int) -> LabelledPixels:
    label = class_of[pixels.shape]
    order = spread_order(label, pixels.shape, rng)
    return pixels.take(order[_rank_within(label[order]) < per_class])


def _joined(parts: Sequence[LabelledPixels]) -> LabelledPixels:
    empty = [np.zeros(0, np.int64)]
    row, column, shape = (np.concatenate(empty + [getattr(p, n) for p in parts]) for n in ("row", "column", "shape"))
    return LabelledPixels(row, column, shape)
