"""Source and target brought together, band by band."""

import pytest

from engine.errors import InputError
from engine.imagery import StackBand
from engine.imagery.sensors.band_matching import BandPair, adapt_target, match_bands, require_match
from tests.helpers.facts import lacking

SENTINEL = "B02 B03 B04 B05 B06 B07 B08 B8A B11 B12".split()
LANDSAT = "BLUE GREEN RED NIR08 SWIR16 SWIR22".split()
PLANET_8 = "coastal_blue blue green_i green yellow red rededge nir".split()
CBERS = "B13 B14 B15 B16".split()
MODIS = "NDVI EVI RED NIR BLUE MIR".split()


def stack(names, dates=("2021-05-01",)):
    return [StackBand("t.tif", i * len(names) + j + 1, d, n) for i, d in enumerate(dates) for j, n in enumerate(names)]


def found(source, target):
    match = match_bands(source, target)
    return {pair.source: (pair.target, pair.how) for pair in match.pairs}, match


def test_the_same_names_match_without_a_word():
    pairs, match = found(SENTINEL, [*reversed(SENTINEL), "NDVI"])
    assert all(pairs[name] == (name, "same name") for name in SENTINEL)
    assert match.messages() == [] and match.missing == () and match.left_out == ("NDVI",)
    assert found(["ndvi", "B4"], ["NDVI", "B04"])[0] == {
        "ndvi": ("NDVI", "same name"),
        "B4": ("B04", "same wavelength"),
    }


@pytest.mark.parametrize(
    "source, target, expected",
    [
        ("B02 B03 B04 B8A B11 B12", LANDSAT, "BLUE GREEN RED NIR08 SWIR16 SWIR22"),
        ("BLUE RED NIR08", SENTINEL, "B02 B04 B8A"),
        ("B02 B03 B04 B05 B08", PLANET_8, "blue green red rededge nir"),
        ("B02 B03 B04 B08", CBERS, "B13 B14 B15 B16"),
        ("RED NIR BLUE MIR", SENTINEL, "B04 B08 B02 B12"),
        ("nir08 swir16 rededge1", SENTINEL, "B8A B11 B05"),
    ],
)
def test_bands_match_over_sensors_by_wavelength(source, target, expected):
    pairs, match = found(source.split(), target)
    assert [(target, how) for target, how in pairs.values()] == [(n, "same wavelength") for n in expected.split()]
    assert match.missing == ()


def test_the_other_near_infrared_stands_in_and_is_told():
    pairs, match = found(["B04", "B08"], LANDSAT)
    assert pairs["B08"] == ("NIR08", "near wavelength")
    assert "NIR08 of the target is used for B08 of the source (near wavelength)." in match.messages()
    # One band may serve two of the source, which see all but the same.
    assert found(["B08", "B8A"], LANDSAT)[0] == {
        "B08": ("NIR08", "near wavelength"),
        "B8A": ("NIR08", "same wavelength"),
    }


def test_a_word_for_several_wavelengths_is_taken_for_the_usual_one_and_listed():
    pairs, match = found(["NIR"], ["B04", "B08", "B8A"])
    assert pairs["NIR"] == ("B08", "same wavelength")
    [sentence] = match.ambiguous
    assert "B08 or B8A" in sentence and "B08 is used" in sentence and "833 nm" in sentence


def test_what_would_be_a_guess_is_refused():
    for source, target, named in [
        (["REDEDGE"], ["B06", "B07"], "B06 or B07"),  # the usual one is not there
        (["MIR"], ["B11"], "2200 nm"),
        (["RED"], ["B04", "sur_refl_b01"], "B04 or sur_refl_b01"),  # two of one wavelength
        (["SR_B4"], ["B04", "B08"], "Landsat 4-7: nir08"),
        (["B04"], ["SR_B4", "SR_B5"], "Landsat 8-9: red"),
    ]:
        match = match_bands(source, target)
        assert match.missing == tuple(source) and match.pairs == ()
        assert named in match.ambiguous[0], match.ambiguous


def test_the_same_number_of_two_sensors_is_not_the_same_band():
    landsat_8 = "SR_B2 SR_B3 SR_B4 SR_B5 SR_B6 SR_B7".split()
    landsat_7 = "SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B7 ST_B6".split()
    pairs, _ = found(landsat_8, landsat_7)
    assert [target for target, _ in pairs.values()] == "SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B7".split()


def test_an_index_of_the_source_is_computed_where_the_target_does_not_hold_it():
    match = match_bands(MODIS, SENTINEL)
    assert match.pairs[0] == BandPair("NDVI", "(nir - red) / (nir + red)", "computed", ("B08", "B04"))
    assert not lacking(match.messages()[0], "NDVI", "B08", "B04", "target", "(nir - red) / (nir + red)")
    assert match.missing == () and match.left_out == ("B03", "B05", "B06", "B07", "B8A", "B11")
    bands, indices = adapt_target(stack(SENTINEL), match)
    assert [b.band for b in bands] == ["BLUE", "RED", "NIR", "MIR"] and indices == ("NDVI", "EVI")
    assert [b.index for b in bands] == [1, 3, 7, 10]


def test_a_band_that_only_an_index_needs_stays_and_keeps_its_wavelength():
    match = match_bands(["NDVI", "B04"], ["RED", "NIR08", "SWIR16"])
    bands, indices = adapt_target(stack(["RED", "NIR08", "SWIR16"], ("2021-05-01", "2021-06-01")), match)
    assert [b.band for b in bands] == ["B04", "NIR08"] * 2 and indices == ("NDVI",)
    assert match_bands(["NDVI"], [b.band for b in bands]).missing == ()


def test_a_target_without_a_band_is_refused_with_what_it_has():
    assert match_bands(SENTINEL, LANDSAT).missing == ("B05", "B06", "B07")
    with pytest.raises(InputError) as error:
        require_match(SENTINEL, LANDSAT, "The source", " or leave them out: {shared}")
    assert error.value.code == "bands-differ" and "B02,B03,B04,B08,B8A,B11,B12" in error.value.hint
    assert not lacking(error.value.message, "B05", "B06", "B07", *LANDSAT)
    with pytest.raises(InputError) as error:
        require_match(["EVI"], ["B04", "B08"], "The source")
    assert error.value.code == "bands-differ" and not lacking(error.value.message, "EVI", "B04", "B08")
