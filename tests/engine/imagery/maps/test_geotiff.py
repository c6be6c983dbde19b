"""The written map opens in other programs with its classes, colours, names, table and nodata."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import InputError
from engine.imagery import Grid, MapWriter, Window, class_colors, write_qml
from engine.imagery.maps.geotiff import NO_CONFIDENCE
from tests.helpers.facts import lacking
from tests.helpers.rasters import UTM, crs_wkt

CLASSES = ("corn", 'été <d\'hiver> & "blé"', "小麦")
COLORS = [(246, 208, 47), (31, 122, 51), (30, 167, 216)]
WIDTH, HEIGHT = 700, 530


def planes(seed=0, width=WIDTH, height=HEIGHT):
    """(h, w) classes 0, 1 and 3 in blocks, and a confidence for each pixel."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(np.array([0, 1, 3], np.uint8), (height, width))
    return classes, rng.integers(0, 101, (height, width)).astype(np.uint8)


def write_map(folder, classes, confidence, tags=None, step=200):
    height, width = classes.shape
    grid = Grid(width, height, UTM, crs_wkt(32633))
    paths = str(folder / ".map.part.tif"), str(folder / ".confidence.part.tif")
    writer = MapWriter(*paths, grid, CLASSES, COLORS, tags or {})
    for row in range(0, height, step):
        for column in range(0, width, step):
            window = Window(column, row, min(step, width - column), min(step, height - row))
            part = slice(row, row + window.height), slice(column, column + window.width)
            writer.write(window, classes[part], confidence[part])
    return *paths, writer.finish()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A map written under part paths and renamed with its sidecar, as the job does it."""
    folder = tmp_path_factory.mktemp("map 'é'")
    classes, confidence = planes()
    part, confidence_part, sidecars = write_map(folder, classes, confidence, {"CROPTRANSFER_SEED": 7, "METHOD": "ghca"})
    assert all(path.startswith(part) for path in sidecars)
    for path in (part, confidence_part, *sidecars):
        os.replace(path, path.replace("/.", "/").replace(".part", ""))
    return folder / "map.tif", folder / "confidence.tif", classes, confidence


def info(path):
    command = ["gdalinfo", "-json", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def raw(path, tmp_path):
    """The pixels of a raster as gdal_translate writes them."""
    target = tmp_path / "raw.dat"
    command = ["gdal_translate", "-q", "-of", "ENVI", str(path), str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return np.fromfile(target, np.uint8).reshape(HEIGHT, WIDTH)


def test_the_map_holds_the_classes_and_its_place(written, tmp_path):
    path, _, classes, _ = written
    assert np.array_equal(raw(path, tmp_path), classes)
    seen = info(path)
    assert seen["size"] == [WIDTH, HEIGHT] and seen["geoTransform"] == list(UTM)
    assert 'ID["EPSG",32633]' in seen["coordinateSystem"]["wkt"]


def test_the_map_is_a_tiled_compressed_byte_raster_with_nodata_and_overviews(written):
    seen = info(written[0])
    band = seen["bands"][0]
    assert (band["type"], band["noDataValue"], band["block"]) == ("Byte", 0, [512, 512])
    assert seen["metadata"]["IMAGE_STRUCTURE"]["COMPRESSION"] == "DEFLATE"
    assert [o["size"] for o in band["overviews"]] == [[350, 265], [175, 133]]
    assert seen["metadata"][""]["CROPTRANSFER_SEED"] == "7" and seen["metadata"][""]["METHOD"] == "ghca"


def test_colours_names_and_table_survive_the_renaming(written):
    path, _, classes, _ = written
    data = gdal.Open(str(path))
    band = data.GetRasterBand(1)
    # GDAL 3.6 loads the sidecar at the first question for metadata, not at that for names.
    assert data.GetMetadata()["METHOD"] == "ghca"
    assert band.GetCategoryNames() == ["", *CLASSES]
    table = band.GetColorTable()
    assert [table.GetColorEntry(i + 1)[:3] for i in range(3)] == COLORS and table.GetColorEntry(0)[3] == 0
    rat = band.GetDefaultRAT()
    columns = {rat.GetNameOfCol(i): i for i in range(rat.GetColumnCount())}
    assert [rat.GetUsageOfCol(columns[n]) for n in ("Value", "Class", "Count")] == [
        gdal.GFU_MinMax,
        gdal.GFU_Name,
        gdal.GFU_PixelCount,
    ]
    rows = [
        (
            rat.GetValueAsInt(row, columns["Value"]),
            rat.GetValueAsString(row, columns["Class"]),
            tuple(rat.GetValueAsInt(row, columns[n]) for n in ("Red", "Green", "Blue")),
            rat.GetValueAsInt(row, columns["Count"]),
        )
        for row in range(rat.GetRowCount())
    ]
    assert rows == [(i + 1, CLASSES[i], COLORS[i], int((classes == i + 1).sum())) for i in range(3)]


def test_the_confidence_is_percent_and_nodata_where_the_map_is(written, tmp_path):
    _, path, classes, confidence = written
    pixels = raw(path, tmp_path)
    assert np.array_equal(pixels, np.where(classes == 0, NO_CONFIDENCE, confidence))
    band = info(path)["bands"][0]
    assert band["noDataValue"] == 255 and len(band["overviews"]) == 2
    mapped = confidence[classes > 0].astype(float)
    assert float(band["metadata"][""]["STATISTICS_MEAN"]) == pytest.approx(mapped.mean(), rel=1e-9)
    assert float(band["metadata"][""]["STATISTICS_STDDEV"]) == pytest.approx(mapped.std(), rel=1e-9)
    # An overview must not mix 255 into the percents.
    data = gdal.Open(str(path))
    overview = np.frombuffer(data.GetRasterBand(1).GetOverview(1).ReadRaster(), np.uint8)
    assert set(overview[overview > 100]) <= {255}


def test_overviews_of_the_map_hold_only_its_classes(written):
    data = gdal.Open(str(written[0]))
    band = data.GetRasterBand(1)
    for number in range(band.GetOverviewCount()):
        assert set(np.frombuffer(band.GetOverview(number).ReadRaster(), np.uint8)) == {0, 1, 3}


def test_a_small_map_has_small_tiles_and_no_overviews(tmp_path):
    path, _, _ = write_map(tmp_path, *planes(width=37, height=27))
    band = info(path)["bands"][0]
    assert band["block"] == [48, 48] and "overviews" not in band


def test_pixels_never_written_are_nodata(tmp_path):
    grid = Grid(40, 30, UTM, crs_wkt(32633))
    writer = MapWriter(str(tmp_path / "m.tif"), str(tmp_path / "c.tif"), grid, CLASSES, COLORS, {})
    writer.write(Window(0, 0, 10, 10), np.ones((10, 10), np.uint8), np.full((10, 10), 80, np.uint8))
    writer.finish()
    for name, nodata, value in (("m.tif", 0, 1), ("c.tif", 255, 80)):
        pixels = np.frombuffer(gdal.Open(str(tmp_path / name)).ReadRaster(), np.uint8).reshape(30, 40)
        assert (pixels[:10, :10] == value).all() and (pixels == nodata).sum() == 1100


def test_a_class_the_model_does_not_have_is_refused(tmp_path):
    grid = Grid(4, 4, UTM, crs_wkt(32633))
    writer = MapWriter(str(tmp_path / "m.tif"), None, grid, CLASSES, COLORS, {})
    with pytest.raises(ValueError) as error:
        writer.write(Window(0, 0, 4, 4), np.full((4, 4), 4, np.uint8))
    assert not lacking(str(error.value), len(CLASSES))
    writer.close()
    writer.close()


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    grid = Grid(4, 4, UTM, crs_wkt(32633))
    with pytest.raises(InputError) as error:
        MapWriter(str(tmp_path / "none" / "m.tif"), None, grid, CLASSES, COLORS, {})
    assert error.value.code == "map-unwritable" and "m.tif" in error.value.message


def test_a_full_disk_is_told(tmp_path):
    """A limit on the size of a file fails a write as a full disk does."""
    resource = pytest.importorskip("resource")
    classes, confidence = planes(width=1500, height=1500)
    grid = Grid(1500, 1500, UTM, crs_wkt(32633))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(InputError) as error:
            writer = MapWriter(str(tmp_path / "m.tif"), None, grid, CLASSES, COLORS, {})
            writer.write(Window(0, 0, 1500, 1500), classes)
            writer.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert error.value.code == "map-unwritable" and "m.tif" in error.value.message


def test_the_style_lists_the_present_classes_in_order(tmp_path):
    write_qml(tmp_path / "m.qml", CLASSES, COLORS, [True, False, True])
    entries = ElementTree.parse(tmp_path / "m.qml").getroot().iter("paletteEntry")
    assert [(e.get("value"), e.get("label"), e.get("color")) for e in entries] == [
        ("1", "corn", "#f6d02f"),
        ("3", "小麦", "#1ea7d8"),
    ]


QGIS = """
import json, sys
from qgis.core import QgsApplication, QgsRasterLayer
app = QgsApplication([], False)
app.initQgis()
layer = QgsRasterLayer(sys.argv[1], "map")
message, loaded = layer.loadNamedStyle(sys.argv[2])
items = [(name, color.name()) for name, color in layer.renderer().legendSymbologyItems()]
print(json.dumps([loaded, layer.renderer().type(), items, layer.dataProvider().sourceNoDataValue(1)]))
del layer
app.exitQgis()
"""


def test_qgis_shows_the_legend(written, tmp_path):
    style = written[0].with_suffix(".qml")
    write_qml(style, CLASSES, COLORS, [True, True, False])
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)}
    environment.pop("DISPLAY", None)
    (tmp_path / "q.py").write_text(QGIS)
    command = [sys.executable, str(tmp_path / "q.py"), str(written[0]), str(style)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    if "No module named 'qgis'" in done.stderr:
        pytest.skip("QGIS's Python is not there")
    loaded, kind, items, nodata = json.loads(done.stdout.strip().splitlines()[-1])
    assert loaded and kind == "paletted" and nodata == 0
    assert [tuple(item) for item in items] == [(CLASSES[0], "#f6d02f"), (CLASSES[1], "#1f7a33")]


def distance(one, other):
    """Distance in CIELAB by the formulas of CIE 15, apart from the code under test."""

    def lab(color):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in color)]
        rows = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.072175), (0.0193339, 0.119192, 0.9503041))
        x, y, z = (sum(m * c for m, c in zip(row, linear)) / w for row, w in zip(rows, (0.95047, 1.0, 1.08883)))
        f = [t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z)]
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    return float(np.linalg.norm(lab(one) - lab(other)))


def least_distance(colors):
    return min(distance(a, b) for i, a in enumerate(colors) for b in colors[:i])


def test_known_crops_have_the_colours_people_expect():
    names = ["Corn", "soybeans", "Winter wheat", "cotton", "rice", "unheard of"]
    corn, soy, wheat, cotton, rice, other = class_colors(names)
    assert corn[0] > 220 and corn[1] > 180 and corn[2] < 90, "yellow"
    assert soy[1] > 1.4 * max(soy[0], soy[2]) and soy[1] < 160, "dark green"
    assert wheat[0] > wheat[1] > wheat[2] and wheat[0] > 1.5 * wheat[2], "brown"
    assert cotton[0] > 200 and max(cotton[1:]) < 90, "red"
    assert rice[2] > 190 and rice[0] < 80, "blue"
    assert least_distance([corn, soy, wheat, cotton, rice, other]) >= 18


def test_the_colour_of_a_crop_does_not_depend_on_spelling_or_company():
    assert class_colors(["maize"]) == class_colors(["GRAIN_MAIZE"]) == class_colors(["x", "Corn", "y"])[1:2]
    assert class_colors(["sweet corn"]) != class_colors(["corn"])


@pytest.mark.parametrize(
    "names",
    [
        ["Soy_Corn", "Soy_Cotton", "Soy_Fallow", "Soy_Millet", "Pasture", "Cerrado", "Fallow_Cotton", "Soy_Sunflower"],
        [f"class {i}" for i in range(60)],
        ["wheat", "durum wheat", "winter wheat", "spring wheat", "rye", "oats", "barley", "triticale"],
    ],
)
def test_colours_are_told_apart_and_stay_the_same(names):
    colors = class_colors(names)
    assert least_distance(colors) >= (18 if len(names) <= 14 else 11)
    assert colors == class_colors(names)
    assert all(40 < sum(color) < 700 for color in colors)


def test_all_classes_of_real_layers_are_told_apart(shared):
    names = [str(n) for n in np.load(shared / "data" / "california_s2_2021.npz")["class_names"]]
    assert len(names) == 53 and least_distance(class_colors(names)) >= 11
