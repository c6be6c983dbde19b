"""Names of bands over sensors."""

import pytest

from engine.imagery.sensors.wavelengths import COMMON, NEAR, common_name, common_names, possible_meanings

SAME = [
    ("blue", "B02 b2 BLUE Blu sur_refl_b03 B13 Nadir_Reflectance_Band3"),
    ("green05", "green_i GREEN1"),
    ("green", "B03 green green_ii sur_refl_b04 B14"),
    ("yellow", "Yellow"),
    ("red", "B04 B4 RED red sur_refl_b01 B15"),
    ("rededge1", "B05 RE1 rededge rededge1 rededge071 red-edge-1"),
    ("rededge2", "B06 RE2 rededge2"),
    ("rededge3", "B07 RE3 REDEDGE3"),
    ("nir", "B08 B8 NIR nir sur_refl_b02 B16 BNR"),
    ("nir08", "B8A b8a B08A NIR08 nir08 nir_narrow RE4"),
    ("nir09", "B09 nir09"),
    ("swir16", "B11 SWIR1 SWIR16 swir16 sur_refl_b06 swir_1"),
    ("swir22", "B12 SWIR2 SWIR22 sur_refl_b07 MIR SR_B7"),
    ("lwir", "TIR ST_B6"),
    ("lwir11", "ST_B10 lwir11"),
    ("coastal", "B01 COASTAL coastal_blue aerosol"),
]


@pytest.mark.parametrize("common, names", SAME)
def test_one_wavelength_has_one_common_name_whatever_the_sensor_calls_it(common, names):
    for name in names.split():
        assert common_name(name) == common, name


def test_what_is_no_wavelength_has_no_common_name():
    for name in ("NDVI", "VV", "DEM", "B17", "B99", "A12", "", "SCL", "nirvana"):
        assert common_name(name) is None, name


def test_no_word_means_two_wavelengths_and_near_ones_go_both_ways():
    words = [word for _, listed in COMMON.values() for word in listed.split()]
    assert len(words) == len(set(words)) and all(word == word.upper() for word in words)
    assert {NEAR[NEAR[name]] == name for name in NEAR} == {True}
    assert set(NEAR) <= set(COMMON)


def test_numbers_of_landsat_are_told_apart_by_the_other_bands():
    newer = "SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B6 SR_B7".split()
    assert list(common_names(newer).values()) == "coastal blue green red nir08 swir16 swir22".split()
    older = "SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B7 ST_B6".split()
    assert list(common_names(older).values()) == "blue green red nir08 swir16 swir22 lwir".split()


def test_numbers_that_nothing_tells_apart_are_not_guessed():
    assert common_names(["SR_B4", "SR_B5", "SR_B7"]) == {"SR_B4": None, "SR_B5": None, "SR_B7": "swir22"}
    assert common_name("SR_B4") is None
    assert possible_meanings("SR_B4") == ["Landsat 8-9: red", "Landsat 4-7: nir08"]
    assert possible_meanings("B04") == possible_meanings("SR_B7") == possible_meanings("NDVI") == []
