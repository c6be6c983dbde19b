"""Tiles: files of a stack that show neighbouring places, and the grid that holds them all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ...errors import InputError
from ..geo.crs import same_crs
from ..geo.gdal_io import open_raster
from ..geo.grid import TOLERANCE, grid_of, pixel_bounds, same_grid
from ..geo.types import Grid, StackBand, Window
from ..geo.windows import full_window, grid_of_window
from ..sensors.quality_flags import data_bands

Thing = TypeVar("Thing")

SAME_TILE = 0.4
"""Share of the smaller of two files from which on both are of one tile. Neighbouring Sentinel-2 tiles share a tenth,
rows of Landsat up to a third; scenes of one Landsat row differ by a few hundred metres."""
SAME_TILE_ACROSS_CRS = 0.9
"""The same for files in different CRS: along the border of two UTM zones Sentinel-2's tiles overlap by far more."""
GAP = 0.5
"""Pixels between two tiles that still count as neighbours: their edges may be rounded."""


def overlap_fraction(grid: Grid, other: Grid) -> float:
    """Share of the smaller of two grids that both cover.

    Parameters
    ----------
    grid, other : Grid

    Returns
    -------
    float
        0 to 1; negative where they do not even touch.
    """
    if grid.crs == other.crs and _far(grid, other):
        return -1.0  # found without NumPy: of hundreds of tiles every two are compared
    if same_grid(grid, other):
        return 1.0
    bounds = pixel_bounds(other, full_window(other), grid)
    if bounds is None:
        return -1.0
    left, top, right, bottom = bounds
    across, down = min(right, grid.width) - max(left, 0.0), min(bottom, grid.height) - max(top, 0.0)
    if min(across, down) < -GAP or max(across, down) <= 0:
        return -1.0
    smaller = min((right - left) * (bottom - top), float(grid.width * grid.height))
    return max(across, 0.0) * max(down, 0.0) / smaller


def _far(grid: Grid, other: Grid) -> bool:
    """Whether the boxes around two grids of one CRS are apart by more than neighbouring tiles may be."""
    g = grid.transform
    gap = GAP * max(abs(g[1]) + abs(g[2]), abs(g[4]) + abs(g[5]))
    left, right, low, high = _box(grid)
    its_left, its_right, its_low, its_high = _box(other)
    return max(left, its_left) - min(right, its_right) > gap or max(low, its_low) - min(high, its_high) > gap


def _box(grid: Grid) -> tuple[float, float, float, float]:
    """Minimum and maximum x, minimum and maximum y."""
    g = grid.transform
    x = [g[0] + c * g[1] + r * g[2] for c in (0, grid.width) for r in (0, grid.height)]
    y = [g[3] + c * g[4] + r * g[5] for c in (0, grid.width) for r in (0, grid.height)]
    return min(x), max(x), min(y), max(y)


def group_tiles(data: Mapping[str, Grid], quality: Mapping[str, Grid]) -> list[list[str]]:
    """Paths of the files of each tile, the tile's first file in front; one list where all show one place.

    A file that covers several tiles belongs to each of them.

    Parameters
    ----------
    data : mapping of str to Grid
        Grid of every file with bands or indices, in the order of the stack.
    quality : mapping of str to Grid
        The same of files with quality bands alone.
    """
    tiles: list[Grid] = []
    for grid in dict.fromkeys(data.values()):
        if not any(_same_tile(tile, grid) for tile in tiles):
            tiles.append(grid)
    members: dict[Grid, list[bool]] = {}
    for grid in dict.fromkeys([*data.values(), *quality.values()]):
        inside = [_same_tile(tile, grid) for tile in tiles]
        # A quality band that fits no tile counts for all that it touches.
        members[grid] = inside if any(inside) else [overlap_fraction(tile, grid) >= 0 for tile in tiles]
    found = []
    for number, tile in enumerate(tiles):
        first = next(path for path, grid in data.items() if grid == tile)
        files = [path for path, grid in {**data, **quality}.items() if members[grid][number]]
        found.append([first, *(path for path in files if path != first)])
    return found


def _same_tile(grid: Grid, other: Grid) -> bool:
    return overlap_fraction(grid, other) >= (SAME_TILE if same_crs(grid.crs, other.crs) else SAME_TILE_ACROSS_CRS)


def find_disjoint(grids: Mapping[str, Grid], tiles: Sequence[Sequence[str]]) -> str | None:
    """Find a file that is apart from the first tile and its neighbours.

    Parameters
    ----------
    grids : mapping of str to Grid
        Grid of every file.
    tiles : sequence of sequence of str
        Paths of the files of each tile, as from :func:`group_tiles`.

    Returns
    -------
    str or None
        None where all tiles are connected.
    """
    outlines = [grids[tile[0]] for tile in tiles]
    near, more = {0}, [0]
    while more:
        here = more.pop()
        found = {n for n in range(len(tiles)) if n not in near and overlap_fraction(outlines[here], outlines[n]) >= 0}
        near |= found
        more += sorted(found)
    apart = next((n for n in range(len(tiles)) if n not in near), None)
    if apart is not None:
        return tiles[apart][0]
    inside = {path for tile in tiles for path in tile}
    return next((path for path in grids if path not in inside), None)


def union_grid(first: Grid, others: Sequence[Grid]) -> Grid:
    """The pixels of one grid, continued so far that they cover others, too.

    Parameters
    ----------
    first : Grid
    others : sequence of Grid
    """
    left, top, right, bottom = 0.0, 0.0, float(first.width), float(first.height)
    for other in others:
        bounds = pixel_bounds(other, full_window(other), first)
        if bounds is not None:
            left, top = min(left, bounds[0]), min(top, bounds[1])
            right, bottom = max(right, bounds[2]), max(bottom, bounds[3])
    column, row = math.floor(left + TOLERANCE), math.floor(top + TOLERANCE)
    width, height = math.ceil(right - TOLERANCE) - column, math.ceil(bottom - TOLERANCE) - row
    return grid_of_window(first, Window(column, row, width, height))


def finest(things: Sequence[Thing], grid: Callable[[Thing], Grid]) -> Thing:
    """Find what has the smallest pixels among all in the CRS of the first; the first of about the smallest.

    Parameters
    ----------
    things : sequence
    grid : callable
        Gives the grid of a thing.
    """
    first = grid(things[0])
    same = [thing for thing in things if same_crs(grid(thing).crs, first.crs)]
    area = [abs(g[1] * g[5] - g[2] * g[4]) for g in (grid(thing).transform for thing in same)]
    # Two files of one product may differ in the last digits.
    return next(thing for thing, own in zip(same, area) if own <= 1.01 * min(area))


def stack_grid(bands: Sequence[StackBand]) -> Grid:
    """The grid of a stack as a :class:`Stack` has it, but for the size of its pixels: that of the first file.

    Parameters
    ----------
    bands : sequence of StackBand

    Raises
    ------
    InputError
        ``raster-unreadable`` or ``no-georeference``, naming the file.
    """
    paths = dict.fromkeys(b.path for b in data_bands(bands) or bands)
    grids = {path: grid_of(open_raster(path), path) for path in paths}
    tiles = [grids[tile[0]] for tile in group_tiles(grids, {})]
    return union_grid(finest(tiles, lambda grid: grid), tiles)


def readable_grid(bands: Sequence[StackBand]) -> Grid | None:
    """The grid of a stack as from :func:`stack_grid`; None of no bands and of unreadable ones.

    Parameters
    ----------
    bands : sequence of StackBand
        What is wrong with them is reported by :func:`.validate.stack_problems`.
    """
    try:
        return stack_grid(bands) if bands else None
    except InputError:
        return None
