"""A stack reads the same values however its files are laid out, stored, masked or projected."""

import subprocess
import warnings

import numpy as np
import pytest
from osgeo import gdal, osr

from engine.errors import InputError
from engine.imagery import Grid, Stack, Window, describe
from engine.imagery.geo.resample import Resampler
from engine.imagery.stack.raster_file import OpenFiles
from engine.series import read_series
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, crs_wkt, write_raster

ALL = Window(0, 0, 5, 4)


def read_all(paths, role="source"):
    with Stack(describe([str(p) for p in paths]), role) as stack:
        return stack.read(Window(0, 0, stack.grid.width, stack.grid.height)), stack


def reflectance(dates=2, bands=2, height=4, width=5, seed=0):
    """(t, c, h, w) reflectance with four decimals, as an integer times 10000 holds it exactly."""
    return np.random.default_rng(seed).integers(100, 6000, (dates, bands, height, width)) / 10000


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
@pytest.mark.parametrize("layout", ["stack", "dates", "files"])
def test_every_layout_gives_the_values_of_the_series_file(california, california_split, shared, layout, dtype):
    values, stack = read_all(sorted(p for p in california(layout, dtype).glob("*.tif") if p.name != "truth.tif"))
    path = shared / "data" / "california_s2_2021.npz"
    series = read_series(path, california_split["src"], tuple(california_split["classes"]))
    # The scene is in the file's order of pixels; taking classes keeps it.
    read = values.reshape(-1, *values.shape[2:])[: len(series)]
    assert stack.bands == series.bands and np.array_equal(stack.day, series.day)
    assert np.array_equal(np.isnan(read), np.isnan(series.values))
    step = 0 if dtype == "float32" else 0.5e-4
    assert np.nanmax(np.abs(read - series.values)) <= step * 1.01
    assert bool(naming(stack.warnings, 10000)) == (dtype == "uint16")


def test_pixels_equal_those_gdallocationinfo_reads(shared):
    paths = sorted((shared / "data" / "rasters" / "cbers_bahia").glob("*EVI.tif"))[:3]
    values, stack = read_all(paths)
    for path, date in zip(paths, range(3)):
        for column, row in ((0, 0), (999, 999), (512, 300)):
            command = ["gdallocationinfo", "-valonly", str(path), str(column), str(row)]
            stored = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            assert values[row, column, date, 0] == pytest.approx(stored / 10000, abs=1e-6)


def test_jpeg2000_in_integers_is_scaled_like_the_rest(shared):
    values, stack = read_all(sorted((shared / "data" / "rasters" / "sinop").glob("*.jp2")))
    assert values.shape == (147, 255, 12, 1) and stack.day[0] == 257
    assert 0.5 < np.nanmedian(values) < 0.9


def test_metadata_scale_comes_before_size(tmp_path):
    stored = np.full((1, 4, 5), 3000, np.int16)
    path = write_raster(tmp_path / "NDVI_20210501.tif", stored, scale=0.0002, offset=-0.1)
    values, stack = read_all([path])
    assert values == pytest.approx(0.5) and stack.warnings == []


def test_a_scale_that_is_a_divisor_divides(tmp_path):
    path = write_raster(tmp_path / "NDVI_20210501.tif", np.full((1, 4, 5), 3000, np.int16), scale=10000.0)
    assert read_all([path])[0] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("name", "stored", "value"),
    [
        ("LC08_L2SP_224078_20200518_20200820_02_T1_SR_B4.tif", 20000, 20000 * 2.75e-5 - 0.2),
        ("S2A_MSIL2A_20220420T105031_N0400_R051_T31UFS_20220420T130540_B04.tif", 3000, 0.2),
        ("S2A_MSIL2A_20180420T105031_N0207_R051_T31UFS_20180420T130540_B04.tif", 3000, 0.3),
    ],
)
def test_known_products_have_their_own_scale_and_fill(tmp_path, name, stored, value):
    plane = np.full((1, 4, 5), stored, np.uint16)
    plane[0, 0, 0] = 0
    values, _ = read_all([write_raster(tmp_path / name, plane)])
    assert np.isnan(values[0, 0, 0, 0]) and values[1, 1, 0, 0] == pytest.approx(value)


def test_a_dark_band_is_scaled_with_its_stack(tmp_path):
    planes = np.stack([np.full((4, 5), 60), np.full((4, 5), 4000)]).astype(np.uint16)
    values, _ = read_all([write_raster(tmp_path / "2021-05-01.tif", planes, ["B02", "B08"])])
    assert values[0, 0, 0] == pytest.approx([0.006, 0.4])


def test_radar_and_bytes_are_left_as_they_are(tmp_path):
    radar = write_raster(tmp_path / "VV_20210501.tif", np.full((1, 4, 5), 1500, np.int16))
    byte = write_raster(tmp_path / "NDVI_20210501.tif", np.full((1, 4, 5), 200, np.uint8))
    assert (read_all([radar])[0] == 1500).all() and (read_all([byte])[0] == 200).all()


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("uint16", 65535), ("uint16", 0), ("int16", -9999), ("float32", -3.4028234663852886e38), ("float64", -1.7e308)],
)
def test_nodata_is_a_gap(tmp_path, dtype, nodata):
    plane = np.full((1, 4, 5), 2000, dtype)
    plane[0, 1, 2] = nodata
    values, _ = read_all([write_raster(tmp_path / "NDVI_20210501.tif", plane, nodata=nodata)])
    assert np.argwhere(np.isnan(values[..., 0, 0])).tolist() == [[1, 2]]
    assert values[0, 0, 0, 0] == pytest.approx(0.2)


def test_each_band_has_its_own_nodata(tmp_path):
    planes = np.full((2, 4, 5), 2000, np.int16)
    path = write_raster(tmp_path / "2021-05-01.tif", planes, ["B04", "B08"])
    planes[0, 0, 0], planes[1, 1, 1] = -1, -2
    data = gdal.Open(path, gdal.GA_Update)
    data.WriteRaster(0, 0, 5, 4, planes.tobytes())
    vrt = gdal.Translate(str(tmp_path / "2021-05-01.vrt"), data, format="VRT")
    vrt.GetRasterBand(1).SetNoDataValue(-1)
    vrt.GetRasterBand(2).SetNoDataValue(-2)
    del vrt, data
    values, _ = read_all([tmp_path / "2021-05-01.vrt"])
    assert np.argwhere(np.isnan(values[:, :, 0])).tolist() == [[0, 0, 0], [1, 1, 1]]


def test_alpha_and_mask_bands_are_gaps(tmp_path):
    planes = np.full((2, 4, 5), 200, np.uint8)
    planes[1, 2, 3] = 0
    alpha = write_raster(tmp_path / "NDVI_20210501.tif", planes, options=["ALPHA=YES"])
    masked = write_raster(tmp_path / "EVI_20210501.tif", planes[:1])
    data = gdal.Open(masked, gdal.GA_Update)
    data.CreateMaskBand(gdal.GMF_PER_DATASET)
    data.GetRasterBand(1).GetMaskBand().WriteRaster(0, 0, 5, 4, (planes[1] > 0).astype(np.uint8).tobytes())
    del data
    for path in (alpha, masked):
        values, _ = read_all([path])
        assert np.argwhere(np.isnan(values[..., 0, 0])).tolist() == [[2, 3]]


@pytest.mark.parametrize("bands", [1, 2, 4, 6])
def test_an_alpha_band_hides_beside_any_number_of_bands_and_a_nodata_value(tmp_path, bands):
    planes = np.full((bands + 1, 4, 5), 0.2, np.float32)
    planes[bands], planes[bands, 2, 3], planes[:bands, 0, 0] = 255, 0, -1
    names = [f"B{number:02d}_2021-05-01" for number in range(1, bands + 1)] + [""]
    path = write_raster(tmp_path / "stack.tif", planes, names, nodata=-1)
    data = gdal.Open(path, gdal.GA_Update)
    data.GetRasterBand(bands + 1).SetColorInterpretation(gdal.GCI_AlphaBand)
    del data
    values, stack = read_all([path])
    assert len(stack.bands) == bands
    assert np.argwhere(np.isnan(values).all(axis=(2, 3))).tolist() == [[0, 0], [2, 3]]


def test_zero_in_every_band_at_once_is_a_gap(tmp_path):
    planes = np.full((3, 4, 5), 900, np.uint16)
    planes[:, 0, 0] = 0
    planes[:2, 1, 1] = 0
    values, _ = read_all([write_raster(tmp_path / "2021-05-01.tif", planes, ["B02", "B03", "B04"])])
    assert np.isnan(values[0, 0]).all() and values[1, 1, 0] == pytest.approx([0, 0, 0.09])


def test_infinite_values_are_gaps(tmp_path):
    plane = np.full((1, 4, 5), 0.3, np.float32)
    plane[0, 3, 4] = np.inf
    values, _ = read_all([write_raster(tmp_path / "NDVI_20210501.tif", plane)])
    assert np.isnan(values[3, 4, 0, 0]) and np.isfinite(values).sum() == 19


def test_dates_are_sorted_and_days_run_over_the_new_year(tmp_path):
    paths = [
        write_raster(tmp_path / f"NDVI_{date}.tif", np.full((1, 4, 5), number / 10, np.float32))
        for number, date in enumerate(["2021-01-17", "2020-12-18", "2021-01-01"])
    ]
    values, stack = read_all(paths)
    assert stack.dates == ("2020-12-18", "2021-01-01", "2021-01-17")
    assert stack.day.tolist() == [353, 367, 383]
    assert values[0, 0, :, 0] == pytest.approx([0.1, 0.2, 0.0])


def test_a_date_without_one_of_the_bands_is_left_out_and_said(tmp_path):
    plane = np.full((1, 4, 5), 0.3, np.float32)
    names = ["B04_20210501", "B08_20210501", "B04_20210511", "B04_20210521", "B08_20210521"]
    _, stack = read_all([write_raster(tmp_path / f"{name}.tif", plane) for name in names])
    assert stack.dates == ("2021-05-01", "2021-05-21")
    assert len(stack.warnings) == 1 and not lacking(stack.warnings[0], "source", "2021-05-11", "B08")


def test_bands_can_be_chosen_and_ordered(tmp_path):
    cube = reflectance(dates=2, bands=3)
    for position, date in enumerate(["2021-05-01", "2021-06-01"]):
        write_raster(tmp_path / f"{date}.tif", cube[position].astype(np.float32), ["B02", "B03", "B04"])
    with Stack(describe([str(p) for p in sorted(tmp_path.glob("*.tif"))]), "target") as stack:
        read = stack.read(Window(1, 2, 3, 2), ["B04", "B02"])
    expected = cube[:, [2, 0], 2:4, 1:4].transpose(2, 3, 0, 1)
    assert read == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("width", "height", "options"),
    [
        (300, 200, ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"]),
        (300, 200, ["BLOCKYSIZE=7"]),
        (37, 29, []),
        (1500, 1100, ["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512"]),
    ],
)
@pytest.mark.parametrize("pixels", [1000, 5000, 70000])
def test_tiles_cover_the_grid_once_and_stay_small(tmp_path, width, height, options, pixels):
    plane = np.full((1, height, width), 0.5, np.float32)
    path = write_raster(tmp_path / "NDVI_20210501.tif", plane, options=[*options, "COMPRESS=DEFLATE"])
    with Stack(describe([path]), "target") as stack:
        tiles = stack.tiles(pixels)
    seen = np.zeros((height, width), int)
    for tile in tiles:
        assert tile.width * tile.height <= pixels
        seen[tile.row : tile.row + tile.height, tile.column : tile.column + tile.width] += 1
    assert (seen == 1).all()


def test_a_window_stays_within_its_memory(california):
    with Stack(describe([str(california("stack", "uint16") / "stack.tif")]), "source") as stack:
        many = len(stack.dates) * len(stack.bands)
        stack.grid = type(stack.grid)(20000, 20000, stack.grid.transform, stack.grid.crs)
        assert max(w.width * w.height for w in stack.windows()) * many * 4 <= 128 * 2**20


def test_few_files_are_open_at_once(california, monkeypatch):
    paths = sorted(p for p in california("dates", "float32").glob("*.tif") if p.name != "truth.tif")
    everything, _ = read_all(paths)
    monkeypatch.setattr(OpenFiles, "LIMIT", 3)
    with Stack(describe([str(p) for p in paths]), "source") as stack:
        values = stack.read(Window(0, 0, 49, 48))
        assert [len(own) for own in stack._open._open.values()] == [3]
    assert np.array_equal(values, everything, equal_nan=True)


def linear(transform, width, height, epsg=32633):
    """(1, h, w) float32: a plane that is linear in UTM 33 coordinates, sampled at the centres of a grid."""
    column, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x = transform[0] + column * transform[1] + row * transform[2]
    y = transform[3] + column * transform[4] + row * transform[5]
    if epsg != 32633:
        change = osr.CoordinateTransformation(*(_traditional(code) for code in (epsg, 32633)))
        points = np.array(change.TransformPoints(np.column_stack([x.ravel(), y.ravel()]).tolist()))
        x, y = points[:, 0].reshape(x.shape), points[:, 1].reshape(y.shape)
    return (0.4 + (x - 500200) / 2000 + (y - 5199800) / 4000).astype(np.float32)[None]


def _traditional(epsg):
    crs = osr.SpatialReference()
    crs.ImportFromWkt(crs_wkt(epsg))
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


TURNED = (500000.0, 8.0, 3.0, 5199990.0, 3.0, -8.0)
SOUTH_UP = (500000.0, 10.0, 0.0, 5200000.0 - 400, 0.0, 10.0)


@pytest.mark.parametrize(
    ("transform", "size", "epsg"),
    [
        ((499985.0, 10.0, 0.0, 5200023.0, 0.0, -10.0), (44, 46), 32633),
        ((499960.0, 20.0, 0.0, 5200060.0, 0.0, -20.0), (25, 26), 32633),
        (SOUTH_UP, (40, 40), 32633),
        ((499900.0, 8.0, 2.0, 5200100.0, 2.0, -8.0), (80, 80), 32633),
        ((956200.0, 10.0, 0.0, 5218500.0, 0.0, -10.0), (160, 160), 32632),
        ((14.999, 0.0001, 0.0, 46.954, 0.0, -0.0001), (90, 70), 4326),
    ],
    ids=["shifted", "coarser", "south-up", "turned", "other zone", "degrees"],
)
@pytest.mark.parametrize("first", [UTM, TURNED, SOUTH_UP], ids=["onto north-up", "onto turned", "onto south-up"])
def test_files_on_other_grids_are_warped_onto_the_first(tmp_path, transform, size, epsg, first):
    one = write_raster(tmp_path / "NDVI_20210501.tif", linear(first, 30, 30), transform=first)
    other = write_raster(tmp_path / "NDVI_20210601.tif", linear(transform, *size, epsg), transform=transform, epsg=epsg)
    with Stack(describe([one, other]), "source") as stack:
        whole = stack.read(Window(0, 0, 30, 30))
        part = stack.read(Window(7, 9, 11, 5))
        same = first == transform and size == (30, 30)
        assert same or len(naming(stack.warnings, 1, "source", "NDVI_20210601.tif", "NDVI_20210501.tif")) == 1
    seen = np.isfinite(whole[..., 1, 0])
    inner = whole[3:27, 3:27]
    assert np.isfinite(inner[..., 1, 0]).mean() > 0.7, "the other file covers nearly all of the first"
    # The plane is linear, so bilinear interpolation gives it back; coarse pixels are constant at their rim.
    assert np.abs(whole[..., 0, 0] - whole[..., 1, 0])[2:28, 2:28][seen[2:28, 2:28]].max() < 2e-3
    assert np.array_equal(part, whole[9:14, 7:18], equal_nan=True), "a window is read as the whole is"


def test_a_finer_file_is_averaged_over_what_was_observed(tmp_path):
    one = write_raster(tmp_path / "NDVI_20210501.tif", linear(UTM, 6, 6))
    fine = np.random.default_rng(0).random((1, 24, 24)).astype(np.float32)
    fine[0, :2, :3] = np.nan
    fine[0, 8:12, 8:12] = np.nan
    transform = (UTM[0], 2.5, 0.0, UTM[3], 0.0, -2.5)
    other = write_raster(tmp_path / "NDVI_20210601.tif", fine, transform=transform)
    values, _ = read_all([one, other])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = np.nanmean(fine[0].reshape(6, 4, 6, 4), axis=(1, 3))
    assert np.isnan(expected).sum() == 1
    assert values[:, :, 1, 0] == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_outside_the_other_file_is_a_gap(tmp_path):
    one = write_raster(tmp_path / "NDVI_20210501.tif", linear(UTM, 30, 30))
    half = (UTM[0] + 155, *UTM[1:])
    other = write_raster(tmp_path / "NDVI_20210601.tif", linear(half, 30, 30), transform=half)
    values, _ = read_all([one, other])
    assert np.isnan(values[:, :15, 1]).all() and np.isfinite(values[:, 16:, 1]).all()


def test_gaps_are_not_smeared_by_warping(tmp_path):
    one = write_raster(tmp_path / "NDVI_20210501.tif", linear(UTM, 30, 30))
    shifted = (UTM[0] + 4, *UTM[1:])
    plane = linear(shifted, 30, 30)
    plane[0, 10, 10] = -9999
    other = write_raster(tmp_path / "NDVI_20210601.tif", plane, transform=shifted, nodata=-9999)
    values, _ = read_all([one, other])
    assert np.nanmin(values) > 0.2 and np.isnan(values[10, 10, 1, 0])


def test_the_same_crs_in_other_words_is_the_same(tmp_path):
    plane = np.full((1, 4, 5), 0.3, np.float32)
    one = write_raster(tmp_path / "NDVI_20210501.tif", plane)
    words = "+proj=tmerc +lon_0=15 +k=0.9996 +x_0=500000 +datum=WGS84 +units=m"
    other = str(tmp_path / "NDVI_20210502.vrt")
    gdal.Translate(other, write_raster(tmp_path / "plane.tif", plane), format="VRT", outputSRS=words)
    assert gdal.Open(one).GetProjection() != gdal.Open(other).GetProjection()
    assert read_all([one, other])[1].warnings == []


def test_files_of_one_stack_that_do_not_overlap_are_refused(tmp_path):
    one = write_raster(tmp_path / "NDVI_20210501.tif", linear(UTM, 30, 30))
    far = (UTM[0] + 10000, *UTM[1:])
    other = write_raster(tmp_path / "NDVI_20210601.tif", linear(far, 30, 30), transform=far)
    with pytest.raises(InputError) as error:
        Stack(describe([one, other]), "target")
    assert error.value.code == "grids-differ"
    assert not lacking(error.value.message, "NDVI_20210601.tif", "target", "NDVI_20210501.tif")


@pytest.mark.parametrize("options", [[], ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64", "COMPRESS=DEFLATE"]])
def test_a_truncated_file_is_told_with_file_and_band(tmp_path, options):
    planes = np.random.default_rng(0).random((2, 200, 200)).astype(np.float32)
    path = write_raster(tmp_path / "2021-05-01.tif", planes, ["B04", "B08"], options=["INTERLEAVE=BAND", *options])
    size = (tmp_path / "2021-05-01.tif").stat().st_size
    # GDAL writes the directory in front of the values, so half a file still opens.
    with open(path, "r+b") as file:
        file.truncate(int(size * 0.75))
    with pytest.raises(InputError) as error:
        with Stack(describe([path]), "source") as stack:
            stack.read(Window(0, 0, 200, 200))
    assert error.value.code == "raster-unreadable" and not lacking(error.value.message, 2, "2021-05-01.tif")


def test_strange_file_names(tmp_path):
    folder = tmp_path / "été 'x' \"y\" 玉米"
    folder.mkdir()
    path = write_raster(folder / "кукуруза NDVI_20210501 #1 & %.tif", np.full((1, 4, 5), 0.3, np.float32))
    values, stack = read_all([path])
    assert values == pytest.approx(0.3) and stack.dates == ("2021-05-01",)


def test_gdal_is_left_as_it_was(tmp_path):
    path = write_raster(tmp_path / "NDVI_20210501.tif", np.full((1, 4, 5), 0.3, np.float32))
    before = gdal.GetUseExceptions()
    for setting in (True, False):
        (gdal.UseExceptions if setting else gdal.DontUseExceptions)()
        try:
            assert read_all([path])[0] == pytest.approx(0.3)
            with pytest.raises(InputError) as error:
                describe([str(tmp_path / "nothing.tif")])
            assert error.value.code == "raster-unreadable" and "nothing.tif" in error.value.message
            assert bool(gdal.GetUseExceptions()) == setting
        finally:
            (gdal.UseExceptions if before else gdal.DontUseExceptions)()


@pytest.mark.parametrize(
    ("transform", "epsg", "other"),
    [(UTM, 32633, 32632), (UTM, 32633, 4326), ((15.0, 1e-4, 0.0, 47.0, 0.0, -1e-4), 4326, 32633)],
)
def test_interpolated_positions_are_within_a_thousandth_of_a_pixel(transform, epsg, other):
    """Pixels of a window far from the corner, each transformed by itself, meet the interpolated positions."""
    grid = Grid(11000, 11000, transform, crs_wkt(epsg))
    window = Window(9000, 5013, 70, 41)
    change = osr.CoordinateTransformation(_traditional(epsg), _traditional(other))
    column, row = np.meshgrid(window.column + np.arange(70) + 0.5, window.row + np.arange(41) + 0.5)
    x, y = transform[0] + column * transform[1], transform[3] + row * transform[5]
    points = np.array(change.TransformPoints(np.column_stack([x.ravel(), y.ravel()]).tolist()))
    pixel = 10.0 if other != 4326 else 1e-4
    left, top = points[:, 0].min() - 5 * pixel, points[:, 1].max() + 5 * pixel
    resampler = Resampler(grid, Grid(500, 500, (left, pixel, 0.0, top, 0.0, -pixel), crs_wkt(other)))
    found = resampler.positions(window)
    expected = (points[:, 0] - left) / pixel, (top - points[:, 1]) / pixel
    for one, exact in zip(found, expected):
        assert np.abs(one.ravel() - exact).max() < 1e-3
