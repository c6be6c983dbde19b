"""Rasters and vectors opened by GDAL; every failure becomes an InputError that names the file.

GDAL's global settings stay as they are: inside QGIS other plugins share them. So this module works
with ``gdal.UseExceptions`` on or off, and reads by ``ReadRaster`` rather than ``gdal_array``, whose
NumPy interface breaks between versions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from osgeo import gdal, ogr

from ...errors import InputError, listed
from .crs import crs_of
from .gdal_errors import UNKNOWN_ERROR, call_gdal, quiet_gdal, single_line
from .layer_source import LayerPart, parse_part
from .remote import address_of, no_listing, remote_fault
from .vrt_sources import missing_source

VECTORS = (".shp", ".gpkg", ".geojson", ".fgb", ".kml", ".gml", ".tab")
"""Suffixes of the vector files that are recognised in a zip."""
POINT_TABLE = [
    "X_POSSIBLE_NAMES=lon*,lng*,x,easting",
    "Y_POSSIBLE_NAMES=lat*,y,northing",
    "KEEP_GEOM_COLUMNS=YES",
    "AUTODETECT_TYPE=YES",
]
"""GDAL's options for CSV files: names of the columns that hold coordinates."""


def file_name(path: str) -> str:
    """The last part of a path, as it is shown to people; of a subdataset all but the folder of its file.

    Parameters
    ----------
    path : str
        Any name GDAL opens.
    """
    if "/vsicurl/" in path:
        path = address_of(path)
    if re.match(r'\w{2,}:.*"', path):
        return re.sub(r'"[^"]*[\\/]([^"\\/]+)"', r'"\1"', path, count=1)
    name = Path(path).name
    return path if ":" in name or not name else name


def next_feature(layer: Any) -> tuple[Any, str]:
    """The next feature of a layer.

    GDAL returns None at the end and on failure, and features without shape from a shapefile that is cut off.

    Parameters
    ----------
    layer : ogr.Layer

    Returns
    -------
    feature : ogr.Feature or None
        None at the end, or where it cannot be read.
    fault : str
        Why it cannot be read; else empty.
    """
    feature, fault = call_gdal(layer.GetNextFeature)
    if feature is None:
        return None, "" if fault == UNKNOWN_ERROR else fault
    if gdal.GetLastErrorType() >= gdal.CE_Failure:
        return None, single_line(gdal.GetLastErrorMsg())
    return feature, ""


def read_features(layer: Any, unreadable: Callable[[str], InputError]) -> Iterator[Any]:
    """Every feature of an OGR layer, from the first.

    Parameters
    ----------
    layer : ogr.Layer
    unreadable : callable
        Makes the error to raise from GDAL's message, where reading fails.
    """
    with quiet_gdal():
        layer.ResetReading()
    while True:
        feature, fault = next_feature(layer)
        if fault:
            raise unreadable(fault)
        if feature is None:
            return
        yield feature


def open_raster(path: str) -> Any:
    """Open a raster that has bands of its own.

    Parameters
    ----------
    path : str
        Any name GDAL opens.

    Returns
    -------
    gdal.Dataset

    Raises
    ------
    InputError
        ``raster-unreadable``, also for a container of several rasters.
    """
    dataset, inside = open_container(path)
    if inside:
        raise InputError(
            "raster-unreadable",
            f"{file_name(path)} is a container of {len(inside)} rasters and has no bands of its own.",
            f"Choose its subdatasets, such as {inside[0]}.",
        )
    return dataset


def open_container(path: str) -> tuple[Any, list[str]]:
    """Open a raster or a container of rasters.

    Parameters
    ----------
    path : str
        Any name GDAL opens.

    Returns
    -------
    dataset : gdal.Dataset
    inside : list of str
        GDAL's names of the rasters in a container; empty where the dataset has bands of its own.

    Raises
    ------
    InputError
        ``raster-unreadable``.
    """
    with no_listing(path):
        dataset, fault = call_gdal(lambda: gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR))
    if dataset is None:
        raise _unreadable(path, fault)
    if gone := missing_source(dataset, path):
        message = f"The raster {file_name(path)} shows the file {gone}, which does not exist."
        raise InputError("raster-unreadable", message, "Move the file back, or make the virtual raster again.")
    if dataset.RasterCount:
        return _with_georeference(dataset, path), []
    inside = [name for name, _ in dataset.GetSubDatasets()]
    if not inside:
        raise _unreadable(path, "it has no bands")
    return dataset, inside


def _unreadable(path: str, fault: str) -> InputError:
    message, hint = f"{path} cannot be read: {fault}.", "The file may be damaged, or not a raster."
    answer = remote_fault(path)
    if answer:
        message, hint = f"{address_of(path)} cannot be fetched: {answer}.", "Check the address and the network."
    elif _is_missing(path):
        message, hint = f"{path} does not exist.", "Check the path."
    elif ".zarr" in path.lower() and gdal.GetDriverByName("Zarr") is None:
        hint = "This GDAL does not read Zarr: export the cube as netCDF or GeoTIFF."
    return InputError("raster-unreadable", f"The raster {message}", hint)


def _is_missing(path: str) -> bool:
    return not os.path.exists(path) and ":" not in path[2:]


def _with_georeference(dataset: Any, path: str) -> Any:
    """A variable of a cube with the georeference of its axes, where GDAL's classic interface does not find it.

    That needs more attributes than programs write: of netCDF the names of the axes by the conventions, of Zarr a
    coordinate system in GDAL's own form (seen with 3.6).
    """
    name = re.match(r'(NETCDF|ZARR):"?(.*?)"?:/?([^:"]+)', path)
    if name is None or (dataset.GetProjection() and dataset.GetGeoTransform(can_return_null=True)):
        return dataset
    kind, file, variable = name.groups()
    opened = f'NETCDF:"{file}"' if kind == "NETCDF" else file
    cube, _ = call_gdal(lambda: gdal.OpenEx(opened, gdal.OF_MULTIDIM_RASTER))
    group = cube.GetRootGroup() if cube is not None else None
    if group is None:
        return dataset
    if kind == "ZARR":
        wkt = _grid_mapping_wkt(group, (dataset.GetMetadata() or {}).get("grid_mapping", "spatial_ref"))
        if dataset.GetProjection() or crs_of(wkt) is None:
            return dataset
        located, _ = call_gdal(lambda: gdal.Translate("", dataset, format="VRT", outputSRS=wkt))
    elif dataset.GetGeoTransform(can_return_null=True) is None:
        array: Any = call_gdal(lambda: group.OpenMDArrayFromFullname("/" + variable))[0]
        count = array.GetDimensionCount() if array is not None else 0
        located = call_gdal(lambda: array.AsClassicDataset(count - 1, count - 2))[0] if count > 1 else None
        if located is not None and (
            located.RasterCount != dataset.RasterCount or not located.GetGeoTransform(can_return_null=True)
        ):
            return dataset
    else:
        return dataset
    return dataset if located is None else located


def _grid_mapping_wkt(group: Any, mapping: str) -> str:
    """The CRS that the variable ``mapping`` holds, as the CF conventions and rioxarray write it."""
    variable, _ = call_gdal(lambda: group.OpenMDArray(mapping))
    texts = {a.GetName(): a.Read() for a in variable.GetAttributes()} if variable is not None else {}
    return next((texts[key] for key in ("crs_wkt", "spatial_ref") if isinstance(texts.get(key), str)), "")


def open_vector(path: str, layer: str) -> tuple[Any, Any]:
    """Open a layer of a vector source.

    A CSV file's columns named like longitude and latitude, or x and y, are its points. Of a zip the one vector file
    in it is opened, as shapefiles are passed on.

    Parameters
    ----------
    path : str
        Any name GDAL opens.
    layer : str
        Which layer and which of its features, as :func:`.layer_source.split_layer` gives it: its name, and what QGIS
        writes behind it; empty for the only layer with shapes.

    Returns
    -------
    dataset : gdal.Dataset
        Keeps the layer open.
    layer : ogr.Layer
        With its filter set.

    Raises
    ------
    InputError
        ``vector-unreadable``; ``layer-missing`` naming the layers of the source, also where several have shapes and
        none is named; ``bad-filter``.
    """
    part = parse_part(layer)
    options = [*(POINT_TABLE if Path(path).suffix.lower() == ".csv" else []), *part.options]
    flags = gdal.OF_VECTOR | gdal.OF_VERBOSE_ERROR
    inside = _inside_zip(path)
    dataset, fault = call_gdal(lambda: gdal.OpenEx(inside, flags, open_options=options))
    if dataset is None or dataset.GetLayerCount() == 0:
        reason = "does not exist" if _is_missing(path) else f"cannot be read: {fault or 'it has no layers'}"
        raise InputError("vector-unreadable", f"The vector layer {path} {reason}.", "Choose a point or polygon layer.")
    found = _wanted_layer(dataset, part, path)
    filter_layer(found, part, "", path)
    return dataset, found


def _wanted_layer(dataset: Any, part: LayerPart, path: str) -> Any:
    layers = [dataset.GetLayer(number) for number in range(dataset.GetLayerCount())]
    names = [one.GetName() for one in layers]
    hint = f"Its layers are: {listed(names, 20)}."
    if part.name:
        found, _ = call_gdal(lambda: dataset.GetLayerByName(part.name))
        if found is None:
            raise InputError("layer-missing", f"{file_name(path)} has no layer '{part.name}'.", hint)
        return found
    if part.number is not None:
        if part.number >= len(layers):
            raise InputError("layer-missing", f"{file_name(path)} has no layer of number {part.number}.", hint)
        return layers[part.number]
    possible = [one for one in layers if one.GetGeomType() != ogr.wkbNone] or layers
    if len(possible) > 1:
        message = f"{file_name(path)} has several layers: {listed([one.GetName() for one in possible], 20)}."
        raise InputError("layer-missing", message, f"Name one of them, as in {path}|layername={possible[0].GetName()}.")
    return possible[0]


def filter_layer(layer: Any, part: LayerPart, where: str, path: str) -> None:
    """Read only the features of a layer that a source and a filter mean.

    Parameters
    ----------
    layer : ogr.Layer
    part : LayerPart
        Its ``subset`` and ``geometry`` count.
    where : str
        A further filter in SQL; empty for none.
    path : str
        For messages.

    Raises
    ------
    InputError
        ``bad-filter``.
    """
    conditions = [text for text in (part.subset, where) if text]
    if part.geometry:
        column = layer.GetGeometryColumn()
        native = column and _speaks_sqlite(layer)
        kind = f'ST_GeometryType("{column}")' if native else "OGR_GEOMETRY"
        conditions.append(f"{kind} LIKE '%{part.geometry}%'")
    if not conditions:
        return
    text = conditions[0] if len(conditions) == 1 else " AND ".join(f"({one})" for one in conditions)
    done, fault = call_gdal(lambda: layer.SetAttributeFilter(text))
    if fault or done:
        message = f"The filter {' and '.join(conditions)} does not work on {file_name(path)}: {fault}."
        raise InputError("bad-filter", message, "Write it as the WHERE part of SQL, such as year = 2021.")


def _speaks_sqlite(layer: Any) -> bool:
    """Whether filters of a layer are in the SQL of its own database."""
    dataset = layer.GetDataset() if hasattr(layer, "GetDataset") else None
    driver = dataset.GetDriver().GetName() if dataset is not None else ""
    return driver in ("GPKG", "SQLite") if driver else bool(layer.GetFIDColumn())


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
        content = f"{len(found)} vector files: {listed(found)}" if found else "no vector file"
        raise InputError("vector-unreadable", f"The archive {path} has {content}.", "Unpack it and choose the layer.")
    return f"/vsizip/{path}/{found[0]}"
