"""One finished tile of a map as a raster of its own: class and confidence, placed on the grid of the map."""

from __future__ import annotations

from typing import Any

import numpy as np
from osgeo import gdal

from ..geo.gdal_errors import call_gdal
from ..geo.raster_output import create_raster, fault_of_writing
from ..geo.types import Grid, Window
from ..geo.windows import grid_of_window
from .geotiff import NODATA


def tile_name(number: int) -> str:
    """File name of a tile.

    Parameters
    ----------
    number : int
        Position in the order of the map's windows, from 0.
    """
    return f"tile_{number:07d}.tif"


def write_tile(path: str, grid: Grid, window: Window, classes: np.ndarray, percent: np.ndarray) -> None:
    """Write a GeoTIFF of two bands.

    Parameters
    ----------
    path : str
    grid : Grid
        Of the map.
    window : Window
        The place of the tile on it.
    classes, percent : ndarray of uint8, shape (h, w)
        0 and 255 for nodata.

    Raises
    ------
    OSError
        With GDAL's words, as on a full disk.
    """
    options = ["COMPRESS=DEFLATE", "ZLEVEL=1", "INTERLEAVE=BAND", f"BLOCKYSIZE={window.height}"]
    tile: Any
    tile, fault = create_raster("GTiff", path, grid_of_window(grid, window), 2, gdal.GDT_Byte, options)
    if tile is None:
        raise OSError(fault)

    def write() -> None:
        nonlocal tile
        tile.GetRasterBand(1).SetNoDataValue(NODATA)
        for band, plane in enumerate((classes, percent), 1):
            data = np.ascontiguousarray(plane, np.uint8).tobytes()
            tile.GetRasterBand(band).WriteRaster(0, 0, window.width, window.height, data)
        tile.FlushCache()
        # Closed within the call, so that a failure is seen.
        tile = None

    fault = fault_of_writing(write)
    if fault:
        raise OSError(fault)


def read_tile(path: str, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Read a tile.

    Parameters
    ----------
    path : str
    window : Window
        The place of the tile, of whose size it must be.

    Returns
    -------
    classes, percent : ndarray of uint8, shape (h, w)

    Raises
    ------
    OSError
        Where the file is not complete.
    """
    dataset, fault = call_gdal(lambda: gdal.Open(path))
    data = None
    if dataset is not None:
        data, fault = call_gdal(lambda: dataset.ReadRaster(buf_type=gdal.GDT_Byte))
    if data is None or len(data) != 2 * window.pixels:
        raise OSError(fault or "it does not have the size of its tile")
    classes, percent = np.frombuffer(data, np.uint8).reshape(2, *window.shape)
    return classes, percent
