"""Rasters and vectors opened by GDAL, with every failure told as one sentence about the file.

GDAL's global switches stay as they are: inside QGIS other plugins share them. So this module works
with ``gdal.UseExceptions`` on or off, and reads by ``ReadRaster`` rather than ``gdal_array``, whose
NumPy interface breaks between versions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from osgeo import gdal, ogr, osr

from ..errors import InputError

Result = TypeVar("Result")

SAME_CRS = (
    "CRITERION=EQUIVALENT_EXCEPT_AXIS_ORDER_GEOGCRS",
    "IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES",
    "IGNORE_COORDINATE_EPOCH=YES",
)


def file_name(path: str) -> str:
    """The last part of a path, as it is shown to people; subdatasets keep their whole name."""
    name = Path(path).name
    return path if ":" in name or not name else name


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """Keep GDAL's messages off the console; the last one can still be asked for."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        gdal.ErrorReset()
        yield
    finally:
        gdal.PopErrorHandler()


def attempt(call: Callable[[], Result]) -> tuple[Result | None, str]:
    """The result of a GDAL call and its error message, whether or not GDAL raises; one of them is empty."""
    with quiet_gdal():
        try:
            result = call()
        except RuntimeError as fault:
            return None, str(fault).strip(" .\n") or "unknown error"
        if result is None:
            return None, gdal.GetLastErrorMsg().strip(" .\n") or "unknown error"
        return result, ""


def open_raster(path: str) -> Any:
    """The raster dataset of ``path``; raises InputError (``raster-unreadable``)."""
    dataset, fault = attempt(lambda: gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR))
    if dataset is not None and dataset.RasterCount == 0:
        subdatasets = [name for name, _ in dataset.GetSubDatasets()]
        if subdatasets:
            raise InputError(
                "raster-unreadable",
                f"{file_name(path)} is a container of {len(subdatasets)} rasters and has no bands of its own.",
                f"Choose its subdatasets, such as {subdatasets[0]}.",
            )
        dataset, fault = None, "it has no bands"
    if dataset is None:
        missing = not os.path.exists(path) and ":" not in path[2:]
        raise InputError(
            "raster-unreadable",
            f"The raster {path} does not exist." if missing else f"The raster {path} cannot be read: {fault}.",
            "Check the path." if missing else "It may be damaged, or no raster.",
        )
    return dataset


def open_vector(path: str, layer: str) -> tuple[Any, Any]:
    """The dataset and the layer (the first one when ``layer`` is empty) of a vector source.

    Point tables in text form are read too: a CSV file's columns named like longitude and latitude, or
    x and y, are its points.

    Raises
    ------
    InputError
        ``vector-unreadable`` for a source that cannot be opened, ``layer-missing`` naming the layers
        there are.
    """
    options = []
    if Path(path).suffix.lower() == ".csv":
        options = ["X_POSSIBLE_NAMES=lon*,lng*,x,easting", "Y_POSSIBLE_NAMES=lat*,y,northing", "KEEP_GEOM_COLUMNS=YES"]
        options += ["AUTODETECT_TYPE=YES"]
    flags = gdal.OF_VECTOR | gdal.OF_VERBOSE_ERROR
    dataset, fault = attempt(lambda: gdal.OpenEx(path, flags, open_options=options))
    if dataset is None or dataset.GetLayerCount() == 0:
        missing = not os.path.exists(path) and ":" not in path[2:]
        told = "does not exist" if missing else f"cannot be read: {fault or 'it has no layers'}"
        raise InputError("vector-unreadable", f"The vector layer {path} {told}.", "Choose a point or polygon layer.")
    if not layer:
        return dataset, dataset.GetLayer(0)
    found, _ = attempt(lambda: dataset.GetLayerByName(layer))
    if found is None:
        names = ", ".join(dataset.GetLayer(i).GetName() for i in range(min(dataset.GetLayerCount(), 20)))
        raise InputError("layer-missing", f"{file_name(path)} has no layer '{layer}'.", f"Its layers are: {names}.")
    return dataset, found


def crs_of(wkt: str) -> Any:
    """The spatial reference of a WKT text with x before y, or None when the text is empty or wrong."""
    if not wkt:
        return None
    crs = osr.SpatialReference()
    done, fault = attempt(lambda: crs.ImportFromWkt(wkt))
    if fault or done:
        return None
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def same_crs(first: str, second: str) -> bool:
    """Whether two WKT texts mean the same system; unknown on either side counts as the same."""
    one, other = crs_of(first), crs_of(second)
    if one is None or other is None:
        return True
    return bool(one.IsSame(other, list(SAME_CRS)))


def transformation(source: Any, target: Any) -> Any:
    """Coordinate transformation between two spatial references (x before y), or None when not needed.

    Raises
    ------
    InputError
        ``crs-unrelated`` where there is none, as from a local system without a place on the Earth.
    """
    if source is None or target is None or source.IsSame(target, list(SAME_CRS)):
        return None
    change, _ = attempt(lambda: osr.CoordinateTransformation(source, target))
    # Without exceptions GDAL hands out an empty shell.
    if change is None or getattr(change, "this", None) is None:
        raise InputError(
            "crs-unrelated",
            f"Nothing leads from the coordinate reference system {source.GetName()} to {target.GetName()}.",
            "Give every layer and raster a system that is tied to the Earth.",
        )
    return change


def memory_layer(crs: Any, geometries: list[Any], values: list[int]) -> tuple[Any, Any]:
    """An OGR layer in memory with one integer field ``value``; the dataset keeps it alive."""
    driver = ogr.GetDriverByName("Memory")
    dataset = driver.CreateDataSource("labels")
    layer = dataset.CreateLayer("labels", crs, ogr.wkbUnknown)
    layer.CreateField(ogr.FieldDefn("value", ogr.OFTInteger))
    definition = layer.GetLayerDefn()
    for geometry, value in zip(geometries, values):
        feature = ogr.Feature(definition)
        feature.SetField(0, int(value))
        feature.SetGeometry(geometry)
        layer.CreateFeature(feature)
    return dataset, layer
