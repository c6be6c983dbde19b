"""Tiles side by side, as downloads and large exports come, are one stack; what shows one place twice is refused."""

import numpy as np
import pytest
from osgeo import gdal, osr

from engine.errors import InputError
from engine.imagery import LabelLayer, Stack, Window, describe, label_problems, mask_problems, stack_problems
from engine.imagery.stack.tiling import stack_grid
from engine.tasks.cli.main import main
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, box, write_layer, write_raster
from tests.helpers.scenes import make_scene

from .test_reader import SOUTH_UP, TURNED, _traditional, linear

DATES = ("2021-05-01", "2021-05-11")


def at(column, row, first=UTM):
    """The geotransform that begins so many pixels to the right of and below another."""
    x = first[0] + column * first[1] + row * first[2]
    return (x, first[1], first[2], first[3] + column * first[4] + row * first[5], first[4], first[5])


def read_all(paths, **how):
    with Stack(describe([str(path) for path in paths]), "target", **how) as stack:
        values = stack.read(Window(0, 0, stack.grid.width, stack.grid.height))
        windows = [(w, stack.read(w)) for w in stack.tiles(77)]
        ahead = [(w, v.copy()) for w, v in stack.read_ahead(stack.tiles(77))]
    for window, part in windows + ahead:
        own = values[window.row : window.row + window.height, window.column : window.column + window.width]
        assert np.array_equal(part, own, equal_nan=True), "a window is read as the whole is"
    return values, stack


@pytest.mark.parametrize("first", [UTM, TURNED, SOUTH_UP], ids=["north-up", "turned", "south-up"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)], ids=["as exported", "last part first"])
def test_the_parts_of_an_export_are_the_whole(tmp_path, first, order):
    """As Earth Engine cuts what is too large for one file."""
    names = [f"{band}_{date}" for date in DATES for band in ("B04", "B08")]
    planes = np.random.default_rng(0).integers(1, 9000, (4, 40, 30)).astype(np.uint16)
    planes[:, 7, 20] = 0
    whole = write_raster(tmp_path / "whole.tif", planes, names, transform=first, nodata=0)
    parts = []
    for row, column in ((0, 0), (0, 16), (24, 0), (24, 16)):
        part = planes[:, row : row + 24, column : column + 16]
        path = tmp_path / f"export-{row:010d}-{column:010d}.tif"
        parts.append(write_raster(path, part, names, transform=at(column, row, first), nodata=0))
    expected, one = read_all([whole])
    values, joined = read_all([parts[number] for number in order])
    assert np.array_equal(values, expected, equal_nan=True) and np.isnan(values[7, 20]).all()
    assert joined.grid.transform == pytest.approx(one.grid.transform) and joined.grid.width == 30
    told = naming(joined.warnings, 4)
    assert len(told) == 1 and "export-" in told[0]


def test_where_tiles_overlap_a_date_comes_from_one_of_them(tmp_path):
    """The second tile shows what is a gap in the first, yet never single bands of a date."""
    left, right = np.full((2, 10, 20), 0.3, np.float32), np.full((2, 10, 20), 0.6, np.float32)
    left[:, 3, 17] = np.nan  # hidden in the first: the second is taken
    left[0, 5, 18] = np.nan  # one band of it is there: the date stays as it is
    right[:, :, 10] = np.nan
    names = [f"{band}_2021-05-01" for band in ("B04", "B08")]
    one = write_raster(tmp_path / "left.tif", left, names)
    other = write_raster(tmp_path / "right.tif", right, names, transform=at(15, 0))
    values, stack = read_all([one, other])
    assert (stack.grid.width, stack.grid.height) == (35, 10)
    assert values[:, :20, 0, 1][left[1] == np.float32(0.3)] == pytest.approx(0.3)
    assert values[3, 17, 0] == pytest.approx(0.6)
    assert np.isnan(values[5, 18, 0, 0]) and values[5, 18, 0, 1] == pytest.approx(0.3)
    assert values[:, 20:25] == pytest.approx(0.6) and np.isnan(values[:, 25]).all()


def test_a_quality_band_hides_in_its_own_tile(tmp_path):
    """Beyond the rim of what the satellite saw a tile's quality band says "nothing", which its neighbour may show."""
    paths = []
    for name, column, level in (("T31UFS", 0, 0.3), ("T31UGS", 15, 0.6)):
        folder = tmp_path / f"{name}_20210501"
        folder.mkdir()
        shown = np.full((1, 10, 20), level, np.float32)
        quality = np.full((1, 5, 10), 4, np.uint8)
        quality[0, :, 8:] = 0 if column == 0 else 4
        quality[0, 0, 0] = 9
        paths.append(write_raster(folder / "B04.tif", shown, transform=at(column, 0)))
        coarse = (at(column, 0)[0], 20.0, 0.0, UTM[3], 0.0, -20.0)
        paths.append(write_raster(folder / "SCL.tif", quality, transform=coarse))
    values, stack = read_all(paths)
    assert stack.bands == ("B04",) and stack.grid.width == 35
    level = values[:, :, 0, 0]
    assert np.isnan(level[:2, :2]).all() and level[2:, :16] == pytest.approx(0.3)
    assert level[2:, 16:20] == pytest.approx(0.6), "what the first tile did not see"
    assert np.isnan(level[:2, 16]).all(), "cloud in the one, unseen in the other"
    assert level[:, 20:] == pytest.approx(0.6)


def test_tiles_of_different_dates_leave_gaps(tmp_path):
    one = write_raster(tmp_path / "NDVI_20210501.tif", np.full((1, 10, 20), 0.3, np.float32))
    other = write_raster(tmp_path / "NDVI_20210511.tif", np.full((1, 10, 20), 0.6, np.float32), transform=at(18, 0))
    values, stack = read_all([one, other])
    assert stack.dates == DATES and values.shape == (10, 38, 2, 1)
    assert np.isnan(values[:, 20:, 0]).all() and np.isnan(values[:, :18, 1]).all()
    assert values[:, :20, 0] == pytest.approx(0.3) and values[:, 18:, 1] == pytest.approx(0.6)


def test_a_tile_of_the_next_zone_or_of_other_pixels_is_brought_onto_the_first(tmp_path):
    one = write_raster(tmp_path / "a_NDVI_20210501.tif", linear(UTM, 30, 30))
    change = osr.CoordinateTransformation(_traditional(32633), _traditional(32632))
    x, y, _ = change.TransformPoint(UTM[0] + 100, UTM[3] + 100)
    zone = (x, 10.0, 0.0, y, 0.0, -10.0)
    other = write_raster(tmp_path / "b_NDVI_20210501.tif", linear(zone, 60, 60, 32632), transform=zone, epsg=32632)
    bands = describe([one, other])
    assert stack_problems(bands, "target") == []
    values, stack = read_all([one, other])
    level = values[:, :, 0, 0]
    expected = linear(stack.grid.transform, stack.grid.width, stack.grid.height)[0]
    seen = np.isfinite(level)
    assert stack.grid.width > 60 and seen.mean() > 0.5
    # Coarse or turned pixels are constant at the rim of their tile.
    assert np.quantile(np.abs(level - expected)[seen], 0.99) < 6e-3
    assert len(naming(stack.warnings, 1, "b_NDVI_20210501.tif", "a_NDVI_20210501.tif")) == 1
    assert stack_grid(bands) == stack.grid


def test_the_pixels_are_those_of_the_finest_tile(tmp_path):
    coarse = (UTM[0], 20.0, 0.0, UTM[3], 0.0, -20.0)
    one = write_raster(tmp_path / "a_NDVI_20210501.tif", np.full((1, 10, 10), 0.3, np.float32), transform=coarse)
    other = write_raster(tmp_path / "b_NDVI_20210501.tif", np.full((1, 20, 20), 0.6, np.float32), transform=at(20, 0))
    values, stack = read_all([one, other])
    assert stack.grid.transform == pytest.approx(UTM) and (stack.grid.width, stack.grid.height) == (40, 20)
    assert values[:, :20] == pytest.approx(0.3) and values[:, 20:] == pytest.approx(0.6)
    assert stack_grid(describe([one, other])) == stack.grid
    assert len(naming(stack.warnings, 1, "a_NDVI_20210501.tif", "b_NDVI_20210501.tif")) == 1


def test_the_same_place_twice_is_still_refused(tmp_path):
    plane = np.full((1, 10, 20), 0.3, np.float32)
    one = write_raster(tmp_path / "a_NDVI_20210501.tif", plane)
    other = write_raster(tmp_path / "b_NDVI_20210501.tif", plane, transform=at(2, 1))
    beside = write_raster(tmp_path / "c_NDVI_20210501.tif", plane, transform=at(20, 0))
    for paths in ([one, other], [one, beside, other], [beside, one, other]):
        (problem,) = stack_problems(describe(paths), "target")
        assert problem.code == "duplicate-band"
        assert "a_NDVI_20210501.tif" in problem.message and "b_NDVI_20210501.tif" in problem.message
    far = write_raster(tmp_path / "d_NDVI_20210501.tif", plane, transform=at(45, 0))
    with pytest.raises(InputError) as error:
        Stack(describe([one, beside, far]), "target")
    assert error.value.code == "grids-differ"
    assert not lacking(error.value.message, "d_NDVI_20210501.tif", "target", "a_NDVI_20210501.tif")


def test_labels_and_masks_of_any_tile_fit(tmp_path):
    plane = np.full((1, 10, 20), 0.3, np.float32)
    one = write_raster(tmp_path / "a_NDVI_20210501.tif", plane)
    other = write_raster(tmp_path / "b_NDVI_20210501.tif", plane, transform=at(20, 0))
    bands = describe([one, other])
    fields = [(crop, box(left, 2, 5, 5)) for crop, left in (("wheat", 24), ("maize", 32))]
    layer = write_layer(tmp_path / "fields.gpkg", fields)
    classes = np.zeros((1, 10, 20), np.uint8)
    classes[0, :, :9], classes[0, :, 9:] = 1, 2
    raster = write_raster(tmp_path / "classes.tif", classes, transform=at(20, 0))
    assert label_problems(LabelLayer(layer, "fields", "crop"), bands) == []
    assert label_problems(LabelLayer(raster, "", ""), bands) == []
    assert mask_problems(layer, "fields", bands) == [] and mask_problems(raster, "", bands) == []
    assert [p.code for p in label_problems(LabelLayer(layer, "fields", "crop"), bands[:1])] == ["no-overlap"]


@pytest.mark.slow
def test_a_job_on_a_target_in_two_tiles_maps_it_as_one(tmp_path):
    scene = make_scene(tmp_path / "scene")
    parts = []
    for name, left, width in (("west", 0, 14), ("east", 12, 12)):
        parts.append(str(tmp_path / f"{name}.tif"))
        gdal.Translate(parts[-1], str(scene.target), srcWin=[left, 0, width, 24])
    maps = []
    for name, target in (("whole", [str(scene.target)]), ("tiles", parts)):
        output = tmp_path / f"{name}_map.tif"
        command = ["map", "--labels", str(scene.labels), "--class-field", "crop", "--source", str(scene.source)]
        assert main([*command, "--target", *target, "--method", "rf", "--output", str(output)]) == 0
        maps.append(gdal.Open(str(output)))
    whole, tiles = maps
    assert tiles.GetGeoTransform() == whole.GetGeoTransform()
    assert tiles.GetRasterBand(1).ReadRaster() == whole.GetRasterBand(1).ReadRaster()
