"""Assets of STAC items: which band they hold, how GDAL opens them, and how they store their values."""

from __future__ import annotations

import pytest

from engine.imagery.stac.assets import baseline_of, choose_assets, gdal_name
from engine.imagery.stac.catalogs import CATALOGUES, Access, Catalogue, catalogue_of
from tests.helpers.stac_server import CORNER, make_item, outline_of

PLAIN = Catalogue("test", "http://localhost/v1")
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def item_of(assets, collection="sentinel-2-l2a", **properties):
    return make_item("X", "2021-05-01", assets, outline_of(CORNER, 600, 600), collection, **properties)


def chosen(item, wanted=()):
    return {asset.name: asset.href.rsplit("/", 1)[-1] for asset in choose_assets(item, PLAIN, wanted)}


def assets_of(**files):
    return {key: {"href": f"http://localhost/{file}", "type": COG} for key, file in files.items()}


def test_bands_of_sentinel_2_by_the_keys_of_every_catalogue():
    earth_search = assets_of(blue="a.tif", red="b.tif", nir="c.tif", nir08="d.tif", scl="e.tif")
    assert chosen(item_of(earth_search)) == {
        "B02": "a.tif",
        "B04": "b.tif",
        "B08": "c.tif",
        "B8A": "d.tif",
        "SCL": "e.tif",
    }
    planetary = assets_of(B02="a.tif", B04="b.tif", B08="c.tif", B8A="d.tif", SCL="e.tif")
    assert chosen(item_of(planetary)) == chosen(item_of(earth_search))
    copernicus = assets_of(B02_60m="x.tif", B02_10m="a.tif", B02_20m="y.tif", SCL_20m="e.tif")
    assert chosen(item_of(copernicus)) == {"B02": "a.tif", "SCL": "e.tif"}


def test_bands_of_landsat_and_hls_get_words_because_their_numbers_mean_others():
    landsat = assets_of(blue="a.tif", nir08="b.tif", swir16="c.tif", qa_pixel="q.tif", coastal="x.tif")
    expected = {"BLUE": "a.tif", "NIR08": "b.tif", "SWIR16": "c.tif", "QA_PIXEL": "q.tif"}
    assert chosen(item_of(landsat, "landsat-c2-l2")) == expected
    hls = assets_of(B02="a.tif", B05="b.tif", B06="c.tif", Fmask="q.tif", B01="x.tif")
    for collection in ("hls2-l30", "HLSL30_2.0", "HLSL30.v2.0"):
        assert chosen(item_of(hls, collection)) == {
            "BLUE": "a.tif",
            "NIR08": "b.tif",
            "SWIR16": "c.tif",
            "FMASK": "q.tif",
        }
    assert chosen(item_of(hls, "HLSS30_2.0")) == {"B02": "a.tif", "B05": "b.tif", "B06": "c.tif", "FMASK": "q.tif"}


def test_bands_by_eo_bands_where_the_keys_say_nothing_and_pictures_never():
    assets = {
        "visual": {"href": "http://localhost/v.tif", "roles": ["visual"], "eo:bands": [{"name": "B04"}]},
        "one": {"href": "http://localhost/a.tif", "eo:bands": [{"name": "B04", "common_name": "red"}]},
        "two": {"href": "http://localhost/b.tif", "eo:bands": [{"name": "x", "common_name": "nir"}]},
        # Two have this common name: neither is taken for B05.
        "three": {"href": "http://localhost/c.tif", "eo:bands": [{"name": "y", "common_name": "rededge1"}]},
        "four": {"href": "http://localhost/d.tif", "eo:bands": [{"name": "z", "common_name": "rededge1"}]},
    }
    assert chosen(item_of(assets)) == {"B04": "a.tif", "B08": "b.tif"}


def test_several_bands_in_one_file_of_an_unknown_collection():
    assets = {"analytic": {"href": "http://localhost/a.tif", "eo:bands": [{"name": "red"}, {"common_name": "nir"}]}}
    found = choose_assets(item_of(assets, "our-own"), PLAIN)
    assert [(asset.name, asset.index) for asset in found] == [("RED", 1), ("NIR", 2)]
    assert [asset.scaling for asset in found] == [None, None]


def test_only_the_wanted_bands_by_name_or_wavelength_and_always_the_quality():
    assets = assets_of(blue="a.tif", red="b.tif", nir="c.tif", coastal="d.tif", scl="e.tif")
    assert list(chosen(item_of(assets), ("red", "B08"))) == ["B04", "B08", "SCL"]
    assert list(chosen(item_of(assets), ("B01",))) == ["B01", "SCL"]
    assert chosen(item_of(assets), ("B12",)) == {}


@pytest.mark.parametrize(
    "href, name",
    [
        ("https://host/a b.tif", "/vsicurl/https://host/a b.tif"),
        ("s3://bucket/a/b.tif", "/vsis3/bucket/a/b.tif"),
        ("gs://bucket/b.tif", "/vsigs/bucket/b.tif"),
        ("/no/such/file.tif", ""),
        ("<VRTDataset/>", ""),
    ],
)
def test_addresses_as_gdal_opens_them(href, name):
    assert gdal_name(href, PLAIN) == name


def test_a_file_keeps_its_path(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"")
    assert gdal_name(str(path), PLAIN) == gdal_name(path.as_uri(), PLAIN) == str(path)


def test_only_the_hosts_of_a_catalogue_are_signed():
    planetary = next(one for one in CATALOGUES if one.signing)
    href = "https://account.blob.core.windows.net/c/a.tif"
    name = gdal_name(href, planetary, "sentinel-2-l2a")
    assert name == f"/vsicurl?pc_url_signing=yes&pc_collection=sentinel-2-l2a&url={href}"
    assert gdal_name("https://elsewhere.org/a.tif", planetary) == "/vsicurl/https://elsewhere.org/a.tif"


def test_credentials_go_to_the_named_hosts_only():
    access = Access({"Authorization": "Bearer secret"}, ("earthdata.nasa.gov",))
    assert access.for_url("https://cmr.earthdata.nasa.gov/stac")["Authorization"] == "Bearer secret"
    assert access.for_url("https://earthdata.nasa.gov.evil.org/") == access.for_url("https://other.org") == {}
    assert "secret" not in repr(access)


def test_known_catalogues_are_found_by_address():
    assert catalogue_of("https://cmr.earthdata.nasa.gov/stac/LPCLOUD/").collections == ("HLSS30_2.0", "HLSL30_2.0")
    assert catalogue_of("http://intranet/stac").collections == ()


@pytest.mark.parametrize(
    "properties, offset",
    [
        ({"s2:processing_baseline": "03.01"}, 0.0),
        ({"s2:processing_baseline": "04.00"}, -0.1),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True}, 0.0),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": False}, -0.1),
        ({"processing:version": "05.11"}, -0.1),
        ({"s2:product_uri": "S2A_MSIL2A_20210501T100031_N0300_R122_T33UUP_20210501T120000.SAFE"}, 0.0),
        ({}, 0.0),
        ({"datetime": "2022-05-01T10:00:00Z"}, -0.1),
    ],
)
def test_offset_of_sentinel_2_follows_the_processing_baseline(properties, offset):
    item = item_of(assets_of(red="a.tif"))
    item["properties"].update(properties)
    assert choose_assets(item, PLAIN)[0].scaling == (1e-4, offset)


def test_baseline_by_property_and_by_name():
    assert baseline_of({"id": "S2A_MSIL2A_20220501T100031_N0510_R122", "properties": {}}) == 5.1
    assert baseline_of({"id": "x", "properties": {"s2:processing_baseline": "02.14"}}) == 2.14
    assert baseline_of({"id": "x", "properties": {}}) is None


def test_scale_offset_and_nodata_of_both_versions_of_the_raster_extension():
    old = assets_of(red="a.tif")
    old["red"]["raster:bands"] = [{"scale": 2e-5, "offset": -0.3, "nodata": 7}]
    new = assets_of(red="a.tif")
    new["red"]["bands"] = [{"name": "red", "raster:scale": 2e-5, "raster:offset": -0.3, "nodata": 7}]
    for assets in (old, new):
        found = choose_assets(item_of(assets, "landsat-c2-l2"), PLAIN)[0]
        assert (found.scaling, found.nodata) == ((2e-5, -0.3), 7)
    silent = choose_assets(item_of(assets_of(red="a.tif"), "landsat-c2-l2"), PLAIN)[0]
    assert (silent.scaling, silent.nodata) == ((2.75e-5, -0.2), 0)
    hls = choose_assets(item_of(assets_of(B04="a.tif"), "HLSL30_2.0"), PLAIN)[0]
    assert (hls.scaling, hls.nodata) == ((1e-4, 0.0), -9999)
