"""The area of a pixel against geodesic areas known from elsewhere."""

import math

import pytest
from osgeo import osr

from engine.imagery.geo.geodesy import pixel_hectares
from engine.imagery.geo.types import Grid


def wkt(epsg):
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(epsg)
    return srs.ExportToWkt()


def test_a_pixel_of_ten_metres_is_a_hundredth_of_a_hectare():
    assert pixel_hectares(Grid(100, 100, (500000, 10, 0, 5200000, 0, -10), wkt(32633))) == pytest.approx(
        0.01, rel=1e-12
    )


def test_south_up_and_rotated_pixels_count_the_same():
    assert pixel_hectares(Grid(9, 9, (500000, 10, 0, 5200000, 0, 10), wkt(32633))) == pytest.approx(0.01)
    assert pixel_hectares(Grid(9, 9, (500000, 8, 6, 5200000, 6, -8), wkt(32633))) == pytest.approx(0.01)


def test_web_mercator_is_not_taken_at_its_word():
    # At 60 degrees north a metre of Web Mercator is half a metre on the ground.
    half = pixel_hectares(Grid(2, 2, (0, 10, 0, 8399737.89, 0, -10), wkt(3857)))
    assert half == pytest.approx(0.01 / 4, rel=0.01)


def test_degrees_become_hectares():
    # One square degree at the equator: 110,574 m x 111,320 m.
    equator = pixel_hectares(Grid(2, 2, (0, 1, 0, 1, 0, -1), wkt(4326)))
    assert equator == pytest.approx(110_574 * 111_320 / 10_000, rel=1e-4)


def test_a_national_grid_in_feet_counts_feet():
    assert pixel_hectares(Grid(2, 2, (984250, 100, 0, 984250, 0, -100), wkt(2263))) == pytest.approx(
        (100 * 0.3048006096) ** 2 / 10_000, rel=5e-3
    )


def test_without_a_crs_there_is_no_area():
    assert math.isnan(pixel_hectares(Grid(2, 2, (0, 1, 0, 0, 0, -1), "")))


def test_a_local_system_counts_its_own_units():
    local = 'LOCAL_CS["site grid",UNIT["metre",1]]'
    assert pixel_hectares(Grid(2, 2, (0, 10, 0, 0, 0, -10), local)) == pytest.approx(0.01)
