"""Points and polygons kept in little memory come back as they were, and many are drawn as few are."""

import numpy as np
from osgeo import ogr

from engine.imagery.geo import rasterize as rasterise
from engine.imagery.geo.rasterize import burn
from engine.imagery.geo.shapes import Shapes
from engine.imagery.geo.types import Window
from tests.helpers.rasters import UTM, box, point

WKT = [point(0, 0), box(1, 1, 3, 2), point(2, 1), "POINT Z (500035 5199975 7)", box(0, 0, 1, 1), point(2, 1)]


def test_shapes_come_back_in_their_order():
    shapes = Shapes(map(ogr.CreateGeometryFromWkt, WKT))
    plain = [ogr.CreateGeometryFromWkt(wkt) for wkt in WKT]
    assert [shape.GetEnvelope() for shape in shapes] == [shape.GetEnvelope() for shape in plain]
    assert [shape.GetGeometryName() for shape in shapes.at([4, 0, 4])] == ["POLYGON", "POINT", "POLYGON"]
    np.testing.assert_array_equal(shapes.boxes(), [shape.GetEnvelope() for shape in plain])


def test_shapes_drawn_some_at_a_time_overwrite_and_add_as_all_at_once(monkeypatch):
    shapes, window = Shapes(map(ogr.CreateGeometryFromWkt, WKT)), Window(0, 0, 5, 4)
    values = range(1, len(WKT) + 1)
    expected = [burn(shapes, values, window, UTM), burn(shapes, values, window, UTM, add=True)]
    assert expected[0][1, 2] == 6 and expected[1][1, 2] == 2 + 3 + 6
    monkeypatch.setattr(rasterise, "BATCH", 2)
    np.testing.assert_array_equal(burn(shapes, values, window, UTM), expected[0])
    np.testing.assert_array_equal(burn(shapes, values, window, UTM, add=True), expected[1])
