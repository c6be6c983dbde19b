"""A scene small enough for a whole job in seconds: three crops with their own seasons, in square fields."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr, osr

CROPS = ("maize", "rapeseed", "wheat")
PEAKS = {"maize": 215.0, "rapeseed": 120.0, "wheat": 160.0}
"""Day of year at which each crop is greenest."""
BANDS = ("RED", "NIR")
SMALL = {"width": 32, "layers": 2, "batch": 32, "target_batch": 32, "pseudo_batch": 32, "distilled_width": 16}
"""Options of GHCA for networks and batches that are large enough for crops as plain as these."""
NODATA = 65535


@dataclass(frozen=True)
class Scene:
    """Files of a scene."""

    source: Path
    """Source stack, UInt16 reflectance x 10000."""
    target: Path
    """Target stack: the season 12 days later, other dates, drier."""
    labels: Path
    """Fields of the source with the crop in the field ``crop``."""
    truth: np.ndarray
    """(h, w) uint8: 1..3 in the order of CROPS, of the target."""


def make_scene(folder: Path, side: int = 24, field: int = 6, epsg: int = 32633) -> Scene:
    """Write a scene of ``side`` x ``side`` pixels in fields of ``field`` x ``field`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    cells = -(-side // field)
    source_crops = (np.arange(cells * cells) % 3).reshape(cells, cells)
    target_crops = rng.permutation(np.arange(cells * cells) % 3).reshape(cells, cells)
    planes = [np.kron(c, np.ones((field, field), int))[:side, :side] for c in (source_crops, target_crops)]
    write_stack(folder / "source.tif", planes[0], 2021, range(60, 300, 20), 0.0, rng, epsg)
    write_stack(folder / "target.tif", planes[1], 2022, range(66, 300, 18), 12.0, rng, epsg)
    write_fields(folder / "fields.gpkg", source_crops, field, epsg)
    return Scene(folder / "source.tif", folder / "target.tif", folder / "fields.gpkg", planes[1].astype(np.uint8) + 1)


def write_stack(path: Path, crops: np.ndarray, year: int, days, later: float, rng, epsg: int) -> None:
    """One multi-band file with a square of clouds on every third date."""
    height, width = crops.shape
    days = list(days)
    stack = gdal.GetDriverByName("GTiff").Create(str(path), width, height, len(days) * len(BANDS), gdal.GDT_UInt16)
    stack.SetGeoTransform((500000, 10, 0, 5200000, 0, -10))
    stack.SetProjection(srs_of(epsg).ExportToWkt())
    peaks = np.array([PEAKS[name] for name in CROPS])[crops] + later
    number = 0
    for position, day in enumerate(days):
        green = np.exp(-(((day - peaks) / 35.0) ** 2)) + rng.normal(0, 0.03, crops.shape)
        cloud = np.zeros(crops.shape, bool)
        if position % 3 == 1:
            row, column = rng.integers(0, height // 2), rng.integers(0, width // 2)
            cloud[row : row + height // 3, column : column + width // 3] = True
        date = datetime.date(year, 1, 1) + datetime.timedelta(day - 1)
        for band, reflectance in zip(BANDS, (0.18 - 0.13 * green, 0.2 + 0.3 * green)):
            number += 1
            values = np.where(cloud, NODATA, np.clip(np.rint(reflectance * 10000), 1, 10000))
            target = stack.GetRasterBand(number)
            target.WriteRaster(0, 0, width, height, values.astype("uint16").tobytes())
            target.SetDescription(f"{band}_{date.isoformat()}")
            target.SetNoDataValue(NODATA)
    stack.FlushCache()


def write_fields(path: Path, crops: np.ndarray, field: int, epsg: int) -> None:
    """A square polygon for every field, its crop as text."""
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("fields", srs_of(epsg), ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("crop", ogr.OFTString))
    layer.CreateField(ogr.FieldDefn("code", ogr.OFTInteger))
    size = 10 * field
    for (row, column), crop in np.ndenumerate(crops):
        x, y = 500000 + size * column, 5200000 - size * row
        feature = ogr.Feature(layer.GetLayerDefn())
        feature["crop"], feature["code"] = CROPS[crop], int(crop) + 10
        ring = f"{x} {y},{x + size} {y},{x + size} {y - size},{x} {y - size},{x} {y}"
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON(({ring}))"))
        layer.CreateFeature(feature)


def srs_of(epsg: int) -> osr.SpatialReference:
    """The spatial reference of an EPSG code."""
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(epsg)
    return srs
