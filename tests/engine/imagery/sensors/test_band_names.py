"""Dates and bands of rasters are recognised from whatever says them, and nothing is guessed."""

import pytest

from engine.imagery.sensors.band_names import (
    band_order,
    date_choices,
    parse_band,
    parse_date,
    sensor_band_name,
    sensor_of,
)
from engine.imagery.sensors.date_patterns import DATE_PATTERNS
from engine.imagery.sensors.quality_flags import QUALITY
from tests.helpers.date_examples import DATE_EXAMPLES

EXAMPLES = [(kind.title, *example) for kind in DATE_PATTERNS for example in DATE_EXAMPLES[kind.title]]


@pytest.mark.parametrize(("title", "text", "meaning"), EXAMPLES, ids=[text for _, text, _ in EXAMPLES])
def test_every_pattern_reads_its_examples(title, text, meaning):
    assert parse_date(text)[0] == meaning and date_choices(text) == ()


@pytest.mark.parametrize("kind", DATE_PATTERNS, ids=lambda kind: kind.title)
def test_no_pattern_is_dead(kind, monkeypatch):
    others = tuple(other for other in DATE_PATTERNS if other is not kind)
    monkeypatch.setattr("engine.imagery.sensors.band_names.DATE_PATTERNS", others)
    assert any(parse_date(text)[0] != meaning for text, meaning in DATE_EXAMPLES[kind.title])


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("NDVI_03-04-2021", ("2021-03-04", "2021-04-03")),
        ("05/06/2021", ("2021-05-06", "2021-06-05")),
        ("7_8_2021", ("2021-07-08", "2021-08-07")),
        ("B04_20210501_processed_20230101", ("2021-05-01", "2023-01-01")),
        ("NDVI_2021-05-01_2023-05-01", ("2021-05-01", "2023-05-01")),
        ("NDVI_2021129_made_2021200", ("2021-05-09", "2021-07-19")),
        ("NDVI_2012273_20150101", ("2012-09-29", "2015-01-01")),
        ("NDVI_2021-05_of_2021-06", ("2021-05-15", "2021-06-15")),
    ],
)
def test_what_may_mean_two_dates_is_left_to_the_person(text, choices):
    assert parse_date(text)[0] is None
    assert date_choices(text) == choices


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("05-05-2021", "2021-05-05"),
        ("NDVI_25-04-2021", "2021-04-25"),
        ("NDVI_04/25/2021", "2021-04-25"),
        ("2021-05-01_again_20210501", "2021-05-01"),
        ("season_2021-05_day_2021-05-01", "2021-05-01"),
        ("S2A_MSIL1C_20180420T105031_N0206_R051_T31UFS_20180501T130540", "2018-04-20"),
        ("LE07_L1TP_224078_20030518_20200915_02_T1_B4", "2003-05-18"),
        ("HLS.S30.T31UFS.2021121T103626.v2.0.Fmask", "2021-05-01"),
        ("MOD13Q1.A2012273.h12v10.061.2021230012345", "2012-09-29"),
        ("20210501_101559_1_2263_3B_AnalyticMS_SR_8b_harmonized_clip", "2021-05-01"),
        ("S1B_IW_GRDH_1SDV_20210501T053000_20210501T053025_026700_0330A1_5E6F", "2021-05-01"),
        ("LC08_224078_20200518_SR_B4", "2020-05-18"),
        ("Marne2021", None),
    ],
)
def test_one_meaning_is_taken(text, date):
    assert parse_date(text)[0] == date and date_choices(text) == ()


@pytest.mark.parametrize(
    ("product", "name", "meaning"),
    [
        ("LC08_L2SP_224078_20200518_20200820_02_T1", "SR_B5", "NIR08"),
        ("LC09_L2SP_224078_20220518_20220820_02_T1", "SR_B2", "BLUE"),
        ("LT05_L2SP_224078_20080518_20200820_02_T1", "SR_B3", "RED"),
        ("LE07_L2SP_224078_20080518_20200820_02_T1", "SR_B5", "SWIR16"),
        ("LC82240782020139LGN00", "B04", "RED"),
        ("HLS.L30.T31UFS.2021121T103626.v2.0", "B05", "NIR08"),
        ("HLS.L30.T31UFS.2021121T103626.v2.0", "B10", "TIR"),
        ("HLS.S30.T31UFS.2021121T103626.v2.0", "B05", "B05"),
        ("S2A_MSIL2A_20180420T105031_N0207_R051_T31UFS_20180420T130540", "B05", "B05"),
        ("an export", "SR_B5", "SR_B5"),
        ("LANDSAT_8", "SR_B5", "NIR08"),
        ("LC08_L2SP_224078_20200518_20200820_02_T1", "QA_PIXEL", "QA_PIXEL"),
    ],
)
def test_a_number_means_what_it_means_to_its_sensor(product, name, meaning):
    assert sensor_band_name(name, sensor_of(product)) == meaning


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("LC08_L2SP_224078_20200518_20200820_02_T1_QA_PIXEL", "QA_PIXEL"),
        ("T31UFS_20180420T105031_SCL_20m", "SCL"),
        ("HLS.S30.T31UFS.2021121T103626.v2.0.Fmask", "FMASK"),
        ("2021-05-01 QA60", "QA60"),
        ("250m 16 days pixel reliability", "PIXEL_RELIABILITY"),
        ("MOD13Q1.061__250m_16_days_VI_Quality_doy2021121_aid0001", "VI_QUALITY"),
        ("2021_05_01_SummaryQA", "SUMMARY_QA"),
        ("MOD09A1.A2012273.h12v10.061.2021230012345_sur_refl_state_500m", "STATE_QA"),
        ("20210501_101559_1_2263_3B_AnalyticMS_DN_udm", "UDM"),
        ("20210501_101559_1_2263_3B_udm2_clip", "UDM2"),
    ],
)
def test_quality_bands_are_recognised(text, name):
    assert parse_band(parse_date(text)[1], free=False) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MCD43A4.A2012273.h12v10.061.2021230012345_Nadir_Reflectance_Band2", "NADIR_REFLECTANCE_BAND2"),
        ("CBERS_4_AWFI_20210501_150_120_L4_BAND15", "B15"),
        ("export_20210501_BAND1", None),
    ],
)
def test_bands_that_products_write_in_full(text, name):
    assert parse_band(parse_date(text)[1], free=False) == name


@pytest.mark.parametrize("name", sorted(QUALITY))
def test_every_quality_band_keeps_its_name(name):
    assert parse_band(f"export {name.lower()}", free=False) == name and parse_band(name, free=True) == name


@pytest.mark.parametrize(
    ("text", "date", "band"),
    [
        ("B08_2021-05-01", "2021-05-01", "B08"),
        ("2021-05-01_B8", "2021-05-01", "B08"),
        ("NDVI_20210501", "2021-05-01", "NDVI"),
        ("TERRA_MODIS_012010_NDVI_2013-09-14", "2013-09-14", "NDVI"),
        ("CB4_64_16D_STK_022024_2018-12-19_2018-12-31_EVI", "2018-12-25", "EVI"),
        ("MYD13Q1.A2012273.h12v10.061.EVI", "2012-09-29", "EVI"),
        ("LT05_L2SP_224078_20080518_20200820_02_T1_SR_B3", "2008-05-18", "SR_B3"),
        ("T31UFS_20180420T105031_B8A_20m", "2018-04-20", "B8A"),
        ("S2A_MSIL2A_20180420T105031_N0207_R051_T31UFS_20180420T130540_B04", "2018-04-20", "B04"),
        ("S2A_MSIL2A_20180420T105031_N0500_R051_T31UFS_20230806T130540_B04", "2018-04-20", "B04"),
        ("NDVI_2012273", "2012-09-29", "NDVI"),
        ("20210501T105031_20210501T105029_T31UFS_B4", "2021-05-01", "B04"),
        ("S1A_IW_GRDH_1SDV_20210501T053000_20210501T053025_VV", "2021-05-01", "VV"),
        ("SEN2L_B02_2012_273", "2012-09-29", "B02"),
        ("red 1 Sep 2020", "2020-09-01", "RED"),
        ("NDVI_2021.05.01T10:30:00Z", "2021-05-01", "NDVI"),
    ],
)
def test_date_and_band_of_a_name(text, date, band):
    found, rest = parse_date(text)
    assert (found, parse_band(rest, free=True)) == (date, band)


@pytest.mark.parametrize(
    "text",
    [
        "NDVI",
        "tile_022024",
        "B04_2021-13-01",
        "NDVI_99999999",
        "20211301",
        "2021366_B04",
        "1899-05-01",
        "id_123456789012345",
    ],
)
def test_what_is_no_date_is_not_taken_for_one(text):
    assert parse_date(text)[0] is None


@pytest.mark.parametrize(
    ("rest", "name"),
    [
        ("SR_B4", "SR_B4"),
        ("sr_band4", "SR_B4"),
        ("0_B4", "B04"),
        ("B4_1", "B04"),
        ("B4, central wavelength 665 nm", "B04"),
        ("250m 16 days NIR reflectance", "NIR"),
        ("sur_refl_b01", "SUR_REFL_B01"),
        ("red edge 1", "RE1"),
        ("coastal_blue", "COASTAL"),
        ("max NDVI", "max NDVI"),
        ("my index", "my index"),
        ("Band 3", None),
        ("", None),
        ("B4 minus B8", "B4 minus B8"),
        ("_SEN2L_NDV_", "NDV"),
    ],
)
def test_band_name_in_a_description(rest, name):
    assert parse_band(rest, free=True) == name


def test_a_file_name_gives_a_known_band_only():
    assert parse_band("export_final_B8A", free=False) == "B8A"
    assert parse_band("export_final", free=False) is None
    assert parse_band("ratio_B04_B08", free=False) is None


def test_bands_have_one_order_however_files_are_sorted():
    assert band_order(["B12", "B8A", "B11", "mine", "B08", "NDVI"]) == ("B08", "B8A", "B11", "B12", "NDVI", "mine")
