"""Parcels classified once each: which pixels count for which parcel, and what the map and the layer then say."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from osgeo import gdal, ogr, osr

from engine.errors import Cancelled, InputError
from engine.imagery import MapWriter, Mask, ParcelLayer, Stack, describe
from engine.imagery.parcels import store as parcel_store
from engine.mapping import ParcelMapping, map_parcels, parcel_sample, parcels
from engine.progress import Progress
from engine.series.spread import low_discrepancy_key
from tests.helpers.facts import lacking, numbers
from tests.helpers.rasters import UTM, box, write_layer, write_raster

CLASSES = ("barley", "maize", "wheat")
CENTRES = np.array([0.1, 0.3, 0.5])
DATES = ("2022-05-01", "2022-06-01", "2022-07-01")
SIDE = 48


def probability(value):
    """(n, k) probabilities of the model below for (n,) values: each class is as likely as it is near."""
    near = 1 / (0.01 + np.abs(np.asarray(value)[:, None] - CENTRES))
    return near / near.sum(axis=1, keepdims=True)


class Model:
    """Looks at the mean of the red band over the dates."""

    classes, bands, device = CLASSES, ("B04",), torch.device("cpu")

    def __init__(self):
        self.classified = 0

    def predict_proba(self, values, day):
        self.classified += len(values)
        assert np.isfinite(values).any(axis=(1, 2)).all()
        return probability(np.nanmean(values[:, :, 0], axis=1)).astype(np.float32)


@pytest.fixture
def values():
    """(t, h, w) red of three dates, with gaps: any mixture of the crops."""
    rng = np.random.default_rng(3)
    fields = np.kron(rng.choice(CENTRES, (8, 8)), np.ones((6, 6)))
    found = (fields + rng.normal(0, 0.08, (3, SIDE, SIDE))).clip(0.01, 0.9).astype(np.float32)
    found[rng.random(found.shape) < 0.2] = np.nan
    return found


@pytest.fixture
def run(tmp_path, values):
    """A function that maps WKT polygons, and gives the rows of the layer, the map, its confidence and the warnings."""

    def mapped(shapes, reading="median", mask=None, epsg=32633, source=None, model=None, progress=None):
        write_raster(tmp_path / "target.tif", values, [f"B04_{date}" for date in DATES], nodata=np.nan)
        if source is None:
            source = tmp_path / "parcels.gpkg"
            source.unlink(missing_ok=True)
            write_layer(source, [(f"p{i}", wkt) for i, wkt in enumerate(shapes)], field="name", epsg=epsg)
        warnings = []
        progress = progress or Progress(lambda event: warnings.append(event) if event["event"] == "warning" else None)
        with Stack(describe([str(tmp_path / "target.tif")]), "target") as stack:
            names = str(tmp_path / "map.tif"), str(tmp_path / "confidence.tif")
            writer = MapWriter(*names, stack.grid, CLASSES, [(0, 0, 0)] * 3, {})
            layer, output = ParcelLayer(str(source), ""), tmp_path / "done.gpkg"
            output.unlink(missing_ok=True)
            inside = Mask(mask, "", stack.grid) if mask else None
            mapping = ParcelMapping(model or Model(), stack, inside, layer, reading, 2**27, str(output), "done")
            try:
                statistics, counts = map_parcels(mapping, writer, progress)
                writer.finish()
            finally:
                writer.close()
        planes = [gdal.Open(name).ReadAsArray() for name in names]
        return SimpleNamespace(
            rows=rows_of(output),
            map=planes[0],
            confidence=planes[1],
            warnings=[event["message"] for event in warnings],
            statistics=statistics,
            counts=counts,
        )

    return mapped


def rows_of(path):
    data = ogr.Open(str(path))
    return [
        {**feature.items(), "shape": feature.geometry() and feature.geometry().Clone()} for feature in data.GetLayer(0)
    ]


def median_of(values, rows, columns):
    """What the model sees of the median of some pixels, by NumPy."""
    return np.nanmean(np.nanmedian(values[:, rows, columns].reshape(len(DATES), -1), axis=1))


def own_classes(values, rows, columns):
    pixels = values[:, rows, columns].reshape(len(DATES), -1)
    pixels = pixels[:, np.isfinite(pixels).any(axis=0)]
    return probability(np.nanmean(pixels, axis=0))


def part(left, top, width, height):
    return slice(top, top + height), slice(left, left + width)


FIELDS = [(6 * column, 6 * row, 6, 6) for row in range(8) for column in range(8)]


def test_a_parcel_has_the_class_of_the_median_of_its_pixels(run, values):
    done = run([box(*field) for field in FIELDS])
    assert len({row["crop"] for row in done.rows}) == 3
    for row, field in zip(done.rows, FIELDS):
        sure = 100 * probability([median_of(values, *part(*field))])[0]
        first, second = np.argsort(-sure)[:2]
        assert (row["crop"], row["crop_value"], row["second"]) == (CLASSES[first], first + 1, CLASSES[second])
        assert (row["confidence"], row["second_confidence"]) == pytest.approx((sure[first], sure[second]), abs=0.06)
        alone = own_classes(values, *part(*field))
        assert row["pixels"] == len(alone)
        assert row["agreement"] == pytest.approx(100 * (alone.argmax(axis=1) == first).mean(), abs=0.06)
        assert (done.map[part(*field)] == first + 1).all()
        assert (done.confidence[part(*field)] == np.rint(np.float32(sure[first]))).all()
    assert done.warnings == []
    assert done.statistics.mapped == SIDE * SIDE and done.statistics.unobserved == done.statistics.outside == 0
    crops = Counter(row["crop_value"] - 1 for row in done.rows)
    assert {crop: found for crop, (found, _) in done.counts.by_class.items()} == crops
    assert sum(area for _, area in done.counts.by_class.values()) == pytest.approx(SIDE * SIDE * 0.01)


def test_a_set_of_pixels_gives_the_mean_of_their_probabilities(run, values):
    done = run([box(*field) for field in FIELDS], "set")
    for row, field in zip(done.rows, FIELDS):
        sure = 100 * own_classes(values, *part(*field)).mean(axis=0)
        assert row["crop"] == CLASSES[sure.argmax()]
        assert row["confidence"] == pytest.approx(sure.max(), abs=0.06)
        assert row["second_confidence"] == pytest.approx(np.sort(sure)[-2], abs=0.06)


LARGE = [box(1, 1, 40, 30), box(3, 33, 44, 14), *(box(*field) for field in FIELDS[::3])]


@pytest.mark.parametrize("reading", ["median", "set"])
def test_the_size_of_windows_and_groups_changes_nothing(run, monkeypatch, reading):
    whole = run(LARGE, reading)
    for name in ("TILES_IN_WINDOW", "WINDOW_PIXELS"):
        monkeypatch.setattr(parcels, name, {"TILES_IN_WINDOW": 2, "WINDOW_PIXELS": 70}[name])
    monkeypatch.setattr(parcel_store, "AT_ONCE", 3)
    seen = []
    monkeypatch.setattr(
        parcels, "take_sample", lambda *given: seen.append(given[2]) or parcel_sample.take_sample(*given)
    )
    cut = run(LARGE, reading)
    assert max(window.width * window.height for window in seen) <= 70 and len(seen) > 40
    for one, other in zip(whole.rows, cut.rows):
        assert {**one, "shape": None} == {**other, "shape": None}
    np.testing.assert_array_equal(cut.map, whole.map)
    np.testing.assert_array_equal(cut.confidence, whole.confidence)
    np.testing.assert_array_equal(cut.statistics.curves, whole.statistics.curves)


def test_a_large_parcel_is_read_by_some_pixels_spread_over_it(run, values, monkeypatch):
    model = Model()
    done = run([box(0, 0, SIDE, SIDE)], model=model)
    assert model.classified == 50 + 1
    assert done.rows[0]["pixels"] == np.isfinite(values).any(axis=0).sum()
    exact = probability([median_of(values, *part(0, 0, SIDE, SIDE))])[0]
    assert done.rows[0]["crop"] == CLASSES[exact.argmax()]
    assert done.rows[0]["confidence"] == pytest.approx(100 * exact.max(), abs=5)


@pytest.mark.parametrize("height, width, count", [(100, 100, 50), (60, 400, 48), (37, 53, 400)])
def test_the_least_keys_lie_evenly_over_any_rectangle(height, width, count):
    rows, columns = (each.ravel() for each in np.mgrid[1000 : 1000 + height, 77 : 77 + width])
    chosen = np.argsort(low_discrepancy_key(rows, columns))[:count]
    across, down = 4, 4
    cell = (rows[chosen] - 1000) * down // height * across + (columns[chosen] - 77) * across // width
    shares = np.bincount(cell, minlength=16) * 16 / count
    assert shares.min() > 0.3 and shares.max() < 2


def test_a_parcel_smaller_than_a_pixel_takes_the_one_it_lies_in(run, values):
    tiny, sliver = box(10.1, 20.1, 0.2, 0.2), box(30.6, 5.6, 0.3, 0.3)
    long = box(3.7, 2, 0.2, 40)  # from pixel to pixel, never over a centre
    values[:, 20, 10] = values[:, 5, 30] = 0.5
    done = run([tiny, sliver, long])
    assert [row["pixels"] for row in done.rows] == [1, 1, 1]
    assert [row["agreement"] for row in done.rows] == [100, 100, 100]
    for row, pixel in zip(done.rows, [(20, 10), (5, 30), (22, 3)]):
        sure = own_classes(values, *pixel)[0]
        assert row["crop"] == CLASSES[sure.argmax()] and done.map[pixel] == sure.argmax() + 1
    assert (done.map > 0).sum() == 3


def test_a_strip_larger_than_a_window_without_a_centre_takes_one_pixel(run, monkeypatch):
    monkeypatch.setattr(parcels, "WINDOW_PIXELS", 32)
    done = run([box(3.7, 2, 0.2, 40)])
    assert done.rows[0]["pixels"] == 1 and np.argwhere(done.map).tolist() == [[22, 3]]


def test_overlapping_parcels_have_their_own_pixels_and_the_later_one_is_drawn(run, values):
    both = [box(0, 0, 8, 6), box(6, 0, 8, 6)]
    values[:, 0:6, 0:6], values[:, 0:6, 6:8], values[:, 0:6, 8:14] = 0.1, 0.31, 0.5
    done = run(both)
    assert [(row["crop"], row["pixels"], row["agreement"]) for row in done.rows] == [
        ("barley", 48, 75),
        ("wheat", 48, 75),
    ]
    assert (done.map[0:6, 0:6] == 1).all() and (done.map[0:6, 6:14] == 3).all()
    assert list(map(numbers, done.warnings)) == [["12"]]
    swapped = run(both[::-1])
    assert [row["crop"] for row in swapped.rows] == ["wheat", "barley"]
    assert (swapped.map[0:6, 0:8] == 1).all() and (swapped.map[0:6, 8:14] == 3).all()


def test_holes_parts_and_mended_outlines(run, values):
    x, y = UTM[0], UTM[3]
    hole = ogr.CreateGeometryFromWkt(box(0, 0, 9, 9)).Difference(ogr.CreateGeometryFromWkt(box(3, 3, 3, 3)))
    parts = ogr.Geometry(ogr.wkbMultiPolygon)
    for place in ((20, 20, 4, 4), (40, 40, 4, 4)):
        parts.AddGeometry(ogr.CreateGeometryFromWkt(box(*place)))
    bow = f"POLYGON(({x + 200} {y},{x + 240} {y - 40},{x + 240} {y},{x + 200} {y - 40},{x + 200} {y}))"
    done = run([hole.ExportToWkt(), parts.ExportToWkt(), bow])
    assert (done.map[0:9, 0:9] > 0).sum() == 81 - 9 and (done.map[3:6, 3:6] == 0).all()
    pixels = np.concatenate([values[:, 20:24, 20:24].reshape(3, -1), values[:, 40:44, 40:44].reshape(3, -1)], axis=1)
    sure = probability([np.nanmean(np.nanmedian(pixels, axis=1))])[0]
    assert (
        done.rows[1]["crop"] == CLASSES[sure.argmax()]
        and done.rows[1]["pixels"] == 32 - (~np.isfinite(pixels).any(axis=0)).sum()
    )
    assert done.rows[2]["crop"] and 4 <= (done.map[0:4, 20:24] > 0).sum() <= 12


def test_what_has_no_class_is_null_and_told(run, values):
    values[:, 12:18, 0:6] = np.nan
    far = box(500, 500, 6, 6)
    point = f"POINT({UTM[0] + 5} {UTM[3] - 5})"
    done = run([box(0, 0, 6, 6), box(0, 12, 6, 6), far, None, point])
    assert [row["crop"] is None for row in done.rows] == [False, True, True, True, True]
    for row in done.rows[1:]:
        assert row["pixels"] == 0
        assert {row[name] for name in ("crop_value", "confidence", "second", "agreement")} == {None}
    assert [row["name"] for row in done.rows] == ["p0", "p1", "p2", "p3", "p4"]
    assert done.rows[2]["shape"] is not None and done.rows[3]["shape"] is None
    assert list(map(numbers, done.warnings)) == [["4", "5", "1", "1", "2"]]
    assert done.statistics.unobserved == 36 and done.statistics.outside == SIDE * SIDE - 72
    assert (done.map > 0).sum() == 36


def test_masked_pixels_neither_count_nor_show(run, values, tmp_path):
    plane = np.zeros((1, SIDE, SIDE), np.uint8)
    plane[0, :, :3] = 1
    mask = write_raster(tmp_path / "mask.tif", plane)
    done = run([box(0, 0, 6, 6), box(10, 0, 6, 6)], mask=mask)
    sure = probability([median_of(values, slice(0, 6), slice(0, 3))])[0]
    assert done.rows[0]["crop"] == CLASSES[sure.argmax()] and done.rows[0]["confidence"] == pytest.approx(
        100 * sure.max(), abs=0.06
    )
    assert done.rows[1]["crop"] is None
    assert (done.map[:6, :3] > 0).all() and (done.map > 0).sum() == 18
    assert list(map(numbers, done.warnings)) == [["1", "2", "1"]]


def test_parcels_of_another_crs_take_the_same_pixels_and_stay_where_they_are(run, tmp_path):
    here = run([box(*field) for field in FIELDS])
    change = osr.CoordinateTransformation(srs(32633), srs(4326))
    turned = []
    for field in FIELDS:
        shape = ogr.CreateGeometryFromWkt(box(*field))
        shape.Transform(change)
        turned.append(shape.ExportToWkt())
    there = run(turned, epsg=4326)
    np.testing.assert_array_equal(there.map, here.map)
    assert [row["confidence"] for row in there.rows] == [row["confidence"] for row in here.rows]
    written = ogr.Open(str(tmp_path / "done.gpkg"))
    assert written.GetLayer(0).GetSpatialRef().GetAuthorityCode(None) == "4326"
    assert there.rows[5]["shape"].GetEnvelope() == pytest.approx(ogr.CreateGeometryFromWkt(turned[5]).GetEnvelope())


def srs(epsg):
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(epsg)
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def test_attributes_are_kept_and_new_fields_give_way(run, tmp_path):
    source = tmp_path / "registry.geojson"
    data = ogr.GetDriverByName("GeoJSON").CreateDataSource(str(source))
    layer = data.CreateLayer("registry", srs(4326), ogr.wkbPolygon)
    for name, kind in (
        ("Crop", ogr.OFTString),
        ("fid", ogr.OFTInteger),
        ("geom", ogr.OFTReal),
        ("owners", ogr.OFTStringList),
    ):
        layer.CreateField(ogr.FieldDefn(name, kind))
    change = osr.CoordinateTransformation(srs(32633), srs(4326))
    for number, field in enumerate(FIELDS[:3]):
        feature = ogr.Feature(layer.GetLayerDefn())
        shape = ogr.CreateGeometryFromWkt(box(*field))
        shape.Transform(change)
        feature.SetGeometry(shape)
        feature["Crop"], feature["fid"], feature["geom"] = f"été {number}", 7, number / 4
        feature.SetFieldStringList(3, ["a", "b"])
        layer.CreateFeature(feature)
    layer = data = None
    done = run((), source=source)
    assert [row["Crop"] for row in done.rows] == ["été 0", "été 1", "été 2"]
    assert {row["crop_2"] for row in done.rows} <= set(CLASSES) and done.counts.crop_field == "crop_2"
    assert [row["fid"] for row in done.rows] == [7, 7, 7] and [row["geom"] for row in done.rows] == [0, 0.25, 0.5]
    assert all("a" in str(row["owners"]) and "b" in str(row["owners"]) for row in done.rows)
    (warning,) = done.warnings
    assert not lacking(warning, "'crop'", "registry.geojson", "'crop_2'")


def test_a_cancel_ends_it_between_two_parcels(run):
    checks = []

    def cancelled():
        checks.append(1)
        return len(checks) > 20

    with pytest.raises(Cancelled):
        run([box(*field) for field in FIELDS], progress=Progress(cancelled=cancelled))
    assert len(checks) < 40


@pytest.mark.parametrize(
    "shapes, code", [([box(500, 500, 6, 6)], "parcels-no-overlap"), ([None, "POINT(1 1)"], "parcels-geometry")]
)
def test_without_a_parcel_on_the_target_there_is_nothing_to_map(run, shapes, code, tmp_path):
    with pytest.raises(InputError) as error:
        run(shapes)
    assert error.value.code == code and "parcels.gpkg" in str(error.value)
    assert not list(tmp_path.glob("*.sqlite"))
