"""Where on the earth a stack lies, as far as the seasons are concerned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .earth import to_degrees
from .grids import grid_of, to_map
from .opening import crs_of, open_raster
from .stack import Grid, StackBand


def stack_latitude(bands: Sequence[StackBand]) -> float | None:
    """Latitude in degrees of the middle of a stack's first file; None where its CRS does not tell it.

    Raises
    ------
    InputError
        ``raster-unreadable`` or ``no-georeference``, naming the file.
    """
    return grid_latitude(grid_of(open_raster(bands[0].path), bands[0].path))


def grid_latitude(grid: Grid) -> float | None:
    """Latitude in degrees of the middle of a grid; None where its CRS does not tell it."""
    crs = crs_of(grid.crs)
    if crs is None or crs.IsLocal():
        return None
    x, y = to_map(grid.transform, np.array([grid.width / 2]), np.array([grid.height / 2]))
    try:
        latitude = float(to_degrees(crs, x, y)[0, 1])
    except InputError:
        return None
    return latitude if -90 <= latitude <= 90 else None
