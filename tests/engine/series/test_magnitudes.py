"""Two sets of series in different units are found by the magnitudes of their bands, and like against like is not."""

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.transfers import read_transfers
from engine.series import SeriesSet
from engine.series.magnitudes import from_json, magnitudes, to_json, unit_warnings
from tests.helpers.facts import lacking

SIDES = ("the source", "the target south.tif")
OPTICAL = ("B02", "B04", "B08", "NDVI")
LEVEL = np.array([0.05, 0.08, 0.35, 0.6])


def series(values, bands=OPTICAL):
    values = np.asarray(values, np.float32)
    return SeriesSet(values=values, day=np.arange(1.0, values.shape[1] + 1, dtype=np.float32), bands=bands)


def optical(seed=0, factor=1.0, offset=0.0):
    """(200, 6, 4) values that vary by a third around the level of each band."""
    return series((LEVEL * np.random.default_rng(seed).uniform(0.6, 1.4, (200, 6, 4)) + offset) * factor)


def one_band(name, low, high, seed=0):
    return series(np.random.default_rng(seed).uniform(low, high, (100, 6, 1)), (name,))


def warnings(one, other, guessed=False):
    return unit_warnings(magnitudes(one), magnitudes(other), SIDES, "Set the scale.", guessed)


@pytest.mark.parametrize(
    ("factor", "word"),
    [
        (100, "percent"),
        (250, "bytes"),
        (1000, "1000"),
        (10_000, "10000"),
        (5000, "5000"),
        (0.1, "10"),
        (5, "scale"),
        (0.2, "scale"),
    ],
)
def test_another_scale_is_one_warning_that_names_bands_magnitudes_and_cause(factor, word):
    told = warnings(optical(), optical(1, factor))
    assert len(told) == 1 and not lacking(told[0], *OPTICAL, *SIDES, word, "unit", "scale")
    assert not lacking(told[0], f"{magnitudes(optical())['B08'].high:.3g}")
    assert not lacking(told[0], f"{magnitudes(optical(1, factor))['B08'].high:.3g}")
    assert len(warnings(optical(1, factor), optical())) == 1


def test_half_the_values_of_a_guessed_scale_are_times_5000():
    told = warnings(optical(), optical(0, 0.5), guessed=True)
    assert len(told) == 1 and not lacking(told[0], *OPTICAL, 5000)
    assert warnings(optical(), optical(0, 0.5)) == []
    uneven = optical(0, 0.5)
    uneven.values[:, :, 1] *= 1.5
    assert warnings(optical(), uneven, guessed=True) == [] and warnings(optical(), optical(1), guessed=True) == []


def test_a_band_of_another_unit_is_named_alone():
    mixed = optical()
    mixed.values[:, :, 3] *= 250
    told = warnings(optical(1), mixed)
    assert len(told) == 1 and not lacking(told[0], "NDVI", "bytes") and lacking(told[0], "B04")


@pytest.mark.parametrize(
    ("name", "one", "other", "word"),
    [
        ("VV", (-18, -6), (0.02, 0.25), "dB"),
        ("VH", (-8, -1), (0.5, 3), "dB"),
        ("VV", (-18, -6), (6, 18), "dB"),
        ("LST", (280, 310), (5, 35), "Celsius"),
        ("LST", (280, 310), (45, 95), "Fahrenheit"),
        ("LST", (5, 35), (45, 95), "Fahrenheit"),
        ("LST", (280, 310), (14_000, 15_500), "scale"),
        ("NDWI", (-0.7, -0.2), (0.2, 0.7), "sign"),
        ("ASPECT", (0.1, 6.2), (5, 355), "radians"),
        ("RAIN", (0.01, 0.09), (10, 90), "1000"),
        ("ST", (40_000, 46_000), (285, 310), "scale"),
    ],
)
def test_other_signs_and_degrees_are_found_whatever_their_factor(name, one, other, word):
    for sides in ((one_band(name, *one), one_band(name, *other, 1)), (one_band(name, *other), one_band(name, *one, 1))):
        told = warnings(*sides)
        assert len(told) == 1 and not lacking(told[0], name, word), told


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("B04", (0.02, 0.06), (0.08, 0.25)),
        ("LAI", (0.2, 0.9), (1.0, 6.0)),
        ("VH", (0.002, 0.01), (0.008, 0.035)),
        ("VV", (-22, -12), (-10, -4)),
        ("LST", (-15, 5), (20, 40)),
        ("LST", (262, 280), (290, 318)),
        ("NDMI", (-0.12, 0.02), (0.1, 0.5)),
        ("NDWI", (-0.09, -0.01), (0.01, 0.09)),
        ("DEM", (2, 30), (400, 1800)),
        ("SLOPE", (0.1, 0.5), (10, 35)),
        ("RAIN", (0.5, 4), (30, 140)),
        ("NDVI", (0.1, 0.25), (0.5, 0.9)),
    ],
)
def test_another_climate_is_no_other_unit(name, one, other):
    assert warnings(one_band(name, *one), one_band(name, *other)) == []


def test_snow_that_is_bright_in_one_band_is_no_other_unit():
    winter = optical()
    winter.values[:, :, 0] = 0.8
    assert warnings(optical(1), winter) == []


def test_snow_clouds_and_gaps_are_no_other_unit():
    snow = optical()
    snow.values[:, :2] = 0.95
    assert warnings(optical(1), snow) == []
    assert warnings(optical(), series(np.full((5, 6, 4), np.nan))) == []
    assert warnings(optical(), series(np.zeros((5, 6, 4)))) == []


def test_the_magnitudes_of_a_file_are_those_that_were_written():
    sizes = magnitudes(optical())
    back = from_json(to_json(sizes))
    assert back.keys() == sizes.keys()
    assert vars(back["B08"]) == pytest.approx(vars(sizes["B08"]), rel=1e-5)
    with pytest.raises((TypeError, ValueError)):
        from_json({"B08": [1, 2]})


@pytest.mark.parametrize("name", ["CA_N2S", "MT15-16_PG11-13", "CAN_ON2MAR"])
def test_real_transfers_are_in_one_unit_also_half_a_season_of_them(shared, name):
    [(_, source, target)] = read_transfers(shared / "data" / "splits.json", [name])
    half = len(target.day) // 2
    for part in (slice(None), slice(0, half), slice(half, None)):
        some = replace(target, values=target.values[:, part], day=target.day[part])
        assert unit_warnings(magnitudes(source), magnitudes(some), SIDES, "", guessed=True) == []
    told = warnings(source, replace(target, values=target.values * np.float32(100)))
    assert len(told) == 1 and not lacking(told[0], "percent")
