"""The offset of Sentinel-2's baseline 04.00 is removed where it is in the numbers, whatever the files are called."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.imagery import Stack, describe
from engine.imagery.geo.types import Encoding
from engine.imagery.sensors.sentinel2_names import ANY, BASELINE, DATE, NAMED, NUMBERED, REMOVED, Sentinel2, sentinel_2
from engine.imagery.sensors.sentinel2_offset import shows_offset
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import write_raster

DATES = ("2021-10-05", "2021-11-14", "2021-12-24", "2022-02-02", "2022-03-14", "2022-04-23")
LEVEL = {"B02": 0.04, "B04": 0.05, "B08": 0.3}


def reflectance(band, number, dark=1.0):
    """(20, 20) reflectance of a date."""
    return LEVEL[band] * dark * np.random.default_rng(number).uniform(0.7, 1.6, (20, 20))


def stored(band, number, offset):
    return np.rint(reflectance(band, number) * 10_000 + offset).astype(np.uint16)[None]


def granules(folder, name, offset, bands=("B04", "B08"), dates=DATES):
    """A file for each band and date, with the offset of the dates since 25 January 2022; as a stack."""
    paths = []
    for number, date in enumerate(dates):
        for band in bands:
            path = folder / name.format(date=date.replace("-", ""), band=band, short=band.replace("B0", "B"))
            path.parent.mkdir(parents=True, exist_ok=True)
            paths.append(write_raster(path, stored(band, number, offset if date >= "2022-01-25" else 0)))
    return describe(paths)


def error(bands):
    """How far a stack is from its reflectance, and what it tells of Sentinel-2."""
    with Stack(bands, "source") as stack:
        values = stack.read(stack.windows()[0])
    found = 0.0
    for number in range(len(stack.dates)):
        for column, band in enumerate(stack.bands):
            found = max(found, float(np.abs(values[:, :, number, column] - reflectance(band, number)).max()))
    return found, naming(stack.warnings, "Sentinel-2")


ORIGINALS = (
    "T31UES_{date}T105031_{band}_10m.tif",
    "T31UES_{date}T105031_{band}_10m.jp2",
    "S2A_MSIL2A_{date}T105031_R051_T31UES_{date}T130540_{band}.tif",
    "S2A_T31UES_{date}T105031_L2A/{band}.tif",
    "T31UES_{date}T105031_{band}.tif",
)
NEITHER = (
    "{date}T105031_{date}T105607_T31UES_{short}.tif",
    "S2A_31UES_{date}_0_L2A/{band}.tif",
    "S2A_{date}_{band}.tif",
    "SENTINEL-2_MSI_31UES_{band}_{date}.tif",
    "{band}_{date}.tif",
    "field_{date}_{band}.tif",
)


@pytest.mark.parametrize("name", [*ORIGINALS, *NEITHER])
def test_a_step_of_1000_in_january_2022_is_removed_and_told(tmp_path, name):
    wrong, told = error(granules(tmp_path, name, 1000))
    assert wrong < 1e-4
    assert len(told) == 1 and not lacking(told[0], "offset", "baseline", "source", 3, 6, -1000)


@pytest.mark.parametrize("name", [*ORIGINALS, *NEITHER])
def test_values_without_the_offset_stay_as_they_are_whatever_their_name(tmp_path, name):
    wrong, told = error(granules(tmp_path, name, 0))
    assert wrong < 1e-4
    assert len(told) == (name in ORIGINALS)
    assert all(not lacking(line, "offset", "baseline", 3) for line in told)


@pytest.mark.parametrize("name", ["T31UES_{date}T105031_{band}_10m.tif", "S2_SR_{date}_{band}.tif"])
def test_bands_that_are_never_dark_follow_the_date_and_it_is_told(tmp_path, name):
    wrong, told = error(granules(tmp_path, name, 1000, bands=("B08",)))
    assert wrong < 1e-4 and len(told) == 1 and not lacking(told[0], "offset", "baseline", 3, 6)


@pytest.mark.parametrize(
    "name", ["{date}T105031_{date}T105607_T31UES_{short}.tif", "S2A_31UES_{date}_0_L2A/{band}.tif"]
)
def test_what_neither_date_nor_values_decide_is_told(tmp_path, name):
    _, told = error(granules(tmp_path, name, 1000, bands=("B08",)))
    assert len(told) == 1 and not lacking(told[0], "offset", "baseline", 3)


def test_dark_bands_that_are_nowhere_dark_have_the_offset(tmp_path):
    wrong, told = error(granules(tmp_path, "{band}_{date}.tif", 1000, ("B02", "B04", "B08"), DATES[3:]))
    assert wrong < 1e-4 and len(told) == 1 and not lacking(told[0], "offset", 3)


def test_one_dark_band_that_is_nowhere_dark_may_have_the_offset_and_that_is_told(tmp_path):
    _, told = error(granules(tmp_path, "{band}_{date}.tif", 1000, ("B04", "B08"), DATES[3:]))
    assert len(told) == 1 and not lacking(told[0], "offset", "baseline", 3)
    folder = tmp_path / "dark"
    assert error(granules(folder, "{band}_{date}.tif", 0, ("B04", "B08"), DATES[3:])) == (
        pytest.approx(0, abs=1e-4),
        [],
    )


def test_earth_engines_band_descriptions_are_dates_of_sentinel_2(tmp_path):
    planes, names = [], []
    for number, date in enumerate(DATES):
        for band in ("B04", "B08"):
            planes.append(stored(band, number, 1000 if date >= "2022-01-25" else 0)[0])
            day = date.replace("-", "")
            names.append(f"{day}T150711_{day}T151139_T19LBD_{band.replace('B0', 'B')}")
    wrong, told = error(describe([write_raster(tmp_path / "ee.tif", planes, names)]))
    assert wrong < 1e-4 and len(told) == 1 and not lacking(told[0], "offset", "baseline", 3, 6)


@pytest.mark.parametrize(
    "name",
    [
        "COPERNICUS_S2_SR_HARMONIZED_{date}_{band}.tif",
        "S2A_MSIL2A_{date}T105031_N0301_R051_T31UES_{date}T130540_{band}.tif",
        "{date}_LEVEL2_SEN2A_BOA_{band}.tif",
    ],
)
def test_images_that_say_that_they_have_no_offset_keep_their_values_and_it_is_told(tmp_path, name):
    wrong, told = error(granules(tmp_path, name, 0))
    assert wrong < 1e-4 and len(told) == 1 and not lacking(told[0], "offset", "source", 3)


def test_a_stack_before_2022_says_nothing_of_offsets(tmp_path):
    assert error(granules(tmp_path, "T31UES_{date}T105031_{band}_10m.tif", 0, dates=DATES[:3])) == (
        pytest.approx(0, abs=1e-4),
        [],
    )


def test_a_baseline_in_the_name_that_the_values_contradict_is_not_applied(tmp_path):
    name = "S2A_MSIL2A_{date}T105031_N0400_R051_T31UES_{date}T130540_{band}.tif"
    wrong, told = error(granules(tmp_path, name, 0, dates=DATES))
    assert wrong < 1e-4 and len(told) == 1 and not lacking(told[0], "offset", "baseline", 6)


@pytest.mark.parametrize(
    ("properties", "applies"),
    [
        ({"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "04.00"}, False),
        ({"s2:processing_baseline": "05.10"}, True),
        ({"s2:processing_baseline": "03.01", "earthsearch:boa_offset_applied": False}, False),
        ({"processing:version": "05.11"}, True),
    ],
)
def test_the_item_of_a_catalogue_beside_the_image_names_its_baseline(tmp_path, properties, applies):
    bands = granules(tmp_path, "S2A_31UES_{date}_0_L2A/{band}.tif", 1000 * applies, bands=("B08",), dates=DATES[3:4])
    folder = tmp_path / "S2A_31UES_20220202_0_L2A"
    (folder / "S2A_31UES_20220202_0_L2A.json").write_text(json.dumps({"properties": properties}))
    with Stack(bands, "source") as stack:
        values = stack.read(stack.windows()[0])
    assert np.median(values) == pytest.approx(np.median(reflectance("B08", 0)), abs=1e-3)
    assert len(naming(stack.warnings, "offset")) == 1


def test_the_metadata_of_a_granule_name_its_baseline(tmp_path):
    name = "L2A_T31UES_A034/IMG_DATA/R10m/{band}_{date}.tif"
    bands = granules(tmp_path, name, 1000, bands=("B08",), dates=DATES[3:4])
    tile = "S2B_OPER_MSI_L2A_TL_2APS_20220202T130000_A025_T31UES_N04.00"
    (tmp_path / "L2A_T31UES_A034" / "MTD_TL.xml").write_text(f'<x><TILE_ID metadataLevel="Brief">{tile}</TILE_ID></x>')
    wrong, told = error(bands)
    assert wrong < 1e-4 and len(told) == 1 and not lacking(told[0], "offset", "baseline")


@pytest.mark.parametrize(
    ("path", "description", "how"),
    [
        ("/d/S2B_MSIL2A_20220301T105031_N0400_R051_T31UES_20220301T130540.SAFE/x/B04.jp2", "", BASELINE),
        ("/d/S2B_MSIL1C_20220301T105031_N0400_R051_T31UES_20220301T130540_B04.tif", "", BASELINE),
        ("/d/T31UES_20220301T105031_B8A_20m.tif", "", DATE),
        ("/d/tiles/31/U/ES/2022/3/1/0/R10m/B04.jp2", "", DATE),
        ("/d/COPERNICUS_S2_SR/a.tif", "B4", DATE),
        ("/d/S2_SR_2022.tif", "B4_2022-03-01", DATE),
        ("/d/COPERNICUS-S2.tif", "B4_2022-03-01", DATE),
        ("/d/a.tif", "20220301T105031_20220301T105607_T31UES_B4", NAMED),
        ("/d/sentinel2_wheat.tif", "B4_2022-03-01", NAMED),
        ("/d/2022/a.tif", "B4_2022-03-01", NUMBERED),
        ("/sentinel2/2022/x/a.tif", "B4_2022-03-01", NUMBERED),
        ("/d/COPERNICUS_S2_SR_HARMONIZED/a.tif", "B4", REMOVED),
        ("/d/S2_SR_HARMONISED_2022.tif", "B4", REMOVED),
        ("/d/20220301_LEVEL2_SEN2A_BOA.tif", "RED", REMOVED),
        ("/d/20220301_LEVEL2_LND09_BOA.tif", "RED", None),
        ("/d/SENTINEL2A_20220301-105856-123_L2A_T31UES_C_V3-0_FRE_B4.tif", "", REMOVED),
        ("/d/HLS.S30.T31UES.2022060T105031.v2.0.B04.tif", "", None),
        ("/d/20220301_101010_PSScene_AnalyticMS_SR.tif", "RED", None),
    ],
)
def test_names_say_how_the_offset_is_known(path, description, how):
    found = sentinel_2(path, description, {}, "B04")
    assert (found and found.how) == how


def test_words_count_only_where_a_step_may_show():
    assert sentinel_2("/d/a.tif", "RED_2022-03-01", {}, "RED") == Sentinel2(ANY, None)
    assert sentinel_2("/d/a.tif", "VV_2022-03-01", {}, "VV") is None
    tags = {"COLLECTION": "COPERNICUS/S2_SR_HARMONIZED"}
    assert sentinel_2("/d/a.tif", "B4", tags, "B04").how == REMOVED
    assert sentinel_2("/d/a.tif", "B4", {"PROCESSING_BASELINE": "05.09"}, "B04").how == NUMBERED
    assert sentinel_2("/d/S2A_a.tif", "B4", {"PROCESSING_BASELINE": "05.09"}, "B04") == Sentinel2(BASELINE)


@pytest.mark.parametrize(
    ("before", "after", "how", "shown"),
    [
        ([[0.03, 0.05, 0.4]], [[0.13, 0.15, 0.5]], ANY, True),
        ([[0.03, 0.05]], [[0.04, 0.06]], ANY, False),
        ([[0.12, 0.14]], [[0.16, 0.2]], NUMBERED, None),  # a desert
        ([[0.5, 0.6]], [[0.12, 0.13]], NUMBERED, None),  # snow before
        ([[]], [[0.13, 0.14]], ANY, None),
        ([[], []], [[0.13, 0.14], [0.12, 0.13]], NUMBERED, True),
        ([[], []], [[0.13, 0.14], [0.2, 0.25]], NUMBERED, None),
        ([[]], [[0.13, 0.14]], NUMBERED, None),
        ([[]], [[0.13, 0.14]], NAMED, True),
        ([[0.03]], [[0.35, 0.4]], DATE, None),
        ([[]], [[float("nan")]], DATE, None),
    ],
)
def test_dark_values_show_the_offset_or_do_not(before, after, how, shown):
    assert shows_offset(before, after, how) is shown


@pytest.mark.parametrize(
    ("encoding", "offset"), [(Encoding(offset=0.0), 0.1), (Encoding(offset=-0.05), 0.05), (Encoding(scale=1e-4), 0.1)]
)
def test_an_offset_that_a_person_gives_is_taken_in_silence(tmp_path, encoding, offset):
    bands = granules(tmp_path, "T31UES_{date}T105031_{band}_10m.tif", 1000, dates=DATES[3:])
    with Stack([replace(band, encoding=encoding) for band in bands], "source") as stack:
        values = stack.read(stack.windows()[0])
    assert values[:, :, 0, 0] == pytest.approx(reflectance("B04", 0) + offset, abs=1e-4)
    assert naming(stack.warnings, "offset") == []
