"""Mixed pixels at borders and too many pixels of one field are kept out: inner buffer and cap per polygon."""

import math

import numpy as np
import pytest
from osgeo import ogr, osr

from engine.errors import InputError
from engine.imagery import LabelLayer, Stack, describe, label_problems, sample_labels
from engine.imagery.geo.types import Grid
from engine.imagery.labels.inner_buffer import buffer_inward
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, box, crs_wkt, point, write_layer, write_raster

SIDE = 60


def numbered(path, transform=UTM, epsg=32633, gaps=()):
    plane = np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE) / 1000
    for row, column in gaps:
        plane[0, row, column] = np.nan
    return write_raster(path, plane, transform=transform, epsg=epsg)


def sample(labels, path, per_class=10**6, seed=0):
    with Stack(describe([path]), "source") as stack:
        return sample_labels(labels, stack, seed, per_class), stack


def pixels_of(series, name):
    numbers = np.rint(series.values[series.labels == series.classes.index(name), 0, 0] * 1000).astype(int)
    return np.stack([numbers // SIDE, numbers % SIDE], axis=1)


def test_no_pixel_is_taken_within_the_inner_buffer(tmp_path):
    path = numbered(tmp_path / "NDVI_20210501.tif")
    features = [("a", box(0, 0, 20, 20)), ("b", box(20, 0, 20, 20)), ("a", box(0, 30, 3, 20)), ("b", point(50, 50))]
    layer = write_layer(tmp_path / "f.gpkg", features)
    series, stack = sample(LabelLayer(layer, "", "crop", inner_buffer=20), path)
    assert sorted({c for _, c in pixels_of(series, "a")}) == list(range(2, 18))
    assert sorted({r for r, _ in pixels_of(series, "a")}) == list(range(2, 18))
    # A point has no border; a strip of 30 m has nothing that is 20 m from both sides.
    assert [50, 50] in pixels_of(series, "b").tolist()
    assert len(naming(stack.warnings, 1, "f.gpkg", "20 m")) == 1


def test_neighbours_of_different_crops_do_not_mix(tmp_path):
    path = numbered(tmp_path / "NDVI_20210501.tif")
    features = [("ab"[i % 2], box(6 * i, 6 * j, 6, 6)) for i in range(8) for j in range(8)]
    series, _ = sample(LabelLayer(write_layer(tmp_path / "f.gpkg", features), "", "crop", inner_buffer=10), path)
    for name in "ab":
        inside = pixels_of(series, name) % 6
        assert inside.min() == 1 and inside.max() == 4


@pytest.mark.parametrize(
    ("epsg", "middle"),
    [(32633, (15.0, 47.0)), (4326, (15.0, 60.0)), (3857, (15.0, 60.0)), (3035, (28.0, 60.0)), (2263, (-74.0, 40.7))],
    ids=["UTM", "degrees", "Web Mercator", "Europe", "feet"],
)
@pytest.mark.parametrize("distance", [10.0, 45.0])
def test_the_distance_is_in_metres_on_the_ground_whatever_the_crs(epsg, middle, distance):
    """A round field of 100 m radius keeps the radius less the buffer, measured on the ellipsoid."""
    local = osr.SpatialReference()
    local.ImportFromProj4(f"+proj=aeqd +lon_0={middle[0]} +lat_0={middle[1]} +ellps=WGS84 +units=m")
    system = osr.SpatialReference()
    system.ImportFromEPSG(epsg)
    for one in (local, system):
        one.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    field = ogr.CreateGeometryFromWkt("POINT(0 0)").Buffer(100.0, 90)
    field.Transform(osr.CoordinateTransformation(local, system))
    grid = Grid(10, 10, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), crs_wkt(epsg))
    (inner,) = buffer_inward([field], distance, grid)
    inner.Transform(osr.CoordinateTransformation(system, local))
    radius = math.sqrt(inner.GetArea() / math.pi)
    assert radius == pytest.approx(100 - distance, rel=2e-3)


def test_a_buffer_that_leaves_nothing_and_wrong_numbers_are_told(tmp_path):
    path = numbered(tmp_path / "NDVI_20210501.tif")
    layer = write_layer(tmp_path / "f.gpkg", [("a", box(0, 0, 5, 5)), ("b", box(9, 9, 5, 5))])
    with pytest.raises(InputError) as error:
        sample(LabelLayer(layer, "", "crop", inner_buffer=25), path)
    assert error.value.code == "inner-buffer" and not lacking(error.value.message, "25 m", "f.gpkg")
    for setting, code in (({"inner_buffer": -1.0}, "inner-buffer"), ({"per_polygon": -2}, "per-polygon")):
        labels = LabelLayer(layer, "", "crop", **setting)
        assert [p.code for p in label_problems(labels, describe([path]))] == [code]
        with pytest.raises(InputError) as error:
            sample(labels, path)
        assert error.value.code == code


def test_a_polygon_that_falls_apart_stays_one_field(tmp_path):
    """Two lobes joined by a neck: without the neck both still count as the same polygon."""
    path = numbered(tmp_path / "NDVI_20210501.tif")
    x, y = UTM[0], UTM[3]
    corners = [(0, 0), (100, 0), (100, -40), (200, -40), (200, 0), (300, 0), (300, -100), (200, -100), (200, -60)]
    corners += [(100, -60), (100, -100), (0, -100), (0, 0)]
    ring = ",".join(f"{x + dx} {y + dy}" for dx, dy in corners)
    layer = write_layer(tmp_path / "f.gpkg", [("a", f"POLYGON(({ring}))"), ("b", box(40, 40, 10, 10))])
    series, _ = sample(LabelLayer(layer, "", "crop", inner_buffer=15, per_polygon=20), path)
    pixels = pixels_of(series, "a")
    assert len(pixels) == 20 and len(set(series.group[series.labels == 0])) == 1
    columns = pixels[:, 1]
    assert (columns < 10).any() and (columns >= 20).any() and not ((columns > 9) & (columns < 20)).any()


def test_the_cap_per_polygon_takes_pixels_from_all_over_it(tmp_path):
    path = numbered(tmp_path / "NDVI_20210501.tif")
    features = [("a", box(0, 0, 40, 40)), ("a", box(45, 0, 5, 5)), ("b", box(0, 45, 2, 2)), ("b", box(10, 45, 9, 9))]
    labels = LabelLayer(write_layer(tmp_path / "f.gpkg", features), "", "crop", per_polygon=16)
    series, _ = sample(labels, path)
    a, b = pixels_of(series, "a"), pixels_of(series, "b")
    large = a[a[:, 1] < 40]
    assert (len(large), len(a), len(b)) == (16, 32, 20)
    # One pixel in each of the sixteen squares of 10 x 10.
    assert len({(r // 10, c // 10) for r, c in large}) == 16
    again, other = sample(labels, path)[0], sample(labels, path, seed=1)[0]
    assert np.array_equal(series.values, again.values) and not np.array_equal(series.values, other.values)


def test_both_caps_hold_and_gaps_are_replaced_from_the_same_polygon(tmp_path):
    gaps = [(row, column) for row in range(20) for column in range(14)]
    path = numbered(tmp_path / "NDVI_20210501.tif", gaps=gaps)
    features = [
        ("a", box(0, 0, 20, 20)),
        ("a", box(30, 0, 20, 20)),
        ("b", box(0, 30, 20, 20)),
        ("b", box(30, 30, 9, 9)),
    ]
    labels = LabelLayer(write_layer(tmp_path / "f.gpkg", features), "", "crop", per_polygon=50)
    series, _ = sample(labels, path)
    columns = pixels_of(series, "a")[:, 1]
    assert ((columns < 20).sum(), (columns >= 30).sum(), np.bincount(series.labels).tolist()) == (50, 50, [100, 100])
    series, _ = sample(labels, path, per_class=60)
    columns = pixels_of(series, "a")[:, 1]
    assert len(columns) == 60 and (columns < 20).any() and (columns >= 30).sum() <= 50


@pytest.mark.parametrize("driver, suffix", [("GPKG", "gpkg"), ("ESRI Shapefile", "shp"), ("GeoJSON", "geojson")])
def test_self_intersections_empty_and_null_shapes_are_borne(tmp_path, driver, suffix):
    path = numbered(tmp_path / "NDVI_20210501.tif", transform=(15.0, 0.0001, 0, 47.0, 0, -0.0001), epsg=4326)

    def square(left, top, size):
        x0, y0, x1, y1 = (15 + left / 1e4, 47 - top / 1e4, 15 + (left + size) / 1e4, 47 - (top + size) / 1e4)
        return x0, y0, x1, y1

    x0, y0, x1, y1 = square(0, 0, 20)
    bow = f"POLYGON(({x0} {y0},{x1} {y1},{x1} {y0},{x0} {y1},{x0} {y0}))"
    x0, y0, x1, y1 = square(30, 30, 20)
    plain = f"POLYGON(({x0} {y0},{x1} {y0},{x1} {y1},{x0} {y1},{x0} {y0}))"
    # A ring that touches itself, and one that is no area at all.
    spike = f"POLYGON(({x0} {y1},{x0} {y0 + 0.002},{x0} {y1},{x0} {y1}))"
    features = [("bow", bow), ("plain", plain), ("plain", spike), (None, plain), ("bow", None)]
    layer = write_layer(tmp_path / f"f.{suffix}", features, epsg=4326, driver=driver, name="f")
    series, stack = sample(LabelLayer(layer, "", "crop", inner_buffer=8.0, per_polygon=100), path)
    assert series.classes == ("bow", "plain")
    # 20 pixels of 7.6 m by 11.1 m less 8 m on each side: 18 columns, and rows from 1 on.
    columns, rows = pixels_of(series, "plain")[:, 1], pixels_of(series, "plain")[:, 0]
    assert (columns.min(), columns.max()) == (31, 48) and (rows.min(), rows.max()) == (31, 48)
    assert len(naming(stack.warnings, 1, f"f.{suffix}", "'crop'")) == 1
