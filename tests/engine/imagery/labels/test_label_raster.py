"""Rasters as labels: names from tables of every kind, the right pixels on any grid, pure pixels, flat memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr

from engine.errors import InputError
from engine.imagery import LabelLayer, Stack, describe, label_problems, sample_labels
from engine.imagery.labels.label_raster import inside_classes
from tests.helpers.facts import lacking, naming
from tests.helpers.paths import ROOT
from tests.helpers.rasters import UTM, crs_wkt, write_raster

SIDE = 60
NAMES = {0: "Background", 1: "Corn", 5: "Soybeans", 36: "Alfalfa", 111: "Open Water"}


@pytest.fixture
def stack_path(tmp_path):
    """A stack of 60 x 60 pixels in which every pixel holds its own number / 1000."""
    planes = np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE) / 1000
    return write_raster(tmp_path / "NDVI_20210501.tif", planes)


def quarters():
    """A map of 60 x 60 pixels: background, corn, soybeans, and alfalfa with three pixels of water in a corner."""
    plane = np.zeros((SIDE, SIDE), np.uint8)
    plane[:30, 30:], plane[30:, :30], plane[30:, 30:] = 1, 5, 36
    plane[59, 57:] = 111
    return plane


def sample(labels, path, per_class=10**6, seed=0, **more):
    with Stack(describe([path]), "source") as stack:
        return sample_labels(labels, stack, seed, per_class, **more), stack


def pixels_of(series, name):
    numbers = np.rint(series.values[series.labels == series.classes.index(name), 0, 0] * 1000).astype(int)
    return np.stack([numbers // SIDE, numbers % SIDE], axis=1)


def with_table(path, usage=gdal.GFU_Name, columns=("Class_Name",), value_usage=gdal.GFU_MinMax):
    data = gdal.Open(path, gdal.GA_Update)
    table = gdal.RasterAttributeTable()
    table.CreateColumn("Value", gdal.GFT_Integer, value_usage)
    table.CreateColumn("Count", gdal.GFT_Integer, gdal.GFU_PixelCount)
    for name in columns:
        table.CreateColumn(name, gdal.GFT_String, usage)
    table.SetRowCount(len(NAMES))
    for row, (value, name) in enumerate(NAMES.items()):
        table.SetValueAsInt(row, 0, value)
        for number, column in enumerate(columns):
            table.SetValueAsString(row, 2 + number, name if not number else f"{column} {value}")
    data.GetRasterBand(1).SetDefaultRAT(table)
    data.FlushCache()
    return path


def with_categories(path):
    data = gdal.Open(path, gdal.GA_Update)
    data.GetRasterBand(1).SetCategoryNames([NAMES.get(value, "") for value in range(112)])
    data.FlushCache()
    return path


def with_dbf(path):
    """The table that Esri's programs, and the Cropland Data Layer, put beside a GeoTIFF."""
    data = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(path + ".vat.dbf")
    layer = data.CreateLayer(Path(path).name + ".vat", None, ogr.wkbNone)
    for name, kind in (("VALUE", ogr.OFTInteger), ("CLASS_NAME", ogr.OFTString), ("RED", ogr.OFTReal)):
        layer.CreateField(ogr.FieldDefn(name, kind))
    for value, name in NAMES.items():
        feature = ogr.Feature(layer.GetLayerDefn())
        feature["VALUE"], feature["CLASS_NAME"], feature["RED"] = value, name, 0.5
        layer.CreateFeature(feature)
    return path


def with_colours(path):
    data = gdal.Open(path, gdal.GA_Update)
    colours = gdal.ColorTable()
    colours.SetColorEntry(1, (255, 211, 0, 255))
    data.GetRasterBand(1).SetColorTable(colours)
    data.FlushCache()
    return path


@pytest.mark.parametrize("kind", [with_table, with_categories, with_dbf, with_colours])
def test_classes_are_named_as_the_raster_says(tmp_path, stack_path, kind):
    path = kind(write_raster(tmp_path / "cdl.tif", quarters()[None]))
    labels = LabelLayer(path, "", "")
    assert label_problems(labels, describe([stack_path])) == []
    series, stack = sample(labels, stack_path)
    names = ("1", "5", "36") if kind is with_colours else ("Alfalfa", "Corn", "Soybeans")
    assert series.classes == names
    corn = pixels_of(series, "1" if kind is with_colours else "Corn")
    assert len(corn) == 900 and corn[:, 0].max() == 29 and corn[:, 1].min() == 30
    rare = "111 (3)" if kind is with_colours else "Open Water (3)"
    assert any(rare in warning for warning in stack.warnings)
    assert len(series) == 2697


def test_an_erdas_file_names_its_rows(tmp_path, stack_path):
    gdal.Translate(str(tmp_path / "cdl.img"), with_categories(write_raster(tmp_path / "c.tif", quarters()[None])))
    series, _ = sample(LabelLayer(str(tmp_path / "cdl.img"), "", ""), stack_path)
    assert series.classes == ("Alfalfa", "Corn", "Soybeans")


def test_the_column_may_be_named_and_is_asked_for_where_several_fit(tmp_path, stack_path):
    generic = {"usage": gdal.GFU_Generic, "value_usage": gdal.GFU_Generic}
    path = with_table(write_raster(tmp_path / "a.tif", quarters()[None]), columns=("Kultur", "Gruppe"), **generic)
    problems = label_problems(LabelLayer(path, "", ""), describe([stack_path]))
    assert [p.code for p in problems] == ["class-column"] and not lacking(
        problems[0].message, "a.tif", "Kultur", "Gruppe"
    )
    series, _ = sample(LabelLayer(path, "", "Gruppe"), stack_path)
    assert series.classes == ("Gruppe 1", "Gruppe 36", "Gruppe 5")
    problems = label_problems(LabelLayer(path, "", "crop"), describe([stack_path]))
    assert [p.code for p in problems] == ["field-missing"]
    assert not lacking(problems[0].message, "a.tif", "'crop'")
    assert not lacking(problems[0].hint, "Value", "Count", "Kultur", "Gruppe")
    path = with_table(write_raster(tmp_path / "b.tif", quarters()[None]), columns=("CLASS_NAME", "Gruppe"), **generic)
    series, stack = sample(LabelLayer(path, "", ""), stack_path)
    assert series.classes == ("Alfalfa", "Corn", "Soybeans")
    assert len(naming(stack.warnings, "b.tif", "'CLASS_NAME'", "Gruppe")) == 1


def test_a_class_table_chooses_from_a_map_with_many_classes(tmp_path, stack_path):
    path = with_table(write_raster(tmp_path / "cdl.tif", quarters()[None]))
    table = {"Corn": "maize", "Soybeans": "other", "Alfalfa": "other", "*": ""}
    series, _ = sample(LabelLayer(path, "", "", classes=table), stack_path)
    assert series.classes == ("maize", "other") and np.bincount(series.labels).tolist() == [900, 1797]
    problems = label_problems(LabelLayer(path, "", "", classes={"Maize": "maize"}), describe([stack_path]))
    assert [p.code for p in problems] == ["class-unknown"] and "'Maize'" in str(problems[0])
    # What is 0 counts only when it is named.
    series, _ = sample(LabelLayer(path, "", "", classes={"Background": "none"}), stack_path)
    assert (series.labels == series.classes.index("none")).sum() == 900


def test_numbers_are_renamed_where_there_are_no_names(tmp_path, stack_path):
    path = write_raster(tmp_path / "codes.tif", quarters()[None].astype(np.uint16), nodata=36)
    series, _ = sample(LabelLayer(path, "", "", classes={"1": "maize", "5": "soja"}), stack_path)
    assert series.classes == ("maize", "soja") and len(series) == 1800
    path = write_raster(tmp_path / "whole.tif", quarters()[None].astype(np.float32))
    series, _ = sample(LabelLayer(path, "", ""), stack_path)
    assert series.classes == ("1", "5", "36")


@pytest.mark.parametrize("buffer, inside", [(0.0, 0), (10.0, 1), (25.0, 2), (60.0, 6)])
def test_pixels_near_another_class_are_left_out(tmp_path, stack_path, buffer, inside):
    """The buffer counts from the middle of a pixel to the middles of those of another class."""
    path = write_raster(tmp_path / "map.tif", quarters()[None])
    series, _ = sample(LabelLayer(path, "", "", inner_buffer=buffer), stack_path)
    corn = pixels_of(series, "1")
    assert (corn[:, 0].max(), corn[:, 1].min()) == (29 - inside, 30 + inside)
    # The edge of the map is no border of a class.
    assert (corn[:, 0].min(), corn[:, 1].max()) == (0, 59)
    merged, _ = sample(LabelLayer(path, "", "", inner_buffer=buffer, classes={"5": "b", "36": "b"}), stack_path)
    assert 30 in pixels_of(merged, "b")[:, 1]
    assert buffer == 0 or len(pixels_of(merged, "b")) > len(pixels_of(series, "5")) * 2


def test_the_pure_pixels_are_those_of_a_plain_search():
    rng = np.random.default_rng(3)
    classes = np.kron(rng.integers(0, 3, (7, 9)), np.ones((6, 5), int)).astype(np.int32)
    classes[rng.random(classes.shape) < 0.02] = 7
    height, width = classes.shape
    for across, down in ((0.4, 0.4), (1.0, 1.0), (2.5, 1.3), (3.0, 4.6)):
        plain = np.zeros(classes.shape, bool)
        for row in range(height):
            for column in range(width):
                rows, columns = np.mgrid[:height, :width]
                near = ((columns - column) / across) ** 2 + ((rows - row) / down) ** 2 <= 1 + 1e-9
                plain[row, column] = (classes[near] == classes[row, column]).all()
        np.testing.assert_array_equal(inside_classes(classes, across, down), plain)


@pytest.mark.parametrize("windows", ["one", "many"])
def test_the_nearest_pixel_of_another_grid_and_crs_counts(tmp_path, stack_path, windows, monkeypatch):
    """A finer map in Web Mercator, and the stack in small windows: each pixel has the class in its middle."""
    if windows == "many":
        monkeypatch.setattr("engine.imagery.labels.label_pixels.RASTER_TILE", 4000)
    fine = str(tmp_path / "fine.tif")
    source = write_raster(tmp_path / "map.tif", quarters()[None])
    gdal.Warp(fine, source, dstSRS="EPSG:3857", xRes=4, yRes=4, resampleAlg="near", dstNodata=0)
    with pytest.raises(InputError) as error:
        sample(LabelLayer(fine, "layer", ""), stack_path)
    assert error.value.code == "vector-unreadable"
    series, stack = sample(LabelLayer(fine, "", ""), stack_path)
    truth = quarters()
    for name in series.classes:
        rows, columns = pixels_of(series, name).T
        # Nearest twice over: a pixel at the very border may change sides.
        assert (truth[rows, columns] == int(name)).mean() > 0.97
    assert len(series) > 2600
    inner, _ = sample(LabelLayer(fine, "", "", inner_buffer=15.0), stack_path)
    for name in inner.classes:
        rows, columns = pixels_of(inner, name).T
        assert (truth[rows, columns] == int(name)).all()
        assert len(rows) > 600


def test_a_much_finer_map_is_told(tmp_path):
    coarse = np.arange(36, dtype=np.float32).reshape(1, 6, 6)
    path = write_raster(tmp_path / "NDVI_20210501.tif", coarse, transform=(500000, 100, 0, 5200000, 0, -100))
    labels = write_raster(tmp_path / "map.tif", quarters()[None])
    _, stack = sample(LabelLayer(labels, "", ""), path)
    assert len(naming(stack.warnings, "map.tif", "10 m", "NDVI_20210501.tif", "100 m")) == 1


def test_caps_are_spread_and_blocks_are_tiles(tmp_path, stack_path):
    path = write_raster(tmp_path / "map.tif", quarters()[None])
    series, _ = sample(LabelLayer(path, "", ""), stack_path, per_class=100)
    assert np.bincount(series.labels).tolist() == [100, 100, 100]
    # 900 pixels in 15 x 15 cells of 2 x 2: a hundred pixels come from a hundred cells.
    corn = pixels_of(series, "1")
    assert len({(r // 2, c // 2) for r, c in corn}) == 100
    places = np.concatenate([pixels_of(series, name) for name in series.classes])
    blocks = np.concatenate([series.group[series.labels == k] for k in range(3)])
    tile = places[:, 0] // 10 * 100 + places[:, 1] // 10
    assert len(set(blocks)) == len(set(zip(blocks, tile))) >= 20
    again, _ = sample(LabelLayer(path, "", ""), stack_path, per_class=100)
    other, _ = sample(LabelLayer(path, "", ""), stack_path, per_class=100, seed=1)
    assert np.array_equal(series.values, again.values) and not np.array_equal(series.values, other.values)


@pytest.mark.parametrize("year, crops", [(2018, ("1200", "9120")), (2019, ("1110", "1200", "9120"))])
def test_parcel_codes_of_flanders_label_their_stack(shared, year, crops):
    folder = shared / "data" / "rasters" / "flanders"
    labels = LabelLayer(str(folder / f"flanders_{year}_croptype_label.tif"), "", "")
    paths = [str(folder / f"flanders_{year}_s2_monthly.tif")]
    assert label_problems(labels, describe(paths)) == []
    with Stack(describe(paths), "source") as stack:
        series = sample_labels(labels, stack, 0, 200)
        crowded = sample_labels(LabelLayer(labels.path, "", "", inner_buffer=30), stack, 0, 10**6)
        everything = sample_labels(labels, stack, 0, 10**6)
    assert set(crops) <= set(series.classes) and series.values.shape[1:] == (12, 10)
    assert np.bincount(series.labels).max() == 200
    data = gdal.Open(labels.path)
    codes = np.frombuffer(data.ReadRaster(), np.uint16).reshape(64, 64)
    for name, count in zip(everything.classes, np.bincount(everything.labels)):
        assert count == (codes == int(name)).sum()
    assert len(crowded) < len(everything) / 2


@pytest.mark.parametrize(
    ("change", "code", "facts"),
    [
        ("bands", "label-raster", ("map.tif", 2)),
        ("fractions", "label-raster", ("map.tif", 0.5)),
        ("where", "bad-filter", ("map.tif",)),
        ("far", "no-overlap", ("map.tif", "NDVI_20210501.tif")),
        ("column", "field-missing", ("map.tif", "'crop'")),
        ("cut", "raster-unreadable", ("map.tif",)),
        ("one", "one-class", ("map.tif", "NDVI_20210501.tif")),
    ],
)
def test_a_raster_that_is_no_map_is_told(tmp_path, stack_path, change, code, facts):
    plane, field, where = quarters()[None], "", ""
    path = tmp_path / "map.tif"
    if change == "bands":
        write_raster(path, np.concatenate([plane, plane]))
    elif change == "fractions":
        write_raster(path, plane.astype(np.float32) / 2)
    elif change == "far":
        write_raster(path, plane, transform=(UTM[0] + 1e5, *UTM[1:]))
    elif change == "one":
        write_raster(path, (plane == 1).astype(np.uint8))
    else:
        write_raster(path, plane, options=["COMPRESS=DEFLATE"])
    if change == "cut":
        path.write_bytes(path.read_bytes()[:-60])
    field, where = ("crop" if change == "column" else ""), ("a = 1" if change == "where" else "")
    with pytest.raises(InputError) as error:
        sample(LabelLayer(str(path), "", field, where), stack_path)
    assert error.value.code == code and not lacking(error.value.message, *facts)
    if change not in ("fractions", "cut", "one"):
        problems = label_problems(LabelLayer(str(path), "", field, where), describe([stack_path]))
        assert [problem.code for problem in problems] == [code]


MEMORY = """
import resource, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from engine.imagery import LabelLayer, Stack, describe, sample_labels
with Stack(describe([sys.argv[2]]), "source") as stack:
    sample_labels(LabelLayer(sys.argv[3], "", "", inner_buffer=30), stack, 0, 500)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_map(tmp_path):
    """Four times the pixels: the peak of the process stays within a tenth, GDAL's own cache kept small."""
    peaks = []
    for side in (2000, 4000):
        folder = tmp_path / str(side)
        folder.mkdir()
        block = np.kron(np.arange(1, 26).reshape(5, 5), np.ones((40, 40), int)).astype(np.uint8)
        for name in ("NDVI_20210501.tif", "map.tif"):
            options = ["TILED=YES", "COMPRESS=DEFLATE"]
            data = gdal.GetDriverByName("GTiff").Create(str(folder / name), side, side, 1, gdal.GDT_Byte, options)
            data.SetGeoTransform(UTM)
            data.SetProjection(crs_wkt(32633))
            row = np.tile(block, (1, side // 200)).tobytes()
            for top in range(0, side, 200):
                data.GetRasterBand(1).WriteRaster(0, top, side, 200, row)
            data = None
        command = [sys.executable, "-c", MEMORY, str(ROOT)]
        command += [str(folder / "NDVI_20210501.tif"), str(folder / "map.tif")]
        environment = {**os.environ, "GDAL_CACHEMAX": "8"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0], peaks
