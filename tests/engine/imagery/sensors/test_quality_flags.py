"""Quality bands: what each value hides, how a stack applies it, and what a user may choose instead."""

import numpy as np
import pytest
from osgeo import osr

from engine.errors import InputError
from engine.imagery import Stack, StackBand, Window, stack_problems
from engine.imagery.sensors.quality_flags import QUALITY, check_choice, data_bands, describe_masked, is_quality, masked
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, write_raster

DATES = ("2021-05-01", "2021-05-11")


@pytest.mark.parametrize(
    ("name", "kept", "gone"),
    [
        ("SCL", [2, 4, 5, 6, 7], [0, 1, 3, 8, 9, 10, 11]),
        ("QA60", [0, 1 << 9], [1 << 10, 1 << 11, 3 << 10]),
        ("CLM", [0], [1, 255]),
        ("MAJA_CLM", [0, 1 << 4, 1 << 7], [1, 3, 1 << 5, 1 << 6, 255]),
        # Numbers of real scenes: clear, clear water, cloud of high confidence, its shadow, fill.
        ("QA_PIXEL", [21824, 21952], [22280, 23888, 1, 21824 | 2, 21824 | 4, 21824 | 32]),
        ("FMASK", [0, 64, 128, 192, 32], [2, 4, 8, 16, 1, 255, 66]),
        ("FMASK4", [0, 1], [2, 3, 4, 255]),
        ("PIXEL_RELIABILITY", [0, 1], [-1, 2, 3, 255]),
        ("SUMMARY_QA", [0, 1], [2, 3]),
        ("VI_QUALITY", [0, 2112, 4 + 1, 1 << 15], [2, 3, 1 << 14, 15 << 2]),
        ("STATE_QA", [0, 8, 3, 1 << 13], [1, 2, 4, 3 << 8, 1 << 10, 1 << 12, 1 << 15]),
        ("UDM", [0], [1, 2, 4, 128]),
        ("UDM2", [1], [0]),
    ],
)
def test_what_each_band_hides_by_default(name, kept, gone):
    assert not masked(name, np.array(kept)).any()
    assert masked(name, np.array(gone)).all()


def test_every_band_hides_something_and_says_what():
    for name, band in QUALITY.items():
        assert name == name.upper() and describe_masked(name) and band.title
        assert len({(m.value, m.mask) for m in band.values}) == len(band.values)


def test_numbers_of_every_type_mean_the_same():
    for dtype in (np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64):
        assert masked("SCL", np.array([[4, 9], [3, 5]], dtype)).tolist() == [[False, True], [True, False]]
    assert masked("SCL", np.array([4.0, np.nan])).tolist() == [False, True]
    assert masked("PIXEL_RELIABILITY", np.array([-1, 0], np.int8)).tolist() == [True, False]


def test_a_choice_replaces_the_defaults_of_its_band_only():
    stored = np.arange(12)
    assert np.flatnonzero(masked("SCL", stored, {"SCL": [6, "vegetation"]})).tolist() == [4, 6]
    assert np.flatnonzero(masked("SCL", stored, {"scl": ["6"]})).tolist() == [6]
    assert not masked("SCL", stored, {}).any() and not masked("SCL", stored, {"SCL": []}).any()
    assert masked("QA_PIXEL", np.array([8]), {"SCL": [6]}).all(), "a band that is not named keeps its defaults"
    flags = {"QA_PIXEL": ["Water", "high cirrus confidence"]}
    assert masked("QA_PIXEL", np.array([128, 8, 3 << 14, 1 << 14]), flags).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("choice", "facts"),
    [
        ({"CLOUDS": [1]}, ("'CLOUDS'",)),
        ({"SCL": [12]}, ("SCL", 12)),
        ({"QA_PIXEL": [3]}, ("QA_PIXEL", 3)),
        ({"SCL": "cloud"}, ("SCL", "'cloud'")),
        ({"SCL": 9}, ("SCL", 9)),
        ({"SCL": [None]}, ("SCL", None)),
    ],
)
def test_a_choice_that_no_band_understands_is_refused(choice, facts):
    with pytest.raises(InputError) as error:
        check_choice(choice)
    assert error.value.code == "quality" and not lacking(error.value.message, *facts) and error.value.hint


def test_quality_bands_are_told_from_data():
    assert is_quality("SCL") and is_quality("qa_pixel") and not is_quality("B08") and not is_quality(None)
    bands = [StackBand("x", 1, None, "B08"), StackBand("x", 2, None, "SCL"), StackBand("x", 3, None, None)]
    assert [band.index for band in data_bands(bands)] == [1, 3]


@pytest.fixture
def scene(tmp_path):
    """Two dates of RED and NIR on 6 x 4 pixels of 10 m and an SCL of 20 m, water and cloud in two of its pixels."""
    bands = []
    for number, date in enumerate(DATES):
        planes = np.stack([np.full((4, 6), 0.05 + number), np.full((4, 6), 0.4 + number)]).astype(np.float32)
        path = write_raster(tmp_path / f"{date}.tif", planes)
        scl = np.full((1, 2, 3), 4, np.uint8)
        scl[0, number, 1] = 9
        scl[0, 0, 0] = 6
        coarse = (UTM[0], 20.0, 0.0, UTM[3], 0.0, -20.0)
        quality = write_raster(tmp_path / f"SCL {date}.tif", scl, transform=coarse)
        bands += [StackBand(path, 1, date, "RED"), StackBand(path, 2, date, "NIR"), StackBand(quality, 1, date, "SCL")]
    return bands


def read(bands, **more):
    with Stack(bands, "source", **more) as stack:
        return stack.read(Window(0, 0, stack.grid.width, stack.grid.height)), stack


def test_hidden_pixels_are_gaps_in_every_band_of_their_date_and_nowhere_else(scene):
    values, stack = read(scene)
    assert stack.bands == ("RED", "NIR") and stack.dates == DATES
    expected = np.zeros((4, 6, 2), bool)
    expected[0:2, 2:4, 0] = expected[2:4, 2:4, 1] = True
    assert np.array_equal(np.isnan(values).all(axis=3), expected)
    assert np.array_equal(np.isnan(values).any(axis=3), expected)
    assert len(naming(stack.warnings, "SCL", "source", *describe_masked("SCL").split(", "))) == 1
    with Stack(scene, "source") as stack:
        part = stack.read(Window(1, 1, 3, 2))
    assert np.array_equal(part, values[1:3, 1:4], equal_nan=True), "a window is read as the whole is"


def test_the_choice_of_the_user_holds(scene):
    values, _ = read(scene, quality={"SCL": ["water"]})
    assert np.argwhere(np.isnan(values[..., 0, 0])).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    values, stack = read(scene, quality={})
    assert np.isfinite(values).all() and not naming(stack.warnings, "SCL")
    with pytest.raises(InputError) as error:
        Stack(scene, "source", quality={"SCL": [99]})
    assert error.value.code == "quality" and not lacking(error.value.message, "SCL", 99)


def test_a_date_without_quality_band_is_kept_and_told(scene):
    values, stack = read(scene[:5])
    assert stack.dates == DATES and np.isnan(values[..., 0, 0]).sum() == 4 and np.isfinite(values[..., 1, 0]).all()
    assert len(naming(stack.warnings, 1, 2, "source", "2021-05-11")) == 1


def test_a_quality_band_of_another_day_or_twice_is_no_fault(scene):
    extra = [StackBand(scene[2].path, 1, "2021-07-01", "SCL"), StackBand(scene[5].path, 1, DATES[0], "SCL")]
    assert stack_problems([*scene, *extra], "source") == []
    values, stack = read([*scene, *extra])
    assert stack.dates == DATES and np.isnan(values[..., 0, 0]).sum() == 8, "what one of two hides is hidden"


def test_the_quality_band_may_stand_first_and_does_not_set_the_grid(scene):
    _, stack = read(scene[::-1])
    assert (stack.grid.width, stack.grid.height) == (6, 4)


def test_quality_beside_the_data_in_one_file_of_floats(tmp_path):
    planes = np.full((3, 4, 5), 0.3, np.float32)
    planes[2], planes[2, 1, 2], planes[2, 3, 3] = 4, 8, np.nan
    path = write_raster(tmp_path / "a.tif", planes)
    bands = [StackBand(path, i, DATES[0], name) for i, name in enumerate(("B04", "B08", "SCL"), 1)]
    values, stack = read(bands)
    assert np.argwhere(np.isnan(values[..., 0, 0])).tolist() == [[1, 2], [3, 3]]
    assert not naming(stack.warnings, 10000)


def test_the_scale_of_the_file_is_not_applied_to_its_quality_band(tmp_path):
    planes = np.stack([np.full((4, 5), 3000), np.full((4, 5), 21824)]).astype(np.uint16)
    planes[1, 0, 0] = 22280
    path = write_raster(tmp_path / "a.tif", planes, scale=1e-4)
    bands = [StackBand(path, 1, DATES[0], "NIR"), StackBand(path, 2, DATES[0], "QA_PIXEL")]
    values, _ = read(bands)
    assert np.isnan(values[0, 0, 0, 0]) and values[1, 1, 0, 0] == pytest.approx(0.3)
    assert np.isnan(values).sum() == 1


def test_quality_in_another_zone_is_brought_onto_the_stack_by_the_nearest_pixel(tmp_path):
    path = write_raster(tmp_path / "a.tif", np.full((1, 40, 40), 0.3, np.float32))
    scl = np.random.default_rng(0).choice([4, 9], (1, 160, 160)).astype(np.uint8)
    corner = 956200.0, 5218500.0
    other = write_raster(tmp_path / "q.tif", scl, transform=(corner[0], 10.0, 0, corner[1], 0, -10.0), epsg=32632)
    bands = [StackBand(path, 1, DATES[0], "NIR"), StackBand(other, 1, DATES[0], "SCL")]
    values, _ = read(bands)
    zones = [osr.SpatialReference() for _ in range(2)]
    for zone, code in zip(zones, (32633, 32632)):
        zone.ImportFromEPSG(code)
    change = osr.CoordinateTransformation(*zones)
    for row, column in ((0, 0), (3, 37), (20, 11), (39, 39)):
        x, y, _ = change.TransformPoint(UTM[0] + 10 * column + 5, UTM[3] - 10 * row - 5)
        cloudy = scl[0, int((corner[1] - y) / 10), int((x - corner[0]) / 10)] == 9
        assert np.isnan(values[row, column, 0, 0]) == cloudy
    assert 0.3 < np.isnan(values).mean() < 0.7


def test_a_stack_of_quality_bands_alone_is_refused(scene):
    problems = stack_problems([band for band in scene if band.band == "SCL"], "target")
    assert [p.code for p in problems] == ["no-stack"] and not lacking(problems[0].message, "target", "SCL")


def test_a_damaged_quality_band_is_told(tmp_path, scene):
    path = write_raster(tmp_path / "q.tif", np.random.default_rng(0).integers(0, 255, (1, 400, 600)).astype(np.uint8))
    with open(path, "r+b") as file:
        file.truncate(200_000)
    broken = StackBand(path, 1, DATES[0], "SCL")
    with pytest.raises(InputError) as error:
        with Stack([*scene[:2], broken], "source") as stack:
            # On another grid, the window of the raster that is asked for lies in its lost end.
            stack._tiles[0].quality[0]._resampler = None
            stack._tiles[0].quality[0].hide(Window(0, 380, 6, 4), np.zeros((4, 6, 1), bool))
    assert error.value.code == "raster-unreadable" and not lacking(error.value.message, 1, "q.tif")
