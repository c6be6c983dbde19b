"""Names and files beside a raster that date its bands: dekads, terra's JSON, ENVI's header, metadata."""

from __future__ import annotations

import json

import numpy as np
import pytest
from osgeo import gdal

from engine.imagery import describe
from engine.imagery.discovery.describe import describe_with_notes
from tests.helpers.rasters import write_raster

DEKADS = [f"{month:02d}{dekad}" for month in (3, 4) for dekad in (1, 2, 3)]
MIDDLES = [f"2021-{month:02d}-{day:02d}" for month in (3, 4) for day in (5, 15, 25)]


def raster(path, names=(), bands=None, **how):
    return write_raster(path, np.ones((bands or len(names), 4, 4), np.float32), names, **how)


def dates(paths):
    return [band.date for band in describe(paths)]


def test_numbers_that_all_fit_are_dekads_and_that_is_reported(tmp_path):
    path = raster(tmp_path / "a.tif", [f"NDVI_2021{number}" for number in DEKADS])
    bands, notes = describe_with_notes([path])
    assert [band.date for band in bands] == MIDDLES and {band.band for band in bands} == {"NDVI"}
    assert any("2021031" in note and "a.tif" in note for note in notes)


def test_one_number_that_is_no_dekad_makes_all_of_them_days_of_the_year(tmp_path):
    path = raster(tmp_path / "a.tif", [f"NDVI_2021{number}" for number in ("065", "081", "097", "113")])
    assert dates([path]) == ["2021-03-06", "2021-03-22", "2021-04-07", "2021-04-23"]


def test_files_of_one_number_each_decide_together(tmp_path):
    paths = [raster(tmp_path / f"NDVI_2021{number}.tif", bands=1) for number in DEKADS]
    assert dates(paths) == MIDDLES


def test_a_few_ambiguous_numbers_are_left_to_the_person(tmp_path):
    assert dates([raster(tmp_path / "a.tif", ["NDVI_2021031", "NDVI_2021032"])]) == [None, None]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"time": ["2021-03-01", "2021-03-11"], "timestep": "days"}, ["2021-03-01", "2021-03-11"]),
        ({"time": [18687, 18697], "timestep": "days"}, ["2021-03-01", "2021-03-11"]),
        ({"time": [1614556800, 1615420800], "timestep": "seconds"}, ["2021-03-01", "2021-03-11"]),
        ({"time": ["2021-03-01"], "timestep": "days"}, [None, None]),
        ({"unit": ["", ""]}, [None, None]),
    ],
)
def test_what_terra_writes_beside_a_raster(tmp_path, content, expected):
    path = raster(tmp_path / "a.tif", ["NDVI_1", "NDVI_2"])
    (tmp_path / "a.tif.aux.json").write_text(json.dumps(content), "utf-8")
    assert dates([path]) == expected


@pytest.mark.parametrize("key", ["TIMESTAMP", "RASTER_TIME", "ACQUISITIONDATETIME", "acquisition time"])
def test_metadata_of_the_file_and_of_the_band(tmp_path, key):
    key = key.replace(" ", "_")
    assert dates([raster(tmp_path / "a.tif", ["B04"], metadata={key: "2021-03-01T10:30:00Z"})]) == ["2021-03-01"]
    path = raster(tmp_path / "b.tif", ["B04"])
    data = gdal.Open(path, gdal.GA_Update)
    data.GetRasterBand(1).SetMetadataItem(key, "2021-03-02")
    del data
    assert dates([path]) == ["2021-03-02"]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("wavelength units = Nanometers\nwavelength = {665.0, 842.0}\n", ["RED", "NIR"]),
        ("wavelength units = Micrometers\nwavelength = {0.49, 1.61}\n", ["BLUE", "SWIR16"]),
        ("band names = {B04, B08}\nwavelength units = Nanometers\nwavelength = {664.0, 833.0}\n", ["B04", "B08"]),
    ],
)
def test_wavelengths_of_an_envi_header(tmp_path, header, names):
    path = str(tmp_path / "s_2021-03-01.dat")
    gdal.GetDriverByName("ENVI").CreateCopy(path, gdal.Open(raster(tmp_path / "a.tif", bands=2)))
    text = (tmp_path / "s_2021-03-01.hdr").read_text()
    kept = text[: text.index("band names")]
    (tmp_path / "s_2021-03-01.hdr").write_text(kept + header)
    assert [(band.date, band.band) for band in describe([path])] == [("2021-03-01", name) for name in names]
