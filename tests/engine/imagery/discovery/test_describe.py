"""Each raster band's date and name come from whatever says them, and nothing is guessed."""

import pytest
from osgeo import gdal

from engine.errors import InputError
from engine.imagery import describe, stack_problems
from engine.imagery.discovery.describe import describe_with_notes
from engine.imagery.geo.gdal_io import file_name
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, write_raster


def test_a_file_of_one_date_gives_its_date_to_every_band(tmp_path, zeros):
    path = write_raster(tmp_path / "2021-05-01.tif", zeros(3), ["B02", "B3", "nir"])
    assert [(b.date, b.band) for b in describe([path])] == [("2021-05-01", n) for n in ("B02", "B03", "NIR")]


def test_a_file_of_one_index_gives_its_name_to_every_date(tmp_path, zeros):
    path = write_raster(tmp_path / "NDVI.tif", zeros(2), ["2021-05-01", "2021-05-17"])
    assert [(b.date, b.band) for b in describe([path])] == [("2021-05-01", "NDVI"), ("2021-05-17", "NDVI")]


def test_folders_of_year_month_and_day_are_a_date(tmp_path, zeros):
    """As the archive of Sentinel-2 on AWS is sorted."""
    folder = tmp_path / "31" / "U" / "FS" / "2021" / "5" / "1" / "0"
    folder.mkdir(parents=True)
    path = write_raster(folder / "B08.tif", zeros(1))
    assert [(b.date, b.band) for b in describe([path])] == [("2021-05-01", "B08")]


def test_the_satellite_behind_a_date_is_no_band(tmp_path, zeros):
    path = write_raster(
        tmp_path / "2021-2021_001-365_HL_TSA_SEN2L_NDV_TSI.tif", zeros(2), ["20210101_SEN2L", "20210111_S2B"]
    )
    assert [(b.date, b.band) for b in describe([path])] == [("2021-01-01", "NDV"), ("2021-01-11", "NDV")]


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


def test_every_folder_of_real_rasters_opens_as_it_is(shared):
    folder = shared / "data" / "rasters"
    monthly, notes = describe_with_notes([str(folder / "flanders")])
    assert {b.path.rsplit("/", 1)[-1] for b in monthly} == {f"flanders_{y}_s2_monthly.tif" for y in (2018, 2019)}
    assert len({b.date for b in monthly}) == 24 and len({b.band for b in monthly}) == 10
    assert (monthly[0].date, monthly[0].band) == ("2017-11-15", "B02")
    assert len(notes) == 1 and "flanders_2018_croptype_label.tif" in notes[0]
    composites, notes = describe_with_notes([str(folder / "cbers_bahia")])
    assert len(composites) == 46 and len({b.date for b in composites}) == 23 and notes == ()
    assert (composites[0].date, composites[0].band) == ("2018-09-05", "EVI")
    seasons, notes = describe_with_notes([str(folder / "portogauchos")])
    assert len(seasons) == 6 * 138 and {b.band for b in seasons} == {"NDVI", "EVI", "RED", "NIR", "BLUE", "MIR"}
    ndvi, notes = describe_with_notes([str(folder / "sinop")])
    assert [b.date for b in ndvi] == [p.stem[-10:] for p in sorted(folder.glob("sinop/*.jp2"))]
    assert {b.band for b in ndvi} == {"NDVI"} and notes == ()
    for name in ("cbers_bahia", "sinop"):
        assert stack_problems(describe([str(folder / name)]), "target") == []


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/data/season/B04.tif", "B04.tif"),
        ('NETCDF:"/data/season/cube.nc":B04', 'NETCDF:"cube.nc":B04'),
        ('ZARR:"C:\\data\\cube.zarr":/B04:3', 'ZARR:"cube.zarr":/B04:3'),
        ("/vsizip//data/season.zip/B04.tif", "B04.tif"),
        ("/vsicurl/https://example.org/a/B04.tif?signature=secret", "B04.tif"),
    ],
)
def test_paths_are_shown_short_and_without_secrets(path, shown):
    assert file_name(path) == shown


def test_a_folder_of_many_files_is_described_by_one_look_at_each(shared, monkeypatch):
    opened = []
    open_file = gdal.OpenEx
    monkeypatch.setattr(
        gdal, "OpenEx", lambda path, *rest, **more: opened.append(path) or open_file(path, *rest, **more)
    )
    assert len(describe([str(shared / "data" / "rasters" / "cbers_bahia")])) == 46
    assert len(opened) == len(set(opened)) <= 46


def test_a_name_with_two_dates_is_a_question(tmp_path, zeros):
    path = write_raster(tmp_path / "NDVI_03-04-2021.tif", zeros(1))
    bands, notes = describe_with_notes([path])
    assert bands[0].date is None
    facts = "NDVI_03-04-2021.tif", "2021-03-04", "2021-04-03"
    assert len(notes) == len(naming(notes, *facts)) == 1
    problem = stack_problems(bands, "source")[0]
    assert problem.code == "no-date" and not lacking(problem.message, *facts)


def test_a_folder_settles_between_two_dates_and_a_written_date_does_not(tmp_path, zeros):
    (tmp_path / "2021-04-03").mkdir()
    (tmp_path / "2020-01-01").mkdir()
    settled = write_raster(tmp_path / "2021-04-03" / "NDVI_03-04-2021.tif", zeros(1))
    other = write_raster(tmp_path / "2020-01-01" / "NDVI_03-04-2021.tif", zeros(1))
    written = write_raster(
        tmp_path / "NDVI_03-04-2021.tif", zeros(1), metadata={"TIFFTAG_DATETIME": "2021:04:03 10:00:00"}
    )
    assert [b.date for b in describe([settled, other, written])] == ["2021-04-03", None, None]


@pytest.mark.parametrize(
    ("metadata", "date"),
    [
        ({"datetime": "2021-05-01T10:15:59.024000Z"}, "2021-05-01"),
        ({"start_datetime": "2021-05-01T00:00:00Z", "end_datetime": "2021-05-16T00:00:00Z"}, "2021-05-08"),
        ({"start_datetime": "2021-01-01T00:00:00Z", "end_datetime": "2021-12-31T00:00:00Z"}, None),
        ({"NC_GLOBAL#time_coverage_start": "2021-05-01", "NC_GLOBAL#time_coverage_end": "2021-05-03"}, "2021-05-02"),
    ],
)
def test_date_in_stac_and_cf_metadata(tmp_path, zeros, metadata, date):
    path = write_raster(tmp_path / "red.tif", zeros(1), ["red"], metadata=metadata)
    assert describe([path])[0].date == date


def test_earth_engine_exports(tmp_path, zeros):
    one_a_date = write_raster(tmp_path / "20210501T150711_20210501T151139_T19LBD.tif", zeros(3), ["B2", "B8A", "QA60"])
    assert [(b.date, b.band) for b in describe([one_a_date])] == [("2021-05-01", n) for n in ("B02", "B8A", "QA60")]
    names = [f"2021050{d}T150711_2021050{d}T151139_T19LBD_{n}" for d in (1, 6) for n in ("B4", "B8")]
    stacked = write_raster(tmp_path / "season.tif", zeros(4), names)
    assert [(b.date, b.band) for b in describe([stacked])] == [
        (d, n) for d in ("2021-05-01", "2021-05-06") for n in ("B04", "B08")
    ]
    numbered = write_raster(tmp_path / "numbered.tif", zeros(4), ["0_B4", "0_B8", "1_B4", "1_B8"])
    assert [(b.date, b.band) for b in describe([numbered])] == [(None, n) for n in ("B04", "B08") * 2]


@pytest.mark.parametrize(
    ("name", "metadata", "bands"),
    [
        ("LC08_224078_20210501", {}, ["BLUE", "NIR08", "QA_PIXEL"]),
        ("LE07_224078_20210501", {}, ["GREEN", "SWIR16", "QA_PIXEL"]),
        ("export_20210501", {"SPACECRAFT_ID": "LANDSAT_8"}, ["BLUE", "NIR08", "QA_PIXEL"]),
        ("export_20210501", {}, ["SR_B2", "SR_B5", "QA_PIXEL"]),
    ],
)
def test_landsat_numbers_are_read_as_their_sensor_counts(tmp_path, zeros, name, metadata, bands):
    path = write_raster(tmp_path / f"{name}.tif", zeros(3), ["SR_B2", "SR_B5", "QA_PIXEL"], metadata=metadata)
    assert [(b.date, b.band) for b in describe([path])] == [("2021-05-01", n) for n in bands]


def test_planet_scenes_name_their_bands_by_position(tmp_path, zeros):
    scene = "20210501_101559_12_2263_3B_"
    paths = [write_raster(tmp_path / f"{scene}AnalyticMS_SR_clip.tif", zeros(4))]
    paths.append(write_raster(tmp_path / f"{scene}AnalyticMS_SR_8b_harmonized_clip.tif", zeros(8)))
    paths.append(write_raster(tmp_path / f"{scene}udm2_clip.tif", zeros(8)))
    found = [[b.band for b in describe([path])] for path in paths]
    assert found[0] == ["BLUE", "GREEN", "RED", "NIR"]
    assert found[1] == ["COASTAL", "BLUE", "GREEN_I", "GREEN", "YELLOW", "RED", "REDEDGE", "NIR"]
    assert found[2] == ["UDM2"]
    assert {b.date for b in describe(paths)} == {"2021-05-01"}


def test_a_container_gives_the_rasters_that_are_named_as_bands(tmp_path, zeros):
    path = str(tmp_path / "MOD13Q1.A2012273.h12v10.006.gpkg")
    for name in ("250m 16 days NDVI", "250m 16 days pixel reliability", "250m 16 days view zenith angle"):
        image = gdal.Open(write_raster(tmp_path / "one.tif", zeros(1)))
        options = [f"RASTER_TABLE={name}", "APPEND_SUBDATASET=YES"]
        assert gdal.GetDriverByName("GPKG").CreateCopy(path, image, options=options) is not None
    bands, notes = describe_with_notes([path])
    assert [(b.date, b.band) for b in bands] == [("2012-09-29", "NDVI"), ("2012-09-29", "PIXEL_RELIABILITY")]
    assert len(notes) == 1 and "view zenith angle" in notes[0]


def test_a_container_without_bands_is_one_sentence(tmp_path, zeros):
    path = str(tmp_path / "maps.gpkg")
    for name in ("one", "two"):
        image = gdal.Open(write_raster(tmp_path / "one.tif", zeros(1)))
        gdal.GetDriverByName("GPKG").CreateCopy(path, image, options=[f"RASTER_TABLE={name}", "APPEND_SUBDATASET=YES"])
    with pytest.raises(InputError) as error:
        describe([path])
    assert error.value.code == "raster-unreadable" and not lacking(error.value.message, "maps.gpkg", 2)


@pytest.mark.parametrize("separate", [True, False], ids=["each file a band", "tiles"])
def test_a_vrt_without_names_is_known_by_its_files(tmp_path, zeros, separate):
    """As ``gdalbuildvrt`` and QGIS's "Build virtual raster" write them."""
    known = [("2021-05-01", "B04"), ("2021-05-01", "B08"), ("2021-05-11", "B04"), ("2021-05-11", "B08")]
    (tmp_path / "files").mkdir()
    if separate:
        paths = [write_raster(tmp_path / "files" / f"T31_{date}_{band}.tif", zeros(1)) for date, band in known]
    else:
        names = [f"{band}_{date}" for date, band in known]
        east = (UTM[0] + 50, *UTM[1:])
        paths = [write_raster(tmp_path / "files" / "export-0.tif", zeros(4), names)]
        paths.append(write_raster(tmp_path / "files" / "export-1.tif", zeros(4), names, transform=east))
    vrt = str(tmp_path / "season 2021-05-01_2021-09-30.vrt")
    gdal.BuildVRT(vrt, paths, separate=separate)
    assert [(b.path, b.date, b.band) for b in describe([vrt])] == [(vrt, date, band) for date, band in known]
    twice = str(tmp_path / "of a vrt.vrt")
    gdal.BuildVRT(twice, [vrt])
    assert [(b.date, b.band) for b in describe([twice])] == known


def test_a_vrt_whose_files_differ_stays_a_question(tmp_path, zeros):
    east = (UTM[0] + 50, *UTM[1:])
    one = write_raster(tmp_path / "B04_20210501.tif", zeros(1))
    other = write_raster(tmp_path / "B04_20210502.tif", zeros(1), transform=east)
    gdal.BuildVRT(str(tmp_path / "both.vrt"), [one, other])
    assert [(b.date, b.band) for b in describe([str(tmp_path / "both.vrt")])] == [(None, "B04")]
