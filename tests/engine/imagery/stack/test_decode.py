"""How a stack is read: ahead of the caller, indices computed on the way, days from a season start, memory let go."""

import datetime
import threading

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import InputError
from engine.imagery import Stack, StackBand, Window
from engine.imagery.stack.decode import PIECE, BandEncoding, decode_values, fill_series
from engine.imagery.stack.raster_file import OpenFiles, RasterFile
from engine.series import align_years
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, write_raster

DATES = ("2021-05-01", "2021-05-11", "2021-06-01")


def make(folder, dates=DATES, names=("B02", "B04", "B08"), side=150, dtype=np.uint16, seed=0):
    """One file a date, as in most downloads, with gaps; returns its bands."""
    rng = np.random.default_rng(seed)
    bands = []
    for date in dates:
        planes = rng.integers(1, 9000, (len(names), side, side)).astype(dtype)
        planes[:, rng.random((side, side)) < 0.2] = 0
        tiles = ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32", "COMPRESS=DEFLATE"]
        path = write_raster(folder / f"{date}.tif", planes, nodata=0, options=tiles)
        bands += [StackBand(path, index, date, name) for index, name in enumerate(names, 1)]
    return bands


@pytest.mark.parametrize("threads", [1, 3])
def test_reading_ahead_gives_every_window_in_order_and_leaves_no_thread(tmp_path, threads):
    before = threading.active_count()
    with Stack(make(tmp_path), "target") as stack:
        windows = stack.tiles(40 * 40)
        expected = [stack.read(window, ["B08", "B04"]) for window in windows]
        seen = 0
        for number, (window, series) in enumerate(stack.read_ahead(windows, ["B08", "B04"], threads)):
            assert window == windows[number]
            assert np.array_equal(series, expected[number], equal_nan=True)
            seen += 1
        assert seen == len(windows) > 5 and threading.active_count() == before
        assert list(stack._open._open) == [threading.get_ident()], "the files of the reading threads are closed"
        for _ in stack.read_ahead(windows, threads=threads):
            break
        assert threading.active_count() == before and list(stack.read_ahead([])) == []


def test_the_next_window_is_read_while_the_caller_works(tmp_path, monkeypatch):
    with Stack(make(tmp_path), "target") as stack:
        windows = stack.tiles(40 * 40)
        started = {window: threading.Event() for window in windows}
        read = Stack._read
        monkeypatch.setattr(Stack, "_read", lambda self, w, *rest: (started[w].set(), read(self, w, *rest))[1])
        following = dict(zip(windows, windows[1:]))
        for window, _ in stack.read_ahead(windows):
            assert window not in following or started[following[window]].wait(10)


def test_a_fault_while_reading_ahead_is_told_in_its_turn(tmp_path):
    bands = make(tmp_path)
    with Stack(bands, "target") as stack:
        windows = stack.tiles(40 * 40)
        size = (tmp_path / "2021-06-01.tif").stat().st_size
        with open(tmp_path / "2021-06-01.tif", "r+b") as file:
            file.truncate(size // 2)
        with pytest.raises(InputError) as error:
            for _ in stack.read_ahead(windows):
                pass
        assert error.value.code == "raster-unreadable" and not lacking(error.value.message, "2021-06-01.tif")


def test_every_thread_has_its_own_datasets(tmp_path):
    bands = make(tmp_path)
    path = bands[0].path
    with Stack(bands, "target") as stack:
        of_thread = []
        thread = threading.Thread(target=lambda: of_thread.append(stack._open(path)))
        thread.start()
        thread.join()
        assert of_thread[0] is not stack._open(path) and stack._open(path) is stack._open(path)


def test_the_cache_of_blocks_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(OpenFiles, "CACHE_BYTES", 100_000)
    bands = make(tmp_path, side=300)
    others = gdal.GetCacheUsed()
    with Stack(bands, "target") as stack:
        whole = Window(0, 0, 300, 300)
        first = stack.read(whole)
        # 9 raster bands of 300 x 300 in 16 bits would be 1.6 MB.
        assert gdal.GetCacheUsed() - others < 100_000
        assert np.array_equal(first, stack.read(whole), equal_nan=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("columns", [(0, 1, 2, 3, 4), (1, 2, 4, 6, 7)])
@pytest.mark.parametrize("alike", [True, False])
def test_planes_become_series_as_number_by_number(dtype, columns, alike):
    count = 2 * PIECE + 17
    planes = np.random.default_rng(0).integers(0, 200, (5, count)).astype(dtype)
    if np.dtype(dtype).kind == "f":
        planes[0, :2] = np.inf, np.nan
    encodings = [BandEncoding((7.0,), 0.01, -0.1) if alike or i % 2 else BandEncoding((), 1.0, 0.0) for i in range(5)]
    out = np.full((count, 8 if columns[-1] > 4 else 5), -1, np.float32)
    fill_series(planes, encodings, out, columns)
    for plane, encoding, column in zip(planes, encodings, columns):
        expected = np.where(
            np.isin(plane, encoding.nodata) | ~np.isfinite(plane), np.nan, plane * encoding.scale + encoding.offset
        )
        assert out[:, column] == pytest.approx(expected.astype(np.float32), abs=1e-6, nan_ok=True)
    assert (np.delete(out, columns, axis=1) == -1).all()


def test_signed_numbers_and_a_nodata_beyond_their_type():
    stored = np.array([-32768, -1, 0, 32767], np.int16)
    assert decode_values(stored, BandEncoding((-32768.0,), 0.5, 0.0))[1:].tolist() == [-0.5, 0.0, 16383.5]
    out = np.empty((4, 1), np.float32)
    fill_series(stored[None], [BandEncoding((-32768.0,), 0.5, 0.0)], out, [0])
    assert np.isnan(out[0, 0]) and out[1:, 0].tolist() == [-0.5, 0.0, 16383.5]
    assert np.isfinite(decode_values(stored, BandEncoding((-3.4e38,), 1.0, 0.0))).all()
    assert np.isfinite(decode_values(stored, BandEncoding((1e300,), 1.0, 0.0))).all()


def test_older_gdal_without_buffers_reads_the_same(tmp_path, monkeypatch):
    with Stack(make(tmp_path), "target") as stack:
        values = stack.read(Window(3, 5, 70, 60))
        monkeypatch.setattr("engine.imagery.stack.raster_file.INTO_BUFFER", False)
        assert np.array_equal(values, stack.read(Window(3, 5, 70, 60)), equal_nan=True)


def test_indices_are_computed_while_reading(tmp_path):
    with Stack(make(tmp_path), "target", indices=["ndvi", "EVI"]) as stack:
        assert stack.bands == ("B02", "B04", "B08", "NDVI", "EVI")
        blue, red, nir, ndvi, evi = np.moveaxis(stack.read(Window(0, 0, 50, 50)).astype(np.float64), 3, 0)
        assert np.nanmax(np.abs(ndvi - (nir - red) / (nir + red))) < 1e-5
        expected = 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)
        steady = np.abs(nir + 6 * red - 7.5 * blue + 1) > 0.1
        assert np.nanmax(np.abs(evi - expected)[steady]) < 1e-3
        assert np.array_equal(np.isnan(ndvi), np.isnan(nir))


def test_only_the_bands_of_an_index_are_read(tmp_path, monkeypatch):
    asked = []
    original = RasterFile.read_planes
    with Stack(make(tmp_path), "target", indices=["NDVI"]) as stack:
        monkeypatch.setattr(
            RasterFile,
            "read_planes",
            lambda self, window, bands, out: (
                asked.append([b.index for b in bands]),
                original(self, window, bands, out),
            )[1],
        )
        assert stack.read(Window(0, 0, 9, 9), ["NDVI"]).shape == (9, 9, 3, 1)
        assert asked == [[2, 3]] * 3
        both = stack.read(Window(0, 0, 9, 9), ["B08", "NDVI", "B02"])
        whole = stack.read(Window(0, 0, 9, 9))
        assert np.array_equal(both, whole[..., [2, 3, 0]], equal_nan=True)


def test_an_index_that_is_stored_is_read_and_one_that_cannot_be_computed_is_refused(tmp_path):
    bands = make(tmp_path, names=("B04", "NDVI"))
    with Stack(bands, "target", indices=["NDVI"]) as stack:
        assert stack.bands == ("B04", "NDVI")
    with pytest.raises(InputError) as error:
        Stack(bands, "target", indices=["EVI"])
    assert error.value.code == "index-bands" and not lacking(error.value.message, "EVI", "target", "B04", "NDVI")
    with pytest.raises(InputError) as error:
        Stack(bands, "target", indices=["GREENNESS"])
    assert error.value.code == "index" and not lacking(error.value.message, "'GREENNESS'")


def days(folder, dates, start):
    with Stack(make(folder, dates, side=4), "target", season_start=start) as stack:
        return stack


@pytest.mark.parametrize(
    ("dates", "start", "first", "day"),
    [
        (("2013-09-14", "2014-01-01"), None, "2013-01-01", [257, 366]),
        (("2013-09-14", "2014-01-01"), "01-01", "2013-01-01", [257, 366]),
        (("2013-09-14", "2014-01-01"), "07-02", "2013-07-02", [75, 184]),
        (("2014-03-01", "2014-04-01"), "07-02", "2013-07-02", [243, 274]),
        (("2014-07-02", "2014-07-03"), "07-02", "2014-07-02", [1, 2]),
        (("2014-07-01", "2014-07-03"), "07-02", "2013-07-02", [365, 367]),
        (("2020-03-01", "2020-03-11"), "02-29", "2020-02-28", [3, 13]),
    ],
)
def test_days_count_from_the_start_of_the_season(tmp_path, dates, start, first, day):
    stack = days(tmp_path, dates, start)
    assert stack.first_day == datetime.date.fromisoformat(first) and stack.day.tolist() == day


def test_a_season_and_the_same_on_the_other_half_of_the_earth_have_the_same_days(tmp_path):
    for folder in ("north", "south"):
        (tmp_path / folder).mkdir()
    north = days(tmp_path / "north", ("2021-04-01", "2021-07-01", "2021-09-01"), None)
    south = days(tmp_path / "south", ("2021-10-01", "2021-12-31", "2022-03-03"), "07-02")
    assert np.abs(align_years(south.day, north.day) - north.day).max() <= 2


def test_a_wrong_start_of_the_season_is_refused(tmp_path):
    for start in ("13-01", "July", "2021-07-01"):
        with pytest.raises(InputError) as error:
            days(tmp_path, DATES, start)
        assert error.value.code == "season-start"


def test_the_grid_is_that_of_the_smallest_pixels_of_the_first_date(tmp_path):
    """A Sentinel-2 product lists its band of 60 m first."""
    coarse = write_raster(
        tmp_path / "B01.tif", np.full((1, 2, 2), 0.1, np.float32), transform=(UTM[0], 60, 0, UTM[3], 0, -60)
    )
    fine = write_raster(tmp_path / "B02.tif", np.full((1, 12, 12), 0.2, np.float32))
    bands = [StackBand(coarse, 1, DATES[0], "B01"), StackBand(fine, 1, DATES[0], "B02")]
    with Stack(bands, "source") as stack:
        assert (stack.grid.width, stack.grid.height) == (12, 12)
        assert len(naming(stack.warnings, 1, "source", "B01.tif", "B02.tif")) == 1
        assert stack.read(Window(0, 0, 12, 12))[6, 6, 0].tolist() == pytest.approx([0.1, 0.2])
