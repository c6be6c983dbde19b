"""Series drawn from a stack: the labelled pixels of the source, a spread of unlabelled ones of the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError, listed
from ...progress import Progress
from ...series import MINIMUM_SAMPLES, SeriesSet, few_samples
from ...series.spread import rank_within, spread_order
from ..geo.crs import crs_of
from ..geo.gdal_io import file_name
from ..geo.geodesy import to_degrees
from ..geo.grid import to_map
from ..geo.layer_source import parse_part, split_layer
from ..geo.types import Grid, Window
from ..stack.mask import Mask
from ..stack.reader import WINDOW_BYTES, Stack
from .label_layer import LabelLayer
from .label_pixels import LabelAssignment, LabelledPixels, assign_raster, assign_shapes, concatenate
from .label_raster import LabelRaster, is_label_raster
from .label_shapes import keep_present_classes, read_shapes
from .lost_labels import UNOBSERVED, LostLabels
from .validate import setting_problems

TARGET_SAMPLES = 5000
"""Unlabelled pixels that are enough to learn from."""
SAMPLE_WINDOWS = 32
"""Windows over which the unlabelled sample is spread."""
MORE_WINDOWS = 256
"""Windows read before a sample smaller than wanted is good enough."""
ENOUGH = 500
"""Size of such a smaller sample."""
CELL_PIXELS = 64 * 64
MAX_CELLS = 65_536
"""Cells into which a stack is cut, about: on a raster of any size they must fit in memory."""


@dataclass(frozen=True)
class _Draw:
    """What a draw of labelled pixels takes."""

    labels: LabelLayer
    layer: str
    """Name of the labels in messages."""
    stack: Stack
    rng: np.random.Generator
    per_class: int
    """Pixels of a class, at most."""
    progress: Progress
    min_classes: int
    """Classes needed."""
    min_samples: int
    """Observed pixels that a class needs."""


def sample_labels(
    labels: LabelLayer, stack: Stack, seed: int, per_class: int, progress: Progress | None = None, partial: bool = False
) -> SeriesSet:
    """The series of labelled pixels with their classes.

    A polygon labels the pixels whose centre it holds, a point the pixel it falls in, a raster each pixel by its
    nearest one. A pixel with two classes and a pixel without any complete observation are left out. Pixels of a class
    beyond ``per_class``, and of a polygon beyond ``labels.per_polygon``, are left out so that all parts of the labelled
    area stay represented. ``group`` is the spatial tile of the pixel's polygon, so that one field is never on both
    sides of a validation.

    Parameters
    ----------
    labels : LabelLayer
    stack : Stack
    seed : int
    per_class : int
        Pixels of a class, at most.
    progress : Progress or None, optional
    partial : bool, optional (default=False)
        The labels are one part of several that will be joined: a single class or few samples of one are enough.

    Returns
    -------
    SeriesSet
        Pixels in row-major order with their places; classes sorted by name, whole numbers by value. What was
        decided for the user is added to ``stack.warnings``, the labels without a sample to
        ``stack.labels_without_sample``.

    Raises
    ------
    InputError
        As :func:`label_problems`; ``no-overlap``, ``one-class`` and ``few-samples`` as the pixels show them.
    """
    problems = setting_problems(labels)
    if problems:
        raise problems[0]
    draw = _Draw(
        labels,
        parse_part(labels.layer).name or file_name(split_layer(labels.path)[0]),
        stack,
        np.random.default_rng(seed),
        per_class,
        progress or Progress(),
        *((1, 1) if partial else (2, MINIMUM_SAMPLES)),
    )
    raster = is_label_raster(labels)
    assignment = _assign_raster(draw) if raster else _assign_shapes(draw)
    pixels, parts = _observed(draw, assignment)
    lost = LostLabels() if raster else assignment.lost
    stack.labels_without_sample.update(+lost)
    stack.warnings.extend(lost.warnings(draw.layer))
    label = assignment.class_of[pixels.shape]
    found = np.bincount(label, minlength=len(assignment.classes))
    classes = _enough(draw, assignment.classes, found, raster, lost.describe())
    order = np.lexsort((pixels.column, pixels.row))
    series = SeriesSet(
        values=_gather(parts, order),
        day=stack.day,
        bands=stack.bands,
        labels=label[order],
        classes=assignment.classes,
        group=assignment.block_of[pixels.shape][order],
        lonlat=_lonlat(stack.grid, pixels.row[order], pixels.column[order]),
    )
    return series.with_classes(classes)


def _assign_shapes(draw: _Draw) -> LabelAssignment:
    stack = draw.stack
    shapes = read_shapes(draw.labels, stack.grid, stack.dates, stack.name, draw.min_classes)
    shapes = keep_present_classes(shapes, draw.layer, stack.name, draw.min_classes)
    stack.warnings.extend(shapes.warnings)
    return assign_shapes(shapes, stack.grid, draw.rng, draw.per_class, draw.progress)


def _assign_raster(draw: _Draw) -> LabelAssignment:
    stack = draw.stack
    raster = LabelRaster(draw.labels, stack.grid, stack.name)
    assignment = assign_raster(raster, stack.grid, draw.rng, draw.per_class, draw.progress)
    stack.warnings.extend(raster.warnings)
    if raster.without_name:
        shown = ", ".join(map(str, raster.without_name[:10]))
        stack.warnings.append(f"Values of the label raster {raster.name} without a name are their own names: {shown}.")
    if draw.labels.per_polygon:
        stack.warnings.append(f"The label raster {raster.name} has no polygons: the limit per polygon is not used.")
    return assignment


def _observed(draw: _Draw, assignment: LabelAssignment) -> tuple[LabelledPixels, list[np.ndarray]]:
    """The labelled pixels that were observed, up to both limits, and their series in several parts (m, t, c)."""
    pixels, per_polygon = assignment.pixels, draw.labels.per_polygon
    label = assignment.class_of[pixels.shape]
    within = _spread_inside(pixels, per_polygon, draw.rng) if per_polygon else None
    held = np.bincount(pixels.shape, minlength=len(assignment.class_of))
    unseen = np.zeros(len(assignment.class_of), np.int64)
    waiting = pixels.take(spread_order(label, pixels.shape, draw.rng, within))
    kept = [waiting.take(np.zeros(0, np.int64))]
    values: list[np.ndarray] = []
    room = np.full(len(assignment.classes), draw.per_class, np.int64)
    room_inside = np.full(len(assignment.class_of), per_polygon or np.iinfo(np.int32).max, np.int64)
    factor = 1
    while len(waiting.row):
        # Unobserved pixels drop out after reading, so a class short of pixels gets the next in line: more
        # of them each time, for every time reads the same windows again.
        label = assignment.class_of[waiting.shape]
        now = _first(label, waiting.shape, factor * room, factor * room_inside)
        factor *= 4
        if not now.any():
            break
        part = waiting.take(now)
        series = read_pixels(draw.stack, part.row, part.column, draw.progress)
        seen = np.flatnonzero(np.isfinite(series).all(axis=2).any(axis=1))
        unseen += np.bincount(np.delete(part.shape, seen), minlength=len(unseen))
        seen = seen[_first(label[now][seen], part.shape[seen], room, room_inside)]
        kept.append(part.take(seen))
        values.append(series if len(seen) == len(series) else series[seen])
        room -= np.bincount(assignment.class_of[kept[-1].shape], minlength=len(room))
        room_inside -= np.bincount(kept[-1].shape, minlength=len(room_inside))
        waiting = waiting.take(~now)
    assignment.lost[UNOBSERVED] = int(((held > 0) & (unseen == held)).sum())
    return concatenate(kept), values


def _enough(draw: _Draw, classes: Sequence[str], found: np.ndarray, raster: bool, lost: str) -> list[str]:
    """The classes with enough observed pixels of ``found`` (k,); of shapes every class must have them."""
    few = [(name, int(count)) for name, count in zip(classes, found) if count < draw.min_samples]
    why = f" Labels without a sample: {lost}." if lost else ""
    if few and not raster and draw.min_classes > 1:
        raise few_samples(*few[0], f"the layer {draw.layer}", why=why.rstrip())
    if few:
        # A map of a country has classes that this scene shows in a few pixels only.
        shown = listed([f"{name} ({count})" for name, count in few], 10)
        draw.stack.warnings.append(f"Classes of {draw.layer} with too few observed pixels are left out: {shown}.")
    if len(classes) - len(few) < draw.min_classes:
        message = (
            f"On the stack {draw.stack.name} the labels {draw.layer} have samples of fewer than two classes."
            if draw.min_classes > 1
            else f"No label of {draw.layer} gives a sample on the stack {draw.stack.name}."
        )
        raise InputError("one-class", message + why, "Add labels of other crops, or another stack.")
    return [name for name, count in zip(classes, found) if count >= draw.min_samples]


def _gather(parts: list[np.ndarray], order: np.ndarray) -> np.ndarray:
    """The series (m, t, c) of all parts in an ``order`` (n,) of them; the list is empty then."""
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    values = np.empty((len(order), *parts[0].shape[1:]), np.float32)
    start = 0
    # Each straight to its place, and freed: there may be too many to hold them a third time.
    while parts:
        part = parts.pop(0)
        values[position[start : start + len(part)]] = part
        start += len(part)
    return values


def _first(label: np.ndarray, shape: np.ndarray, room: np.ndarray, room_inside: np.ndarray) -> np.ndarray:
    """(n,) bool: the first pixels of each polygon and of each class for which there is room."""
    wanted = rank_within(shape) < room_inside[shape]
    index = np.flatnonzero(wanted)
    wanted[index] = rank_within(label[index]) < room[label[index]]
    return wanted


def _spread_inside(pixels: LabelledPixels, count: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) position of each pixel in its polygon, so that the first ``count`` come from all over it."""
    if not len(pixels.row):
        return np.zeros(0, np.int64)
    shape = np.unique(pixels.shape, return_inverse=True)[1].reshape(-1)
    cells = int(np.ceil(np.sqrt(count)))
    place = np.zeros(len(shape), np.int64)
    for position in (pixels.row, pixels.column):
        least, most = np.full(shape.max() + 1, np.iinfo(np.int64).max), np.full(shape.max() + 1, -1)
        np.minimum.at(least, shape, position)
        np.maximum.at(most, shape, position)
        place = place * cells + (position - least[shape]) * cells // (most - least + 1)[shape]
    order = spread_order(shape, place, rng)
    within = np.empty(len(shape), np.int64)
    within[order] = np.arange(len(shape))
    return within


def _lonlat(grid: Grid, row: np.ndarray, column: np.ndarray) -> np.ndarray | None:
    """(n, 2) longitude and latitude of the middle of pixels; None for a grid without coordinates on the Earth."""
    crs = crs_of(grid.crs)
    if crs is None or crs.IsLocal():
        return None
    x, y = to_map(grid.transform, column + 0.5, row + 0.5)
    lonlat = to_degrees(crs, x, y)
    return np.where(np.isfinite(lonlat), lonlat, np.nan)


def sample_unlabelled(
    stack: Stack, mask: Mask | None, count: int = TARGET_SAMPLES, seed: int = 0, progress: Progress | None = None,
    min_windows: int = SAMPLE_WINDOWS,
) -> SeriesSet:  # fmt: skip
    """Random observed pixels inside the mask, spread over the stack.

    Parameters
    ----------
    stack : Stack
    mask : Mask or None
    count : int, optional
        Pixels at most.
    seed : int, optional
    progress : Progress or None, optional
    min_windows : int, optional
        Windows over which the pixels are spread, at least.

    Raises
    ------
    InputError
        ``mask-empty`` when the mask leaves no pixel, ``target-empty`` when none of them was ever observed.
    """
    progress = progress or Progress()
    rng = np.random.default_rng(seed)
    cells = _cells(stack)
    order = _spread_cells(cells, stack.grid, rng)
    pool = np.empty((0, len(stack.dates), len(stack.bands)), np.float32)
    of_cell = np.empty(0, np.int64)
    visited = inside_mask = 0
    for number, index in enumerate(order):
        if (visited >= min_windows and len(pool) >= count) or (visited >= MORE_WINDOWS and len(pool) >= ENOUGH):
            break
        progress.update(min(number / len(cells), max(visited, 1) / min_windows))
        window = cells[index]
        inside = np.ones(window.shape, bool) if mask is None else mask.read(window)
        if not inside.any():
            continue
        visited += 1
        inside_mask += int(inside.sum())
        series = stack.read(window)
        rows, columns = np.nonzero(np.isfinite(series).all(axis=3).any(axis=2) & inside)
        # All of a cell may be needed, where a mask leaves only a few cells; what proves too much goes again.
        chosen = rng.permutation(len(rows))[:count]
        pool = np.concatenate([pool, series[rows[chosen], columns[chosen]]])
        of_cell = np.concatenate([of_cell, np.full(len(chosen), index)])
        if len(pool) > 3 * count:
            kept = spread_order(np.zeros(len(pool), np.int64), of_cell, rng)[: 2 * count]
            pool, of_cell = pool[kept], of_cell[kept]
    if not inside_mask:
        message = f"The mask {mask.name if mask else ''} leaves no pixel of the target {stack.name}."
        hint = "Check what the mask marks: pixels that are not 0, or the inside of polygons."
        raise InputError("mask-empty", message, hint)
    if not len(pool):
        where = f"No pixel inside the mask {mask.name}" if mask else "No pixel"
        message = f"{where} of the {stack.role} {stack.name} has an observation: every date is nodata in some band."
        hint = "Check the nodata value of the rasters, and that all bands of a date cover the same place."
        raise InputError("target-empty", message, hint)
    chosen = np.sort(spread_order(np.zeros(len(pool), np.int64), of_cell, rng)[:count])
    return SeriesSet(values=pool[chosen], day=stack.day, bands=stack.bands)


def read_pixels(stack: Stack, row: np.ndarray, column: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """Read the series of single pixels, in few windows.

    Parameters
    ----------
    stack : Stack
    row, column : ndarray of int, shape (n,)
    progress : Progress or None, optional

    Returns
    -------
    ndarray of float32, shape (n, t, c)
    """
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


def _cells(stack: Stack) -> list[Window]:
    """Windows of ``CELL_PIXELS``, and larger ones where a stack is so large that these would be too many."""
    limit = WINDOW_BYTES // (4 * len(stack.dates) * len(stack.bands))
    return stack.tiles(max(CELL_PIXELS, min(stack.grid.width * stack.grid.height // MAX_CELLS, limit)))


def _spread_cells(cells: Sequence[Window], grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """(n,) order of the cells in which all parts of the grid come early."""
    parts = 6
    row = np.array([(c.row + c.height / 2) * parts // grid.height for c in cells], np.int64)
    column = np.array([(c.column + c.width / 2) * parts // grid.width for c in cells], np.int64)
    return spread_order(np.zeros(len(cells), np.int64), row * parts + column, rng)
