"""A finished raster made a Cloud Optimized GeoTIFF: programs read parts of it over the network as they need them."""

from __future__ import annotations

import os
from pathlib import Path

from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name

OPTIONS = ("COMPRESS=DEFLATE", "BLOCKSIZE=512", "BIGTIFF=IF_SAFER")


def make_cloud_optimized(path: str, resampling: str) -> None:
    """Replace a GeoTIFF by a Cloud Optimized one with the same pixels, legend, names, table and tags.

    Parameters
    ----------
    resampling : of overviews, where it has none yet, as GDAL names it.

    Raises
    ------
    InputError
        ``map-unwritable``, naming the file and GDAL's reason.
    """
    new = Path(path).with_suffix(".cog.tif")
    options = [*OPTIONS, f"OVERVIEW_RESAMPLING={resampling}"]

    def copy() -> str:
        before = gdal.Open(path)
        after = gdal.GetDriverByName("COG").CreateCopy(str(new), before, options=options)
        after.FlushCache()
        del after, before
        return gdal.GetLastErrorMsg() if gdal.GetLastErrorType() >= gdal.CE_Failure else ""

    told, fault = call_gdal(copy)
    if fault or told:
        raise InputError(
            "map-unwritable",
            f"{file_name(path)} cannot be made a Cloud Optimized GeoTIFF: {fault or told}.",
            "Check the free space: it takes that of the map twice.",
        )
    for ending in ("", ".aux.xml"):
        if os.path.exists(f"{new}{ending}"):
            os.replace(f"{new}{ending}", f"{path}{ending}")
