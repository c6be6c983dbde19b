"""Coordinates as programs and people write them in tables: the same points each time."""

from __future__ import annotations

import math

import pytest
from osgeo import ogr

from engine.errors import InputError
from engine.imagery.labels.table import read_table
from engine.imagery.labels.table_coordinates import TableCoordinates, degrees_of
from tests.helpers.facts import lacking

PLACES = [(3.0125, 50.5042), (-3.25, -50.125)]


def dms(value, letters):
    letter, value = letters[value < 0], abs(value)
    minutes = value % 1 * 60
    return f"{int(value)}\u00b0{int(minutes):02d}'{minutes % 1 * 60:.4f}\"{letter}"


def wkb(x, y):
    point = ogr.Geometry(ogr.wkbPoint)
    point.AddPoint_2D(x, y)
    return bytes(point.ExportToWkb()).hex()


TABLES = {
    "GBIF": (["decimalLatitude", "decimalLongitude"], lambda x, y: [y, x]),
    "KoBo": (["_gps_latitude", "_gps_longitude", "_gps_altitude"], lambda x, y: [y, x, 100]),
    "KoBo, one column": (["_geolocation"], lambda x, y: [f"{y} {x} 0 0"]),
    "ODK": (["location-Latitude", "location-Longitude"], lambda x, y: [y, x]),
    "ODK, groups": (["data:gps:Latitude", "data:gps:Longitude"], lambda x, y: [y, x]),
    "one column": (["gps"], lambda x, y: [f"{y} {x} 103.2 4.5"]),
    "brackets": (["coordinates"], lambda x, y: [f"({y}, {x})"]),
    "longitude first": (["lon_lat"], lambda x, y: [f"{x}, {y}"]),
    "German": (["L\u00e4nge", "Breite"], lambda x, y: [x, y]),
    "Spanish": (["longitud", "latitud"], lambda x, y: [x, y]),
    "ArcGIS": (["POINT_X", "POINT_Y"], lambda x, y: [x, y]),
    "WGS": (["X_WGS84", "Y_WGS84"], lambda x, y: [x, y]),
    "decimal comma": (["lon", "lat"], lambda x, y: [f"{x}".replace(".", ","), f"{y}".replace(".", ",")]),
    "minutes and seconds": (["lon", "lat"], lambda x, y: [dms(x, "EW"), dms(y, "NS")]),
    "letters": (["lon", "lat"], lambda x, y: [f"{'EW'[x < 0]}{abs(x)}", f"{abs(y)} {'NS'[y < 0]}"]),
    "degree signs": (["lon", "lat"], lambda x, y: [f"{x}\u00b0", f"{y}\u00b0"]),
    "WKT": (["geometry"], lambda x, y: [f"POINT ({x} {y})"]),
    "EWKT": (["the_geom"], lambda x, y: [f"SRID=4326;POINT({x} {y})"]),
    "WKB": (["geom"], lambda x, y: [wkb(x, y)]),
    "Earth Engine": ([".geo"], lambda x, y: [f'{{"type":"Point","coordinates":[{x},{y}]}}']),
    "unknown name": (["where"], lambda x, y: [f"POINT({x} {y})"]),
}


@pytest.mark.parametrize("kind", TABLES)
def test_points_in_degrees(tmp_path, kind):
    header, write = TABLES[kind]
    rows = [[*map(str, write(x, y)), "wheat"] for x, y in PLACES]
    shapes, crs = TableCoordinates([*header, "crop"], rows, str(tmp_path / "t.csv")).geometries()
    assert [(shape.GetX(), shape.GetY()) for shape in shapes] == [pytest.approx(place, abs=1e-7) for place in PLACES]
    assert crs.GetAuthorityCode(None) == "4326"


def test_a_column_with_the_code_of_the_crs(tmp_path):
    table = TableCoordinates(["easting", "northing", "epsg"], [["500000", "5200000", "32633"]], str(tmp_path / "t.csv"))
    shapes, crs = table.geometries()
    assert crs.GetAuthorityCode(None) == "32633" and shapes[0].GetX() == 500000


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("3.5", 3.5),
        ("-3,5", -3.5),
        ("3 30 E", 3.5),
        ("3:30:00", 3.5),
        ("3\u00b030'", 3.5),
        ("50d30m36s".replace("d", "\u00b0").replace("m", "'").replace("s", '"'), 50.51),
        ("S 3 30 36", -3.51),
        ("-3\u00b030'", -3.5),
    ],
)
def test_degrees(text, degrees):
    assert degrees_of(text) == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize("text", ["", "x", "3 75 E", "N 3 S", "3 O", "3-4-5-6"])
def test_texts_that_are_no_degrees(text):
    assert math.isnan(degrees_of(text))


def test_columns_without_numbers_are_named_with_what_they_hold(tmp_path):
    with pytest.raises(InputError) as error:
        TableCoordinates(["lon", "lat"], [["near the barn", "there"]], str(tmp_path / "t.csv")).geometries()
    assert error.value.code == "labels-geometry" and not lacking(str(error.value), "lon", "lat", "t.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("first", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', ""])
def test_the_line_that_names_the_separator(tmp_path, encoding, first):
    (tmp_path / "t.csv").write_bytes(f"{first}lon;lat;crop\n3,5;50,5;ma\u00efs\n".encode(encoding))
    table = read_table(str(tmp_path / "t.csv"))
    assert (table.header, table.rows) == (["lon", "lat", "crop"], [["3,5", "50,5", "ma\u00efs"]])
