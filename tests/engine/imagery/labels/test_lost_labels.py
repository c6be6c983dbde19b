"""Labels without a sample: each counted with its reason; small fields and other ways to write places are kept."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from osgeo import ogr, osr

from engine.errors import InputError
from engine.imagery import LabelLayer, Stack, describe, label_problems, sample_labels
from tests.helpers.facts import lacking
from tests.helpers.rasters import box, crs_wkt, write_layer, write_raster

SIDE = 30
A, B = ("a", box(1, 1, 10, 10)), ("b", box(16, 1, 10, 10))
FAR = box(900, 900, 5, 5)


def plane(**how):
    return np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE) / 1000


def stack_path(tmp_path, planes=None, **how):
    return write_raster(tmp_path / "NDVI_20210501.tif", plane() if planes is None else planes, **how)


def sample(features, path, tmp_path, **how):
    (tmp_path / "f.gpkg").unlink(missing_ok=True)
    layer = write_layer(tmp_path / "f.gpkg", features, **how)
    with Stack(describe([path]), "source") as stack:
        return sample_labels(LabelLayer(layer, "", "crop"), stack, 0, 10**6, partial=True), stack.warnings


def reasons(warnings):
    (sentence,) = [one for one in warnings if "f.gpkg" in one]
    return sentence


def test_each_reason_is_counted(tmp_path):
    gaps = plane()
    gaps[0, 20:, :10] = np.nan
    features = [A, B, ("a", FAR), ("b", FAR), ("b", FAR), ("c", box(0, 20, 5, 5)), (None, box(3, 3, 2, 2)), ("a", None)]
    features += [("a", box(16, 16, 4, 4)), ("b", box(16, 16, 4, 4))]
    series, warnings = sample(features, stack_path(tmp_path, gaps), tmp_path)
    assert len(series) == 200
    (sentence,) = [one for one in warnings if "give no sample" in one]
    # one without a class, one without a geometry, three outside, two in conflict, one never observed
    assert [int(word) for word in sentence.replace(",", " ").split() if word.isdigit()] == [1, 1, 3, 2, 1]


def write_years(path, features, field, kind=ogr.OFTString):
    """A layer of crops with a field of years or dates."""
    crs = osr.SpatialReference()
    crs.ImportFromWkt(crs_wkt(32633))
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("f", crs)
    layer.CreateField(ogr.FieldDefn("crop", ogr.OFTString))
    layer.CreateField(ogr.FieldDefn(field, kind))
    for name, wkt, year in features:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature["crop"] = name
        if year is not None:
            feature[field] = year
        feature.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
        layer.CreateFeature(feature)
    return str(path)


OF_2021_AND_NOT = [(*A, "{0}"), (*B, "{0}"), ("a", box(1, 14, 10, 10), "{1}"), ("b", box(16, 14, 10, 10), "{1}")]


@pytest.mark.parametrize(
    ("field", "right", "other", "kind"),
    [
        ("year", 2021, 2019, ogr.OFTInteger),
        ("harvestYear", "2021", "2022", ogr.OFTString),
        ("campagne", "2020/21", "2018/19", ogr.OFTString),
        ("Año", "2021", "2020", ogr.OFTString),
        ("survey_date", "2021/07/03", "2020/07/03", ogr.OFTDate),
        ("Datum", "03.07.2021", "03.07.2020", ogr.OFTString),
        ("date", "20210703", "20190703", ogr.OFTString),
    ],
)
def test_labels_of_another_year_than_the_stack_are_left_out_and_counted(tmp_path, field, right, other, kind):
    features = [(*rest, right if year == "{0}" else other) for *rest, year in OF_2021_AND_NOT]
    layer = write_years(tmp_path / "f.gpkg", features, field, kind)
    with Stack(describe([stack_path(tmp_path)]), "source") as stack:
        series = sample_labels(LabelLayer(layer, "", "crop"), stack, 0, 10**6)
    assert len(series) == 200
    assert list(stack.labels_without_sample.values()) == [2]
    assert sum(not lacking(one, field, 2021) for one in stack.warnings) == 2


@pytest.mark.parametrize(
    ("field", "values", "where"),
    [
        ("year", [2021, 2021, 2019, 2019], "year > 2000"),
        ("year_planted", [2021, 2021, 2019, 2019], ""),
        ("year", [2021, 2021, None, None], ""),
        ("year", [1, 2, 3, 2021], ""),
        ("year", [2019, 2019, 2019, 2019], ""),
    ],
    ids=["chosen by a filter", "not the year of the crop", "not known", "no years", "all of another year"],
)
def test_labels_stay_where_the_year_is_no_reason(tmp_path, field, values, where):
    features = [(*rest, value) for (*rest, _), value in zip(OF_2021_AND_NOT, values)]
    layer = write_years(tmp_path / "f.gpkg", features, field, ogr.OFTInteger)
    with Stack(describe([stack_path(tmp_path)]), "source") as stack:
        series = sample_labels(LabelLayer(layer, "", "crop", where), stack, 0, 10**6)
    assert len(series) == 400 and not stack.labels_without_sample
    assert any(not lacking(one, 2019, 2021) for one in stack.warnings) == (values[0] == 2019)


def test_labels_on_the_stack_that_are_all_of_another_year_are_refused(tmp_path):
    features = [("a", FAR, 2021), ("b", FAR, 2021), (*A, 2019), (*B, 2019)]
    layer = write_years(tmp_path / "f.gpkg", features, "year", ogr.OFTInteger)
    with pytest.raises(InputError) as error, Stack(describe([stack_path(tmp_path)]), "source") as stack:
        sample_labels(LabelLayer(layer, "", "crop"), stack, 0, 10**6)
    assert error.value.code == "no-overlap" and not lacking(str(error.value), 2, 2019, 2021, "year")


def test_labels_of_two_classes_on_one_place_are_named_in_the_refusal(tmp_path):
    with pytest.raises(InputError) as error:
        sample([("a", A[1]), ("b", A[1])], stack_path(tmp_path), tmp_path)
    assert error.value.code == "one-class" and not lacking(str(error.value), "2 claimed by two classes", "f.gpkg")


@pytest.mark.parametrize("shift", [0.3, 0.05])
def test_a_field_smaller_than_a_pixel_gives_the_pixel_that_holds_it(tmp_path, shift):
    small = [("a", box(3 + shift, 4 + 2 * row + shift, 0.15, 0.15)) for row in range(5)]
    series, _ = sample([*small, B], stack_path(tmp_path), tmp_path)
    numbers = np.rint(series.values[series.labels == 0, 0, 0] * 1000).astype(int)
    assert sorted(numbers.tolist()) == [(4 + 2 * row) * SIDE + 3 for row in range(5)]


def test_a_small_field_does_not_take_the_pixel_of_another_class(tmp_path):
    series, warnings = sample([A, B, ("b", box(3.05, 3.05, 0.2, 0.2))], stack_path(tmp_path), tmp_path)
    assert np.bincount(series.labels).tolist() == [100, 100]
    assert not lacking(reasons(warnings), "1 smaller than a pixel")


@pytest.mark.parametrize("number", [0, -1])
def test_a_geopackage_without_a_crs_is_on_the_stack(tmp_path, number):
    layer = write_layer(tmp_path / "f.gpkg", [A, B])
    with sqlite3.connect(layer) as base:
        base.execute(f"update gpkg_contents set srs_id={number}")
        base.execute(f"update gpkg_geometry_columns set srs_id={number}")
    with Stack(describe([stack_path(tmp_path)]), "source") as stack:
        series = sample_labels(LabelLayer(layer, "", "crop"), stack, 0, 10**6)
    assert len(series) == 200 and any(not lacking(one, "f.gpkg", "CRS") for one in stack.warnings)


def in_degrees(wkt, change=lambda x, y: (x, y), epsg=32633):
    crs, degrees = osr.SpatialReference(), osr.SpatialReference()
    crs.ImportFromWkt(crs_wkt(epsg))
    degrees.ImportFromEPSG(4326)
    for one in (crs, degrees):
        one.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    move = osr.CoordinateTransformation(crs, degrees)
    pairs = [tuple(map(float, pair.split())) for pair in wkt[9:-2].split(",")]
    moved = [change(*move.TransformPoint(*pair)[:2]) for pair in pairs]
    return "POLYGON((" + ",".join(f"{x:.9f} {y:.9f}" for x, y in moved) + "))"


@pytest.mark.parametrize("turn", [360, -360])
def test_longitudes_of_another_turn(tmp_path, turn):
    features = [(name, in_degrees(wkt, lambda x, y: (x + turn, y))) for name, wkt in (A, B)]
    path = stack_path(tmp_path)
    series, _ = sample(features, path, tmp_path, epsg=4326)
    expected, _ = sample([A, B], path, tmp_path)
    np.testing.assert_array_equal(series.values, expected.values)


def degrees_box(left, width):
    return f"POLYGON(({left} -10.002,{left + width} -10.002,{left + width} -10.02,{left} -10.02,{left} -10.002))"


@pytest.mark.parametrize(("west", "here"), [(289.0, -71.0), (-71.0, 289.0), (179.985, 179.985)])
def test_rasters_in_degrees_of_another_turn_and_across_180(tmp_path, west, here):
    path = stack_path(tmp_path, transform=(west, 0.001, 0, -10.0, 0, -0.001), epsg=4326)
    beyond = here + 0.016 - (360 if here == 179.985 else 0)
    features = [("a", degrees_box(here + 0.001, 0.01)), ("b", degrees_box(beyond, 0.01))]
    series, _ = sample(features, path, tmp_path, epsg=4326)
    assert np.bincount(series.labels).tolist() == [180, 180]


@pytest.mark.parametrize(
    ("features", "epsg", "fact"),
    [
        ([(name, in_degrees(wkt, lambda x, y: (y, x))) for name, wkt in (A, B)], 4326, "exchanged"),
        ([(name, in_degrees(wkt)) for name, wkt in (A, B)], 32633, "4326"),
        ([A, B], 4326, "degrees"),
    ],
    ids=["swapped", "degrees in metres", "metres in degrees"],
)
def test_why_labels_are_beside_the_stack(tmp_path, features, epsg, fact):
    layer = write_layer(tmp_path / "f.gpkg", features, epsg=epsg)
    path = stack_path(tmp_path)
    problems = label_problems(LabelLayer(layer, "", "crop"), describe([path]))
    if not problems:
        with pytest.raises(InputError) as error, Stack(describe([path]), "source") as stack:
            sample_labels(LabelLayer(layer, "", "crop"), stack, 0, 10)
        problems = [error.value]
    assert problems[0].code == "no-overlap" and fact in problems[0].hint
