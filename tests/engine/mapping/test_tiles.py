"""Tiles of a map: the same whatever their size and however many threads, within the memory given, and never half."""

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import InputError
from engine.imagery import Stack, describe
from engine.imagery.geo.file_state import file_state
from engine.mapping import MapStatistics, TileMapper, map_tiles
from engine.mapping.classify import Classified
from engine.mapping.memory import window_bytes
from engine.mapping.tile_store import TileStore
from engine.models.device import core_count
from engine.progress import Progress
from tests.helpers.scenes import make_scene


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return describe([str(make_scene(tmp_path_factory.mktemp("scene"), side=60).target)])


class Greenest:
    """Classifies by the date on which the second band is highest: nothing that depends on a neighbour."""

    def classify(self, pixels, tick):
        tick(len(pixels))
        best = np.nan_to_num(pixels[:, :, 1]).argmax(axis=1) % 3
        return Classified(best, 40 + best)


def mapped(target, folder, pixels, threads=1):
    folder.mkdir()
    with Stack(target, "target") as stack:
        store = TileStore(folder, stack.grid, stack.tiles(pixels))
        mapper = TileMapper(stack, None, Greenest(), stack.bands, 3)
        map_tiles(mapper, store, Progress(), threads)
        plane = np.zeros((stack.grid.height, stack.grid.width), np.uint8)
        for number, w in enumerate(store.windows):
            plane[w.row : w.row + w.height, w.column : w.column + w.width] = store.read(number)[0]
        return plane, MapStatistics.total(store.statistics(n) for n in range(len(store.windows))), store


def test_tiles_of_any_size_in_any_number_of_threads_make_one_map(target, tmp_path):
    whole, counts, _ = mapped(target, tmp_path / "whole", 10**9)
    small, same, store = mapped(target, tmp_path / "small", 300, threads=4)
    np.testing.assert_array_equal(small, whole)
    assert len(store.windows) == 15
    np.testing.assert_array_equal(same.confidence, counts.confidence)
    np.testing.assert_array_equal(counts.pixels, np.bincount(whole.ravel(), minlength=4)[1:])
    assert counts.unobserved == (whole == 0).sum() and counts.outside == 0
    assert {int(p) for p in np.nonzero(counts.confidence.sum(axis=0))[0]} <= {40, 41, 42}


def test_curves_are_the_mean_series_of_each_class(target, tmp_path):
    plane, counts, store = mapped(target, tmp_path / "tiles", 300)
    with Stack(target, "target") as stack:
        series = stack.read(stack.tiles(10**9)[0])
    for index in range(3):
        own = series[plane == index + 1]
        with np.errstate(invalid="ignore"):
            mean = np.nansum(own, axis=0) / np.isfinite(own).sum(axis=0)
        np.testing.assert_allclose(counts.curves[index], mean, rtol=1e-4)


def test_another_program_reads_a_tile_in_its_place(target, tmp_path):
    plane, _, store = mapped(target, tmp_path / "tiles", 300)
    window = store.windows[3]
    tile = gdal.Open(str(store.raster_path(3)))
    whole = gdal.Open(target[0].path).GetGeoTransform()
    assert tile.GetGeoTransform()[3] == whole[3] + window.row * whole[5]
    np.testing.assert_array_equal(
        tile.GetRasterBand(1).ReadAsArray(), plane[window.row : window.row + window.height, : window.width]
    )


@pytest.mark.parametrize("ending", [".tif", ".npz"])
def test_a_damaged_tile_is_told_and_not_taken(target, tmp_path, ending):
    _, _, store = mapped(target, tmp_path / "tiles", 300)
    path = store.raster_path(2).with_suffix(ending)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError) as caught:
        store.read(2), store.statistics(2)
    assert caught.value.code == "unfinished-damaged" and path.name in caught.value.message


def test_a_window_fits_the_memory_that_is_given(target):
    with Stack(target, "target") as stack:
        depth = 4 * len(stack.dates) * len(stack.bands)
        for given in (200_000, 1_000_000):
            windows = stack.windows(given)
            assert max(w.width * w.height for w in windows) * depth <= given
            assert sum(w.width * w.height for w in windows) == 3600
    # Four times the values of a window for each thread at work.
    assert window_bytes(1024) * 4 * core_count() == 1024 * 2**20
    assert window_bytes(0) > 0


def test_a_file_is_known_again_by_its_size_and_time(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"12345")
    state = file_state(str(path))
    assert state[0] == 5 and file_state(str(path)) == state
    assert file_state(f'NETCDF:"{path}":B04') == state
    path.write_bytes(b"123456")
    assert file_state(str(path)) != state
    assert file_state(str(tmp_path / "none.tif")) is None
