"""Undeclared fill: hidden where it is fill, reported with its value; measurements that look like it stay."""

from __future__ import annotations

import numpy as np
import pytest

from engine.imagery import Stack, describe
from engine.imagery.geo.types import NO_NODATA, Encoding
from engine.tasks.resolve.bands import encoded
from tests.helpers.rasters import write_raster

SIDE, DATES = 36, 8
NAMES = [f"{band}_2021-{month:02d}-05" for month in range(3, 3 + DATES) for band in ("RED", "NIR")]
HOLE = np.random.default_rng(1).random((DATES, SIDE, SIDE)) < 0.12
FAR_DOWN = float(np.finfo(np.float32).min)


def reflectance() -> np.ndarray:
    """(t * 2, h, w): red and near infrared in 0 to 1."""
    rng = np.random.default_rng(0)
    low, high = rng.uniform(0.03, 0.12, (2, DATES, SIDE, SIDE))
    return np.stack([low, high * 3 + 0.1], 1).reshape(-1, SIDE, SIDE)


def with_hole(planes: np.ndarray, value: float, hole: np.ndarray = HOLE) -> np.ndarray:
    cube = planes.reshape(DATES, -1, SIDE, SIDE).copy()
    cube.transpose(1, 0, 2, 3)[:, hole] = value
    return cube.reshape(planes.shape)


def read(path, names=NAMES, **how):
    with Stack(encoded(describe([path]), how.get("encoding")), "source") as stack:
        return stack.read(stack.windows()[0]), stack.fill


@pytest.mark.parametrize(
    ("times", "kind", "value", "declared"),
    [
        (1, "float32", -9999.0, None),
        (1, "float32", -99.0, None),
        (1, "float32", -0.9999, None),
        (1, "float32", 6.5535, None),
        (1, "float32", 0.0, None),
        (1, "float32", 1e20, None),
        (1, "float32", 9.96921e36, None),
        (1, "float32", FAR_DOWN, -3.40282e38),
        (1, "float32", FAR_DOWN, -3.4e38),
        (1, "float32", FAR_DOWN, None),
        (1e4, "float32", -32768.0, None),
        (1e4, "uint16", 65535, None),
        (1e4, "uint16", 65534, 65535),
        (1e4, "uint16", 55537, -9999),
        (1e4, "uint16", 0, None),
        (1e4, "int16", -9999, 0),
        (1e4, "int16", -32768, 32768),
        (1e4, "int16", -28672, None),
        (1e4, "int16", 32767, None),
    ],
)
def test_fill_is_hidden_and_named_and_what_is_left_has_its_values(tmp_path, times, kind, value, declared):
    truth = reflectance()
    planes = with_hole(truth * times, value).round(4).astype(kind)
    path = write_raster(tmp_path / "s.tif", planes, NAMES, nodata=declared)
    values, fill = read(path)
    hidden = np.isnan(values).transpose(2, 3, 0, 1).reshape(-1, SIDE, SIDE)
    np.testing.assert_array_equal(hidden, np.repeat(HOLE, 2, axis=0))
    shown = values.transpose(2, 3, 0, 1).reshape(-1, SIDE, SIDE)[~hidden]
    np.testing.assert_allclose(shown, truth[~hidden], atol=1e-4)
    assert [one.value for one in fill] == [pytest.approx(value, rel=1e-6)]
    assert set(fill[0].bands) == {"RED", "NIR"}
    assert fill[0].count / fill[0].total == pytest.approx(HOLE.mean(), abs=0.02)


def test_two_fill_values_of_one_file_are_found(tmp_path):
    other = np.random.default_rng(2).random(HOLE.shape) < 0.1
    planes = with_hole(with_hole(reflectance() * 1e4, -9999), -32768, other).astype("int16")
    values, fill = read(write_raster(tmp_path / "s.tif", planes, NAMES))
    assert [one.value for one in fill] == [-32768, -9999]
    assert np.isnan(values).mean() == pytest.approx((HOLE | other).mean(), abs=1e-6)


def test_a_strip_of_one_date_is_found(tmp_path):
    planes = (reflectance() * 1e4).astype("uint16")
    planes[6:8, :, :9] = 65535
    values, fill = read(write_raster(tmp_path / "s.tif", planes, NAMES))
    assert [one.value for one in fill] == [65535]
    assert np.isnan(values[:, :9, 3]).all() and np.isnan(values).mean() == pytest.approx(9 / SIDE / DATES)


def test_fill_of_one_file_among_many_is_found(tmp_path):
    paths = []
    for date in range(DATES):
        planes = (reflectance()[2 * date : 2 * date + 2] * 1e4).astype("int16")
        planes[:, :5] = -9999 if date == 5 else planes[:, :5]
        paths.append(write_raster(tmp_path / f"S_2021-{3 + date:02d}-05.tif", planes, ["RED", "NIR"]))
    with Stack(describe(paths), "target") as stack:
        values = stack.read(stack.windows()[0])
    assert np.isnan(values[:5, :, 5]).all() and np.isnan(values).sum() == 5 * SIDE * 2


@pytest.mark.parametrize("kind", ["clipped above", "clipped below", "ndvi at 0", "0 in one band", "bytes", "constant"])
def test_measurements_are_no_fill(tmp_path, kind):
    truth, names = reflectance(), NAMES
    if kind == "clipped above":
        planes = np.minimum(truth, np.quantile(truth[1::2], 0.9)).astype("float32")
    elif kind == "clipped below":
        planes = np.maximum(truth * 1e4, 900).astype("uint16")
    elif kind == "ndvi at 0":
        ndvi = (truth[1::2] - truth[0::2]) / (truth[1::2] + truth[0::2])
        planes, names = np.clip(ndvi - 0.5, 0, 1).astype("float32"), [n.replace("RED", "NDVI") for n in NAMES[::2]]
    elif kind == "0 in one band":
        planes = truth.astype("float32")
        planes[0::2][HOLE] = 0
    elif kind == "bytes":
        planes = np.clip(truth * 900, 0, 255).astype("uint8")
    else:
        planes = np.full(truth.shape, 0.25, "float32")
    values, fill = read(write_raster(tmp_path / "s.tif", planes, names))
    assert fill == [] and np.isfinite(values).all()


def test_a_person_decides_over_file_and_search(tmp_path):
    planes = with_hole(reflectance() * 1e4, -9999).astype("int16")
    path = write_raster(tmp_path / "s.tif", planes, NAMES, nodata=0, scale=1e-4)
    values, fill = read(path, encoding=Encoding(nodata=NO_NODATA, scale=1e-4, offset=0.1))
    assert fill == [] and np.isfinite(values).all()
    assert values.min() == pytest.approx(-0.9999 + 0.1, abs=1e-5)
    values, fill = read(path, encoding=Encoding(nodata="-9999", scale=1e-4))
    assert fill == [] and np.isnan(values).mean() == pytest.approx(HOLE.mean())
    values, _ = read(path, encoding=Encoding(offset=0.5))
    assert np.nanmin(values) == pytest.approx(planes[planes > 0].min() * 1e-4 + 0.5)


def test_a_band_says_more_than_its_side():
    own = Encoding(nodata="7")
    assert own.over(Encoding("none", 0.5, 1.0)) == Encoding("7", 0.5, 1.0)
    assert Encoding(scale=2.0).over(Encoding("none", 0.5, 1.0)) == Encoding("none", 2.0, None)
    assert Encoding(offset=3.0).over(Encoding(None, 0.5, 1.0)) == Encoding(None, 0.5, 3.0)


def test_radar_of_0_decibel_in_both_bands_is_a_gap(tmp_path):
    planes = with_hole(-20 + 8 * reflectance(), 0.0).astype("float32")
    names = [name.replace("RED", "VV").replace("NIR", "VH") for name in NAMES]
    values, fill = read(write_raster(tmp_path / "s1.tif", planes, names))
    assert [one.value for one in fill] == [0.0]
    assert np.isnan(values).mean() == pytest.approx(HOLE.mean())
