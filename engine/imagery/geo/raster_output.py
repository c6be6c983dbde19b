"""What all writers of rasters share: a new raster on a grid, failures that GDAL hides, and overviews."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from osgeo import gdal

from .gdal_errors import UNKNOWN_ERROR, call_gdal, quiet_gdal
from .types import Grid

SMALLEST_OVERVIEW = 256
"""Pixels on the longer side of the smallest overview, at most."""


def create_raster(
    driver: str, path: str, grid: Grid, count: int, data_type: int, options: Sequence[str] = ()
) -> tuple[Any, str]:
    """Create a raster on a grid.

    Parameters
    ----------
    driver : str
        Name of the GDAL driver.
    path : str
    grid : Grid
    count : int
        Number of bands.
    data_type : int
        GDAL data type.
    options : sequence of str, optional
        Creation options.

    Returns
    -------
    dataset : gdal.Dataset or None
        None where GDAL fails.
    fault : str
        GDAL's message; empty on success.
    """
    create = gdal.GetDriverByName(driver).Create
    dataset: Any
    dataset, fault = call_gdal(lambda: create(path, grid.width, grid.height, count, data_type, list(options)))
    if dataset is not None:
        with quiet_gdal():
            dataset.SetGeoTransform(grid.transform)
            if grid.crs:
                dataset.SetProjection(grid.crs)
    return dataset, fault


def fault_of_writing(call: Callable[[], object]) -> str:
    """GDAL's message where a call that writes fails, also where it reports success all the same, as on a full disk.

    Parameters
    ----------
    call : callable
        Takes nothing; what it returns does not matter.

    Returns
    -------
    str
        Empty on success.
    """
    result, fault = call_gdal(lambda: (call(), gdal.GetLastErrorType(), gdal.GetLastErrorMsg()))
    if result is not None and result[1] >= gdal.CE_Failure:
        return result[2] or UNKNOWN_ERROR
    return fault


def overview_levels(grid: Grid) -> list[int]:
    """Factors of the overviews of a raster, 2, 4, 8, ...; none for a small one.

    Parameters
    ----------
    grid : Grid
    """
    largest = max(grid.width, grid.height)
    return [2**k for k in range(1, 30) if largest > SMALLEST_OVERVIEW * 2 ** (k - 1)]
