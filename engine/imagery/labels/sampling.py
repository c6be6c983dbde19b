"""Series drawn from a stack: the labelled pixels of the source, a spread of unlabelled ones of the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import InputError, listed
from ...progress import Progress
from ...series import MINIMUM_SAMPLES, SeriesSet, few_samples
from ...series.spread import rank_within, spread_order
from ..geo.crs import crs_of
from ..geo.gdal_io import file_name
from ..geo.geodesy import to_degrees
from ..geo.grid import to_map
from ..geo.types import Grid, Window
from ..stack.mask import Mask
from ..stack.reader import WINDOW_BYTES, Stack
from .label_layer import LabelLayer, LabelledShapes, read_shapes
from .label_pixels import LabelAssignment, LabelledPixels, assign_raster, assign_shapes, concatenate
from .label_raster import LabelRaster, is_label_raster
from .validate import setting_problems

TARGET_SAMPLES = 5000
"""Unlabelled pixels that are enough to learn from."""
SAMPLE_WINDOWS = 32
"""Windows over which the unlabelled sample is spread."""
MORE_WINDOWS = 256
"""Windows looked at before a sample smaller than wanted is good enough."""
ENOUGH = 500
"""Size of such a smaller sample."""
CELL_PIXELS = 64 * 64
MOST_CELLS = 65_536
"""Cells into which a stack is cut, about: on a raster of any size they must fit in memory."""


def sample_labels(
    labels: LabelLayer,
    stack: Stack,
    seed: int,
    per_class: int,
    progress: Progress | None = None,
    partial: bool = False,
) -> SeriesSet:
    """The series of labelled pixels with their classes.

    A polygon labels the pixels whose centre it holds, a point the pixel it falls in, a raster each pixel by its
    nearest one. A pixel claimed by two classes and a pixel without any complete observation are left out. Pixels
    of a class beyond ``per_class``, and of a polygon beyond ``labels.per_polygon``, are left out so that all parts
    of the labelled area stay represented. ``block`` is the spatial tile of the pixel's polygon, so that one field
    is never on both sides of a validation.

    Parameters
    ----------
    partial : the labels are one part of several that will be joined: a single class or few samples of one will do.

    Returns
    -------
    SeriesSet
        Pixels in row-major order with their places; classes sorted by name, whole numbers by value. What was
        decided for the user is added to ``stack.warnings``.

    Raises
    ------
    InputError
        As :func:`label_problems`; ``no-overlap``, ``one-class`` and ``few-samples`` as the pixels show them.
    """
    progress = progress or Progress()
    rng = np.random.default_rng(seed)
    problems = setting_problems(labels)
    if problems:
        raise problems[0]
    layer = labels.layer or file_name(labels.path)
    raster = is_label_raster(labels)
    assignment = (_assign_raster if raster else _assign_shapes)(labels, stack, rng, per_class, progress, partial)
    pixels, parts = _observed(assignment, stack, rng, per_class, labels.per_polygon, progress)
    label = assignment.class_of[pixels.shape]
    found = np.bincount(label, minlength=len(assignment.classes))
    least = 1 if partial else MINIMUM_SAMPLES
    few = [(name, int(count)) for name, count in zip(assignment.classes, found) if count < least]
    if few and not (raster or partial):
        raise few_samples(*few[0], f"the layer {layer}")
    if few:
        # A map of a country has classes that this scene shows in a few pixels only.
        shown = listed([f"{name} ({count})" for name, count in few], 10)
        stack.warnings.append(f"Classes of {layer} with too few observed pixels are left out: {shown}.")
    if len(assignment.classes) - len(few) < (1 if partial else 2):
        raise InputError(
            "one-class",
            f"On the stack {stack.name} the labels {layer} have observed pixels of fewer than two classes."
            if not partial
            else f"No labelled pixel of {layer} was observed on the stack {stack.name}.",
            "Add labels of other crops, or another stack.",
        )
    order = np.lexsort((pixels.column, pixels.row))
    row, column = pixels.row[order], pixels.column[order]
    series = SeriesSet(
        values=_placed(parts, order),
        day=stack.day,
        bands=stack.bands,
        labels=label[order],
        classes=assignment.classes,
        group=assignment.block_of[pixels.shape][order],
        lonlat=_places(stack.grid, row, column),
    )
    return series.with_classes([name for name, count in zip(assignment.classes, found) if count >= least])


def _assign_shapes(
    labels: LabelLayer, stack: Stack, rng: np.random.Generator, per_class: int, progress: Progress, partial: bool
) -> LabelAssignment:
    shapes = read_shapes(labels, stack.grid, stack.name, 1 if partial else 2)
    stack.warnings.extend(shapes.warnings)
    shapes = _without_distant_classes(shapes, labels.layer or file_name(labels.path), stack, partial)
    return assign_shapes(shapes, stack.grid, rng, per_class, progress)


def _assign_raster(
    labels: LabelLayer, stack: Stack, rng: np.random.Generator, per_class: int, progress: Progress, partial: bool
) -> LabelAssignment:
    raster = LabelRaster(labels, stack.grid, stack.name)
    assignment = assign_raster(raster, stack.grid, rng, per_class, progress)
    stack.warnings.extend(raster.warnings)
    if raster.without_name:
        shown = ", ".join(map(str, raster.without_name[:10]))
        stack.warnings.append(f"Values of the label raster {raster.name} without a name stand for themselves: {shown}.")
    if labels.per_polygon:
        stack.warnings.append(f"The label raster {raster.name} has no polygons: their cap is not used.")
    return assignment


def _observed(
    assignment: LabelAssignment,
    stack: Stack,
    rng: np.random.Generator,
    per_class: int,
    per_polygon: int,
    progress: Progress,
) -> tuple[LabelledPixels, list[np.ndarray]]:
    """The claimed pixels that were observed, up to both caps, and their series in several parts (m, t, c)."""
    pixels = assignment.pixels
    label = assignment.class_of[pixels.shape]
    within = _spread_inside(pixels, per_polygon, rng) if per_polygon else None
    waiting = pixels.take(spread_order(label, pixels.shape, rng, within))
    kept = [waiting.take(np.zeros(0, np.int64))]
    values: list[np.ndarray] = []
    room = np.full(len(assignment.classes), per_class, np.int64)
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
        series = read_pixels(stack, part.row, part.column, progress)
        seen = np.flatnonzero(np.isfinite(series).all(axis=2).any(axis=1))
        seen = seen[_first(label[now][seen], part.shape[seen], room, room_inside)]
        kept.append(part.take(seen))
        values.append(series if len(seen) == len(series) else series[seen])
        room -= np.bincount(assignment.class_of[kept[-1].shape], minlength=len(room))
        room_inside -= np.bincount(kept[-1].shape, minlength=len(room_inside))
        waiting = waiting.take(~now)
    return concatenate(kept), values


def _placed(parts: list[np.ndarray], order: np.ndarray) -> np.ndarray:
    """The series (m, t, c) of all parts in an ``order`` (n,) of them; the list is empty then."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    values = np.empty((len(order), *parts[0].shape[1:]), np.float32)
    begin = 0
    # Each straight to its place, and forgotten: there may be too many to hold them a third time.
    while parts:
        part = parts.pop(0)
        values[place[begin : begin + len(part)]] = part
        begin += len(part)
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


def _places(grid: Grid, row: np.ndarray, column: np.ndarray) -> np.ndarray | None:
    """(n, 2) longitude and latitude of the middle of pixels; None for a grid without a place on the Earth."""
    crs = crs_of(grid.crs)
    if crs is None or crs.IsLocal():
        return None
    x, y = to_map(grid.transform, column + 0.5, row + 0.5)
    places = to_degrees(crs, x, y)
    return np.where(np.isfinite(places), places, np.nan)


def sample_unlabelled(
    stack: Stack, mask: Mask | None, count: int = TARGET_SAMPLES, seed: int = 0, progress: Progress | None = None,
    places: int = SAMPLE_WINDOWS,
) -> SeriesSet:  # fmt: skip
    """At most ``count`` observed pixels inside the mask, random and spread over ``places`` of the stack or more.

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
        if (visited >= places and len(pool) >= count) or (visited >= MORE_WINDOWS and len(pool) >= ENOUGH):
            break
        progress.update(min(number / len(cells), max(visited, 1) / places))
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


def _without_distant_classes(shapes: LabelledShapes, layer: str, stack: Stack, partial: bool) -> LabelledShapes:
    """Leave out classes that have no feature on the stack, as when a country's layer meets one scene."""
    here = sorted(set(shapes.class_of))
    if len(here) == 1 and not partial:
        raise InputError(
            "one-class",
            f"On the stack {stack.name} the layer {layer} has the single class '{shapes.classes[here[0]]}'.",
            "A map needs at least two classes.",
        )
    distant = [name for index, name in enumerate(shapes.classes) if index not in here]
    if not distant:
        return shapes
    stack.warnings.append(
        f"Classes of the layer {layer} without a feature on the stack are left out: {listed(distant)}."
    )
    position = {old: new for new, old in enumerate(here)}
    classes = tuple(shapes.classes[index] for index in here)
    return LabelledShapes(shapes.shapes, [position[index] for index in shapes.class_of], classes, shapes.warnings)


def _cells(stack: Stack) -> list[Window]:
    """Windows of ``CELL_PIXELS``, and larger ones where a stack is so large that these would be too many."""
    most = WINDOW_BYTES // (4 * len(stack.dates) * len(stack.bands))
    return stack.tiles(max(CELL_PIXELS, min(stack.grid.width * stack.grid.height // MOST_CELLS, most)))


def _spread_cells(cells: Sequence[Window], grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """(n,) order of the cells in which all parts of the grid come early."""
    parts = 6
    row = np.array([(c.row + c.height / 2) * parts // grid.height for c in cells], np.int64)
    column = np.array([(c.column + c.width / 2) * parts // grid.width for c in cells], np.int64)
    return spread_order(np.zeros(len(cells), np.int64), row * parts + column, rng)
