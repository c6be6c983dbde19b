"""Sources as QGIS writes them mean the same layer and features here."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.imagery.geo.gdal_io import open_vector
from engine.imagery.geo.layer_source import LayerPart, parse_part, split_layer
from tests.helpers.rasters import box, point, write_layer


@pytest.fixture
def two(tmp_path):
    write_layer(tmp_path / "two.gpkg", [("wrong", box(0, 0, 2, 2))], name="of_2020")
    features = [("wheat", box(0, 0, 2, 2)), ("maize", box(4, 0, 2, 2)), ("maize", point(9, 9))]
    return write_layer(tmp_path / "two.gpkg", features, name="of_2021")


def crops(source):
    dataset, layer = open_vector(*split_layer(source))
    return [feature["crop"] for feature in layer]


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("|layername=of_2021", ["wheat", "maize", "maize"]),
        ("|layerid=1", ["wheat", "maize", "maize"]),
        ("|LayerName=of_2021", ["wheat", "maize", "maize"]),
        ("|layername=of_2021|subset=crop = 'wheat'", ["wheat"]),
        ("|subset=crop = 'wheat' OR crop = 'a|b'|layername=of_2021", ["wheat"]),
        ("|layerid=1|subset=\"crop\" IN ('maize')", ["maize", "maize"]),
        ("|layername=of_2021|geometrytype=Polygon", ["wheat", "maize"]),
        ("|geometrytype=Point|layerid=1", ["maize"]),
        ("|layername=of_2021|geometrytype=MultiPolygonZ|subset=crop <> 'wheat'", ["maize"]),
        ("|option:LIST_ALL_TABLES=NO|layername=of_2021|uniqueGeometryType=yes", ["wheat", "maize", "maize"]),
    ],
)
def test_the_meant_features_are_read(two, tail, expected):
    assert crops(two + tail) == expected


def test_database_and_file_addresses(two, tmp_path):
    assert crops(f"dbname='{two}' table=\"of_2021\" (geom) sql=crop = 'wheat'") == ["wheat"]
    one = write_layer(tmp_path / "one.geojson", [("rye", box(0, 0, 2, 2))], driver="GeoJSON")
    assert crops(f"file://{one}") == ["rye"]


@pytest.mark.parametrize(
    ("tail", "code", "fact"),
    [
        ("", "layer-missing", "of_2020, of_2021"),
        ("|layerid=7", "layer-missing", "7"),
        ("|layerid=first", "layer-missing", "first"),
        ("|layername=of_2022", "layer-missing", "of_2022"),
        ("|layername=of_2021|geometrytype=Circle", "layer-missing", "Circle"),
    ],
)
def test_what_is_not_there_is_named(two, tail, code, fact):
    with pytest.raises(InputError) as error:
        open_vector(*split_layer(two + tail))
    assert error.value.code == code and fact in str(error.value)


def test_a_table_without_shapes_beside_a_layer_is_no_choice(tmp_path):
    path = write_layer(tmp_path / "f.gpkg", [("rye", box(0, 0, 2, 2))])
    from osgeo import ogr

    data = ogr.Open(path, 1)
    data.CreateLayer("notes", None, ogr.wkbNone)
    del data
    assert crops(path) == ["rye"]


def test_parts_of_a_source(tmp_path):
    odd = tmp_path / "a|layername=b.gpkg"
    odd.write_text("x")
    assert split_layer(str(odd)) == (str(odd), "")
    assert parse_part("fields|subset=a = 'x'|option:A=B") == LayerPart("fields", None, "a = 'x'", "", ("A=B",))
