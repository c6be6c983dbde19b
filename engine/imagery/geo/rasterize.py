"""Shapes and their pixels: geometries made usable, and which pixels each takes on the grid of a stack."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from osgeo import gdal, ogr

from ...errors import InputError
from .gdal_errors import call_gdal, quiet_gdal
from .gdal_io import memory_layer
from .grid import window_transform
from .types import Grid, Window

AT_ONCE = 20_000
"""Shapes that are drawn at once: a copy of each is in memory while they are."""


def burn(
    shapes: Iterable[Any], values: Iterable[int], window: Window, transform: tuple[float, ...], add: bool = False
) -> np.ndarray:
    """(h, w) int32: ``values`` burnt into the pixels of a window with that geotransform, 0 elsewhere.

    A polygon takes the pixels whose centre is inside it, a point the pixel it falls in; later shapes
    overwrite earlier ones, or add to them.
    """
    dataset = gdal.GetDriverByName("MEM").Create("", window.width, window.height, 1, gdal.GDT_Int32)
    dataset.SetGeoTransform(transform)
    options = ["ATTRIBUTE=value"] + (["MERGE_ALG=ADD"] if add else [])
    pairs = zip(shapes, values)
    while some := list(itertools.islice(pairs, AT_ONCE)):
        holder, layer = memory_layer(None, [shape for shape, _ in some], [value for _, value in some])
        done, fault = call_gdal(partial(gdal.RasterizeLayer, dataset, [1], layer, options=options))
        if fault or done:
            raise InputError("labels-geometry", f"The labels cannot be drawn onto the pixels of the stack: {fault}.")
    data = dataset.ReadRaster(0, 0, window.width, window.height, buf_type=gdal.GDT_Int32)
    return np.frombuffer(data, np.int32).reshape(window.height, window.width)


def drawn_pixels(shape: Any, grid: Grid, window: Window) -> np.ndarray:
    """(h, w) bool: the pixels of a window of the grid that a single shape takes, as :func:`burn` says."""
    return burn([shape], [1], window, window_transform(grid, window)) > 0


def usable_shape(geometry: Any) -> Any | None:
    """A copy of a point or polygon geometry, linear and valid; None for anything else."""
    kind = ogr.GT_Flatten(geometry.GetGeometryType())
    if kind in (ogr.wkbPoint, ogr.wkbMultiPoint):
        return geometry.Clone()
    with quiet_gdal():
        shape = geometry.GetLinearGeometry() if geometry.HasCurveGeometry() else geometry.Clone()
        if not shape.IsValid():
            shape = shape.MakeValid() or shape
    if ogr.GT_Flatten(shape.GetGeometryType()) == ogr.wkbGeometryCollection:
        # Mending a crossed outline can leave lines beside the polygons.
        parts = ogr.Geometry(ogr.wkbMultiPolygon)
        for number in range(shape.GetGeometryCount()):
            part = shape.GetGeometryRef(number)
            kind = ogr.GT_Flatten(part.GetGeometryType())
            if kind == ogr.wkbPolygon:
                parts.AddGeometry(part)
            elif kind == ogr.wkbMultiPolygon:
                for inner in range(part.GetGeometryCount()):
                    parts.AddGeometry(part.GetGeometryRef(inner))
        shape = parts
    polygon = ogr.GT_Flatten(shape.GetGeometryType()) in (ogr.wkbPolygon, ogr.wkbMultiPolygon)
    return shape if polygon and not shape.IsEmpty() else None


def single_parts(shape: Any) -> list[Any]:
    """The points or polygons of a geometry, single or multiple."""
    if ogr.GT_Flatten(shape.GetGeometryType()) in (ogr.wkbPoint, ogr.wkbPolygon):
        return [shape]
    return [shape.GetGeometryRef(number).Clone() for number in range(shape.GetGeometryCount())]
