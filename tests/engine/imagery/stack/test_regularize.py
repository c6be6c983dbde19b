"""Regular stacks written as Cloud Optimized GeoTIFF and read again, by the engine and by GDAL's own tools."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import Cancelled, InputError
from engine.imagery import Stack, describe
from engine.imagery.stack.regularize import PIXELS, Recipe, fitting_type, regularize, score_name
from engine.imagery.stack.writer import StackWriter
from engine.progress import Progress
from engine.series.periods import season_periods
from engine.series.whittaker import smooth
from tests.helpers.facts import lacking
from tests.helpers.paths import ROOT
from tests.helpers.rasters import write_raster
from tests.helpers.regular_stack import BANDS, make


def write_season(
    folder, width=70, height=50, step=4, count=24, bands=BANDS, kind=np.uint16, values=None, name="season"
):
    """A file of all dates and bands with clouds on a third of the pixels; returns path and (h, w, t, c) values."""
    rng = np.random.default_rng(8)
    dates = [datetime.date(2021, 3, 2) + datetime.timedelta(step * n) for n in range(count)]
    if values is None:
        values = rng.integers(200, 6000, (height, width, count, len(bands))).astype(np.float32) / 10000
        values[rng.random((height, width, count)) < 0.35] = np.nan
    stored = np.where(np.isfinite(values), np.rint(values * 10000), 65535)
    planes = np.moveaxis(stored, (2, 3), (0, 1)).reshape(-1, height, width).astype(np.uint16)
    names = [f"{band}_{date}" for date in dates for band in bands]
    path = write_raster(folder / f"{name}.tif", planes, names, nodata=65535, scale=1e-4)
    return path, values


def read(path):
    with Stack(describe([str(path)]), "target") as stack:
        assert stack.warnings == []
        return stack.read(stack.tiles(10**9)[0]), stack


def medians(values, periods):
    """(h, w, g, c) medians by NumPy."""
    groups = [values[:, :, periods.period_of_date == place] for place in range(len(periods))]
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(RuntimeWarning)
        return np.stack([np.nanmedian(group, axis=2) for group in groups], axis=2)


def test_the_file_is_read_again_to_the_medians_that_were_computed(tmp_path):
    path, values = write_season(tmp_path)
    coverage, periods = make(path, tmp_path / "out.tif")
    again, stack = read(tmp_path / "out.tif")
    assert (stack.dates, stack.bands) == (periods.dates, BANDS)
    expected = medians(values, periods)
    np.testing.assert_allclose(again, expected, atol=0.5e-4 + 1e-6)
    assert coverage.observed == pytest.approx(np.isfinite(expected[..., 0]).mean()) and coverage.filled == 0
    with Stack(describe([path]), "input") as source:
        assert stack.grid == source.grid


def test_the_file_is_a_valid_cloud_optimized_geotiff(tmp_path):
    path, _ = write_season(tmp_path, width=700, height=600, count=12)
    _, periods = make(path, tmp_path / "out.tif", tags={"CROPTRANSFER_METHOD": "median"})
    out = gdal.Open(str(tmp_path / "out.tif"))
    assert out.GetMetadata("IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert out.GetMetadata("IMAGE_STRUCTURE")["COMPRESSION"] == "DEFLATE"
    assert out.GetMetadataItem("CROPTRANSFER_METHOD") == "median"
    band = out.GetRasterBand(2)
    assert band.GetDescription() == f"B08_{periods.dates[0]}"
    assert (band.GetNoDataValue(), band.GetScale(), band.GetOffset()) == (-32768, 1e-4, 0)
    assert band.GetBlockSize() == [512, 512]
    assert [band.GetOverview(n).XSize for n in range(band.GetOverviewCount())] == [350, 175]
    # Means of what was seen: a cloud neither darkens nor hides the pixel above it.
    fine = out.GetRasterBand(1).ReadAsArray(0, 0, 2, 2).astype(float)
    coarse = out.GetRasterBand(1).GetOverview(0).ReadAsArray(0, 0, 1, 1)
    assert abs(coarse[0, 0] - np.nanmean(np.where(fine == -32768, np.nan, fine))) <= 1
    # Every header stands before the pixels, overviews before the full resolution, as the layout asks.
    offsets = [int(band.GetMetadataItem("BLOCK_OFFSET_0_0", "TIFF"))]
    offsets += [int(band.GetOverview(n).GetMetadataItem("BLOCK_OFFSET_0_0", "TIFF")) for n in range(2)]
    assert offsets == sorted(offsets, reverse=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.tif", "season.tif"]


def test_windows_and_pieces_leave_no_seam(tmp_path, monkeypatch):
    path, values = write_season(tmp_path, width=530, height=400, count=9)
    make(path, tmp_path / "whole.tif", Recipe(fill="whittaker"))
    monkeypatch.setattr("engine.imagery.stack.regularize.WINDOW_BYTES", 4 * 128 * 128 * 9 * 2)
    monkeypatch.setattr("engine.imagery.stack.writer.BLOCKS", (128,))
    make(path, tmp_path / "pieces.tif", Recipe(fill="whittaker"))
    np.testing.assert_array_equal(read(tmp_path / "whole.tif")[0], read(tmp_path / "pieces.tif")[0])
    assert 530 * 400 > 10 * PIXELS


def test_a_maximum_takes_all_bands_of_the_greenest_date(tmp_path):
    path, values = write_season(tmp_path)
    _, periods = make(path, tmp_path / "out.tif", Recipe("max"))
    again, _ = read(tmp_path / "out.tif")
    ndvi = (values[..., 1] - values[..., 0]) / (values[..., 1] + values[..., 0])
    dates = np.flatnonzero(periods.period_of_date == 3)
    best = np.where(np.isfinite(ndvi[:, :, dates]), ndvi[:, :, dates], -9).argmax(axis=2)
    expected = np.take_along_axis(values[:, :, dates], best[:, :, None, None], axis=2)[:, :, 0]
    np.testing.assert_allclose(again[:, :, 3], expected, atol=1e-6)


def test_the_maximum_may_need_bands_that_are_not_written(tmp_path):
    path, _ = write_season(tmp_path)
    make(path, tmp_path / "both.tif", Recipe("max"))
    make(path, tmp_path / "one.tif", Recipe("max"), bands=("B08",))
    both, one = read(tmp_path / "both.tif")[0], read(tmp_path / "one.tif")[0]
    np.testing.assert_array_equal(one[..., 0], both[..., 1])


def test_the_nearest_observation_is_the_clear_one_closest_to_the_middle_of_its_period(tmp_path):
    path, values = write_season(tmp_path, step=1, count=40)
    _, periods = make(path, tmp_path / "out.tif", Recipe("nearest"), period="20")
    again, stack = read(tmp_path / "out.tif")
    first = datetime.date(2021, 3, 2)
    middle = datetime.date.fromisoformat(stack.dates[1])
    order = sorted(np.flatnonzero(periods.period_of_date == 1), key=lambda n: abs((first - middle).days + int(n)))
    for row, column in ((0, 0), (7, 3), (49, 69)):
        date = next(n for n in order if np.isfinite(values[row, column, n, 0]))
        np.testing.assert_allclose(again[row, column, 1], values[row, column, date], atol=1e-6)


@pytest.mark.parametrize("fill", ["linear", "whittaker"])
def test_filled_gaps_are_counted(tmp_path, fill):
    path, values = write_season(tmp_path)
    coverage, periods = make(path, tmp_path / "out.tif", Recipe(fill=fill, ends="nearest"))
    again, _ = read(tmp_path / "out.tif")
    assert np.isfinite(again).all() and coverage.gaps == pytest.approx(0)
    assert coverage.filled == pytest.approx(1 - np.isfinite(medians(values, periods)[..., 0]).mean())


def test_the_smoothness_is_the_one_that_was_asked_for(tmp_path):
    path, values = write_season(tmp_path)
    for smoothness in (0.05, 30.0):
        _, periods = make(path, tmp_path / "out.tif", Recipe(fill="whittaker", smoothness=smoothness, ends="nearest"))
        series = medians(values, periods).reshape(-1, len(periods), 2)
        observed = np.isfinite(series[..., 0])
        full = observed[:, [0, -1]].all(axis=1)
        again = read(tmp_path / "out.tif")[0].reshape(series.shape)
        np.testing.assert_allclose(again[full], smooth(series, observed, smoothness)[full], atol=1e-4)


def test_indices_and_quality_bands_of_the_stack_are_used(tmp_path):
    path, values = write_season(tmp_path)
    scl = np.full((24, *values.shape[:2]), 4, np.uint8)
    scl[:, :5] = 9
    dates = sorted({band.date for band in describe([path])})
    quality = write_raster(tmp_path / "scl.tif", scl, [f"SCL_{date}" for date in dates])
    with Stack(describe([path, quality]), "input", ("NDVI",)) as stack:
        periods = season_periods(stack.dates, "month")
        writer = StackWriter(str(tmp_path / "out.tif"), stack.grid, periods.dates, ("NDVI",), "int16", {})
        regularize(stack, ("NDVI",), periods, Recipe("mean"), writer, Progress())
        writer.finish()
    again, _ = read(tmp_path / "out.tif")
    ndvi = (values[..., 1:] - values[..., :1]) / (values[..., 1:] + values[..., :1])
    months = [np.ma.masked_invalid(ndvi[:, :, periods.period_of_date == n]).mean(axis=2) for n in range(len(periods))]
    expected = np.stack([month.filled(np.nan) for month in months], axis=2)
    np.testing.assert_allclose(again[5:], expected[5:], atol=0.5e-4 + 1e-6)
    assert np.isnan(again[:5]).all()


@pytest.mark.parametrize("large", [25.0, 250.0])
def test_floats_come_back_as_they_were_however_large(tmp_path, large):
    """Without a word about it, numbers of hundreds would be taken for reflectance times 10000."""
    rng = np.random.default_rng(1)
    planes = (rng.random((12, 30, 40)) * large).astype(np.uint8)
    dates = [(datetime.date(2021, 3, 2) + datetime.timedelta(10 * n)).isoformat() for n in range(6)]
    path = write_raster(tmp_path / "bytes.tif", planes, [f"{band}_{date}" for date in dates for band in BANDS])
    with Stack(describe([path]), "input") as stack:
        assert fitting_type(stack, BANDS) == "float32"
    make(path, tmp_path / "out.tif", data_type="float32")
    again, _ = read(tmp_path / "out.tif")
    np.testing.assert_array_equal(np.moveaxis(again, (2, 3), (0, 1)).reshape(planes.shape), planes)


def test_reflectance_fits_whole_numbers_radar_and_large_values_do_not(tmp_path):
    kinds = {}
    for name, bands, factor in (("plain", BANDS, 1), ("radar", ("VV", "VH"), 1), ("large", ("A", "B"), 6)):
        values = np.full((50, 70, 3, 2), 0.6 * factor, np.float32)
        path, _ = write_season(tmp_path, bands=bands, count=3, values=values, name=name)
        with Stack(describe([path]), "input") as stack:
            kinds[name] = fitting_type(stack, stack.bands)
    assert kinds == {"plain": "int16", "radar": "float32", "large": "float32"}


def test_what_whole_numbers_cannot_hold_is_counted_and_becomes_the_largest(tmp_path):
    path, values = write_season(tmp_path, count=3)
    with Stack(describe([path]), "input") as stack:
        writer = StackWriter(str(tmp_path / "out.tif"), stack.grid, ["2021-03-06"], ["EVI"], "int16", {})
        series = np.full((70 * 50, 1, 1), np.nan, np.float32)
        series[:4, 0, 0] = 3.2767, -7.5, 4000.0, 0.25
        writer.write(stack.tiles(10**9)[0], series)
        writer.finish()
    assert writer.clipped == 2
    again, _ = read(tmp_path / "out.tif")
    np.testing.assert_allclose(again[0, :5, 0, 0], [3.2767, -3.2767, 3.2767, 0.25, np.nan], atol=1e-6)


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_no_band_is_taken_for_a_colour_or_for_transparency(tmp_path, bands):
    names = ("B02", "B03", "B04", "B08")[:bands]
    path, _ = write_season(tmp_path, count=12, bands=names)
    make(path, tmp_path / "out.tif", period="month", data_type="float32")
    again, stack = read(tmp_path / "out.tif")
    assert stack.bands == names and len(stack.dates) == 2


def test_a_cancel_is_heard_while_reading_and_while_writing(tmp_path):
    path, _ = write_season(tmp_path, width=600, height=500, count=6)
    for after in (3, 12):
        asked = []

        def cancelled(asked=asked, after=after):
            asked.append(1)
            return len(asked) > after

        with pytest.raises(Cancelled):
            make(path, tmp_path / "out.tif", progress=Progress(cancelled=cancelled))


def test_a_full_disk_is_told_in_one_sentence(tmp_path):
    """No file of the child may grow beyond a limit: the tiles fit, the COG does not, or not even the tiles."""
    path, _ = write_season(tmp_path, width=600, height=500, count=6)
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from engine.imagery.stack.regularize import Recipe\n"
        "from tests.helpers.regular_stack import make\n"
        "from engine.errors import InputError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))\n"
        "try:\n"
        "    make(sys.argv[2], Path(sys.argv[3]))\n"
        "except InputError as error:\n"
        "    print(error.code, error)\n"
    )
    for limit in (200_000, 1_500_000):
        arguments = [sys.executable, "-c", code, str(ROOT), path, str(tmp_path / "out.tif"), str(limit)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
        assert done.stdout.startswith("stack-unwritable ") and not lacking(done.stdout, "out.tif"), (limit, done)


def test_the_maximum_is_that_of_ndvi_of_the_only_band_or_of_what_is_named():
    assert score_name(Recipe("max"), ("RED", "NIR")) == "NDVI"
    assert score_name(Recipe("max"), ("EVI",)) == "EVI"
    assert score_name(Recipe("max", by="evi2"), ("RED", "NIR")) == "EVI2"
    assert score_name(Recipe("median", by="evi2"), ("RED", "NIR")) == ""
    with pytest.raises(InputError) as error:
        score_name(Recipe("max", by="greenness"), ("B02", "B03"))
    assert error.value.code == "index" and not lacking(error.value.message, "'greenness'")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its peak of memory")
@pytest.mark.slow
def test_memory_does_not_grow_with_the_raster(tmp_path):
    """The same work on four times the pixels takes about the same memory."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from engine.imagery.stack.regularize import Recipe\n"
        "from tests.helpers.regular_stack import make\n"
        "from osgeo import gdal; gdal.SetCacheMax(2**24)\n"
        "import engine.imagery.stack.regularize; engine.imagery.stack.regularize.WINDOW_BYTES = 2**22\n"
        "import engine.imagery.stack.writer; engine.imagery.stack.writer.BLOCKS = (128,)\n"
        "make(sys.argv[2], Path(sys.argv[3]), Recipe(fill='whittaker'))\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])\n"
    )
    peaks = []
    for side in (500, 1000):
        path, _ = write_season(tmp_path, width=side, height=side, count=12, name=f"side{side}")
        arguments = [sys.executable, "-c", code, str(ROOT), path, str(tmp_path / "out.tif")]
        peaks.append(int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout) / 1024)
    assert peaks[1] < peaks[0] + 30, peaks


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="gdalinfo is not installed")
def test_gdals_own_tools_see_values_and_dates(tmp_path):
    path, values = write_season(tmp_path)
    _, periods = make(path, tmp_path / "out.tif")
    command = ["gdalinfo", "-json", "-stats", "--config", "GDAL_PAM_ENABLED", "NO", str(tmp_path / "out.tif")]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(told["bands"]) == 2 * len(periods)
    assert told["bands"][1]["description"] == f"B08_{periods.dates[0]}"
    assert told["bands"][1]["maximum"] * told["bands"][1]["scale"] == pytest.approx(
        np.nanmax(medians(values, periods)[:, :, 0, 1]), abs=1e-4
    )
