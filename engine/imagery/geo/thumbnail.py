"""Small pictures of large rasters."""

from __future__ import annotations

import numpy as np
from osgeo import gdal


def read_preview(path: str, longest_side: int = 900) -> np.ndarray:
    """The first band of a Byte raster as (h, w) uint8, thinned so that no side exceeds ``longest_side``."""
    dataset = gdal.Open(path)
    width, height = dataset.RasterXSize, dataset.RasterYSize
    scale = max(1.0, max(width, height) / longest_side)
    columns, rows = max(1, round(width / scale)), max(1, round(height / scale))
    data = dataset.GetRasterBand(1).ReadRaster(
        0, 0, width, height, columns, rows, gdal.GDT_Byte, resample_alg=gdal.GRIORA_NearestNeighbour
    )
    return np.frombuffer(data, np.uint8).reshape(rows, columns)
