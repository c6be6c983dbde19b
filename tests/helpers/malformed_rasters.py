"""Rasters that cannot be a source or a target."""

from __future__ import annotations

import datetime

import numpy as np
from osgeo import gdal, osr

from tests.helpers.malformed import BANDS, DATES, NAMES, SIDE, Case, Desk
from tests.helpers.rasters import UTM, crs_wkt, write_raster

NOT_A_NUMBER = float("nan")


def target(name: str, **how):
    """A case maker: a stack of the scene's form with something wrong, as target."""
    return lambda desk: desk.map(target=desk.stack(name, **how))


def cut_tif(desk: Desk) -> list[str]:
    return desk.map(target=desk.cut("target.tif"))


def cut_source(desk: Desk) -> list[str]:
    return desk.map(source=desk.cut("source.tif"))


def cut_header(desk: Desk) -> list[str]:
    return desk.map(target=desk.cut("target.tif", 0.001))


def cut_jp2(desk: Desk) -> list[str]:
    path = desk / "season.jp2"
    noise = np.random.default_rng(0).random((len(NAMES), 256, 256), np.float32) * 9000
    whole = gdal.Open(write_raster(desk / "planes.tif", noise.astype(np.uint16), names=NAMES))
    gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(str(path), whole, options=["QUALITY=100", "REVERSIBLE=YES"])
    whole = None
    return desk.map(target=desk.cut(path.name, 0.3))


def empty_file(desk: Desk) -> list[str]:
    return desk.map(target=desk.text("empty_20220401.tif", ""))


def text_file(desk: Desk) -> list[str]:
    return desk.map(target=desk.text("notes_20220401.tif", "The image will follow.\n"))


def folder_without_rasters(desk: Desk) -> list[str]:
    (desk / "scans").mkdir()
    desk.text("scans/readme.txt", "moved")
    return desk.map(target=desk / "scans")


def missing_file(desk: Desk) -> list[str]:
    return desk.map(target=desk / "gone_20220401.tif")


def vrt(desk: Desk, name: str, filename: str, width: int = SIDE, height: int = SIDE, extra: str = "") -> str:
    """A virtual raster whose bands are those of another file."""
    bands = "".join(
        f'<VRTRasterBand dataType="Float32" band="{index}"><Description>{label}</Description>{extra}<SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{filename}</SourceFilename><SourceBand>{index}</SourceBand>'
        "</SimpleSource></VRTRasterBand>"
        for index, label in enumerate(NAMES, 1)
    )
    place = ",".join(map(str, UTM))
    head = f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>EPSG:32633</SRS>'
    return str(desk.text(name, f"{head}<GeoTransform>{place}</GeoTransform>{bands}</VRTDataset>"))


def dangling_vrt(desk: Desk) -> list[str]:
    return desk.map(target=vrt(desk, "season.vrt", "taken away.tif"))


def vrt_of_itself(desk: Desk) -> list[str]:
    return desk.map(target=vrt(desk, "loop.vrt", "loop.vrt"))


def broken_vrt(desk: Desk) -> list[str]:
    return desk.map(target=desk.text("half.vrt", '<VRTDataset rasterXSize="24" rasterYSize="24"><SRS>'))


def vrt_without_bands(desk: Desk) -> list[str]:
    return desk.map(target=desk.text("none.vrt", '<VRTDataset rasterXSize="24" rasterYSize="24"></VRTDataset>'))


def netcdf_without_bands(desk: Desk) -> list[str]:
    path = desk / "station_2022.nc"
    file = gdal.GetDriverByName("netCDF").CreateMultiDimensional(str(path))
    root = file.GetRootGroup()
    dimension = root.CreateDimension("time", None, None, 5)
    root.CreateMDArray("rain", [dimension], gdal.ExtendedDataType.Create(gdal.GDT_Float32))
    root = dimension = file = None
    return desk.map(target=path)


def of_kind(name: str, kind: int):
    """A case maker: a stack of the scene's form with another data type, as target."""

    def make(desk: Desk) -> list[str]:
        path = desk / name
        out = gdal.GetDriverByName("GTiff").Create(str(path), SIDE, SIDE, len(NAMES), kind)
        out.SetGeoTransform(UTM)
        out.SetProjection(crs_wkt(32633))
        for index, label in enumerate(NAMES, 1):
            out.GetRasterBand(index).SetDescription(label)
        out = None
        return desk.map(target=path)

    return make


def place_of(transform):
    """A case maker: a stack whose geotransform is this, as a virtual raster can say."""

    def make(desk: Desk) -> list[str]:
        desk.stack("planes.tif")
        path = vrt(desk, "season.vrt", "planes.tif")
        text = (desk / "season.vrt").read_text().replace(",".join(map(str, UTM)), transform)
        desk.text("season.vrt", text)
        return desk.map(target=path)

    return make


def no_place(desk: Desk) -> list[str]:
    desk.stack("planes.tif")
    path = vrt(desk, "season.vrt", "planes.tif")
    text = (desk / "season.vrt").read_text()
    start, end = text.index("<GeoTransform>"), text.index("</GeoTransform>") + len("</GeoTransform>")
    desk.text("season.vrt", text[:start] + text[end:])
    return desk.map(target=path)


def control_points_only(desk: Desk) -> list[str]:
    path = desk / "scan.tif"
    out = gdal.GetDriverByName("GTiff").Create(str(path), SIDE, SIDE, len(NAMES), gdal.GDT_Float32)
    for index, name in enumerate(NAMES, 1):
        out.GetRasterBand(index).SetDescription(name)
    corners = [(0, 0), (SIDE, 0), (0, SIDE), (SIDE, SIDE)]
    out.SetGCPs([gdal.GCP(500000 + 10 * c, 5200000 - 10 * r, 0, c, r) for c, r in corners], crs_wkt(32633))
    return desk.map(target=path)


def other_zone(desk: Desk) -> list[str]:
    late = tuple(name.replace("2022", "2021") for name in NAMES)
    return desk.map(target=[desk.stack("here.tif"), desk.stack("there.tif", names=late, epsg=32733)])


def beside(desk: Desk) -> list[str]:
    late = tuple(name.replace("2022", "2021") for name in NAMES)
    far = (UTM[0] + 10 * SIDE + 10, *UTM[1:])
    return desk.map(target=[desk.stack("here.tif"), desk.stack("beside.tif", names=late, transform=far)])


def degrees_without_crs(desk: Desk) -> list[str]:
    late = tuple(name.replace("2022", "2021") for name in NAMES)
    degrees = (15.0, 1e-4, 0.0, 46.95, 0.0, -1e-4)
    plain = desk.stack("plain.tif", names=late, transform=degrees, epsg=None)
    return desk.map(target=[desk.stack("here.tif"), plain])


def local_crs(desk: Desk) -> list[str]:
    path = desk.stack("planes.tif")
    out = gdal.Open(str(path), gdal.GA_Update)
    local = osr.SpatialReference()
    local.SetLocalCS("drone")
    out.SetProjection(local.ExportToWkt())
    out = None
    return desk.map(source=path, target=path)


def one_date_twice(desk: Desk) -> list[str]:
    return desk.map(target=[desk.stack("east.tif"), desk.stack("west.tif")])


def thousands(names):
    """A case maker: ten thousand bands with the descriptions that ``names`` gives for their numbers."""

    def make(desk: Desk) -> list[str]:
        bands = "".join(
            f'<VRTRasterBand dataType="Float32" band="{number}"><Description>{names(number)}</Description>'
            '<SimpleSource><SourceFilename relativeToVRT="1">planes.tif</SourceFilename><SourceBand>1</SourceBand>'
            "</SimpleSource></VRTRasterBand>"
            for number in range(1, 10_001)
        )
        desk.stack("planes.tif", names=())
        place = ",".join(map(str, UTM))
        head = f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:32633</SRS>'
        text = f"{head}<GeoTransform>{place}</GeoTransform>{bands}</VRTDataset>"
        return desk.map(target=desk.text("many.vrt", text))

    return make


def day_number(number: int) -> str:
    return f"NDVI_{datetime.date(1990, 1, 1) + datetime.timedelta(number)}"


def all_nodata_source(desk: Desk) -> list[str]:
    names = tuple(name.replace("2022", "2021") for name in NAMES)
    return desk.map(source=desk.stack("dark.tif", -9999.0, nodata=-9999, names=names))


def larger_than_it_is(desk: Desk) -> list[str]:
    return desk.map(target=vrt(desk, "planet.vrt", "taken away.tif", 100_000, 100_000))


def virtual_planet(desk: Desk) -> list[str]:
    bands = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{index}"><Description>{name}</Description></VRTRasterBand>'
        for index, name in enumerate(NAMES, 1)
    )
    place = ",".join(map(str, UTM))
    head = '<VRTDataset rasterXSize="100000" rasterYSize="100000"><SRS>EPSG:32633</SRS>'
    return desk.map(target=desk.text("planet.vrt", f"{head}<GeoTransform>{place}</GeoTransform>{bands}</VRTDataset>"))


def sparse_planet(desk: Desk) -> list[str]:
    path = desk / "planet.tif"
    options = ["SPARSE_OK=TRUE", "TILED=YES", "BIGTIFF=YES"]
    out = gdal.GetDriverByName("GTiff").Create(str(path), 100_000, 100_000, len(NAMES), gdal.GDT_UInt16, options)
    out.SetGeoTransform(UTM)
    out.SetProjection(crs_wkt(32633))
    for index, name in enumerate(NAMES, 1):
        out.GetRasterBand(index).SetDescription(name)
    out.GetRasterBand(1).SetNoDataValue(0)
    out = None
    return desk.map(target=path)


def map_of_classes(desk: Desk) -> list[str]:
    """A land cover map, by its colours."""
    path = desk / "cover_2022-04-01.tif"
    out = gdal.GetDriverByName("GTiff").Create(str(path), SIDE, SIDE, 1, gdal.GDT_Byte)
    out.SetGeoTransform(UTM)
    out.SetProjection(crs_wkt(32633))
    table = gdal.ColorTable()
    table.SetColorEntry(1, (255, 0, 0))
    out.GetRasterBand(1).SetColorTable(table)
    out.GetRasterBand(1).Fill(1)
    out = None
    return desk.map(target=path)


def damaged_block(desk: Desk) -> list[str]:
    """A block in the lower half no longer unpacks; the mapping before it works, and a mask keeps it short."""
    values = np.random.default_rng(0).random((6, 640, 640)).astype(np.float32)
    path = str(desk / "planes.tif")
    write_raster(path, values, names=NAMES, options=["TILED=YES", "COMPRESS=DEFLATE", "INTERLEAVE=BAND"])
    whole = gdal.Open(path)
    place = int(whole.GetRasterBand(4).GetMetadataItem("BLOCK_OFFSET_2_2", "TIFF"))
    whole = None
    content = bytearray((desk / "planes.tif").read_bytes())
    content[place : place + 200] = bytes([255]) * 200
    desk.text("planes.tif", bytes(content))
    wanted = np.zeros((1, 640, 640), np.uint8)
    wanted[0, :8, :8] = wanted[0, -8:, -8:] = 1
    mask = write_raster(desk / "mask.tif", wanted)
    return desk.classify(target=path, mask=mask)


def band_of_another_name(desk: Desk) -> list[str]:
    return desk.map(target=desk.stack("target2.tif", names=tuple(name.replace("NIR", "NDVI") for name in NAMES)))


def dates_of_half_the_bands(desk: Desk) -> list[str]:
    names = [f"{BANDS[i % 2]}_{datetime.date(2022, 4, 1) + datetime.timedelta(10 * i)}" for i in range(6)]
    return desk.map(target=desk.stack("target2.tif", names=names))


def dated(*dates: str):
    """Band descriptions with these dates in place of those of the stack."""
    return tuple(f"{band}_{date}" for date in dates for band in BANDS)


RASTERS = (
    Case("target cut off", cut_tif, "raster-unreadable", ("7", "target.tif")),
    Case("source cut off", cut_source, "raster-unreadable", ("7", "source.tif")),
    Case("target cut off in its header", cut_header, "raster-unreadable", ("target.tif",)),
    Case("JPEG 2000 cut off", cut_jp2, "raster-unreadable", ("season.jp2",)),
    Case("file of no bytes", empty_file, "raster-unreadable", ("empty_20220401.tif",)),
    Case("text named tif", text_file, "raster-unreadable", ("notes_20220401.tif",)),
    Case("folder without rasters", folder_without_rasters, "no-raster", ("scans",)),
    Case("file that is gone", missing_file, "raster-unreadable", ("gone_20220401.tif",)),
    Case("VRT of a file that is gone", dangling_vrt, "raster-unreadable", ("season.vrt", "taken away.tif")),
    Case("VRT of itself", vrt_of_itself, "raster-unreadable", ("loop.vrt",)),
    Case("VRT cut off", broken_vrt, "raster-unreadable", ("half.vrt",)),
    Case("VRT without bands", vrt_without_bands, "raster-unreadable", ("none.vrt",)),
    Case("netCDF without bands", netcdf_without_bands, "raster-unreadable", ("station_2022.nc",)),
    Case("complex numbers", of_kind("radar.tif", gdal.GDT_CFloat32), "raster-type", ("1", "radar.tif", "target")),
    Case("geotransform of NaN", place_of("nan,10,0,5200000,0,-10"), "no-georeference", ("season.vrt",)),
    Case("pixels of NaN", place_of("500000,nan,0,5200000,0,nan"), "no-georeference", ("season.vrt",)),
    Case("pixels of no size", place_of("500000,0,0,5200000,0,-10"), "no-georeference", ("season.vrt",)),
    Case("pixels of endless size", place_of("500000,1e400,0,5200000,0,-10"), "no-georeference", ("season.vrt",)),
    Case("no geotransform", no_place, "no-georeference", ("season.vrt",)),
    Case("control points only", control_points_only, "no-georeference", ("scan.tif",)),
    Case("two zones of UTM that do not meet", other_zone, "grids-differ", ("there.tif", "here.tif")),
    Case("files side by side", beside, "grids-differ", ("beside.tif", "here.tif")),
    Case("degrees without CRS", degrees_without_crs, "grids-differ", ("plain.tif", "here.tif")),
    Case("CRS tied to nothing", local_crs, "crs-unrelated", ("drone",)),
    Case("one date in two files", one_date_twice, "duplicate-band", ("RED", "2022-04-01", "east.tif", "west.tif")),
    Case("30 February", target("new.tif", names=dated("2022-02-30", *DATES[1:])), "no-date", ("2", "new.tif")),
    Case("year 1800", target("new.tif", names=dated("1800-04-01", *DATES[1:])), "no-date", ("2", "new.tif")),
    Case("year 2199", target("new.tif", names=dated("2199-04-01", *DATES[1:])), "no-date", ("2", "new.tif")),
    Case("no band names", target("new_20220401.tif", names=()), "no-band", ("6", "new_20220401.tif")),
    Case("no dates", target("new.tif", names=("RED", "NIR") * 3), "no-date", ("6", "new.tif")),
    Case("10,000 bands without a word", thousands(lambda number: ""), "no-band", ("10000", "many.vrt")),
    Case("10,000 bands without a date", thousands(lambda n: BANDS[n % 2]), "no-date", ("10000", "many.vrt")),
    Case(
        "10,000 bands of one date", thousands(lambda n: f"{BANDS[n % 2]}_2022-04-01"), "duplicate-band", ("many.vrt",)
    ),
    Case("10,000 bands by name", thousands(lambda n: f"b{n}_2022-04-01"), "bands-differ", ("RED",)),
    Case("10,000 dates of one band", thousands(day_number), "bands-differ", ("RED",)),
    Case("target all nodata", target("dark.tif", values=-1.0, nodata=-1), "target-empty", ("dark.tif",)),
    Case("source all nodata", all_nodata_source, "few-samples", ("fields",)),
    Case("nodata that is the data", target("dark.tif", values=0.25, nodata=0.25), "target-empty", ("dark.tif",)),
    Case("nothing but infinity", target("light.tif", values=np.inf), "target-empty", ("light.tif",)),
    Case("nothing but NaN", target("dark.tif", values=NOT_A_NUMBER), "target-empty", ("dark.tif",)),
    Case("a planet of files that are gone", larger_than_it_is, "raster-unreadable", ("planet.vrt",)),
    Case("a virtual planet", virtual_planet, "stack-empty", ("planet.vrt",)),
    Case("a planet without data", sparse_planet, "stack-empty", ("planet.tif",)),
    Case("map of classes", map_of_classes, "no-band", ("1", "cover_2022-04-01.tif")),
    Case("damaged block in the middle", damaged_block, "raster-unreadable", ("4", "planes.tif")),
    Case("target lacks a band", band_of_another_name, "bands-differ", ("NIR",)),
    Case("every date lacks a band", dates_of_half_the_bands, "date-incomplete", ("2022-04-01", "NIR")),
)
