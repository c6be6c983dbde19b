"""Dates and bands of rasters are recognised from whatever says them, and nothing is guessed."""

import pytest

from engine.imagery import describe
from engine.imagery.names import DATE_PATTERNS, band_order, parse_band, parse_date

from .conftest import write_raster


@pytest.mark.parametrize("kind", DATE_PATTERNS, ids=lambda kind: kind.title)
def test_every_pattern_reads_its_example(kind):
    assert parse_date(kind.example)[0] == kind.meaning


@pytest.mark.parametrize("kind", DATE_PATTERNS, ids=lambda kind: kind.title)
def test_no_pattern_is_dead(kind, monkeypatch):
    others = tuple(other for other in DATE_PATTERNS if other is not kind)
    monkeypatch.setattr("engine.imagery.names.DATE_PATTERNS", others)
    assert parse_date(kind.example)[0] != kind.meaning


@pytest.mark.parametrize(
    ("text", "date", "band"),
    [
        ("B08_2021-05-01", "2021-05-01", "B08"),
        ("2021-05-01_B8", "2021-05-01", "B08"),
        ("NDVI_20210501", "2021-05-01", "NDVI"),
        ("TERRA_MODIS_012010_NDVI_2013-09-14", "2013-09-14", "NDVI"),
        ("CB4_64_16D_STK_022024_2018-12-19_2018-12-31_EVI", "2018-12-25", "EVI"),
        ("MYD13Q1.A2012273.h12v10.061.EVI", "2012-09-29", "EVI"),
        ("LT05_L2SP_224078_20080518_20200820_02_T1_SR_B3", "2008-05-18", "B03"),
        ("T31UFS_20180420T105031_B8A_20m", "2018-04-20", "B8A"),
        ("S2A_MSIL2A_20180420T105031_N0207_R051_T31UFS_20180420T130540_B04", "2018-04-20", "B04"),
        ("S2A_MSIL2A_20180420T105031_N0500_R051_T31UFS_20230806T130540_B04", "2018-04-20", "B04"),
        ("NDVI_2012273", "2012-09-29", "NDVI"),
        ("20210501T105031_20210501T105029_T31UFS_B4", "2021-05-01", "B04"),
        ("S1A_IW_GRDH_1SDV_20210501T053000_20210501T053025_VV", "2021-05-01", "VV"),
        ("SEN2L_B02_2012_273", "2012-09-29", "B02"),
        ("red 1 Sep 2020", "2020-09-01", "RED"),
        ("NDVI_2021.05.01T10:30:00Z", "2021-05-01", "NDVI"),
    ],
)
def test_date_and_band_of_a_name(text, date, band):
    found, rest = parse_date(text)
    assert (found, parse_band(rest, free=True)) == (date, band)


@pytest.mark.parametrize(
    "text",
    [
        "NDVI",
        "tile_022024",
        "B04_2021-13-01",
        "NDVI_99999999",
        "20211301",
        "2021366_B04",
        "1899-05-01",
        "id_123456789012345",
    ],
)
def test_what_is_no_date_is_not_taken_for_one(text):
    assert parse_date(text)[0] is None


@pytest.mark.parametrize(
    ("rest", "name"),
    [
        ("SR_B4", "B04"),
        ("max NDVI", "max NDVI"),
        ("my index", "my index"),
        ("Band 3", None),
        ("", None),
        ("B4 minus B8", "B4 minus B8"),
        ("_SEN2L_NDV_", "NDV"),
    ],
)
def test_band_name_in_a_description(rest, name):
    assert parse_band(rest, free=True) == name


def test_a_file_name_gives_a_known_band_only():
    assert parse_band("export_final_B8A", free=False) == "B8A"
    assert parse_band("export_final", free=False) is None
    assert parse_band("ratio_B04_B08", free=False) is None


def test_bands_have_one_order_however_files_are_sorted():
    assert band_order(["B12", "B8A", "B11", "mine", "B08", "NDVI"]) == ("B08", "B8A", "B11", "B12", "NDVI", "mine")


def test_a_file_of_one_date_gives_its_date_to_every_band(tmp_path, zeros):
    path = write_raster(tmp_path / "2021-05-01.tif", zeros(3), ["B02", "B3", "nir"])
    assert [(b.date, b.band) for b in describe([path])] == [("2021-05-01", n) for n in ("B02", "B03", "NIR")]


def test_a_file_of_one_index_gives_its_name_to_every_date(tmp_path, zeros):
    path = write_raster(tmp_path / "NDVI.tif", zeros(2), ["2021-05-01", "2021-05-17"])
    assert [(b.date, b.band) for b in describe([path])] == [("2021-05-01", "NDVI"), ("2021-05-17", "NDVI")]


def test_the_name_of_a_folder_is_a_date_too(tmp_path, zeros):
    (tmp_path / "2021-05-01").mkdir()
    path = write_raster(tmp_path / "2021-05-01" / "B04.tif", zeros(1))
    assert [(b.date, b.band) for b in describe([path])] == [("2021-05-01", "B04")]


@pytest.mark.parametrize(
    ("metadata", "date"),
    [
        ({"ACQUISITION_DATE": "2021-05-01"}, "2021-05-01"),
        ({"TIFFTAG_DATETIME": "2021:05:01 10:11:12"}, "2021-05-01"),
        ({"TIFFTAG_DATETIME": "2023:01:01 00:00:00", "ACQUISITION_DATE": "2021-05-01T10:11:12Z"}, "2021-05-01"),
        ({"AREA_OR_POINT": "Area"}, None),
    ],
)
def test_date_in_the_metadata(tmp_path, zeros, metadata, date):
    path = write_raster(tmp_path / "red.tif", zeros(1), ["red"], metadata=metadata)
    assert [(b.date, b.band) for b in describe([path])] == [(date, "RED")]


def test_the_file_name_beats_the_day_the_file_was_written(tmp_path, zeros):
    path = write_raster(tmp_path / "NDVI_20210501.tif", zeros(1), metadata={"TIFFTAG_DATETIME": "2023:01:01 00:00:00"})
    assert describe([path])[0].date == "2021-05-01"


def test_nothing_is_guessed(tmp_path, zeros):
    path = write_raster(tmp_path / "export.tif", zeros(2))
    assert [(b.index, b.date, b.band) for b in describe([path])] == [(1, None, None), (2, None, None)]


def test_an_alpha_band_is_no_band_of_the_stack(tmp_path, zeros):
    path = write_raster(tmp_path / "B04_20210501.tif", zeros(2), options=["ALPHA=YES"])
    assert [(b.index, b.band) for b in describe([path])] == [(1, "B04")]


def test_all_real_rasters_are_recognised(shared):
    folder = shared / "data" / "rasters"
    seasons = {}
    for path in sorted(folder.glob("portogauchos/*.tif")):
        bands = describe([str(path)])
        assert len(bands) == 138 and {b.band for b in bands} == {"NDVI", "EVI", "RED", "NIR", "BLUE", "MIR"}
        seasons[path.stem[-4:]] = (bands[0].date, bands[-1].date)
    assert len(seasons) == 6 and seasons["2011"] == ("2010-09-14", "2011-08-29")
    monthly = describe([str(folder / "flanders" / "flanders_2018_s2_monthly.tif")])
    assert (monthly[0].date, monthly[0].band, monthly[-1].date, monthly[-1].band) == (
        "2017-11-15",
        "B02",
        "2018-10-15",
        "B12",
    )
    composites = describe([str(p) for p in sorted(folder.glob("cbers_bahia/*.tif"))])
    assert len({b.date for b in composites}) == 23 and {b.band for b in composites} == {"NDVI", "EVI"}
    assert composites[0].date == "2018-09-05"
    ndvi = describe([str(p) for p in sorted(folder.glob("sinop/*.jp2"))])
    assert [b.date for b in ndvi] == [p.stem[-10:] for p in sorted(folder.glob("sinop/*.jp2"))]
    assert {b.band for b in ndvi} == {"NDVI"}
    label = describe([str(folder / "flanders" / "flanders_2018_croptype_label.tif")])
    assert (label[0].date, label[0].band) == (None, None)
