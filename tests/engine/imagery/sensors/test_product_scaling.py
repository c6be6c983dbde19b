"""Values come out in their unit: products and baselines of Sentinel-2."""

import zipfile

import numpy as np
import pytest
from osgeo import gdal

from engine.imagery import Stack, StackBand, Window, describe
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import write_raster

REFLECTANCE = (0.01 + 0.03 * np.arange(20)).reshape(1, 4, 5)
OLD = "S2A_MSIL2A_20211220T105031_N0301_R051_T31UFS_20211220T130540"
NEW = "S2A_MSIL2A_20220420T105031_N0400_R051_T31UFS_20220420T130540"
AGAIN = "S2A_MSIL2A_20200420T105031_N0500_R051_T31UFS_20230420T130540"
XML = """<n1:Level-2A_User_Product><Product_Image_Characteristics><QUANTIFICATION_VALUES_LIST>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>{rows}
</Product_Image_Characteristics></n1:Level-2A_User_Product>"""


def stored(offset=0, scale=10000, dtype=np.uint16):
    return np.rint(REFLECTANCE * scale + offset).astype(dtype)


def read(bands, **more):
    with Stack(bands, "source", **more) as stack:
        return stack.read(Window(0, 0, 5, 4)), stack


def one(path, name="B04", date="2021-05-01"):
    return read([StackBand(str(path), 1, date, name)])


def safe(folder, name, offset, band="B04", xml=True):
    """A band of a SAFE folder as ESA writes it, with or without its metadata file; returns its path."""
    images = folder / f"{name}.SAFE" / "GRANULE" / "L2A_T31UFS_A1" / "IMG_DATA" / "R10m"
    images.mkdir(parents=True)
    rows = "".join(f'<BOA_ADD_OFFSET band_id="{i}">{offset:g}</BOA_ADD_OFFSET>' for i in range(13)) if offset else ""
    if xml:
        (folder / f"{name}.SAFE" / "MTD_MSIL2A.xml").write_text(XML.format(rows=rows))
    return write_raster(images / f"T31UFS_{name[11:26]}_{band}_10m.tif", stored(-offset))


@pytest.mark.parametrize("xml", [True, False])
def test_both_sides_of_baseline_04_00_read_as_the_same_reflectance(tmp_path, xml):
    """What a series over January 2022 must not show is a step of 0.1."""
    dates = ("2021-12-20", "2022-04-20", "2020-04-20")
    paths = [safe(tmp_path, name, offset, xml=xml) for name, offset in ((OLD, 0), (NEW, -1000), (AGAIN, -1000))]
    values, stack = read([StackBand(path, 1, date, "B04") for path, date in zip(paths, dates)])
    assert values[..., 0] == pytest.approx(np.repeat(REFLECTANCE[0][..., None], 3, axis=2), abs=1e-6)
    assert len(naming(stack.warnings, 2, 3, "Sentinel-2", "source", "04.00", -1000)) == 1
    assert not naming(stack.warnings, 10000)


def test_a_virtual_raster_over_both_sides_of_baseline_04_00_reads_the_same(tmp_path):
    """As QGIS's "Build virtual raster" makes them: each band is one file, and nothing tells its product."""
    paths = [safe(tmp_path, name, offset) for name, offset in ((OLD, 0), (NEW, -1000), (AGAIN, -1000))]
    vrt = str(tmp_path / "season.vrt")
    gdal.BuildVRT(vrt, paths, separate=True)
    bands = describe([vrt])
    assert [(b.date, b.band) for b in bands] == [(date, "B04") for date in ("2021-12-20", "2022-04-20", "2020-04-20")]
    values, _ = read(bands)
    assert values[..., 0] == pytest.approx(np.repeat(REFLECTANCE[0][..., None], 3, axis=2), abs=1e-6)


def test_the_metadata_of_the_product_is_believed_before_its_name(tmp_path):
    path = safe(tmp_path, OLD.replace("N0301", "N9999"), -900)
    assert one(path)[0][..., 0, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6)
    renamed = tmp_path / "field 7"
    (tmp_path / f"{OLD.replace('N0301', 'N9999')}.SAFE").rename(renamed)
    image = next(renamed.rglob("*.tif"))
    values, stack = one(image.rename(image.with_suffix(".jp2")))
    assert values[..., 0, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6)
    assert len(stack.warnings) == 1 and not lacking(stack.warnings[0], "offset", "Sentinel-2", 1)


def test_a_zipped_product_is_read_by_its_metadata(tmp_path):
    path = safe(tmp_path, NEW, -800)
    with zipfile.ZipFile(tmp_path / "product.zip", "w") as archive:
        for file in sorted((tmp_path / f"{NEW}.SAFE").rglob("*.*")):
            archive.write(file, file.relative_to(tmp_path))
    inside = f"/vsizip/{tmp_path}/product.zip{path[len(str(tmp_path)) :]}"
    assert one(inside)[0][..., 0, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6)


def test_harmonised_data_is_not_moved_twice(tmp_path):
    for name in (f"{NEW}_harmonized_B04.tif", "20220420T105031_20220420T105607_T31UFS_B04.tif"):
        assert one(write_raster(tmp_path / name, stored()))[0][..., 0, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6)
    folder = tmp_path / "COPERNICUS_S2_SR_HARMONIZED"
    folder.mkdir()
    values, stack = one(write_raster(folder / f"{NEW}.tif", stored()))
    assert values[..., 0, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6) and stack.warnings == []


def test_an_image_without_its_product_is_told_to_be_a_guess(tmp_path):
    late = write_raster(tmp_path / "T31UFS_20220420T105031_B04_10m.jp2", stored(1000))
    early = write_raster(tmp_path / "T31UFS_20210420T105031_B04_10m.jp2", stored())
    values, stack = read([StackBand(late, 1, "2022-04-20", "B04"), StackBand(early, 1, "2021-04-20", "B04")])
    assert values[:, :, 0, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6)
    assert values[:, :, 1, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6)
    assert len(naming(stack.warnings, 2, "Sentinel-2", "source", "T31UFS_20220420T105031_B04_10m.jp2", -1000)) == 1


def test_an_index_of_a_product_has_no_offset(tmp_path):
    path = write_raster(tmp_path / f"{NEW}_NDVI.tif", stored(dtype=np.int16))
    assert one(path, "NDVI")[0][..., 0, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize(
    ("name", "band", "scale", "offset"),
    [
        (f"{NEW}_B04.tif", "B04", 1e-4, -0.1),
        ("LC08_L2SP_224078_20200518_20200820_02_T1_SR_B4.tif", "RED", 2.75e-5, -0.2),
        ("LC08_224078_20200518.SR_B4.tif", "RED", 2.75e-5, -0.2),
        ("HLS.S30.T31UFS.2021123T105031.v2.0.B04.tif", "B04", 1e-4, 0.0),
        ("MOD13Q1.A2012273.h12v10.061.2015256070127_RED.tif", "RED", 1e-4, 0.0),
    ],
)
def test_a_product_reads_the_same_from_whole_numbers_floats_of_them_and_values(
    tmp_path, name, band, scale, offset, dtype
):
    numbers = ((REFLECTANCE - offset) / scale).astype(dtype)
    (tmp_path / "numbers").mkdir()
    read_numbers = one(write_raster(tmp_path / "numbers" / name, numbers), band)[0]
    assert read_numbers[..., 0, 0] == pytest.approx(REFLECTANCE[0], abs=1.01 * scale)
    values = one(write_raster(tmp_path / name, REFLECTANCE.astype(np.float32)), band)[0]
    assert values[..., 0, 0] == pytest.approx(REFLECTANCE[0], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "band", "fill"),
    [
        ("MOD13Q1.A2012273.h12v10.061.2015256070127_NDVI.tif", "NDVI", -3000),
        ("MOD13Q1.A2012273.h12v10.061.2015256070127_RED.tif", "RED", -1000),
        ("HLS.L30.T31UFS.2021123T105031.v2.0.B04.tif", "RED", -9999),
        ("MOD09GA.A2012273.h12v10.061.2015256070127_b01.tif", "RED", -28672),
    ],
)
def test_the_fill_of_a_product_is_a_gap_where_the_file_does_not_say_so(tmp_path, name, band, fill):
    plane = stored(dtype=np.int16)
    plane[0, 1, 2] = fill
    values, _ = one(write_raster(tmp_path / name, plane), band)
    assert np.argwhere(np.isnan(values[..., 0, 0])).tolist() == [[1, 2]]


def test_raw_bands_of_eo_browser_with_16_bits_are_parts_of_65535(tmp_path):
    name = "2022-03-01-00_00_2022-03-01-23_59_Sentinel-2_L2A_B04_(Raw).tiff"
    assert one(write_raster(tmp_path / name, stored(scale=65535)))[0][..., 0, 0] == pytest.approx(
        REFLECTANCE[0], abs=1e-5
    )
    assert one(write_raster(tmp_path / name, REFLECTANCE.astype(np.float32)))[0][..., 0, 0] == pytest.approx(
        REFLECTANCE[0], abs=1e-6
    )


def test_temperature_of_landsat_is_in_kelvin(tmp_path):
    path = write_raster(
        tmp_path / "LC08_L2SP_224078_20200518_20200820_02_T1_ST_B10.tif", np.full((1, 4, 5), 44000, np.uint16)
    )
    assert one(path, "LWIR")[0] == pytest.approx(44000 * 0.00341802 + 149)
