"""Tables in text form of any dialect, and class tables: what a spreadsheet or a QGIS export holds is understood."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr

from engine.errors import InputError
from engine.imagery import LabelLayer, Stack, describe, label_problems, sample_labels
from engine.imagery.labels.class_table import read_class_table
from tests.helpers.facts import lacking, naming, numbers
from tests.helpers.rasters import UTM, box, crs_wkt, point, write_layer, write_raster

SIDE = 30
PLACES = [("maize", c, 2) for c in range(6)] + [("été", c, 8) for c in range(6)]


@pytest.fixture
def stack_path(tmp_path):
    """A stack of 30 x 30 pixels in which every pixel holds its own number / 1000."""
    planes = np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE) / 1000
    return write_raster(tmp_path / "NDVI_20210501.tif", planes)


def sample(labels, path, per_class=10**6, **more):
    with Stack(describe([path]), "source") as stack:
        return sample_labels(labels, stack, 0, per_class, **more), stack


def pixels_of(series, name):
    numbers = np.rint(series.values[series.labels == series.classes.index(name), 0, 0] * 1000).astype(int)
    return [tuple(divmod(number, SIDE)) for number in numbers]


def metres(column, row):
    return UTM[0] + 10 * column + 5, UTM[3] - 10 * row - 5


def degrees(column, row):
    from osgeo import osr

    systems = [osr.SpatialReference(), osr.SpatialReference()]
    for system, code in zip(systems, (32633, 4326)):
        system.ImportFromEPSG(code)
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return osr.CoordinateTransformation(*systems).TransformPoint(*metres(column, row))[:2]


def comma(number):
    return repr(number).replace(".", ",")


DIALECTS = {
    "commas": ("lon,lat,crop", "{x!r},{y!r},{name}", degrees, "utf-8"),
    "quoted": ('"Longitude","Latitude","crop"', '"{x!r}","{y!r}","{name}"', degrees, "utf-8"),
    "tabs": ("crop\tLAT\tLNG", "{name}\t{y!r}\t{x!r}", degrees, "utf-8"),
    "semicolons and decimal commas": ("crop;x;y", "{name};{cx};{cy}", metres, "utf-8-sig"),
    "decimal commas of degrees": ("crop;longitude;latitude", "{name};{cx};{cy}", degrees, "cp1252"),
    "easting and northing": ("Easting|Northing|crop", "{x!r}|{y!r}|{name}", metres, "latin-1"),
    "spreadsheet": ("crop;lon;lat", "{name};{cx};{cy}", degrees, "utf-16"),
    "wkt": ("WKT,crop", '"POINT({x!r} {y!r})",{name}', metres, "utf-8"),
}


def write_sheets(path, sheets):
    """A spreadsheet of typed cells: its first row has the names of the columns."""
    driver = {".xlsx": "XLSX", ".ods": "ODS"}[path.suffix]
    data = ogr.GetDriverByName(driver).CreateDataSource(str(path))
    for name, rows in sheets.items():
        layer = data.CreateLayer(name)
        for number, value in enumerate(rows[1]):
            kind = {str: ogr.OFTString, int: ogr.OFTInteger, float: ogr.OFTReal}[type(value)]
            layer.CreateField(ogr.FieldDefn(rows[0][number], kind))
        for row in rows[1:]:
            feature = ogr.Feature(layer.GetLayerDefn())
            for number, value in enumerate(row):
                feature.SetField(number, value)
            layer.CreateFeature(feature)
    return str(path)


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
@pytest.mark.parametrize("kind", [str, float])
def test_a_spreadsheet_with_coordinates_is_a_label_layer(tmp_path, stack_path, suffix, kind):
    rows = [["crop", "longitude", "latitude"], *([name, *map(kind, degrees(c, r))] for name, c, r in PLACES)]
    path = write_sheets(tmp_path / f"t{suffix}", {"points": rows})
    series, _ = sample(LabelLayer(path, "", "crop"), stack_path)
    assert pixels_of(series, "maize") == [(2, c) for c in range(6)]
    assert pixels_of(series, "été") == [(8, c) for c in range(6)]


def test_of_several_sheets_one_must_be_named(tmp_path, stack_path):
    rows = [["crop", "x", "y"], *([name, *metres(c, r)] for name, c, r in PLACES)]
    path = write_sheets(tmp_path / "t.xlsx", {"notes": [["text"], ["by hand"]], "points": rows})
    with pytest.raises(InputError) as error:
        sample(LabelLayer(path, "", "crop"), stack_path)
    assert error.value.code == "layer-missing" and not lacking(str(error.value), "t.xlsx", "notes", "points")
    series, _ = sample(LabelLayer(f"{path}|layername=points", "", "crop"), stack_path)
    assert len(series) == len(PLACES)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tables_of_every_dialect_give_the_same_pixels(tmp_path, stack_path, dialect):
    header, form, place, encoding = DIALECTS[dialect]
    lines = [header]
    for name, column, row in PLACES:
        x, y = place(column, row)
        lines.append(form.format(x=x, y=y, cx=comma(x), cy=comma(y), name=name))
    ending = "\r\n" if "comma" in dialect else "\n"
    path = tmp_path / ("points.tsv" if "\t" in header else "points.csv")
    path.write_bytes((ending.join(lines) + ending).encode(encoding))
    labels = LabelLayer(str(path), "", "crop")
    assert label_problems(labels, describe([stack_path])) == []
    series, stack = sample(labels, stack_path)
    assert series.classes == ("maize", "été")
    for name, row in (("maize", 2), ("été", 8)):
        assert pixels_of(series, name) == [(row, column) for column in range(6)]
    assert bool(naming(stack.warnings, path.name, "Windows-1252")) == (encoding in ("cp1252", "latin-1"))
    if place is metres:
        assert len(naming(stack.warnings, path.name, "CRS", "NDVI_20210501.tif")) == 1


def test_a_table_exported_with_its_crs_keeps_it(tmp_path, stack_path):
    """QGIS and GDAL write the CRS of a table of coordinates into a .prj beside it."""
    lines = ["x,y,crop", *("{},{},{}".format(*metres(c, r), name) for name, c, r in PLACES)]
    (tmp_path / "points.csv").write_text("\n".join(lines), "utf-8")
    (tmp_path / "points.prj").write_text(crs_wkt(32633))
    series, stack = sample(LabelLayer(str(tmp_path / "points.csv"), "", "crop"), stack_path)
    assert len(series) == 12 and not naming(stack.warnings, "CRS")


@pytest.mark.parametrize("place", ["txt", "zip", "gone.zip"])
def test_tables_in_text_files_and_archives(tmp_path, stack_path, place):
    """Three columns of numbers in a .txt file are a raster to GDAL."""
    codes = {"maize": 1, "été": 2}
    lines = ["x y crop", *("{} {} {}".format(*metres(c, r), codes[name]) for name, c, r in PLACES)]
    text = "\n".join(lines).replace(" ", "\t")
    path = str(tmp_path / "points.txt")
    Path(path).write_text(text)
    if "zip" in place:
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            archive.writestr("in/points.csv", text)
        path = f"/vsizip/{tmp_path}/{'all' if place == 'zip' else 'gone'}.zip/in/points.csv"
    labels = LabelLayer(path, "", "crop")
    if place == "gone.zip":
        problems = label_problems(labels, describe([stack_path]))
        assert [p.code for p in problems] == ["vector-unreadable"] and "gone.zip" in problems[0].message
        return
    assert label_problems(labels, describe([stack_path])) == []
    series, _ = sample(labels, stack_path)
    assert series.classes == ("1", "2") and len(series) == 12


def test_degrees_in_x_and_y_and_two_pairs_of_columns_are_told(tmp_path, stack_path):
    lines = ["x,y,longitude,lon,latitude,crop"]
    for name, column, row in PLACES:
        x, y = degrees(column, row)
        lines.append(f"0,0,{x!r},1,{y!r},{name}")
    (tmp_path / "two.csv").write_text("\n".join(lines), "utf-8")
    series, stack = sample(LabelLayer(str(tmp_path / "two.csv"), "", "crop"), stack_path)
    assert len(series) == 12
    assert len(naming(stack.warnings, "two.csv", "longitude", "lon", "'longitude'")) == 1
    lines = ["x,y,crop", *("{!r},{!r},{}".format(*degrees(c, r), name) for name, c, r in PLACES)]
    (tmp_path / "xy.csv").write_text("\n".join(lines), "utf-8")
    series, stack = sample(LabelLayer(str(tmp_path / "xy.csv"), "", "crop"), stack_path)
    assert len(series) == 12 and len(naming(stack.warnings, "xy.csv", "x", "y", "WGS 84")) == 1


def test_rows_without_coordinates_or_class_and_a_filter_on_a_number(tmp_path, stack_path):
    lines = ["x;y;crop;season"]
    lines += ["{};{};{};2021".format(*map(comma, metres(c, r)), name) for name, c, r in PLACES]
    lines += [";;maize;2021", "500105,0;5199895,0;;2021", "500105,0;5199895,0;maize;2020", "", ";;;"]
    (tmp_path / "f.csv").write_text("\n".join(lines), "utf-8")
    series, stack = sample(LabelLayer(str(tmp_path / "f.csv"), "", "crop", "season > 2020"), stack_path)
    assert len(series) == 12
    of_layer = naming(stack.warnings, "f.csv", 1)
    assert len(of_layer) == 1 and numbers(of_layer[0]).count("1") == 2, "one row without a class, one without a place"


def test_outlines_as_wkt_are_polygons(tmp_path, stack_path):
    lines = ["id\tgeometry\tcrop", f"1\t{box(0, 0, 3, 3)}\ta", f"2\t{box(9, 9, 3, 3)}\tb", "3\tPOLYGON((nonsense\ta"]
    (tmp_path / "f.tsv").write_text("\n".join(lines), "utf-8")
    series, stack = sample(LabelLayer(str(tmp_path / "f.tsv"), "", "crop"), stack_path)
    assert np.bincount(series.labels).tolist() == [9, 9]
    assert len(naming(stack.warnings, "f.tsv", 1, "WKT", 4)) == 1


@pytest.mark.parametrize(
    ("text", "code", "facts"),
    [
        ("", "vector-unreadable", ("f.csv",)),
        ("\0\0\0", "vector-unreadable", ("f.csv",)),
        ("place,crop\nhere,a\nthere,b\n", "labels-geometry", ("f.csv", "place", "crop")),
        ("x,y,crop\n1,2,a\n1,2,a,b\n", "vector-unreadable", ("f.csv", 3, 4)),
        ("x,y,crop\n", "labels-empty", ("f.csv",)),
        ("wkt,crop\nhere,a\nthere,b\n", "labels-geometry", ("f.csv", "WKT", 2)),
        ("x,y,code\n1,2,3\n", "field-missing", ("f.csv", "'crop'", "x", "y", "code")),
    ],
)
def test_a_table_that_is_none_is_told(tmp_path, stack_path, text, code, facts):
    (tmp_path / "f.csv").write_text(text)
    problems = label_problems(LabelLayer(str(tmp_path / "f.csv"), "", "crop"), describe([stack_path]))
    assert [problem.code for problem in problems] == [code] and not lacking(str(problems[0]), *facts)


def test_geoparquet_without_its_driver_says_what_to_do(tmp_path, stack_path):
    if gdal.GetDriverByName("Parquet") is not None:
        pytest.skip("this GDAL reads Parquet")
    (tmp_path / "f.parquet").write_bytes(b"PAR1")
    problems = label_problems(LabelLayer(str(tmp_path / "f.parquet"), "", "crop"), describe([stack_path]))
    assert [problem.code for problem in problems] == ["vector-unreadable"]
    assert not lacking(str(problems[0]), "f.parquet", "Parquet") and "GeoPackage" in problems[0].hint


def test_whole_numbers_in_a_real_field_are_classes_and_others_are_not(tmp_path, stack_path):
    features = [(7_000_001.0, box(0, 0, 3, 3)), (12.0, box(9, 9, 3, 3))]
    path = write_layer(tmp_path / "f.gpkg", features, kind=ogr.OFTReal)
    series, _ = sample(LabelLayer(path, "", "crop"), stack_path)
    assert series.classes == ("12", "7000001")
    path = write_layer(tmp_path / "g.gpkg", [(0.25, box(0, 0, 3, 3)), *features], kind=ogr.OFTReal)
    problems = label_problems(LabelLayer(path, "", "crop"), describe([stack_path]))
    assert [p.code for p in problems] == ["field-numbers"] and not lacking(
        problems[0].message, "'crop'", "g.gpkg", 0.25
    )


FOUR = [("maize", 0), ("silage maize", 5), ("小麦 'x'", 10), ("fallow", 15)]


def fields(tmp_path, **more):
    path = tmp_path / "f.gpkg"
    if not path.exists():
        write_layer(path, [(name, box(left, 0, 3, 3)) for name, left in FOUR])
    return LabelLayer(str(path), "", "crop", **more)


def test_a_class_table_merges_renames_and_leaves_out(tmp_path, stack_path):
    table = {"silage maize": "maize", "小麦 'x'": "wheat", "fallow": ""}
    series, stack = sample(fields(tmp_path, classes=table), stack_path)
    assert series.classes == ("maize", "wheat") and np.bincount(series.labels).tolist() == [18, 9]
    assert {column for _, column in pixels_of(series, "maize")} == {0, 1, 2, 5, 6, 7}
    series, _ = sample(fields(tmp_path, classes={"fallow": "fallow", "*": "crop"}), stack_path)
    assert series.classes == ("crop", "fallow") and np.bincount(series.labels).tolist() == [27, 9]


@pytest.mark.parametrize(
    ("table", "code", "facts"),
    [
        ({"maïze": "maize"}, "class-unknown", ("'maïze'", "'crop'", "f.gpkg")),
        ({"*": ""}, "class-table", ("f.gpkg",)),
        ({"maize": "maize", "*": ""}, "one-class", ("'maize'", "f.gpkg")),
    ],
)
def test_a_class_table_that_cannot_be_meant_is_told(tmp_path, stack_path, table, code, facts):
    problems = label_problems(fields(tmp_path, classes=table), describe([stack_path]))
    assert [p.code for p in problems] == [code] and not lacking(problems[0].message, *facts)


def test_class_tables_are_read_from_pairs_and_files(tmp_path):
    (tmp_path / "t.csv").write_bytes('name;wanted\r\nmaïs;maize\r\n"a;b";\r\n111;water\r\n'.encode("cp1252"))
    assert read_class_table([str(tmp_path / "t.csv")]) == {"maïs": "maize", "a;b": "", "111": "water"}
    assert read_class_table(["a = b; c=", "*=d=e"]) == {"a": "b", "c": "", "*": "d=e"}
    (tmp_path / "plain.csv").write_text("maize,corn\nrye,\n")
    assert read_class_table([str(tmp_path / "plain.csv")]) == {"maize": "corn", "rye": ""}
    (tmp_path / "three.csv").write_text("a,b,c\n1,2,3\n")
    for entry, code, facts in (
        ("maize", "class-table", ("'maize'",)),
        ("a=b;a=c", "class-table", ("'a'", "'b'", "'c'")),
        (str(tmp_path / "gone.csv"), "vector-unreadable", ("gone.csv",)),
        (str(tmp_path / "three.csv"), "class-table", ("three.csv", 3)),
    ):
        with pytest.raises(InputError) as error:
            read_class_table([entry])
        assert error.value.code == code and not lacking(error.value.message, *facts)


def test_places_of_the_pixels_are_known(tmp_path, stack_path):
    features = [("a", point(column, 2)) for column in range(5)] + [("b", point(column, 4)) for column in range(5)]
    series, _ = sample(LabelLayer(write_layer(tmp_path / "p.gpkg", features), "", "crop"), stack_path)
    wanted = [degrees(column, row) for row in (2, 4) for column in range(5)]
    np.testing.assert_allclose(series.lonlat, wanted, atol=1e-9)
