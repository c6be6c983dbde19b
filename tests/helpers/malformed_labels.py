"""Label layers from which nothing can be learnt."""

from __future__ import annotations

import sqlite3

from osgeo import ogr

from tests.helpers.malformed import SIDE, Case, Desk
from tests.helpers.rasters import UTM, box, point, write_layer

CROPS = ("maize", "wheat")


def fields(count: int = 4, crops=CROPS, left: float = 0.0) -> list[tuple[str, str]]:
    """Crops and squares of 6 x 6 pixels side by side."""
    return [(crops[number % len(crops)], box(left + 6 * number, 0, 6, 6)) for number in range(count)]


def layer(features, **how):
    """A case maker: a layer with these features in place of the good one; ``asked`` changes the arguments."""

    def make(desk: Desk) -> list[str]:
        asked = how.get("asked", {})
        kept = {key: value for key, value in how.items() if key != "asked"}
        return desk.map(**{"labels": write_layer(desk / "odd.gpkg", features, **kept), **asked})

    return make


def asked(**changes):
    """A case maker: something is asked of the good layer that it cannot give."""
    return lambda desk: desk.map(**changes)


def missing(desk: Desk) -> list[str]:
    return desk.map(labels=desk / "gone.gpkg")


def no_such_layer(desk: Desk) -> list[str]:
    return desk.map(labels=f"{desk / 'fields.gpkg'}|layername=plots")


def cut_geopackage(desk: Desk) -> list[str]:
    write_layer(desk / "large.gpkg", fields(2000))
    return desk.map(labels=desk.cut("large.gpkg", 0.5))


def damaged_geopackage(desk: Desk) -> list[str]:
    """The pages with the features are overwritten, those with the table of contents are not."""
    path = desk / "large.gpkg"
    write_layer(path, fields(2000))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8 * 4096] = bytes([255]) * 8 * 4096
    return desk.map(labels=desk.text("large.gpkg", bytes(content)))


def other_database(desk: Desk) -> list[str]:
    path = desk / "ledger.gpkg"
    with sqlite3.connect(path) as database:
        database.execute("create table bills (sum real)")
    database.close()
    return desk.map(labels=path)


def text(name: str, content: str | bytes, **changes):
    """A case maker: a file of text as layer."""
    return lambda desk: desk.map(labels=desk.text(name, content), **changes)


def cut_geojson(desk: Desk) -> list[str]:
    write_layer(desk / "plots.geojson", fields(), driver="GeoJSON")
    return desk.map(labels=desk.cut("plots.geojson", 0.7))


def folder(desk: Desk) -> list[str]:
    (desk / "shapes").mkdir()
    return desk.map(labels=desk / "shapes")


def shapefile_without_table(desk: Desk) -> list[str]:
    write_layer(desk / "plots.shp", fields(), driver="ESRI Shapefile")
    (desk / "plots.dbf").unlink()
    return desk.map(labels=desk / "plots.shp")


def shapefile_cut_off(desk: Desk) -> list[str]:
    write_layer(desk / "plots.shp", fields(), driver="ESRI Shapefile")
    return desk.map(labels=desk.cut("plots.shp"))


LINE = f"LINESTRING({UTM[0]} {UTM[3]},{UTM[0] + 100} {UTM[3] - 100})"
MIDDLE = SIDE // 2
POINTS = [(crop, point(column, row)) for row, crop in enumerate(CROPS) for column in range(8)]
MANY = [(f"parcel {number}", point(number % SIDE, number // SIDE)) for number in range(300) for _ in range(5)]
SLIVERS = [(crop, box(6 * number + 0.1, 0.1, 0.2, 5)) for number, crop in enumerate(CROPS)]
TABLE = "crop,lon,lat\n" + "".join(f"{CROPS[i % 2]},far to the east,{46.9 + i / 1000}\n" for i in range(12))
PLAIN = "crop,place\n" + "".join(f"{CROPS[i % 2]},field {i}\n" for i in range(12))
OFF_EARTH = "crop,lon,lat\n" + "".join(f"{CROPS[i % 2]},{900 + i},{400 + i}\n" for i in range(12))

LABELS = (
    Case("labels that are gone", missing, "vector-unreadable", ("gone.gpkg",)),
    Case("layer that is not there", no_such_layer, "layer-missing", ("fields.gpkg", "'plots'", "fields")),
    Case("field that is not there", asked(class_field="Crop"), "field-missing", ("'Crop'", "crop", "code")),
    Case("no class field", asked(class_field=None), "class-field", ("--class-field",)),
    Case("labels without source", asked(source=None), "no-source-stack", ("source",)),
    Case("source without labels", asked(labels=None, class_field=None), "no-labels", ("source",)),
    Case("filter that is no SQL", asked(where="crop ="), "bad-filter", ("crop =", "fields")),
    Case("filter on no such field", asked(where="year = 2021"), "bad-filter", ("year = 2021", "fields")),
    Case("filter that leaves nothing", asked(where="crop = 'rice'"), "labels-empty", ("crop = 'rice'", "fields")),
    Case("filter that leaves one class", asked(where="crop = 'wheat'"), "one-class", ("'wheat'", "fields")),
    Case("layer without features", layer([]), "labels-empty", ("odd.gpkg",)),
    Case("class NULL in all", layer([(None, box(0, 0, 6, 6))] * 3), "field-null", ("'crop'", "odd.gpkg", "3")),
    Case("class of spaces in all", layer([("  ", box(0, 0, 6, 6))] * 3), "field-null", ("'crop'", "odd.gpkg")),
    Case("class NaN in all", layer([(float("nan"), box(0, 0, 6, 6))] * 3, kind=ogr.OFTReal), "field-null", ("'crop'",)),
    Case("one class", layer(fields(crops=("maize",))), "one-class", ("'maize'", "odd.gpkg")),
    Case("300 classes", layer(MANY), "many-classes", ("'crop'", "odd.gpkg", "300", "255")),
    Case("lines only", layer([(crop, LINE) for crop in CROPS]), "labels-geometry", ("odd.gpkg",)),
    Case("no geometry at all", layer([(crop, None) for crop in CROPS]), "labels-geometry", ("odd.gpkg",)),
    Case("empty geometries", layer([(crop, "POLYGON EMPTY") for crop in CROPS]), "labels-geometry", ("odd.gpkg",)),
    Case("labels far away", layer(fields(left=10_000)), "no-overlap", ("odd.gpkg", "source.tif")),
    Case("labels of the other hemisphere", layer(fields(), epsg=32733), "no-overlap", ("odd.gpkg", "source.tif")),
    Case("labels in degrees called metres", layer([(c, "POINT(15 47)") for c in CROPS * 8]), "no-overlap", ("odd",)),
    Case("coordinates of infinity", layer([(c, "POINT(1e400 1e400)") for c in CROPS * 8]), "no-overlap", ("odd",)),
    Case("class of one pixel", layer([*fields(3), ("rice", box(20, 20, 1, 1))]), "few-samples", ("'rice'", "1", "odd")),
    Case(
        "class of two points", layer([*POINTS, *[("rice", point(20, i)) for i in (1, 2)]]), "few-samples", ("rice", "2")
    ),
    Case("polygons without a pixel", layer(SLIVERS), "few-samples", ("'maize'", "odd.gpkg")),
    Case(
        "one class on the stack", layer([*fields(2, ("maize",)), ("rice", box(900, 0, 9, 9))]), "one-class", ("maize",)
    ),
    Case(
        "two crops on the same pixels", layer([(c, box(0, 0, 6, 6)) for c in CROPS]), "few-samples", ("'maize'", "odd")
    ),
    Case("GeoPackage cut off", cut_geopackage, "vector-unreadable", ("large.gpkg",)),
    Case("GeoPackage damaged", damaged_geopackage, "vector-unreadable", ("large.gpkg",)),
    Case("database of bills", other_database, "vector-unreadable", ("ledger.gpkg",)),
    Case("GeoJSON cut off", cut_geojson, "vector-unreadable", ("plots.geojson",)),
    Case("GeoJSON of nothing", text("plots.geojson", "{}"), "vector-unreadable", ("plots.geojson",)),
    Case("text named gpkg", text("notes.gpkg", "the fields will follow"), "vector-unreadable", ("notes.gpkg",)),
    Case("labels of no bytes", text("plots.gpkg", b""), "vector-unreadable", ("plots.gpkg",)),
    Case("folder without layers", folder, "vector-unreadable", ("shapes",)),
    Case("shapefile without table", shapefile_without_table, "field-missing", ("plots.shp", "'crop'")),
    Case("shapefile cut off", shapefile_cut_off, "vector-unreadable", ("plots.shp",)),
    Case("CSV without coordinates", text("plots.csv", PLAIN), "labels-geometry", ("plots.csv",)),
    Case("CSV with words for coordinates", text("plots.csv", TABLE), "labels-geometry", ("plots.csv",)),
    Case("CSV with coordinates off the Earth", text("plots.csv", OFF_EARTH), "no-overlap", ("plots.csv",)),
)
