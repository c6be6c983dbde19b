"""Indices computed from reflectance."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.imagery.sensors.spectral_indices import (
    INDICES,
    add_indices,
    bands_of_index,
    computable,
    compute,
    index_names,
)
from engine.imagery.sensors.wavelengths import COMMON
from engine.series import SeriesSet
from tests.helpers.facts import lacking

GREEN_FIELD = {"blue": 0.03, "green": 0.06, "red": 0.04, "nir": 0.4, "swir16": 0.2, "swir22": 0.1}
GREEN_FIELD |= {"rededge1": 0.1, "rededge2": 0.3, "rededge3": 0.35}


@pytest.mark.parametrize(
    "index, expected",
    [
        ("NDVI", 0.36 / 0.44),
        ("GNDVI", 0.34 / 0.46),
        ("EVI", 2.5 * 0.36 / (0.4 + 0.24 - 0.225 + 1)),
        ("EVI2", 2.5 * 0.36 / (0.4 + 0.096 + 1)),
        ("SAVI", 1.5 * 0.36 / 0.94),
        ("OSAVI", 0.36 / 0.6),
        ("MSAVI", (1.8 - np.sqrt(3.24 - 2.88)) / 2),  # = 0.6
        ("NDWI", -0.34 / 0.46),
        ("MNDWI", -0.14 / 0.26),
        ("NDMI", 0.2 / 0.6),
        ("LSWI", 0.2 / 0.6),
        ("NBR", 0.3 / 0.5),
        ("NBR2", 0.1 / 0.3),
        ("NDRE", 0.3 / 0.5),
        ("CIRE", 2.5),
        ("GCVI", 0.4 / 0.06 - 1),
        ("PSRI", 0.01 / 0.3),
        ("BSI", (0.24 - 0.43) / (0.24 + 0.43)),
    ],
)
def test_an_index_is_its_closed_form(index, expected):
    values = {name: np.full((2, 3), value) for name, value in GREEN_FIELD.items()}
    result = compute(index, values)
    assert result.dtype == np.float32 and result.shape == (2, 3)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize("index", INDICES)
def test_the_formula_that_people_read_is_the_one_that_is_computed(index):
    rng = np.random.default_rng(0)
    values = {name: rng.uniform(0.01, 0.6, 50) for name in COMMON}
    read = eval(INDICES[index].formula, {"sqrt": np.sqrt}, values)
    np.testing.assert_allclose(compute(index, values), read, rtol=2e-4, atol=1e-6)
    assert set(INDICES[index].bands) <= set(COMMON)


def test_no_division_by_zero_and_no_missing_value_becomes_a_number(recwarn):
    gaps = np.array([0.0, np.nan, 0.3, 0.3])
    result = compute("NDVI", {"nir": gaps, "red": np.array([0.0, 0.1, np.nan, 0.1])})
    np.testing.assert_array_equal(np.isnan(result), [True, True, True, False])
    assert result[3] == pytest.approx(0.5)
    assert np.isnan(compute("MSAVI", {"nir": np.array([2.0]), "red": np.array([-3.0])})).all()  # a root of -15
    assert not recwarn.list


def test_an_index_finds_its_bands_in_every_sensor():
    assert bands_of_index("NDVI", ["B04", "B08", "B8A"]) == {"nir": "B08", "red": "B04"}
    assert bands_of_index("NDVI", ["B8A", "RED"]) == {"nir": "B8A", "red": "RED"}
    assert bands_of_index("NDVI", ["BLUE", "GREEN", "RED", "NIR08"]) == {"nir": "NIR08", "red": "RED"}
    assert bands_of_index("EVI", ["RED", "NIR"]) is None
    assert computable("ndvi", ["sur_refl_b01", "sur_refl_b02"])
    assert not computable("NDRE", ["RED", "NIR"]) and not computable("VV", ["VV"])


def test_names_of_indices_are_read_in_any_spelling_and_unknown_ones_named():
    assert index_names(["ndvi", " EVI", "NDVI", "nbr2"]) == ("NDVI", "EVI", "NBR2")
    with pytest.raises(InputError) as error:
        index_names(["NDXI"])
    assert error.value.code == "index" and "'NDXI'" in error.value.message and "NDVI" in error.value.hint


def test_series_get_an_index_behind_their_bands():
    values = np.array([[[0.1, 0.3], [np.nan, 0.3]]], np.float32)
    series = SeriesSet(values, np.array([1.0, 2.0], np.float32), ("B04", "B08"))
    more = add_indices(series, ["ndvi"])
    assert more.bands == ("B04", "B08", "NDVI")
    np.testing.assert_allclose(more.values[0, :, 2], [0.5, np.nan], rtol=1e-6)
    assert add_indices(more, ["NDVI"]) is more
    with pytest.raises(InputError) as error:
        add_indices(series, ["EVI"], "s.npz")
    assert error.value.code == "index-bands"
    assert not lacking(error.value.message, "EVI", "s.npz", "blue", "B04", "B08")
