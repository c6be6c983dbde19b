"""Polygons made smaller by a distance in metres, so that mixed pixels at their borders are not taken.

A metre of a map projection is not a metre on the ground everywhere (Web Mercator stretches Europe by more than a
half), and degrees are none at all, so every polygon is measured in its own UTM zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from osgeo import ogr

from ..geo.crs import crs_of, epsg, transformation
from ..geo.gdal_errors import call_gdal
from ..geo.geodesy import to_degrees
from ..geo.rasterize import POINTS, transform_shape
from ..geo.types import Grid

UTM_NORTH, UTM_SOUTH = 32600, 32700
"""EPSG codes of UTM zones are these plus the number of the zone."""


def buffer_inward(shapes: Sequence[Any], distance: float, grid: Grid) -> list[Any | None]:
    """Each polygon less all that is within a distance of its border.

    Parameters
    ----------
    shapes : sequence of ogr.Geometry
        In the CRS of ``grid``; points stay as they are.
    distance : float
        Metres; without a CRS, units of the grid.
    grid : Grid

    Returns
    -------
    list of ogr.Geometry or None
        None where nothing is left.
    """
    crs = crs_of(grid.crs)
    codes = _utm_codes(shapes, crs)
    # A grid in UTM is measured in its own zone, the neighbouring one included.
    own = crs is None or crs.GetUTMZone() != 0

    there_and_back = {
        code: (transformation(crs, epsg(code)), transformation(epsg(code), crs))
        for code in {*codes}
        if code and not own
    }
    return [
        shape
        if ogr.GT_Flatten(shape.GetGeometryType()) in POINTS
        else _buffered(shape, distance, *there_and_back.get(code, (None, None)))
        for shape, code in zip(shapes, codes)
    ]


def _buffered(shape: Any, distance: float, there: Any, back: Any) -> Any | None:
    if there is not None:
        shape = shape.Clone()
    if not transform_shape(shape, there):
        return None
    inner, _ = call_gdal(lambda: shape.Buffer(-distance))
    return None if inner is None or inner.IsEmpty() or not transform_shape(inner, back) else inner


def _utm_codes(shapes: Sequence[Any], crs: Any) -> list[int]:
    """EPSG code of the UTM zone of each shape's middle; 0 where it has no coordinates on the Earth."""
    if crs is None or crs.IsLocal() or not len(shapes):
        return [0] * len(shapes)
    box = np.array([shape.GetEnvelope() for shape in shapes], np.float64)
    x, y = box[:, :2].mean(axis=1), box[:, 2:].mean(axis=1)
    x, y = to_degrees(crs, x, y).T
    known = np.isfinite(x) & np.isfinite(y)
    zone = ((np.where(known, x, 0.0) + 180) // 6).astype(int) % 60 + 1
    code = np.where(np.where(known, y, 0.0) < 0, UTM_SOUTH, UTM_NORTH) + zone
    return [int(one) for one in np.where(known, code, 0)]
