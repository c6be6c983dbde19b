"""Folders, scenes as they are downloaded, archives and addresses stand for the right rasters."""

import functools
import http.server
import os
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import InputError
from engine.imagery import Stack, describe, stack_problems
from engine.imagery.discovery.describe import describe_with_notes
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, crs_wkt, write_raster

SAFE = "S2A_MSIL2A_20180420T105031_N0500_R051_T31UFS_20230806T130540.SAFE"
RESOLUTIONS = {
    10: "AOT B02 B03 B04 B08 TCI WVP",
    20: "AOT B01 B02 B03 B04 B05 B06 B07 B11 B12 B8A SCL TCI WVP",
    60: "AOT B01 B02 B03 B04 B05 B06 B07 B09 B11 B12 B8A SCL TCI WVP",
}
TEN = {"B02", "B03", "B04", "B08"}
TWENTY = {"B05", "B06", "B07", "B8A", "B11", "B12", "SCL"}


def write_jp2(path, pixels, metres):
    """A small JPEG 2000 raster that covers 240 m."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = gdal.GetDriverByName("MEM").Create("", pixels, pixels, 1, gdal.GDT_UInt16)
    image.SetGeoTransform((UTM[0], metres, 0, UTM[3], 0, -metres))
    image.SetProjection(crs_wkt(32631))
    image.GetRasterBand(1).Fill(metres * 100)
    options = ["QUALITY=100", "REVERSIBLE=YES"]
    assert gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(str(path), image, options=options) is not None


def write_safe(folder, product=SAFE, sensing="20180420T105031"):
    """A Sentinel-2 product as it lies in its folder; returns the folder."""
    safe = folder / product
    inside = safe / "GRANULE" / f"L2A_T31UFS_A014765_{sensing}"
    for metres, bands in RESOLUTIONS.items():
        for band in bands.split():
            write_jp2(
                inside / "IMG_DATA" / f"R{metres}m" / f"T31UFS_{sensing}_{band}_{metres}m.jp2", 240 // metres, metres
            )
    write_jp2(inside / "QI_DATA" / "MSK_CLDPRB_20m.jp2", 12, 20)
    write_jp2(inside / "QI_DATA" / f"T31UFS_{sensing}_PVI.jp2", 12, 20)
    (safe / "MTD_MSIL2A.xml").write_text("<a/>")
    return safe


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    """A Sentinel-2 Level 2A product."""
    return write_safe(tmp_path_factory.mktemp("sentinel"))


def test_a_sentinel_2_folder_gives_each_band_at_its_finest(safe):
    bands, notes = describe_with_notes([str(safe)])
    assert {b.band for b in bands if b.path.endswith("_10m.jp2")} == TEN
    assert {b.band for b in bands if b.path.endswith("_20m.jp2")} == TWENTY
    assert len(bands) == 11 and {b.date for b in bands} == {"2018-04-20"} and {b.index for b in bands} == {1}
    assert not lacking(notes[0], SAFE, "AOT", "B01", "B09", "TCI", "WVP") and lacking(notes[0], "B02", "SCL")
    assert all("MSIL2A_20180420T105031_N0500" in b.path for b in bands), "the processing baseline stays in the path"


@pytest.mark.parametrize(
    "inside", ["", "MTD_MSIL2A.xml", "GRANULE", "GRANULE/L2A_T31UFS_A014765_20180420T105031/IMG_DATA"]
)
def test_a_product_may_be_pointed_at_anywhere(safe, inside):
    assert {b.band for b in describe([str(safe / inside)])} == TEN | TWENTY


def test_a_zip_and_a_folder_of_products(safe, tmp_path):
    later = write_safe(
        tmp_path / "unpacked", SAFE.replace("20180420T105031", "20180505T105031"), sensing="20180505T105031"
    )
    with zipfile.ZipFile(tmp_path / "product.zip", "w") as archive:
        for file in safe.rglob("*.*"):
            archive.write(file, file.relative_to(safe.parent))
    alone = describe([str(tmp_path / "product.zip")])
    assert {b.band for b in alone} == TEN | TWENTY and all(b.path.startswith("/vsizip/") for b in alone)
    both, notes = describe_with_notes([str(tmp_path)])
    assert sorted({b.date for b in both}) == ["2018-04-20", "2018-05-05"] and len(both) == 22
    with Stack([b for b in alone if b.band in TEN], "target") as stack:
        assert stack.grid.width == 24 and np.isfinite(stack.read(stack.windows()[0])).all()
    assert later.is_dir()


def test_a_product_both_packed_and_unpacked_is_taken_once(safe, tmp_path):
    target = tmp_path / SAFE
    target.symlink_to(safe, target_is_directory=True)
    with zipfile.ZipFile(tmp_path / "product.zip", "w") as archive:
        for file in safe.rglob("*.*"):
            archive.write(file, file.relative_to(safe.parent))
    bands, notes = describe_with_notes([str(tmp_path)])
    assert len(bands) == 11
    (tmp_path / "again").mkdir()
    os.rename(tmp_path / "product.zip", tmp_path / "again" / "one.zip")
    (tmp_path / "again" / "two.zip").write_bytes((tmp_path / "again" / "one.zip").read_bytes())
    bands, notes = describe_with_notes([str(tmp_path / "again")])
    assert len(bands) == 11 and len(naming(notes, "again", "T31UFS_20180420T105031")) == 1, "the product is there twice"


def test_level_1c_and_the_names_before_2017(tmp_path):
    level_1c = tmp_path / "S2B_MSIL1C_20210501T105619_N0300_R094_T31UFS_20210501T130540.SAFE"
    old = tmp_path / "S2A_OPER_PRD_MSIL1C_PDMC_20151231T020842_R008_V20151230T105153_20151230T105153.SAFE"
    for band in ("B01", "B02", "B8A", "B10", "TCI"):
        write_jp2(level_1c / "GRANULE" / "L1C" / "IMG_DATA" / f"T31UFS_20210501T105619_{band}.jp2", 4, 60)
        name = f"S2A_OPER_MSI_L1C_TL_EPA__20160605T113933_A002366_T31UFS_{band}.jp2"
        write_jp2(old / "GRANULE" / "S2A_OPER_MSI_L1C" / "IMG_DATA" / name, 4, 60)
    assert [(b.date, b.band) for b in describe([str(level_1c)])] == [("2021-05-01", "B02"), ("2021-05-01", "B8A")]
    assert [(b.date, b.band) for b in describe([str(old)])] == [("2015-12-30", "B02"), ("2015-12-30", "B8A")]


LANDSAT = {
    "LC08_L2SP_224078_20200518_20200820_02_T1": "SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B6 SR_B7 ST_B10 ST_QA "
    "SR_QA_AEROSOL QA_PIXEL QA_RADSAT",
    "LE07_L2SP_224078_20200510_20200913_02_T1": "SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B7 ST_B6 SR_ATMOS_OPACITY QA_PIXEL",
}
SIX = {"BLUE", "GREEN", "RED", "NIR08", "SWIR16", "SWIR22"}


@pytest.fixture
def landsat(tmp_path):
    """Two Landsat scenes in one folder: Landsat 8 and Landsat 7."""
    for scene, bands in LANDSAT.items():
        (tmp_path / scene).mkdir()
        for number, band in enumerate(bands.split()):
            planes = np.full((1, 3, 4), 7000 + number, np.uint16)
            write_raster(tmp_path / scene / f"{scene}_{band}.TIF", planes)
        (tmp_path / scene / f"{scene}_MTL.txt").write_text("GROUP = LANDSAT_METADATA_FILE\n")
        (tmp_path / scene / f"{scene}_thumb_large.jpeg").write_bytes(b"no raster")
    return tmp_path


def test_landsat_scenes_have_one_name_for_one_wavelength(landsat):
    eight, seven = LANDSAT
    bands, notes = describe_with_notes([str(landsat)])
    of_eight = {b.band: b for b in bands if eight in b.path}
    of_seven = {b.band: b for b in bands if seven in b.path}
    assert set(of_eight) == set(of_seven) == SIX | {"QA_PIXEL"}
    assert naming(notes, "COASTAL"), "Landsat 7 has none"
    assert of_eight["NIR08"].path.endswith("SR_B5.TIF") and of_seven["NIR08"].path.endswith("SR_B4.TIF")
    assert {b.date for b in of_eight.values()} == {"2020-05-18"} and {b.date for b in of_seven.values()} == {
        "2020-05-10"
    }
    assert any("SR_QA_AEROSOL" in note and "TIR" in note for note in notes)
    by_metadata = describe([str(landsat / eight / f"{eight}_MTL.txt")])
    assert {b.band: b.path for b in by_metadata if b.band != "COASTAL"} == {n: b.path for n, b in of_eight.items()}


def test_a_landsat_file_by_itself_is_named_alike(landsat):
    eight, seven = LANDSAT
    paths = [str(landsat / scene / f"{scene}_{band}.TIF") for scene in (eight, seven) for band in ("SR_B5", "QA_PIXEL")]
    assert [b.band for b in describe(paths)] == ["NIR08", "QA_PIXEL", "SWIR16", "QA_PIXEL"]


def test_a_landsat_tar(landsat):
    eight = next(iter(LANDSAT))
    with tarfile.open(landsat / f"{eight}.tar", "w") as archive:
        for file in sorted((landsat / eight).iterdir()):
            archive.add(file, file.name)
    bands = describe([str(landsat / f"{eight}.tar")])
    assert {b.band for b in bands} == SIX | {"COASTAL", "QA_PIXEL"} and bands[0].path.startswith("/vsitar/")
    assert {b.date for b in bands} == {"2020-05-18"}
    with Stack([b for b in bands if b.band == "RED"], "source") as stack:
        assert stack.read(stack.windows()[0]).shape == (3, 4, 1, 1)


def test_hls_scenes_of_both_sensors(tmp_path, zeros):
    numbers = {"L30": "B01 B02 B03 B04 B05 B06 B07 B09 B10 B11 Fmask SAA", "S30": "B01 B02 B05 B8A B09 B11 Fmask VZA"}
    for sensor, day, folder in (("L30", 121, "L"), ("S30", 124, "S"), ("L30", 129, "L"), ("S30", 129, "S")):
        (tmp_path / folder).mkdir(exist_ok=True)
        for band in numbers[sensor].split():
            planes = zeros(1) + (192 if band == "Fmask" else 700)
            write_raster(tmp_path / folder / f"HLS.{sensor}.T31UFS.2021{day}T103626.v2.0.{band}.tif", planes)
    alone = {sensor: {b.band for b in describe([str(tmp_path / sensor[0])])} for sensor in numbers}
    assert alone == {"L30": SIX | {"COASTAL", "FMASK"}, "S30": {"B02", "B05", "B8A", "B11", "FMASK"}}
    bands, notes = describe_with_notes([str(tmp_path)])
    assert {b.band for b in bands} == {"BLUE", "NIR08", "SWIR16", "FMASK"}
    assert len(naming(notes, "B05", "COASTAL", "GREEN", "RED", "SWIR22")) == 1
    assert len(naming(notes, 1, "2021-05-09")) == 1
    assert len(bands) == 12 and all(".L30." in b.path for b in bands if b.date == "2021-05-09")
    with Stack(bands, "target") as stack:
        assert stack.dates == ("2021-05-01", "2021-05-04", "2021-05-09")
        assert stack.read(stack.windows()[0]) == pytest.approx(0.07)
    assert len(describe([str(tmp_path / "L"), str(tmp_path / "S")])) == len(bands)


def test_a_folder_of_rasters_leaves_out_what_shows_classes(tmp_path, zeros):
    write_raster(tmp_path / "B04_20210501.tif", zeros(1))
    (tmp_path / "deeper").mkdir()
    write_raster(tmp_path / "deeper" / "B04_20210601.tif", zeros(1))
    write_raster(tmp_path / "croptype_2021-05-01.tif", zeros(1))
    colours = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "map.tif"), 4, 3, 1, gdal.GDT_Byte)
    table = gdal.ColorTable()
    table.SetColorEntry(1, (255, 200, 0, 255))
    colours.GetRasterBand(1).SetColorTable(table)
    colours = None
    scenes = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "SCL_20210501.tif"), 4, 3, 1, gdal.GDT_Byte)
    scenes.GetRasterBand(1).SetColorTable(table)
    scenes = None
    (tmp_path / ".hidden").mkdir()
    write_raster(tmp_path / ".hidden" / "B04_20210701.tif", zeros(1))
    for name in ("samples.csv", "fields.gpkg", "B04_20210501.tif.aux.xml", "page.pdf"):
        (tmp_path / name).write_text("")
    bands, notes = describe_with_notes([str(tmp_path)])
    assert [(b.date, b.band) for b in bands] == [("2021-05-01", "B04"), ("2021-05-01", "SCL"), ("2021-06-01", "B04")]
    assert len(notes) == 1 and not lacking(notes[0], "croptype_2021-05-01.tif", "map.tif")
    assert lacking(notes[0], "SCL_20210501.tif")
    chosen = describe([str(tmp_path / "map.tif")])
    assert [(b.date, b.band) for b in chosen] == [(None, None)], "a file that is chosen itself is shown"


def test_a_folder_without_imagery_is_one_sentence(tmp_path, zeros):
    (tmp_path / "samples.csv").write_text("a,b\n")
    with pytest.raises(InputError) as error:
        describe([str(tmp_path)])
    assert error.value.code == "no-raster" and str(tmp_path) in error.value.message
    write_raster(tmp_path / "labels.tif", zeros(1))
    with pytest.raises(InputError) as error:
        describe([str(tmp_path)])
    assert error.value.code == "no-raster" and "labels.tif" in error.value.hint


def test_a_damaged_raster_in_a_folder_is_named(tmp_path, zeros):
    write_raster(tmp_path / "B04_20210501.tif", zeros(1))
    (tmp_path / "B04_20210601.tif").write_bytes(b"II*\0 cut off")
    with pytest.raises(InputError) as error:
        describe([str(tmp_path)])
    assert error.value.code == "raster-unreadable" and "B04_20210601.tif" in error.value.message


def test_a_vrt_beside_the_files_it_shows_is_no_second_stack(tmp_path, zeros):
    paths = [write_raster(tmp_path / f"B04_2021050{day}.tif", zeros(1)) for day in (1, 6)]
    gdal.BuildVRT(str(tmp_path / "all.vrt"), paths, separate=True).FlushCache()
    bands, notes = describe_with_notes([str(tmp_path)])
    assert [b.date for b in bands] == ["2021-05-01", "2021-05-06"] and stack_problems(bands, "target") == []
    assert len(naming(notes, "all.vrt")) == len(notes) == 1
    assert len(describe([str(tmp_path / "all.vrt")])) == 2


def test_a_zip_of_plain_rasters_and_a_damaged_one(tmp_path, zeros):
    with zipfile.ZipFile(tmp_path / "season é.zip", "w") as archive:
        for name in ("B04_20210501.tif", "B08_20210501.tif"):
            archive.write(write_raster(tmp_path / name, zeros(1)), f"export/{name}")
    bands = describe([str(tmp_path / "season é.zip")])
    assert [(b.date, b.band) for b in bands] == [("2021-05-01", "B04"), ("2021-05-01", "B08")]
    whole = (tmp_path / "season é.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    for name in ("cut.zip", "gone.zip"):
        with pytest.raises(InputError) as error:
            describe([str(tmp_path / name)])
        assert error.value.code == "raster-unreadable" and name in error.value.message


def test_a_cloud_optimized_geotiff_and_jpeg_2000(tmp_path, zeros):
    plain = gdal.Open(write_raster(tmp_path / "plain.tif", zeros(1)))
    gdal.GetDriverByName("COG").CreateCopy(str(tmp_path / "B04_20210501.tif"), plain)
    os.remove(tmp_path / "plain.tif")
    write_jp2(tmp_path / "B04_20210601.jp2", 4, 10)
    assert [b.date for b in describe([str(tmp_path)])] == ["2021-05-01", "2021-06-01"]


def test_a_whole_season_of_products_is_walked_once(tmp_path):
    for number in range(1, 29):
        product = f"S2A_MSIL2A_202105{number:02}T105031_N0500_R051_T31UFS_20230806T130540.SAFE"
        for metres, bands in RESOLUTIONS.items():
            folder = tmp_path / product / "GRANULE" / "L2A" / "IMG_DATA" / f"R{metres}m"
            folder.mkdir(parents=True)
            for band in bands.split():
                (folder / f"T31UFS_202105{number:02}T105031_{band}_{metres}m.jp2").write_bytes(b"")
    # Empty files cannot be opened: their names are enough.
    assert len(describe([str(tmp_path)])) == 28 * 11


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves parts of files, as every server of imagery does."""

    asked: list = []

    def do_GET(self):
        self.asked.append(self.path)
        wanted = self.headers.get("Range")
        path = self.translate_path(self.path)
        if wanted is None or not os.path.isfile(path):
            return super().do_GET()
        data = open(path, "rb").read()
        first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)
        return None

    def log_message(self, *words):
        pass


@pytest.fixture
def server(tmp_path):
    """A server of the files in the temporary folder; gives its address."""
    Ranges.asked = []
    handler = functools.partial(Ranges, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


def test_a_raster_at_an_address(tmp_path, server):
    planes = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 100
    write_raster(tmp_path / "export_20210501.tif", planes, ["B04", "B08"])
    bands = describe([f"{server}/export_20210501.tif"])
    assert [(b.date, b.band) for b in bands] == [("2021-05-01", "B04"), ("2021-05-01", "B08")]
    with Stack(bands, "target") as stack:
        read = stack.read(stack.windows()[0])
    assert np.allclose(np.moveaxis(read[:, :, 0], -1, 0), planes)
    assert {path for path in Ranges.asked if not path.endswith(".tif")} == set(), "no listing, no side files"


def test_a_zip_at_an_address(tmp_path, server, zeros):
    with zipfile.ZipFile(tmp_path / "season.zip", "w") as archive:
        archive.write(write_raster(tmp_path / "B04_20210501.tif", zeros(1)), "B04_20210501.tif")
    assert [(b.date, b.band) for b in describe([f"{server}/season.zip"])] == [("2021-05-01", "B04")]


@pytest.mark.parametrize("exceptions", [False, True])
@pytest.mark.parametrize("name", ["gone_20210501.tif?signature=secret", "gone.zip"])
def test_an_address_with_nothing_behind_it(server, name, exceptions):
    before = gdal.GetUseExceptions()
    (gdal.UseExceptions if exceptions else gdal.DontUseExceptions)()
    try:
        with pytest.raises(InputError) as error:
            describe([f"{server}/{name}"])
    finally:
        (gdal.UseExceptions if before else gdal.DontUseExceptions)()
    assert error.value.code == "raster-unreadable" and not lacking(error.value.message, 404)
    assert "secret" not in str(error.value)
