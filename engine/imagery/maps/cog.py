"""A finished raster made a Cloud Optimized GeoTIFF: programs read parts of it over the network as they need them."""

from __future__ import annotations

import os
from pathlib import Path

from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_io import file_name
from ..geo.raster_output import fault_of_writing

OPTIONS = ("COMPRESS=DEFLATE", "BLOCKSIZE=512", "BIGTIFF=IF_SAFER")


def make_cloud_optimized(path: str, resampling: str) -> None:
    """Replace a GeoTIFF by a Cloud Optimized one with the same pixels, legend, names, table and tags.

    Parameters
    ----------
    path : str
    resampling : str
        Of overviews, where it has none yet, as GDAL names it.

    Raises
    ------
    InputError
        ``map-unwritable``, naming the file and GDAL's reason.
    """
    new = Path(path).with_suffix(".cog.tif")
    options = [*OPTIONS, f"OVERVIEW_RESAMPLING={resampling}"]
    driver = gdal.GetDriverByName("COG")
    # Compared, so that it is closed, and fails, within the call.
    fault = fault_of_writing(lambda: driver.CreateCopy(str(new), gdal.Open(path), options=options) is None)
    if fault:
        message = f"{file_name(path)} cannot be made a Cloud Optimized GeoTIFF: {fault}."
        raise InputError("map-unwritable", message, "Check the free space: it takes that of the map twice.")
    for ending in ("", ".aux.xml"):
        if os.path.exists(f"{new}{ending}"):
            os.replace(f"{new}{ending}", f"{path}{ending}")
