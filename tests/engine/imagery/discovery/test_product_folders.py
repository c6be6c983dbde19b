"""Folders as products leave them: imagery is read, quality bands mask, everything else is left out with a note."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import InputError
from engine.imagery import Stack, describe
from engine.imagery.discovery.describe import describe_with_notes
from engine.imagery.geo.gdal_io import open_raster
from tests.helpers.rasters import write_raster

DATES = ("2021-03-01", "2021-04-10", "2021-05-20")
SIDE = 6
RED, NIR = 0.05, 0.4


def plane(value, kind="int16"):
    return np.full((1, SIDE, SIDE), value, kind)


def two(scale=1e4):
    return np.concatenate([plane(round(RED * scale)), plane(round(NIR * scale))])


def plain(date):
    return date.replace("-", "")


def day(date):
    return datetime.date.fromisoformat(date).strftime("%Y%j")


def masking(value):
    """A quality band whose first row is masked."""
    quality = plane(0, "uint16")
    quality[0, 0] = value
    return quality


def force(folder):
    for date in DATES:
        write_raster(folder / f"{plain(date)}_LEVEL2_SEN2A_BOA.tif", two(), ["RED", "NIR"])
        write_raster(folder / f"{plain(date)}_LEVEL2_SEN2A_QAI.tif", masking(0b100))
        for other in ("HOT", "DST", "VZN", "WVP", "AOT"):
            write_raster(folder / f"{plain(date)}_LEVEL2_SEN2A_{other}.tif", plane(7))


def force_series(folder):
    for name, value in (("RED", RED), ("NIR", NIR)):
        planes = np.repeat(plane(round(value * 1e4)), len(DATES), axis=0)
        write_raster(folder / f"2021-2021_001-365_HL_TSA_SEN2L_{name}_TSI.tif", planes, list(map(plain, DATES)))


def sits(folder):
    for date in DATES:
        for name, value in (("B04", RED), ("B08", NIR)):
            write_raster(folder / f"SENTINEL-2_MSI_20LKP_{name}_{date}.tif", plane(round(value * 1e4)))
        write_raster(folder / f"SENTINEL-2_MSI_20LKP_CLOUD_{date}.tif", np.maximum(masking(9), 4))


def data_cube(folder):
    for date in DATES:
        last = datetime.date.fromisoformat(date) + datetime.timedelta(2)
        stem = f"LC8_30_16D_STK_v001_012014_{date}_{last}"
        for name, value in (("band4", RED), ("band5", NIR)):
            write_raster(folder / f"{stem}_{name}.tif", plane(round(value * 1e4)))
        for other in ("CLEAROB", "TOTALOB", "PROVENANCE"):
            write_raster(folder / f"{stem}_{other}.tif", plane(3))


def appeears(folder):
    for date in DATES:
        for number, value in ((1, RED), (2, NIR)):
            stem = f"MOD09A1.061_sur_refl_b0{number}_doy{day(date)}_aid0001"
            write_raster(folder / f"{stem}.tif", plane(round(value * 1e4)))
        for other in ("sur_refl_qc_500m", "sur_refl_day_of_year", "sur_refl_szen", "sur_refl_raz"):
            write_raster(folder / f"MOD09A1.061_{other}_doy{day(date)}_aid0001.tif", plane(9))
        write_raster(folder / f"MOD09A1.061_sur_refl_state_500m_doy{day(date)}_aid0001.tif", masking(1))


def theia(folder):
    (folder / "MASKS").mkdir()
    for date in DATES:
        stem = f"SENTINEL2A_{plain(date)}-105619-241_L2A_T31TCJ_C_V3-0"
        for name, value in (("B4", RED), ("B8", NIR)):
            write_raster(folder / f"{stem}_FRE_{name}.tif", plane(round(value * 1e4)))
            write_raster(folder / f"{stem}_SRE_{name}.tif", plane(9999))
        write_raster(folder / f"{stem}_ATB_R1.tif", plane(3))
        write_raster(folder / "MASKS" / f"{stem}_MG2_R1.tif", masking(2))
        write_raster(folder / "MASKS" / f"{stem}_SAT_R1.tif", plane(0))


def theia_clouds(folder):
    for date in DATES:
        stem = f"SENTINEL2B_{plain(date)}-105619-241_L2A_T31TCJ_C_V3-0"
        for name, value in (("B4", RED), ("B8", NIR)):
            write_raster(folder / f"{stem}_FRE_{name}.tif", plane(round(value * 1e4)))
        write_raster(folder / f"{stem}_CLM_R1.tif", masking(0b100001))
        write_raster(folder / f"{stem}_EDG_R1.tif", plane(0))


def indices(folder, pattern, names, other):
    """Two indices of every date, and another raster beside them."""
    for date in DATES:
        for name, value in zip(names, (RED, NIR)):
            write_raster(folder / pattern.format(name=name, date=plain(date)), plane(round(value * 1e4)))
        write_raster(folder / pattern.format(name=other, date=plain(date)), plane(1))


def vegetation_phenology(folder):
    indices(folder, "VI_{date}T105621_S2B_T31UFS-010m_V101_{name}.tif", ("PPI", "NDVI"), "QFLAG2")


def snap(folder):
    for date in DATES:
        product = folder / f"S2A_MSIL2A_{plain(date)}T105031_N0300_R051_T31UES_{plain(date)}T130540_resampled.data"
        product.mkdir()
        layers = {
            "B4": plane(round(RED * 1e4)),
            "B8": plane(round(NIR * 1e4)),
            "quality_scene_classification": np.maximum(masking(9), 4),
        }
        others = ("quality_cloud_confidence", "sun_zenith", "view_zenith_mean", "B_detector_footprint_B4")
        for name, planes in {**layers, **dict.fromkeys(others, plane(9))}.items():
            made = write_raster(folder.parent / "made.tif", planes)
            gdal.Translate(str(product / f"{name}.img"), made, format="ENVI")


def sen2agri(folder):
    indices(folder, "S2AGRI_L3B_{name}_A{date}T105031_T31UES.TIF", ("SLAIMONO", "SNDVI"), "MMONODFLG")


def planet(folder):
    for date in DATES:
        planes = np.concatenate([two(), two()[::-1]])[[0, 0, 0, 1]]
        write_raster(folder / f"{plain(date)}_101010_1003_3B_AnalyticMS_SR_clip.tif", planes)
        clear = np.concatenate([1 - masking(1).astype("int16"), *[plane(0)] * 7]).astype("uint8")
        write_raster(folder / f"{plain(date)}_101010_1003_3B_udm2_clip.tif", clear)


def eo_browser(folder):
    for date in DATES:
        stem = f"{date}-00_00_{date}-23_59_Sentinel-2_L2A"
        for name, value in (("B04", RED), ("B08", NIR)):
            write_raster(folder / f"{stem}_{name}_(Raw).tiff", plane(value, "float32"))
        write_raster(folder / f"{stem}_True_color.tiff", np.repeat(plane(80, "uint8"), 3, axis=0))
        mask = 1 - masking(1).astype("int16")
        write_raster(folder / f"{stem}_dataMask_(Raw).tiff", mask.astype("uint8"))


def landsat(folder):
    for date in DATES:
        stem = f"LC08_L2SP_198024_{plain(date)}_{plain(date)}_02_T1"
        for name, value in (("SR_B4", RED), ("SR_B5", NIR)):
            write_raster(folder / f"{stem}_{name}.tif", plane(round((value + 0.2) / 2.75e-5), "uint16"))
        write_raster(folder / f"{stem}_QA_PIXEL.tif", masking(8))
        for other in ("QA_RADSAT", "ST_QA", "ST_EMIS", "SR_QA_AEROSOL"):
            write_raster(folder / f"{stem}_{other}.tif", plane(1))


FOLDERS = {
    "FORCE": (force, ("RED", "NIR"), True),
    "FORCE, higher level": (force_series, ("RED", "NIR"), False),
    "sits": (sits, ("B04", "B08"), True),
    "Brazil Data Cube": (data_cube, ("RED", "NIR08"), False),
    "AppEEARS": (appeears, ("SUR_REFL_B01", "SUR_REFL_B02"), True),
    "Theia": (theia, ("B04", "B08"), True),
    "Theia, cloud masks": (theia_clouds, ("B04", "B08"), True),
    "HR-VPP": (vegetation_phenology, ("PPI", "NDVI"), False),
    "SNAP (BEAM-DIMAP)": (snap, ("B04", "B08"), True),
    "Sen2-Agri": (sen2agri, ("LAI", "NDVI"), False),
    "PlanetScope": (planet, ("RED", "NIR"), True),
    "EO Browser": (eo_browser, ("B04", "B08"), True),
    "Landsat": (landsat, ("RED", "NIR08"), True),
}


@pytest.mark.parametrize("product", FOLDERS)
def test_the_folder_of_a_product_is_read(tmp_path, product):
    make, names, masks = FOLDERS[product]
    make(tmp_path)
    with Stack(describe([str(tmp_path)]), "source") as stack:
        values = stack.read(stack.windows()[0], names)
        dates = [datetime.date.fromisoformat(date) for date in stack.dates]
    assert [abs((one - datetime.date.fromisoformat(date)).days) <= 1 for one, date in zip(dates, DATES)] == [True] * 3
    expected = np.broadcast_to(np.float32([RED, NIR]), (SIDE, SIDE, 3, 2)).copy()
    if masks:
        expected[0] = np.nan
    np.testing.assert_allclose(values, expected, atol=2e-4)


@pytest.mark.parametrize(
    "stranger",
    [
        "dem.tif",
        "slope.tif",
        "count_2021.tif",
        "S2_2021-03-01_preview.tif",
        "S2_2021-03-01_sun_zenith.tif",
        "notes.tif",
    ],
)
def test_a_stranger_is_left_out_with_a_note_and_never_a_reason_to_refuse(tmp_path, stranger):
    for date in DATES:
        write_raster(tmp_path / f"S2_{date}.tif", two(), ["B04", "B08"])
    write_raster(tmp_path / stranger, plane(30))
    bands, notes = describe_with_notes([str(tmp_path)])
    assert {Path(band.path).name for band in bands} == {f"S2_{date}.tif" for date in DATES}
    assert any(stranger in note for note in notes)
    # Chosen by hand it stays, for the person to decide.
    chosen, _ = describe_with_notes([str(tmp_path / f"S2_{DATES[0]}.tif"), str(tmp_path / stranger)])
    assert stranger in {Path(band.path).name for band in chosen}


IMAGES = [
    f"S1{'AB'[i % 2]}_IW_GRDH_1SDV_{plain(d)}T053000_{plain(d)}T053025_03700{i}_04500{i}_A{i}"
    for i, d in enumerate(DATES)
]


@pytest.mark.parametrize(
    ("images", "written", "names"),
    [
        (IMAGES, ("VV", "VH"), {"VV", "VH"}),
        ([f"{i}_{image}" for i, image in enumerate(IMAGES)], ("VV", "VH"), {"VV", "VH"}),
        ([f"LC08_198024_{plain(d)}" for d in DATES], ("SR_B4", "SR_B5"), {"RED", "NIR08"}),
        ([f"{i}_1_LC09_198024_{plain(d)}" for i, d in enumerate(DATES)], ("SR_B4", "SR_B5"), {"RED", "NIR08"}),
        ([f"{plain(d)}T105031_{plain(d)}T10504{i}_T31UES" for i, d in enumerate(DATES)], ("B4", "B8"), {"B04", "B08"}),
        ([f"{plain(d)}_10000{i}_0{i}_22{i}0" for i, d in enumerate(DATES)], ("B3", "B4"), {"B03", "B04"}),
        ([d.replace("-", "_") for d in DATES], ("NDVI", "EVI"), {"NDVI", "EVI"}),
    ],
)
def test_names_that_earth_engine_makes_of_images_and_bands(tmp_path, images, written, names):
    path = write_raster(
        tmp_path / "ee.tif", np.ones((6, 4, 4), np.float32), [f"{i}_{b}" for i in images for b in written]
    )
    bands = describe([path])
    assert {band.band for band in bands} == names and [band.date for band in bands] == [d for d in DATES for _ in "ab"]


@pytest.mark.parametrize("nested", [False, True])
def test_a_virtual_raster_names_the_file_that_is_gone(tmp_path, nested):
    source = write_raster(tmp_path / "gone.tif", two(), ["B04_2021-03-01", "B08_2021-03-01"])
    path = str(tmp_path / "a.vrt")
    gdal.BuildVRT(path, [source]).FlushCache()
    if nested:
        gdal.Translate(str(tmp_path / "b.vrt"), path, format="VRT").FlushCache()
        path = str(tmp_path / "b.vrt")
    Path(source).rename(tmp_path / "moved.tif")
    with pytest.raises(InputError) as error:
        open_raster(path)
    assert error.value.code == "raster-unreadable" and "gone.tif" in error.value.message
