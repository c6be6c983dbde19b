"""Shapes and their pixels: which pixels a polygon or a point takes on the grid of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from osgeo import gdal

from ..errors import InputError
from .opening import attempt, memory_layer
from .stack import Window


def burn(
    shapes: Sequence[Any], values: Sequence[int], window: Window, transform: tuple[float, ...], add: bool = False
) -> np.ndarray:
    """(h, w) int32: ``values`` burnt into the pixels of a window with that geotransform, 0 elsewhere.

    A polygon takes the pixels whose centre is inside it, a point the pixel it falls in; later shapes
    overwrite earlier ones, or add to them.
    """
    dataset = gdal.GetDriverByName("MEM").Create("", window.width, window.height, 1, gdal.GDT_Int32)
    dataset.SetGeoTransform(transform)
    holder, layer = memory_layer(None, list(shapes), list(values))
    options = ["ATTRIBUTE=value"] + (["MERGE_ALG=ADD"] if add else [])
    done, fault = attempt(lambda: gdal.RasterizeLayer(dataset, [1], layer, options=options))
    if fault or done:
        raise InputError("labels-geometry", f"The labels cannot be drawn onto the pixels of the stack: {fault}.")
    data = dataset.ReadRaster(0, 0, window.width, window.height, buf_type=gdal.GDT_Int32)
    return np.frombuffer(data, np.int32).reshape(window.height, window.width)
