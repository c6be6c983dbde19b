"""The stacks that the benches of mapping share: real Sentinel-2 series of California laid out in fields.

The target of CA_N2S, one series a field of 12 x 12 pixels, with noise a pixel, as UInt16 in tiles of 256 with deflate;
and mosaics (VRT) of such a stack.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from osgeo import gdal, osr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
DATA = ROOT.parent / "shared" / "data"
TRANSFER = "CA_N2S"
DATES, FIRST_DATE, FIELD = 24, 6, 12
NODATA = 65535


def generate(path: Path, side: int, dates: int = DATES, first: int = FIRST_DATE, bands: int = 10) -> None:
    """Fields of real series with noise: some dates of the season from ``first`` on, and the first bands."""
    from engine.evaluation.transfers import read_transfers

    data = dict(np.load(DATA / "california_s2_2021.npz"))
    _, _, target = next(iter(read_transfers(DATA / "splits.json", [TRANSFER])))
    series = target.values[:, first : first + dates]
    rng = np.random.default_rng(0)
    fields = -(-side // FIELD)
    which = np.kron(rng.integers(len(series), size=(fields, fields)), np.ones((FIELD, FIELD), int))[:side, :side]
    noise = rng.normal(0, 0.015, (side, side)).astype(np.float32)
    options = ["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE", "PREDICTOR=2", "INTERLEAVE=BAND"]
    names = [str(band) for band in data["bands"]][:bands]
    count = dates * bands
    out = gdal.GetDriverByName("GTiff").Create(str(path), side, side, count, gdal.GDT_UInt16, [*options, "BIGTIFF=YES"])
    out.SetGeoTransform((500000, 10, 0, 4000000, 0, -10))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32611)
    out.SetProjection(crs.ExportToWkt())
    for number in range(count):
        date, band = divmod(number, bands)
        plane = series[:, date, band][which] * (1 + np.roll(noise, 7919 * number))
        stored = np.where(np.isnan(plane), NODATA, np.clip(np.rint(plane * 10000), 0, NODATA - 1)).astype(np.uint16)
        raster = out.GetRasterBand(number + 1)
        raster.SetDescription(f"{names[band]}_{data['dates'][first + date]}")
        raster.SetNoDataValue(NODATA)
        raster.WriteRaster(0, 0, side, side, stored.tobytes())
    out.FlushCache()


def repeat(stack: Path, mosaic: Path, side: int, large: int) -> None:
    """A mosaic of ``large`` x ``large`` pixels that shows the stack again and again, all of it read and unpacked."""
    source = gdal.Open(str(stack))
    out = gdal.GetDriverByName("VRT").Create(str(mosaic), large, large, 0)
    out.SetGeoTransform(source.GetGeoTransform())
    out.SetProjection(source.GetProjection())
    for number in range(1, source.RasterCount + 1):
        out.AddBand(gdal.GDT_UInt16, ["BLOCKXSIZE=256", "BLOCKYSIZE=256"])
        band = out.GetRasterBand(number)
        band.SetDescription(source.GetRasterBand(number).GetDescription())
        band.SetNoDataValue(NODATA)
        parts = {}
        for row in range(0, large, side):
            for column in range(0, large, side):
                width, height = min(side, large - column), min(side, large - row)
                parts[f"source_{len(parts)}"] = (
                    f'<SimpleSource><SourceFilename relativeToVRT="0">{stack}</SourceFilename>'
                    f"<SourceBand>{number}</SourceBand>"
                    f'<SourceProperties RasterXSize="{side}" RasterYSize="{side}" DataType="UInt16" '
                    'BlockXSize="256" BlockYSize="256"/>'
                    f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
                    f'<DstRect xOff="{column}" yOff="{row}" xSize="{width}" ySize="{height}"/></SimpleSource>'
                )
        band.SetMetadata(parts, "new_vrt_sources")
    out.FlushCache()
