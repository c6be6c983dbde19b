"""The unlabelled sample of the target, and the mask that limits it."""

import subprocess

import numpy as np
import pytest

from engine.errors import InputError
from engine.imagery import Mask, Stack, Window, describe, mask_problems, sample_unlabelled
from tests.helpers.facts import lacking
from tests.helpers.rasters import UTM, box, point, write_layer, write_raster

WIDTH, HEIGHT = 400, 300
WHOLE = Window(0, 0, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def stack_path(tmp_path_factory):
    """A stack of 400 x 300 numbered pixels in tiles of 64, observed in the left three quarters."""
    plane = np.arange(WIDTH * HEIGHT, dtype=np.float64).reshape(1, HEIGHT, WIDTH) / 1e6
    plane[0, :, 300:] = np.nan
    tiles = ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"]
    return write_raster(tmp_path_factory.mktemp("target") / "NDVI_20210501.tif", plane, options=tiles)


def sample(path, count=1000, seed=0, mask=None):
    """(n, 2) row and column of the sampled pixels."""
    with Stack(describe([path]), "target") as stack:
        series = sample_unlabelled(stack, None if mask is None else Mask(*mask, stack.grid), count, seed)
    assert series.labels is None and series.classes == ()
    number = np.rint(series.values[:, 0, 0].astype(np.float64) * 1e6).astype(int)
    return np.stack([number // WIDTH, number % WIDTH], axis=1)


def test_the_sample_is_observed_distinct_and_spread(stack_path):
    pixels = sample(stack_path, 1000)
    assert len(pixels) == 1000 and len(np.unique(pixels, axis=0)) == 1000 and pixels[:, 1].max() < 300
    counts = np.histogram2d(pixels[:, 0], pixels[:, 1], bins=(3, 3), range=((0, 300), (0, 300)))[0]
    assert counts.min() > 50 and counts.max() < 200


def test_the_seed_decides_the_sample(stack_path):
    one, again, other = (sample(stack_path, 200, seed) for seed in (3, 3, 4))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_a_small_target_is_taken_whole(california):
    with Stack(describe([str(california("stack", "uint16") / "stack.tif")]), "target") as stack:
        assert len(sample_unlabelled(stack, None, 10**6, 0)) == 2349


def test_only_few_windows_are_read(stack_path, monkeypatch):
    read = []
    original = Stack.read
    monkeypatch.setattr(
        Stack, "read", lambda self, window, bands=None: (read.append(window), original(self, window))[1]
    )
    sample(stack_path, 1000)
    assert len(read) <= 40


def test_few_observed_pixels_are_found_wherever_they_are(tmp_path):
    plane = np.full((1, 600, 600), np.nan, np.float32)
    plane[0, 577:583, 3:10] = 0.4
    path = write_raster(tmp_path / "NDVI_20210501.tif", plane, options=["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"])
    with Stack(describe([path]), "target") as stack:
        assert len(sample_unlabelled(stack, None, 1000, 0)) == 42


def test_a_target_without_observations_is_told(tmp_path):
    planes = np.full((2, 30, 30), 65535, np.uint16)
    path = write_raster(tmp_path / "2021-05-01.tif", planes, ["B04", "B08"], nodata=65535)
    with pytest.raises(InputError) as error, Stack(describe([path]), "target") as stack:
        sample_unlabelled(stack, None, 100, 0)
    assert error.value.code == "target-empty" and not lacking(error.value.message, "target", "2021-05-01.tif")


def test_a_date_counts_only_with_all_its_bands(tmp_path):
    planes = np.full((2, 30, 30), 0.3, np.float32)
    planes[0, :15], planes[1, 15:] = np.nan, np.nan
    path = write_raster(tmp_path / "2021-05-01.tif", planes, ["B04", "B08"])
    with pytest.raises(InputError) as error, Stack(describe([path]), "target") as stack:
        sample_unlabelled(stack, None, 100, 0)
    assert error.value.code == "target-empty"


@pytest.mark.parametrize("kind", ["raster", "raster with nodata", "polygons", "polygons in degrees"])
def test_the_mask_limits_the_sample(stack_path, tmp_path, kind):
    """Left of column 120 and above row 90, however that is said."""
    if kind.startswith("raster"):
        plane = np.zeros((1, HEIGHT, WIDTH), np.uint8)
        plane[0, :90, :120] = 7
        if kind.endswith("nodata"):
            plane[plane == 0] = 9
        path = write_raster(tmp_path / "mask.tif", plane, nodata=9 if kind.endswith("nodata") else None)
    else:
        path = write_layer(tmp_path / "mask.gpkg", [("m", box(0, 0, 120, 90)), ("m", None)])
        if kind.endswith("degrees"):
            degrees = str(tmp_path / "degrees.geojson")
            subprocess.run(["ogr2ogr", "-t_srs", "EPSG:4326", "-segmentize", "50", degrees, path], check=True)
            path = degrees
    pixels = sample(stack_path, 800, mask=(path, ""))
    assert len(pixels) == 800 and pixels[:, 0].max() < 90 and pixels[:, 1].max() < 120
    with Stack(describe([stack_path]), "target") as stack:
        inside = Mask(path, "", stack.grid).read(WHOLE)
        parts = [Mask(path, "", stack.grid).read(w) for w in (Window(60, 50, 100, 100),)]
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[:90, :120] = True
    assert np.array_equal(inside, expected) and np.array_equal(parts[0], expected[50:150, 60:160])


def test_a_coarse_mask_is_taken_by_its_nearest_pixel(stack_path, tmp_path):
    plane = (np.arange(12 * 16).reshape(1, 12, 16) % 3).astype(np.uint8)
    path = write_raster(tmp_path / "mask.tif", plane, transform=(UTM[0], 250.0, 0.0, UTM[3], 0.0, -250.0))
    with Stack(describe([stack_path]), "target") as stack:
        inside = Mask(path, "", stack.grid).read(WHOLE)
    assert np.array_equal(inside, np.kron(plane[0], np.ones((25, 25)))[:HEIGHT, :WIDTH] > 0)


def test_beside_a_smaller_mask_nothing_is_mapped(stack_path, tmp_path):
    path = write_raster(tmp_path / "mask.tif", np.ones((1, 20, 30), np.uint8))
    with Stack(describe([stack_path]), "target") as stack:
        inside = Mask(path, "", stack.grid).read(WHOLE)
    assert inside[:20, :30].all() and inside.sum() == 600


def test_a_mask_that_leaves_nothing_is_told(stack_path, tmp_path):
    path = write_raster(tmp_path / "mask.tif", np.zeros((1, HEIGHT, WIDTH), np.uint8))
    with pytest.raises(InputError) as error:
        sample(stack_path, mask=(path, ""))
    assert error.value.code == "mask-empty"
    assert not lacking(error.value.message, "mask.tif", "target", "NDVI_20210501.tif")


def test_a_mask_over_the_unobserved_part_is_told(stack_path, tmp_path):
    path = write_layer(tmp_path / "mask.gpkg", [("m", box(310, 0, 50, 50))])
    with pytest.raises(InputError) as error:
        sample(stack_path, mask=(path, ""))
    assert error.value.code == "target-empty"
    assert not lacking(error.value.message, "mask.gpkg", "target", "NDVI_20210501.tif")


def test_what_is_wrong_with_a_mask_is_told(stack_path, tmp_path):
    bands = describe([stack_path])
    far = write_raster(tmp_path / "far.tif", np.ones((1, 9, 9), np.uint8), transform=(0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
    far_layer = write_layer(tmp_path / "far.gpkg", [("m", box(9000, 0, 50, 50))])
    points = write_layer(tmp_path / "points.gpkg", [("m", point(3, 3))])
    (tmp_path / "text.txt").write_text("no mask")
    expected = {
        far: "mask-no-overlap",
        far_layer: "mask-no-overlap",
        points: "mask-geometry",
        str(tmp_path / "text.txt"): "mask-unreadable",
        str(tmp_path / "none.tif"): "mask-unreadable",
    }
    for path, code in expected.items():
        problems = mask_problems(path, "", bands)
        assert [p.code for p in problems] == [code] and path.rsplit("/", 1)[1] in problems[0].message
    assert mask_problems(write_layer(tmp_path / "m.gpkg", [("m", box(1, 1, 9, 9))], name="zone"), "zone", bands) == []
    assert [p.code for p in mask_problems(str(tmp_path / "m.gpkg"), "other", bands)] == ["mask-unreadable"]


def test_a_mask_that_breaks_off_is_told_and_not_taken_for_a_smaller_one(tmp_path, stack_path):
    path = write_layer(tmp_path / "fields.gpkg", [("a", box(i % 400, i // 400, 1, 1)) for i in range(3000)])
    content = bytearray((tmp_path / "fields.gpkg").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40_000] = b"\xff" * 40_000
    (tmp_path / "fields.gpkg").write_bytes(content)
    problems = mask_problems(path, "", describe([stack_path]))
    assert [p.code for p in problems] == ["mask-unreadable"] and "fields.gpkg" in problems[0].message
