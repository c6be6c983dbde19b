"""Shapes and their pixels: geometries made valid, and the pixels of a grid that each covers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from osgeo import gdal, ogr

from ...errors import InputError
from .gdal_errors import call_gdal, quiet_gdal
from .grid import window_transform
from .types import Grid, Window

BATCH = 20_000
"""Shapes drawn in one call: a copy of each is in memory meanwhile."""
POINTS = (ogr.wkbPoint, ogr.wkbMultiPoint)
POLYGONS = (ogr.wkbPolygon, ogr.wkbMultiPolygon)


def burn(
    shapes: Iterable[Any], values: Iterable[int], window: Window, transform: tuple[float, ...], add: bool = False
) -> np.ndarray:
    """Write a value of each shape into the pixels it covers.

    A polygon covers the pixels whose centre is inside it, a point the pixel it falls in.

    Parameters
    ----------
    shapes : iterable of ogr.Geometry
        In the CRS of ``transform``.
    values : iterable of int
        One for each shape.
    window : Window
        Its size is that of the result.
    transform : tuple of 6 float
        GDAL geotransform of the window.
    add : bool, optional (default=False)
        Add values where shapes overlap; else the later shape overwrites.

    Returns
    -------
    ndarray of int32, shape (h, w)
        0 where no shape is.

    Raises
    ------
    InputError
        ``labels-geometry`` where GDAL cannot draw them.
    """
    dataset = gdal.GetDriverByName("MEM").Create("", window.width, window.height, 1, gdal.GDT_Int32)
    dataset.SetGeoTransform(transform)
    options = ["ATTRIBUTE=value"] + (["MERGE_ALG=ADD"] if add else [])
    pairs = zip(shapes, values)
    while batch := list(itertools.islice(pairs, BATCH)):
        holder, layer = _memory_layer(batch)
        done, fault = call_gdal(partial(gdal.RasterizeLayer, dataset, [1], layer, options=options))
        if fault or done:
            raise InputError("labels-geometry", f"The labels cannot be drawn onto the pixels of the stack: {fault}.")
    data = dataset.ReadRaster(0, 0, window.width, window.height, buf_type=gdal.GDT_Int32)
    return np.frombuffer(data, np.int32).reshape(window.height, window.width)


def _memory_layer(pairs: Iterable[tuple[Any, int]]) -> tuple[Any, Any]:
    """An OGR layer in memory of shapes with an integer field ``value``; the dataset keeps it alive."""
    dataset = ogr.GetDriverByName("Memory").CreateDataSource("labels")
    layer = dataset.CreateLayer("labels", None, ogr.wkbUnknown)
    layer.CreateField(ogr.FieldDefn("value", ogr.OFTInteger))
    definition = layer.GetLayerDefn()
    for geometry, value in pairs:
        feature = ogr.Feature(definition)
        feature.SetField(0, int(value))
        feature.SetGeometry(geometry)
        layer.CreateFeature(feature)
    return dataset, layer


def drawn_pixels(shape: Any, grid: Grid, window: Window) -> np.ndarray:
    """The pixels that a single shape covers, as :func:`burn` decides.

    Parameters
    ----------
    shape : ogr.Geometry
        In the CRS of ``grid``.
    grid : Grid
    window : Window
        In pixels of ``grid``.

    Returns
    -------
    ndarray of bool, shape (h, w)
    """
    return burn([shape], [1], window, window_transform(grid, window)) > 0


def usable_shape(geometry: Any) -> Any | None:
    """A linear and valid copy of a point or polygon geometry.

    Parameters
    ----------
    geometry : ogr.Geometry
        Single, multiple, curved or invalid.

    Returns
    -------
    ogr.Geometry or None
        None for lines and empty polygons.
    """
    if _kind(geometry) in POINTS:
        return geometry.Clone()
    with quiet_gdal():
        shape = geometry.GetLinearGeometry() if geometry.HasCurveGeometry() else geometry.Clone()
        if not shape.IsValid():
            shape = shape.MakeValid() or shape
    if _kind(shape) == ogr.wkbGeometryCollection:
        # Making a crossed outline valid can leave lines beside the polygons.
        polygons = ogr.Geometry(ogr.wkbMultiPolygon)
        for part in single_parts(shape):
            for polygon in single_parts(part) if _kind(part) in POLYGONS else ():
                polygons.AddGeometry(polygon)
        shape = polygons
    return shape if _kind(shape) in POLYGONS and not shape.IsEmpty() else None


def single_parts(shape: Any) -> list[Any]:
    """The points or polygons of a geometry.

    Parameters
    ----------
    shape : ogr.Geometry
        Single, multiple or a collection.
    """
    if _kind(shape) in (ogr.wkbPoint, ogr.wkbPolygon):
        return [shape]
    return [shape.GetGeometryRef(number).Clone() for number in range(shape.GetGeometryCount())]


def _kind(shape: Any) -> int:
    """The type of a geometry whether or not it has heights."""
    return ogr.GT_Flatten(shape.GetGeometryType())


def polygon_of(geometry: Any) -> Any | None:
    """A copy of a polygon, linear and valid; None for any other geometry, or none.

    Parameters
    ----------
    geometry : ogr.Geometry or None
    """
    shape = None if geometry is None or geometry.IsEmpty() else usable_shape(geometry)
    return None if shape is None or _kind(shape) in POINTS else shape


def transform_shape(shape: Any, change: Any) -> bool:
    """Transform a shape in place; returns False where it has no coordinates in the other system.

    Parameters
    ----------
    shape : ogr.Geometry
    change : osr.CoordinateTransformation or None
        None leaves the shape as it is.
    """
    return change is None or not any(call_gdal(lambda: shape.Transform(change)))
