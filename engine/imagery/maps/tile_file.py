"""One finished tile of a map as a raster of its own: class and confidence, placed on the grid of the map."""

from __future__ import annotations

import numpy as np
from osgeo import gdal

from ..geo.gdal_errors import call_gdal
from ..geo.grid import window_transform
from ..geo.types import Grid, Window
from .geotiff import NODATA


def tile_name(number: int) -> str:
    """File name of a tile by its number in the order of the map's windows, from 0."""
    return f"tile_{number:07d}.tif"


def write_tile(path: str, grid: Grid, window: Window, classes: np.ndarray, percent: np.ndarray) -> None:
    """Write a GeoTIFF of two bands.

    Parameters
    ----------
    grid, window : of the map, and the place of the tile on it.
    classes, percent : (h, w) uint8; 0 and 255 for nodata.

    Raises
    ------
    OSError
        With GDAL's words, as on a full disk.
    """
    options = ["COMPRESS=DEFLATE", "ZLEVEL=1", "INTERLEAVE=BAND", f"BLOCKYSIZE={window.height}"]

    def write() -> str:
        out = gdal.GetDriverByName("GTiff").Create(path, window.width, window.height, 2, gdal.GDT_Byte, options)
        if out is None:
            return gdal.GetLastErrorMsg() or "it cannot be created"
        out.SetGeoTransform(window_transform(grid, window))
        if grid.crs:
            out.SetProjection(grid.crs)
        out.GetRasterBand(1).SetNoDataValue(NODATA)
        for band, plane in enumerate((classes, percent), 1):
            data = np.ascontiguousarray(plane, np.uint8).tobytes()
            out.GetRasterBand(band).WriteRaster(0, 0, window.width, window.height, data)
        out.FlushCache()
        del out
        return gdal.GetLastErrorMsg() if gdal.GetLastErrorType() >= gdal.CE_Failure else ""

    told, fault = call_gdal(write)
    if fault or told:
        raise OSError(fault or told)


def read_tile(path: str, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Classes and percent (h, w) uint8 of a tile; raises OSError where it is not whole."""
    dataset, fault = call_gdal(lambda: gdal.Open(path))
    data = None
    if dataset is not None:
        data, fault = call_gdal(lambda: dataset.ReadRaster(buf_type=gdal.GDT_Byte))
    shape = (2, window.height, window.width)
    if data is None or len(data) != int(np.prod(shape)):
        raise OSError(fault or "it has not the size of its tile")
    classes, percent = np.frombuffer(data, np.uint8).reshape(shape)
    return classes, percent
