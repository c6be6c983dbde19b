"""Rasters and vectors opened by GDAL, with every failure told as one sentence about the file.

GDAL's global switches stay as they are: inside QGIS other plugins share them. So this module works
with ``gdal.UseExceptions`` on or off, and reads by ``ReadRaster`` rather than ``gdal_array``, whose
NumPy interface breaks between versions.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from osgeo import gdal, ogr

from ...errors import InputError, listed
from .crs import crs_of
from .gdal_errors import UNKNOWN_ERROR, call_gdal, single_line
from .remote import address_of, no_listing, remote_fault

VECTORS = (".shp", ".gpkg", ".geojson", ".fgb", ".kml", ".gml", ".tab")
"""Endings of the vector files that are looked for in a zip."""


def file_name(path: str) -> str:
    """The last part of a path, as it is shown to people; subdatasets keep all but the folder of their file."""
    if "/vsicurl/" in path:
        path = address_of(path)
    if re.match(r'\w{2,}:.*"', path):
        return re.sub(r'"[^"]*[\\/]([^"\\/]+)"', r'"\1"', path, count=1)
    name = Path(path).name
    return path if ":" in name or not name else name


def next_feature(layer: Any) -> tuple[Any, str]:
    """The next feature of an OGR layer, None at its end, and what keeps it from being read (empty: nothing).

    GDAL tells the end and a failure alike, and of a shapefile that is cut off it hands out features without shape.
    """
    feature, fault = call_gdal(layer.GetNextFeature)
    if feature is None:
        return None, "" if fault == UNKNOWN_ERROR else fault
    if gdal.GetLastErrorType() >= gdal.CE_Failure:
        return None, single_line(gdal.GetLastErrorMsg())
    return feature, ""


def open_raster(path: str) -> Any:
    """The raster dataset of ``path``; raises InputError (``raster-unreadable``)."""
    dataset, inside = open_container(path)
    if inside:
        raise InputError(
            "raster-unreadable",
            f"{file_name(path)} is a container of {len(inside)} rasters and has no bands of its own.",
            f"Choose its subdatasets, such as {inside[0]}.",
        )
    return dataset


def open_container(path: str) -> tuple[Any, list[str]]:
    """The dataset of ``path`` and, where it has no bands of its own, GDAL's names of the rasters in it.

    Raises
    ------
    InputError
        ``raster-unreadable``.
    """
    with no_listing(path):
        dataset, fault = call_gdal(lambda: gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR))
    if dataset is None:
        raise _unreadable(path, fault)
    if dataset.RasterCount:
        return _with_georeference(dataset, path), []
    inside = [name for name, _ in dataset.GetSubDatasets()]
    if not inside:
        raise _unreadable(path, "it has no bands")
    return dataset, inside


def _unreadable(path: str, fault: str) -> InputError:
    answer = remote_fault(path)
    if answer:
        message, hint = (
            f"The raster {address_of(path)} cannot be fetched: {answer}.",
            "Check the address and the network.",
        )
        return InputError("raster-unreadable", message, hint)
    if not os.path.exists(path) and ":" not in path[2:]:
        return InputError("raster-unreadable", f"The raster {path} does not exist.", "Check the path.")
    message = f"The raster {path} cannot be read: {fault}."
    if ".zarr" in path.lower() and gdal.GetDriverByName("Zarr") is None:
        return InputError(
            "raster-unreadable", message, "This GDAL reads no Zarr: export the cube as netCDF or GeoTIFF."
        )
    return InputError("raster-unreadable", message, "It may be damaged, or no raster.")


def _with_georeference(dataset: Any, path: str) -> Any:
    """A variable of a cube with the place on the map that its axes tell, where GDAL's classic interface overlooks it.

    That wants more attributes than programs write: of netCDF the names of the axes by the conventions, of Zarr a
    coordinate system in GDAL's own words (seen with 3.6).
    """
    told = re.match(r'(NETCDF|ZARR):"?(.*?)"?:/?([^:"]+)', path)
    if told is None or (dataset.GetProjection() and dataset.GetGeoTransform(can_return_null=True)):
        return dataset
    kind, file, variable = told.groups()
    opened = f'NETCDF:"{file}"' if kind == "NETCDF" else file
    cube, _ = call_gdal(lambda: gdal.OpenEx(opened, gdal.OF_MULTIDIM_RASTER))
    group = cube.GetRootGroup() if cube is not None else None
    if group is None:
        return dataset
    if dataset.GetGeoTransform(can_return_null=True) is None and kind != "ZARR":
        array: Any = call_gdal(lambda: group.OpenMDArrayFromFullname("/" + variable))[0]
        count = array.GetDimensionCount() if array is not None else 0
        seen = call_gdal(lambda: array.AsClassicDataset(count - 1, count - 2))[0] if count > 1 else None
        if seen is None or seen.RasterCount != dataset.RasterCount or not seen.GetGeoTransform(can_return_null=True):
            return dataset
        dataset = seen
    if dataset.GetProjection():
        return dataset
    wkt = _grid_mapping_wkt(group, (dataset.GetMetadata() or {}).get("grid_mapping", "spatial_ref"))
    if crs_of(wkt) is None or kind != "ZARR":
        return dataset
    located, _ = call_gdal(lambda: gdal.Translate("", dataset, format="VRT", outputSRS=wkt))
    return dataset if located is None else located


def _grid_mapping_wkt(group: Any, mapping: str) -> str:
    """The coordinate system that the variable ``mapping`` holds, as the CF conventions and rioxarray write it."""
    variable, _ = call_gdal(lambda: group.OpenMDArray(mapping))
    texts = {a.GetName(): a.Read() for a in variable.GetAttributes()} if variable is not None else {}
    return next((texts[key] for key in ("crs_wkt", "spatial_ref") if isinstance(texts.get(key), str)), "")


def open_vector(path: str, layer: str) -> tuple[Any, Any]:
    """The dataset and the layer (the first one when ``layer`` is empty) of a vector source.

    Point tables in text form are read too: a CSV file's columns named like longitude and latitude, or
    x and y, are its points. A zip stands for the one vector file in it, as shapefiles are passed on.

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
    inside = _inside_zip(path)
    dataset, fault = call_gdal(lambda: gdal.OpenEx(inside, flags, open_options=options))
    if dataset is None or dataset.GetLayerCount() == 0:
        missing = not os.path.exists(path) and ":" not in path[2:]
        told = "does not exist" if missing else f"cannot be read: {fault or 'it has no layers'}"
        raise InputError("vector-unreadable", f"The vector layer {path} {told}.", "Choose a point or polygon layer.")
    if not layer:
        return dataset, dataset.GetLayer(0)
    found, _ = call_gdal(lambda: dataset.GetLayerByName(layer))
    if found is None:
        names = ", ".join(dataset.GetLayer(i).GetName() for i in range(min(dataset.GetLayerCount(), 20)))
        raise InputError("layer-missing", f"{file_name(path)} has no layer '{layer}'.", f"Its layers are: {names}.")
    return dataset, found


def _inside_zip(path: str) -> str:
    """The name by which GDAL opens the vector file in a zip; any other path as it is.

    Raises
    ------
    InputError
        ``vector-unreadable`` for a zip without a vector file, or with several.
    """
    if not path.lower().endswith(".zip") or path.startswith("/vsi") or not os.path.isfile(path):
        return path
    names, _ = call_gdal(lambda: gdal.ReadDirRecursive(f"/vsizip/{path}"))
    found = [n for n in names or () if n.lower().endswith(VECTORS) and "__MACOSX" not in n]
    if len(found) != 1:
        told = f"holds {len(found)} vector files: {listed(found)}" if found else "holds no vector file"
        raise InputError("vector-unreadable", f"The archive {path} {told}.", "Unpack it and choose the layer.")
    return f"/vsizip/{path}/{found[0]}"


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
