"""Labels become series: the right pixels, the right classes, and one clear sentence when they cannot."""

import zipfile

import numpy as np
import pytest
from osgeo import gdal, ogr, osr

from engine.errors import InputError
from engine.imagery import LabelLayer, Stack, Window, describe, label_problems, sample_labels
from engine.series import read_series
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, box, crs_wkt, point, write_layer, write_raster

EVERYTHING = 10**6
SIDE = 30


def Labels(path, layer="", field="crop", where="", **more):
    """A label layer whose classes are in the field ``crop``."""
    return LabelLayer(path, layer, field, where, **more)


@pytest.fixture
def stack_path(tmp_path):
    """A stack of 30 x 30 pixels in which every pixel holds its own number / 1000."""
    return numbered(tmp_path / "NDVI_20210501.tif")


def numbered(path, transform=UTM, epsg=32633, gaps=()):
    plane = np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE) / 1000
    for row, column in gaps:
        plane[0, row, column] = np.nan
    return write_raster(path, plane, transform=transform, epsg=epsg)


def sample(labels, path, per_class=EVERYTHING, seed=0):
    with Stack(describe([path]), "source") as stack:
        return sample_labels(labels, stack, seed, per_class), stack


def pixels_of(series, name):
    """(n, 2) row and column of the pixels of a class, from the numbers they hold."""
    numbers = np.rint(series.values[series.labels == series.classes.index(name), 0, 0] * 1000).astype(int)
    return np.stack([numbers // SIDE, numbers % SIDE], axis=1)


@pytest.mark.parametrize("layer", ["labels", "fields"])
@pytest.mark.parametrize("layout", ["stack", "dates", "files"])
def test_points_and_polygons_give_the_series_of_the_file(california, california_split, shared, layer, layout):
    folder = california(layout, "float32")
    paths = [str(p) for p in sorted(folder.glob("*.tif")) if p.name != "truth.tif"]
    labels = Labels(str(folder / f"{layer}.gpkg"))
    assert label_problems(labels, describe(paths)) == []
    with Stack(describe(paths), "source") as stack:
        series = sample_labels(labels, stack, 0, EVERYTHING)
    classes = tuple(sorted(california_split["classes"]))
    expected = read_series(shared / "data" / "california_s2_2021.npz", california_split["src"], classes)
    expected = expected.take(expected.observed.any(axis=1))
    assert series.classes == expected.classes and series.bands == expected.bands
    assert np.array_equal(series.day, expected.day) and np.array_equal(series.labels, expected.labels)
    assert np.array_equal(series.values, expected.values, equal_nan=True)


def test_porto_dos_gauchos_points_fall_in_their_pixels(shared):
    folder = shared / "data" / "rasters" / "portogauchos"
    labels = Labels(str(folder / "portogauchos_samples.gpkg"), field="label", where="season = 2011")
    data = ogr.Open(labels.path)
    layer = data.GetLayer(0)
    layer.SetAttributeFilter(labels.where)
    given = {(f["row"], f["col"]): f["label"] for f in layer}
    with Stack(describe([str(folder / "portogauchos_mod13q1_2011.tif")]), "source") as stack:
        series = sample_labels(labels, stack, 0, EVERYTHING)
        cube = stack.read(Window(0, 0, stack.grid.width, stack.grid.height))
    order = sorted(given)
    assert len(series) == len(order)
    assert [series.classes[i] for i in series.labels] == [given[place] for place in order]
    rows, columns = np.array(order).T
    assert np.array_equal(series.values, cube[rows, columns], equal_nan=True)


def test_a_table_of_longitudes_and_latitudes_is_a_label_layer(shared):
    folder = shared / "data" / "rasters" / "cbers_bahia"
    paths = [str(p) for p in sorted(folder.glob("*EVI.tif"))[:2]]
    with Stack(describe(paths), "source") as stack:
        series = sample_labels(Labels(str(folder / "samples.csv"), field="label"), stack, 0, EVERYTHING)
    assert series.classes == ("Cropland", "Pasture") and len(series) > 60
    assert any("Cerrad" in warning for warning in stack.warnings), "a class that is left out is named"


def test_a_polygon_takes_the_pixels_whose_centre_is_inside(tmp_path, stack_path):
    # 2.4 pixels from the left edge: the centre of pixel 2 (at 2.5) is out, that of pixel 5 (5.5) is in.
    path = write_layer(tmp_path / "f.gpkg", [("a", box(2.6, 3.4, 3, 2.2)), ("b", box(10, 10, 3, 3))])
    series, _ = sample(Labels(path), stack_path)
    assert pixels_of(series, "a").tolist() == [[r, c] for r in (3, 4, 5) for c in (3, 4, 5)][:9]
    assert pixels_of(series, "b").tolist() == [[r, c] for r in (10, 11, 12) for c in (10, 11, 12)]


@pytest.mark.parametrize(
    ("transform", "epsg"),
    [
        ((500000.0, 10.0, 0.0, 5199700.0, 0.0, 10.0), 32633),
        ((500000.0, 8.0, 3.0, 5199900.0, 3.0, -8.0), 32633),
        ((500000.0, 10.0, 0.0, 5200000.0, 0.0, -10.0), 32633),
    ],
    ids=["south-up", "turned", "north-up"],
)
@pytest.mark.parametrize("label_epsg", [32633, 4326, 3035])
def test_labels_of_any_crs_meet_any_grid(tmp_path, transform, epsg, label_epsg):
    """Points at known pixels, carried through another CRS, come back as those pixels."""
    path = numbered(tmp_path / "NDVI_20210501.tif", transform, epsg)
    change = osr.CoordinateTransformation(*map(traditional, (epsg, label_epsg)))
    wanted = {"a": [(3, 4), (29, 0), (0, 29), (15, 7), (8, 8)], "b": [(1, 1), (2, 20), (20, 2), (11, 12), (29, 29)]}
    features = []
    for name, places in wanted.items():
        for row, column in places:
            x = transform[0] + (column + 0.5) * transform[1] + (row + 0.5) * transform[2]
            y = transform[3] + (column + 0.5) * transform[4] + (row + 0.5) * transform[5]
            east, north, _ = change.TransformPoint(x, y)
            features.append((name, f"POINT({east!r} {north!r})"))
    labels = Labels(write_layer(tmp_path / "p.gpkg", features, epsg=label_epsg))
    assert label_problems(labels, describe([path])) == []
    series, _ = sample(labels, path)
    for name, places in wanted.items():
        assert [tuple(p) for p in pixels_of(series, name)] == sorted(places)


def traditional(epsg):
    crs = osr.SpatialReference()
    crs.ImportFromWkt(crs_wkt(epsg))
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def test_pixels_of_two_classes_are_dropped_and_of_one_class_kept(tmp_path, stack_path):
    features = [("a", box(0, 0, 6, 6)), ("a", box(4, 0, 6, 6)), ("b", box(8, 0, 6, 6)), ("a", box(12, 0, 1, 6))]
    series, _ = sample(Labels(write_layer(tmp_path / "f.gpkg", features)), stack_path)
    assert sorted({c for _, c in pixels_of(series, "a")}) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert sorted({c for _, c in pixels_of(series, "b")}) == [10, 11, 13]


def test_a_class_between_two_others_of_one_class_is_dropped_too(tmp_path, stack_path):
    features = [("a", box(0, 0, 3, 3)), ("b", box(0, 0, 3, 3)), ("a", box(0, 0, 3, 3))]
    features += [("a", box(10, 10, 3, 3)), ("b", box(20, 20, 3, 3))]
    series, _ = sample(Labels(write_layer(tmp_path / "f.gpkg", features)), stack_path)
    assert pixels_of(series, "a").min() == 10 and pixels_of(series, "b").min() == 20


def test_multi_parts_holes_and_mixed_geometry(tmp_path, stack_path):
    hole = box(1, 1, 1, 1)[len("POLYGON(") : -1]
    ring = box(0, 0, 3, 3)[:-1] + "," + hole + ")"
    parts = "MULTIPOLYGON(" + ",".join(box(left, 10, 2, 2)[len("POLYGON") :] for left in (0, 5, 9)) + ")"
    points = "MULTIPOINT(" + ",".join(point(c, 20)[len("POINT") :] for c in range(6)) + ")"
    path = write_layer(tmp_path / "f.gpkg", [("ring", ring), ("parts", parts), ("points", points)])
    series, _ = sample(Labels(path), stack_path)
    assert len(pixels_of(series, "ring")) == 8 and [1, 1] not in pixels_of(series, "ring").tolist()
    assert sorted({c for _, c in pixels_of(series, "parts")}) == [0, 1, 5, 6, 9, 10]
    assert pixels_of(series, "points").tolist() == [[20, c] for c in range(6)]


def test_a_crossed_outline_is_mended(tmp_path, stack_path):
    x, y = UTM[0], UTM[3]
    bow = f"POLYGON(({x} {y},{x + 100} {y - 100},{x + 100} {y},{x} {y - 100},{x} {y}))"
    series, _ = sample(Labels(write_layer(tmp_path / "f.gpkg", [("bow", bow), ("b", box(20, 20, 3, 3))])), stack_path)
    pixels = pixels_of(series, "bow")
    assert {tuple(p) for p in [(5, 0), (5, 9), (1, 0), (1, 9)]} <= {tuple(p) for p in pixels}
    assert not {(0, 5), (9, 5)} & {tuple(p) for p in pixels}


def test_whole_numbers_are_classes_in_their_order(tmp_path, stack_path):
    features = [(code, box(5 * i, 0, 4, 4)) for i, code in enumerate((100, 9, 20))]
    series, _ = sample(Labels(write_layer(tmp_path / "f.gpkg", features, kind=ogr.OFTInteger)), stack_path)
    assert series.classes == ("9", "20", "100")


def test_the_filter_and_the_layer_are_used(tmp_path, stack_path):
    write_layer(tmp_path / "f.gpkg", [("x", box(0, 0, 3, 3))], name="first")
    features = [("a", box(0, 0, 3, 3)), ("b", box(5, 5, 3, 3)), ("c", box(9, 9, 3, 3))]
    path = write_layer(tmp_path / "f.gpkg", features, name="second layer")
    series, _ = sample(Labels(path, layer="second layer", where="crop <> 'c'"), stack_path)
    assert series.classes == ("a", "b")


@pytest.mark.parametrize("driver, suffix", [("ESRI Shapefile", "shp"), ("GeoJSON", "geojson"), ("FlatGeobuf", "fgb")])
def test_other_formats(tmp_path, stack_path, driver, suffix):
    epsg = 4326 if driver == "GeoJSON" else 32633
    change = osr.CoordinateTransformation(*map(traditional, (32633, epsg)))
    features = []
    for name, left in (("a", 0), ("b", 9)):
        shape = ogr.CreateGeometryFromWkt(box(left + 0.1, 0.1, 2.8, 2.8))
        shape.Transform(change)
        features.append((name, shape.ExportToWkt()))
    path = write_layer(tmp_path / f"f.{suffix}", features, driver=driver, epsg=epsg, name="f")
    series, _ = sample(Labels(path), stack_path)
    assert np.bincount(series.labels).tolist() == [9, 9]


@pytest.mark.parametrize(("driver", "suffix"), [("ESRI Shapefile", "shp"), ("GPKG", "gpkg")])
def test_a_zipped_layer_is_read_as_it_was_sent(tmp_path, stack_path, driver, suffix):
    (tmp_path / "sent").mkdir()
    features = [("maize", box(1, 1, 3, 3)), ("wheat", box(6, 1, 3, 3))]
    plain = write_layer(tmp_path / "sent" / f"Fields 2021.{suffix}", features, driver=driver)
    packed = str(tmp_path / "fields.zip")
    with zipfile.ZipFile(packed, "w") as archive:
        for part in (tmp_path / "sent").iterdir():
            archive.write(part, f"from the office/{part.name}")
    one, other = (sample(Labels(path), stack_path)[0] for path in (plain, packed))
    assert label_problems(Labels(packed), describe([stack_path])) == []
    assert other.classes == one.classes and np.array_equal(other.values, one.values, equal_nan=True)


def test_a_zip_of_several_layers_or_of_none_is_one_sentence(tmp_path):
    for name, files in (("two.zip", ("a.shp", "b.gpkg")), ("none.zip", ("readme.txt",))):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for file in files:
                archive.writestr(file, "x")
        (problem,) = label_problems(Labels(str(tmp_path / name)), [])
        facts = (name, 2, "a.shp", "b.gpkg") if len(files) == 2 else (name,)
        assert problem.code == "vector-unreadable" and not lacking(problem.message, *facts)


def test_the_cap_is_spread_over_the_polygons(tmp_path, stack_path):
    features = [("a", box(0, 0, 15, 15)), ("a", box(20, 0, 3, 3)), ("a", box(25, 0, 3, 3)), ("b", box(0, 20, 5, 5))]
    series, _ = sample(Labels(write_layer(tmp_path / "f.gpkg", features)), stack_path, per_class=12)
    columns = pixels_of(series, "a")[:, 1]
    assert [int(((columns >= low) & (columns < high)).sum()) for low, high in ((0, 15), (20, 23), (25, 28))] == [
        4,
        4,
        4,
    ]
    assert np.bincount(series.labels).tolist() == [12, 12]


def test_the_seed_decides_the_sample(tmp_path, stack_path):
    path = write_layer(tmp_path / "f.gpkg", [("a", box(0, 0, 15, 15)), ("b", box(15, 15, 15, 15))])
    one, again, other = (sample(Labels(path), stack_path, 20, seed)[0].values for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_unobserved_pixels_are_replaced_by_others(tmp_path):
    gaps = [(row, column) for row in range(10) for column in range(9)]
    path = numbered(tmp_path / "NDVI_20210501.tif", gaps=gaps)
    labels = Labels(write_layer(tmp_path / "f.gpkg", [("a", box(0, 0, 10, 10)), ("b", box(20, 20, 5, 5))]))
    series, _ = sample(labels, path, per_class=10)
    assert pixels_of(series, "a").tolist() == [[row, 9] for row in range(10)]


def test_a_field_is_never_in_two_blocks_and_near_fields_share_one(tmp_path, stack_path):
    """225 fields of two by two pixels: about 100 blocks, and every block a compact piece of land."""
    features = [("ab"[(i + j) % 2], box(2 * i, 2 * j, 2, 2)) for i in range(15) for j in range(15)]
    series, _ = sample(Labels(write_layer(tmp_path / "f.gpkg", features)), stack_path)
    places = np.concatenate([pixels_of(series, name) for name in series.classes])
    blocks = np.concatenate([series.group[series.labels == k] for k in range(2)])
    field = places[:, 0] // 2 * 100 + places[:, 1] // 2
    assert all(len(set(blocks[field == f])) == 1 for f in np.unique(field))
    assert 80 <= len(np.unique(blocks)) <= 121
    assert max(np.ptp(places[blocks == b], axis=0).max() for b in np.unique(blocks)) <= 5


def test_a_dissolved_layer_still_has_blocks(tmp_path, stack_path):
    parts = [
        "MULTIPOLYGON(" + ",".join(box(x, y, 2, 2)[7:] for x in range(s, 28, 6) for y in range(0, 28, 4)) + ")"
        for s in (0, 3)
    ]
    series, _ = sample(Labels(write_layer(tmp_path / "f.gpkg", list(zip("ab", parts)))), stack_path)
    assert len(np.unique(series.group[series.labels == 0])) >= 20


def test_a_layer_without_crs_takes_that_of_the_stack(tmp_path, stack_path):
    path = write_layer(
        tmp_path / "f.shp", [("a", box(0, 0, 3, 3)), ("b", box(9, 9, 3, 3))], epsg=None, driver="ESRI Shapefile"
    )
    series, stack = sample(Labels(path), stack_path)
    assert len(series) == 18
    assert naming(stack.warnings, "f.shp", "CRS", "NDVI_20210501.tif")


def test_null_and_far_features_are_left_out_and_said(tmp_path, stack_path):
    features = [
        ("a", box(0, 0, 3, 3)),
        ("b", box(9, 9, 3, 3)),
        (None, box(20, 20, 3, 3)),
        ("a", None),
        ("far", box(900, 9, 3, 3)),
    ]
    series, stack = sample(Labels(write_layer(tmp_path / "f.gpkg", features)), stack_path)
    assert series.classes == ("a", "b") and len(series) == 18
    assert len(naming(stack.warnings, "f.gpkg", 1, "'crop'")) == 1
    assert len(naming(stack.warnings, "f.gpkg", "far")) == 1


def test_strange_names_of_files_layers_fields_and_classes(tmp_path):
    folder = tmp_path / 'l\'été "x" 田'
    folder.mkdir()
    path = numbered(folder / "NDVI 2021-05-01 #1.tif")
    features = [('maïs d\'hiver "A"', box(0, 0, 3, 3)), ("小麦", box(9, 9, 3, 3))]
    layer = write_layer(folder / "поля 'a'.gpkg", features, name='поля "2021"', field="культура 'x'")
    series, _ = sample(Labels(layer, 'поля "2021"', "культура 'x'"), path)
    assert series.classes == ('maïs d\'hiver "A"', "小麦") and len(series) == 18


GOOD = [("a", box(0, 0, 3, 3)), ("b", box(9, 9, 3, 3))]


@pytest.mark.parametrize(
    ("features", "labels", "code", "facts"),
    [
        (GOOD, {"field": "kultur"}, "field-missing", ("f.gpkg", "'kultur'", "crop")),
        (GOOD, {"layer": "nothing"}, "layer-missing", ("f.gpkg", "'nothing'", "fields")),
        (GOOD, {"where": "crop = = 1"}, "bad-filter", ("crop = = 1", "f.gpkg")),
        (GOOD, {"where": "crop = 'z'"}, "labels-empty", ("f.gpkg", "crop = 'z'")),
        ([], {}, "labels-empty", ("f.gpkg",)),
        ([(None, box(0, 0, 3, 3)), (None, box(9, 9, 3, 3))], {}, "field-null", ("'crop'", "f.gpkg", 2)),
        ([("", box(0, 0, 3, 3)), ("  ", box(9, 9, 3, 3))], {}, "field-null", ("'crop'", "f.gpkg")),
        ([("a", box(0, 0, 3, 3))], {}, "one-class", ("'crop'", "f.gpkg", "'a'")),
        ([("a", box(900, 0, 3, 3)), ("b", box(909, 9, 3, 3))], {}, "no-overlap", ("f.gpkg", "NDVI_20210501.tif")),
    ],
)
def test_bad_labels_are_told_before_the_stack_is_read(tmp_path, stack_path, features, labels, code, facts):
    path = write_layer(tmp_path / "f.gpkg", features)
    given = Labels(path, **labels)
    problems = label_problems(given, describe([stack_path]))
    assert [p.code for p in problems] == [code]
    assert not lacking(str(problems[0]), *facts)
    with pytest.raises(InputError) as error:
        sample(given, stack_path)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("features", "code", "facts"),
    [
        ([*GOOD, ("rare", box(20, 20, 2, 2))], "few-samples", ("'rare'", 4, "f.gpkg")),
        ([*GOOD, ("thin", box(20.6, 20, 0.3, 9))], "few-samples", ("'thin'", 1, "f.gpkg")),
        ([("a", box(0, 0, 3, 3)), ("b", box(909, 9, 3, 3))], "one-class", ("'a'", "NDVI_20210501.tif")),
        (
            [("a", "LINESTRING(500000 5200000,500100 5199900)"), ("b", "LINESTRING(500000 5200000,500100 5199900)")],
            "labels-geometry",
            ("f.gpkg",),
        ),
        ([("a", None), ("b", None)], "labels-geometry", ("f.gpkg",)),
    ],
)
def test_bad_labels_that_only_the_pixels_show(tmp_path, stack_path, features, code, facts):
    with pytest.raises(InputError) as error:
        sample(Labels(write_layer(tmp_path / "f.gpkg", features)), stack_path)
    assert error.value.code == code
    assert not lacking(str(error.value), *facts)


def test_few_points_are_told_before_the_stack_is_read(tmp_path, stack_path):
    features = [("a", point(i, 0)) for i in range(6)] + [("b", point(i, 5)) for i in range(4)]
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(tmp_path / "p.gpkg"))
    layer = data.CreateLayer("p", traditional(32633), ogr.wkbPoint)
    layer.CreateField(ogr.FieldDefn("crop", ogr.OFTString))
    for name, wkt in features:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature["crop"] = name
        feature.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
        layer.CreateFeature(feature)
    layer = data = None
    problems = label_problems(Labels(str(tmp_path / "p.gpkg")), describe([stack_path]))
    assert [p.code for p in problems] == ["few-samples"] and not lacking(problems[0].message, "'b'", 4)


def test_an_unreadable_layer_is_told(tmp_path, stack_path):
    (tmp_path / "f.gpkg").write_bytes(b"no layer at all")
    (tmp_path / "notes.txt").write_bytes(b"\0\0 no text \0")
    for name in ("f.gpkg", "gone.gpkg", "notes.txt"):
        problems = label_problems(Labels(str(tmp_path / name)), describe([stack_path]))
        assert [p.code for p in problems] == ["vector-unreadable"] and name in problems[0].message


def test_labels_and_stack_that_no_transformation_joins_are_told(tmp_path):
    planes = np.ones((1, SIDE, SIDE), np.uint16)
    path = write_raster(tmp_path / "NDVI_20210501.tif", planes, epsg=None)
    stack = gdal.Open(path, gdal.GA_Update)
    stack.SetProjection('LOCAL_CS["site grid",UNIT["metre",1]]')
    stack = None
    problems = label_problems(Labels(write_layer(tmp_path / "f.gpkg", GOOD)), describe([path]))
    assert [p.code for p in problems] == ["crs-unrelated"] and "site grid" in problems[0].message
