"""Numbers without a scale become values by their size, and a scale that gives impossible values is not applied."""

import numpy as np
import pytest

from engine.imagery import Stack, describe
from engine.imagery.sensors.value_range import impossible, scale_of_indices, scale_of_reflectance
from tests.helpers.facts import lacking
from tests.helpers.rasters import write_raster

RED = 0.04 + 0.005 * np.arange(20).reshape(4, 5)
NIR = 0.25 + 0.01 * np.arange(20).reshape(4, 5)
NDVI = 0.2 + 0.03 * np.arange(20).reshape(4, 5)
VALUES = {"B04": RED, "B08": NIR, "NDVI": NDVI, "RED": RED, "NIR": NIR, "EVI": NDVI, "LWIR": RED, "LAI": NDVI}


def read(path):
    """The values by band, and the warnings."""
    with Stack(describe([path]), "source") as stack:
        values = stack.read(stack.windows()[0])
    return {band: values[:, :, 0, number] for number, band in enumerate(stack.bands)}, stack.warnings


def write(folder, bands, factor, dtype, name="a.tif", **more):
    factors = dict.fromkeys(bands, factor) if np.isscalar(factor) else dict(zip(bands, factor))
    planes = [VALUES[band] * factors[band] for band in bands]
    planes = np.rint(planes) if np.issubdtype(dtype, np.integer) else np.array(planes)
    return write_raster(folder / name, planes.astype(dtype), [f"{band}_2021-05-01" for band in bands], **more)


@pytest.mark.parametrize(
    ("bands", "factor", "dtype", "facts"),
    [
        (("B04", "B08"), 10_000, np.uint16, (10_000,)),
        (("B04", "B08"), 1000, np.uint16, (1000, "scale")),
        (("RED", "NIR", "NDVI"), 1000, np.int16, (1000, "scale")),
        (("NDVI",), 10_000, np.int16, (10_000,)),
        (("NDVI",), 1000, np.int16, (1000, "scale")),
        (("EVI",), 1000, np.float32, (1000, "scale")),
        (("B04", "B08", "NDVI"), (10_000, 10_000, 1), np.float32, (10_000,)),
        (("B04", "B08", "NDVI"), (1, 1, 10_000), np.float32, (10_000,)),
        (("B04", "B08", "NDVI"), (10_000, 10_000, 1000), np.int16, (10_000,)),
        (("B04", "B08", "NDVI"), 1, np.float32, None),
        (("RED",), 10_000, np.int16, (10_000,)),
    ],
)
def test_numbers_become_values_by_their_size(tmp_path, bands, factor, dtype, facts):
    values, told = read(write(tmp_path, bands, factor, dtype))
    for band in bands:
        assert values[band] == pytest.approx(VALUES[band], abs=6e-4), band
    assert any(not lacking(line, "a.tif", *facts) for line in told) if facts else told == []


@pytest.mark.parametrize(
    ("bands", "factor", "dtype"),
    [
        (("NDVI",), 250, np.int16),
        (("B04", "B08"), 560, np.uint16),
        (("NDVI",), 32767, np.int16),
        (("NDVI",), 100, np.float32),
        (("EVI",), 100, np.int16),
        (("NDVI",), 250, np.uint8),
    ],
)
def test_what_may_have_any_scale_stays_as_it_is_and_that_is_told(tmp_path, bands, factor, dtype):
    values, told = read(write(tmp_path, bands, factor, dtype))
    assert values[bands[-1]] == pytest.approx(VALUES[bands[-1]] * factor, abs=0.6)
    assert len(told) == 1 and not lacking(told[0], "a.tif", "scale")


def test_the_numbers_of_landsat_without_its_name_are_its_reflectance(tmp_path):
    planes = np.rint((np.stack([RED, NIR]) + 0.2) / 2.75e-5).astype(np.uint16)
    values, told = read(write_raster(tmp_path / "a.tif", planes, ["SR_B4_2021-05-01", "SR_B5_2021-05-01"]))
    assert list(values.values())[0] == pytest.approx(RED, abs=1e-4)
    assert list(values.values())[1] == pytest.approx(NIR, abs=1e-4)
    assert len(told) == 1 and not lacking(told[0], "a.tif", "Landsat", "scale", "offset")


@pytest.mark.parametrize(
    ("bands", "factor", "dtype", "scale", "offset"),
    [
        (("B04", "B08"), 1, np.float32, 1e-4, None),
        (("B04", "B08"), 1, np.float32, 1e-4, -0.1),
        (("B04", "B08"), 10_000, np.uint16, 0.01, None),
        (("NDVI",), 10_000, np.int16, 0.001, None),
        (("NDVI",), 1, np.float32, 0.0001, None),
        (("NDVI",), 1000, np.int16, 0.1, None),
    ],
)
def test_a_declared_scale_that_gives_impossible_values_is_not_applied_and_told(
    tmp_path, bands, factor, dtype, scale, offset
):
    values, told = read(write(tmp_path, bands, factor, dtype, scale=scale, offset=offset))
    for band in bands:
        assert values[band] == pytest.approx(VALUES[band], abs=6e-4), band
    assert len(told) == 1 and not lacking(told[0], "a.tif", "scale", "offset", f"{scale:g}")


def test_an_offset_in_stored_units_is_taken_as_such(tmp_path):
    planes = np.rint(np.stack([RED, NIR]) * 10_000 + 1000).astype(np.uint16)
    names = ["B04_2021-05-01", "B08_2021-05-01"]
    values, told = read(write_raster(tmp_path / "a.tif", planes, names, scale=1e-4, offset=-1000))
    assert values["B04"] == pytest.approx(RED, abs=1e-4) and values["B08"] == pytest.approx(NIR, abs=1e-4)
    assert len(told) == 1 and not lacking(told[0], "offset", -1000, -0.1)


@pytest.mark.parametrize(
    ("bands", "scale", "offset"),
    [(("B04", "B08"), 0.01, None), (("NDVI",), 0.004, -0.08), (("B04", "B08"), 1e-4, None), (("LAI",), 0.1, None)],
)
def test_a_declared_scale_that_fits_is_applied_in_silence(tmp_path, bands, scale, offset):
    planes = np.rint((np.stack([VALUES[band] for band in bands]) - (offset or 0)) / scale).astype(np.int16)
    path = write_raster(tmp_path / "a.tif", planes, [f"{b}_2021-05-01" for b in bands], scale=scale, offset=offset)
    values, told = read(path)
    assert values[bands[0]] == pytest.approx(VALUES[bands[0]], abs=scale) and told == []


def test_a_scale_by_the_products_name_that_gives_impossible_values_is_not_applied(tmp_path):
    """Landsat's name on numbers that somebody has brought to reflectance times 10000."""
    path = tmp_path / "LC08_L2SP_224078_20200518_20200820_02_T1_SR_B5.tif"
    values, told = read(write_raster(path, np.rint(NIR[None] * 10_000).astype(np.uint16)))
    assert next(iter(values.values())) == pytest.approx(NIR, abs=1e-4)
    assert len(told) == 1 and not lacking(told[0], path.name, "scale", "offset")


def test_a_field_in_a_desert_shows_that_numbers_are_times_10000(tmp_path):
    """Up to 900 in the middle and on most dates, which are not times 1000."""
    planes = np.full((12, 600, 600), 800, np.int16) + np.random.default_rng(0).integers(-300, 100, (12, 600, 600))
    planes[6, :60, 540:] *= 8
    names = [f"NDVI_2021-{month:02d}-01" for month in range(1, 13)]
    values, told = read(write_raster(tmp_path / "a.tif", planes.astype(np.int16), names))
    assert float(np.nanmax(values["NDVI"])) < 0.1 and any(not lacking(line, 10_000) for line in told)


@pytest.mark.parametrize(
    ("name", "scale", "number"),
    [("LST_DAY", 0.02, 15_000), ("LST", 0.02, 15_000), ("LAI", 0.1, 40), ("RAIN", 0.1, 900)],
)
def test_a_declared_scale_of_what_is_no_reflectance_is_applied(tmp_path, name, scale, number):
    planes = number + np.arange(20, dtype=np.int16).reshape(1, 4, 5)
    values, told = read(write_raster(tmp_path / "a.tif", planes, [f"{name}_2021-05-01"], scale=scale))
    assert list(values.values())[0] == pytest.approx(planes[0] * scale) and told == []


def test_samples_decide_alone():
    dark = np.full(50, 300.0)
    assert scale_of_reflectance({"RED": dark}).scale == 1e-4, "a dark band may be times 10000"
    assert scale_of_reflectance({"RED": dark, "NIR": np.full(50, 3000.0)}).scale == 1e-4
    assert scale_of_reflectance({"RED": dark / 10, "NIR": dark}).scale == 1e-3
    assert scale_of_reflectance({}).scale == scale_of_reflectance({"RED": np.zeros(0)}).scale == 1
    assert scale_of_reflectance({"NIR": np.full(50, 30_000.0)}).note and scale_of_indices({"NDVI": dark * 100}).note
    assert scale_of_indices({"PSRI": dark}).scale == 1e-4
    assert impossible({"NDVI": dark}, (0.01, 0.0)) and not impossible({"NDVI": dark}, (0.001, 0.0))
    assert impossible({"RED": dark}, (1e-4, -0.5)) and not impossible({"RED": dark}, (1e-4, -0.1))
    assert not impossible({}, (1.0, 0.0))
