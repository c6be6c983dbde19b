"""Polygons made smaller by a distance in metres, so that mixed pixels at their borders are not taken.

A metre of a map projection is not a metre on the ground everywhere (Web Mercator stretches Europe by more than a
half), and degrees are none at all, so every polygon is measured in its own UTM zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from osgeo import ogr

from ..geo.crs import crs_of, epsg, transformation
from ..geo.gdal_errors import call_gdal
from ..geo.geodesy import to_degrees
from ..geo.types import Grid

UTM_NORTH, UTM_SOUTH = 32600, 32700
"""EPSG codes of UTM zones are these plus the number of the zone."""


def buffer_inward(shapes: Sequence[Any], distance: float, grid: Grid) -> list[Any | None]:
    """Each polygon less all that lies within ``distance`` metres of its border; None where nothing is left.

    Parameters
    ----------
    shapes : OGR geometries in the CRS of ``grid``; points stay as they are.
    distance : metres; without a CRS, units of the grid.
    """
    crs = crs_of(grid.crs)
    codes = _utm_codes(shapes, crs)
    # A grid in UTM is measured in its own zone, the neighbouring one included.
    own = crs is None or crs.GetUTMZone() != 0

    @cache
    def changes(code: int) -> tuple[Any, Any]:
        metric = epsg(code)
        return transformation(crs, metric), transformation(metric, crs)

    return [
        shape
        if ogr.GT_Flatten(shape.GetGeometryType()) in (ogr.wkbPoint, ogr.wkbMultiPoint)
        else _less(shape, distance, *((None, None) if own or not code else changes(code)))
        for shape, code in zip(shapes, codes)
    ]


def _less(shape: Any, distance: float, there: Any, back: Any) -> Any | None:
    if there is not None:
        shape = shape.Clone()
        if any(call_gdal(lambda: shape.Transform(there))):
            return None
    inner, _ = call_gdal(lambda: shape.Buffer(-distance))
    if inner is None or inner.IsEmpty():
        return None
    if back is not None and any(call_gdal(lambda: inner.Transform(back))):
        return None
    return inner


def _utm_codes(shapes: Sequence[Any], crs: Any) -> list[int]:
    """EPSG code of the UTM zone of each shape's middle; 0 where it has no place on the Earth."""
    if crs is None or crs.IsLocal() or not len(shapes):
        return [0] * len(shapes)
    box = np.array([shape.GetEnvelope() for shape in shapes], np.float64)
    x, y = box[:, :2].mean(axis=1), box[:, 2:].mean(axis=1)
    x, y = to_degrees(crs, x, y).T
    known = np.isfinite(x) & np.isfinite(y)
    zone = ((np.where(known, x, 0.0) + 180) // 6).astype(int) % 60 + 1
    code = np.where(np.where(known, y, 0.0) < 0, UTM_SOUTH, UTM_NORTH) + zone
    return [int(one) for one in np.where(known, code, 0)]
