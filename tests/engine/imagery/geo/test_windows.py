"""Windows cover a grid without gaps, and what two of them share is known without reading a pixel."""

import numpy as np
import pytest
from osgeo import gdal

from engine.imagery.geo.raster_output import overview_levels
from engine.imagery.geo.types import Grid, Window
from engine.imagery.geo.windows import (
    bounding_window,
    cut_windows,
    grid_of_window,
    intersection,
    read_valid,
    read_window,
    sample_window,
)

GRID = Grid(70, 50, (1000.0, 10.0, 0.0, 2000.0, 0.0, -10.0), "")


def test_windows_cover_every_pixel_once():
    covered = np.zeros((50, 70), int)
    windows = cut_windows(GRID, 32, 20)
    for window in windows:
        covered[window.row : window.row + window.height, window.column : window.column + window.width] += 1
    assert (covered == 1).all() and len(windows) == 9 and windows[-1] == (64, 40, 6, 10)


def test_what_two_windows_share_and_what_holds_both():
    first, second, apart = Window(0, 0, 10, 8), Window(6, 5, 10, 8), Window(30, 30, 2, 2)
    assert intersection(first, second) == Window(6, 5, 4, 3) and intersection(first, second).pixels == 12
    assert intersection(first, apart).pixels == 0
    assert bounding_window([first, second, apart]) == Window(0, 0, 32, 32)


def test_a_window_has_a_grid_of_its_own():
    own = grid_of_window(GRID, Window(3, 4, 5, 6))
    assert (own.width, own.height, own.transform) == (5, 6, (1030.0, 10.0, 0.0, 1960.0, 0.0, -10.0))


@pytest.mark.parametrize(("across", "down", "expected"), [(0, 0, (0, 0)), (4, 4, (54, 34)), (2, 1, (27, 8))])
def test_a_sample_window_is_inside(across, down, expected):
    assert sample_window(GRID, 16, across, down) == (*expected, 16, 16)
    assert sample_window(GRID, 64, 2, 2) == (3, 0, 64, 50)


def test_hidden_numbers_are_nan():
    dataset = gdal.GetDriverByName("MEM").Create("", 3, 2, 1, gdal.GDT_Int16)
    band = dataset.GetRasterBand(1)
    band.WriteRaster(0, 0, 3, 2, np.array([[1, -9, 3], [4, 5, -9]], np.int16).tobytes())
    band.SetNoDataValue(-9)
    assert read_window(band, Window(0, 0, 3, 2), np.int32)[0].tolist() == [[1, -9, 3], [4, 5, -9]]
    numbers, fault = read_valid(band, Window(1, 0, 2, 2))
    assert np.isnan(numbers).tolist() == [[True, False], [False, True]] and numbers[1, 0] == 5 and not fault
    numbers, fault = read_window(band, Window(2, 0, 5, 2))
    assert numbers is None and fault


@pytest.mark.parametrize(("side", "levels"), [(256, []), (257, [2]), (512, [2]), (1100, [2, 4, 8])])
def test_overviews_halve_until_they_are_small(side, levels):
    assert overview_levels(Grid(side, 10, GRID.transform, "")) == levels
