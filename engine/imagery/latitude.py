"""Where on the earth a stack lies, as far as the seasons are concerned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from osgeo import osr

from ..errors import InputError
from .grids import grid_of, to_map, transform_points
from .opening import crs_of, open_raster, transformation
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
    geographic = osr.SpatialReference()
    geographic.ImportFromEPSG(4326)
    geographic.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    x, y = to_map(grid.transform, np.array([grid.width / 2]), np.array([grid.height / 2]))
    try:
        change = transformation(crs, geographic)
    except InputError:
        return None  # a system that PROJ cannot leave, such as one of another planet
    latitude = float(y[0]) if change is None else float(transform_points(change, x, y)[0, 1])
    return latitude if -90 <= latitude <= 90 else None
