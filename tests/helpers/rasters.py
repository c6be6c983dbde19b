"""Small rasters and layers written with GDAL alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from osgeo import gdal, ogr, osr

UTM = (500000.0, 10.0, 0.0, 5200000.0, 0.0, -10.0)
KINDS = {
    "uint8": gdal.GDT_Byte,
    "uint16": gdal.GDT_UInt16,
    "int16": gdal.GDT_Int16,
    "float32": gdal.GDT_Float32,
    "float64": gdal.GDT_Float64,
}


def crs_wkt(epsg: int) -> str:
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(epsg)
    return crs.ExportToWkt()


def write_raster(
    path,
    planes,
    names=(),
    *,
    transform=UTM,
    epsg=32633,
    nodata=None,
    scale=None,
    offset=None,
    metadata=None,
    options=(),
) -> str:
    """Write (b, h, w) planes as a GeoTIFF of their own data type, with a description for each band."""
    planes = np.asarray(planes)
    count, height, width = planes.shape
    kind = KINDS[planes.dtype.name]
    out = gdal.GetDriverByName("GTiff").Create(str(path), width, height, count, kind, list(options))
    out.SetGeoTransform(transform)
    if epsg:
        out.SetProjection(crs_wkt(epsg))
    if metadata:
        out.SetMetadata(metadata)
    for index, plane in enumerate(planes, 1):
        band = out.GetRasterBand(index)
        if names:
            band.SetDescription(names[index - 1])
        if nodata is not None:
            band.SetNoDataValue(nodata)
        if scale is not None:
            band.SetScale(scale)
        if offset is not None:
            band.SetOffset(offset)
        band.WriteRaster(0, 0, width, height, np.ascontiguousarray(plane).tobytes())
    out.FlushCache()
    return str(path)


def write_layer(path, features, *, epsg=32633, name="fields", field="crop", kind=ogr.OFTString, driver="GPKG") -> str:
    """Write (class, WKT geometry) features; ``None`` as class or geometry is NULL."""
    crs = None
    if epsg:
        crs = osr.SpatialReference()
        crs.ImportFromEPSG(epsg)
        crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    maker = ogr.GetDriverByName(driver)
    data = maker.Open(str(path), 1) if Path(path).exists() else maker.CreateDataSource(str(path))
    layer = data.CreateLayer(name, crs, ogr.wkbUnknown)
    layer.CreateField(ogr.FieldDefn(field, kind))
    for value, wkt in features:
        feature = ogr.Feature(layer.GetLayerDefn())
        if value is not None:
            feature.SetField(field, value)
        if wkt is not None:
            feature.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
        layer.CreateFeature(feature)
    data = None
    return str(path)


def box(left: float, top: float, width: float, height: float) -> str:
    """WKT of a rectangle given in pixels of the grid ``UTM``."""
    x0, y0 = UTM[0] + 10 * left, UTM[3] - 10 * top
    x1, y1 = x0 + 10 * width, y0 - 10 * height
    return f"POLYGON(({x0} {y0},{x1} {y0},{x1} {y1},{x0} {y1},{x0} {y0}))"


def point(column: float, row: float) -> str:
    """WKT of the middle of a pixel of the grid ``UTM``."""
    return f"POINT({UTM[0] + 10 * column + 5} {UTM[3] - 10 * row - 5})"
