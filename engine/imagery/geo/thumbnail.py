"""Small pictures of large rasters."""

from __future__ import annotations

import numpy as np
from osgeo import gdal


def read_preview(path: str, longest_side: int = 900) -> np.ndarray:
    """The first band of a Byte raster, thinned.

    Parameters
    ----------
    path : str
        Any name GDAL opens.
    longest_side : int, optional (default=900)
        Pixels of the result on its longer side, at most.

    Returns
    -------
    ndarray of uint8, shape (h, w)
    """
    dataset = gdal.Open(path)
    width, height = dataset.RasterXSize, dataset.RasterYSize
    scale = max(1.0, max(width, height) / longest_side)
    columns, rows = max(1, round(width / scale)), max(1, round(height / scale))
    # Nearest neighbour is the default: class numbers must not be averaged.
    data = dataset.GetRasterBand(1).ReadRaster(0, 0, width, height, columns, rows, gdal.GDT_Byte)
    return np.frombuffer(data, np.uint8).reshape(rows, columns)
