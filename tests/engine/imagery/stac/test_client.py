"""Scenes of a catalogue on localhost: found by pages, its failures told, dates joined, one grid, values as stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from osgeo import gdal, ogr

from engine.errors import InputError
from engine.imagery import Stack, describe
from engine.imagery.geo.crs import transformation
from engine.imagery.stac.catalogs import CATALOGUES, Access
from engine.imagery.stac.client import find_scenes
from engine.imagery.stac.group_by_date import group_by_day, harmonize_bands
from engine.imagery.stac.headers import common_grid, read_headers
from engine.imagery.stac.query import Query, lon_lat_extent, reference
from engine.imagery.stac.vrt_folder import StackFolder
from tests.helpers.facts import lacking, naming
from tests.helpers.stac_server import (
    CORNER,
    SIDE,
    UTM_34,
    StacServer,
    add_sentinel_scene,
    make_item,
    outline_of,
    stored,
)
from tests.helpers.stac_server import write_asset as write

EXTENT = (500100.0, 5199600.0, 500400.0, 5199900.0)


@pytest.fixture()
def server(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    server = StacServer(folder).start()
    yield server
    server.stop()


def query(server, **changes):
    fields = {
        "url": server.url,
        "collections": ("sentinel-2-l2a",),
        "bbox": EXTENT,
        "start": "2021-01-01",
        "end": "2022-12-31",
        "crs": "EPSG:32633",
    }
    return Query(**{**fields, **changes})


def make_stack(wanted, folder, told=None):
    """The stack of a query as the files of a folder, and the sentences about what was decided."""
    told = [] if told is None else told
    extent = lon_lat_extent(wanted)
    days = group_by_day(harmonize_bands(find_scenes(wanted, warn=told.append), told.append), extent, told.append)
    days, headers = read_headers(days, Access(), told.append, lambda share: None)
    grid = common_grid(wanted, days, headers, told.append)
    folder.mkdir()
    writer = StackFolder(folder, grid, headers)
    return [str(folder / writer.write(day)[0]) for day in days], days


def values_of(files, name):
    """(h, w, t) values of a band."""
    with Stack(describe(files), "target", quality={}) as stack:
        return stack.read(stack.windows()[0], [name])[..., 0] if len(stack.windows()) == 1 else None


def test_signed_rasters_are_signed_by_gdal_whenever_they_are_read(server, tmp_path, monkeypatch):
    """GDAL asks for a signature by itself; here it is asked of the test's own server."""
    signed = replace(CATALOGUES[1], url=server.url, hosts=("127.0.0.1",))
    monkeypatch.setattr("engine.imagery.stac.catalogs.CATALOGUES", (signed,))
    add_sentinel_scene(server, "S", "2021-05-01")
    server.signature = "sig=moon"
    gdal.SetConfigOption("VSICURL_PC_SAS_TOKEN_URL", server.url + "/token/")
    try:
        files, _ = make_stack(query(server), tmp_path / "stack")
        red = values_of(files, "B04")[..., 0]
    finally:
        gdal.SetConfigOption("VSICURL_PC_SAS_TOKEN_URL", None)
    np.testing.assert_allclose(red, stored("B04", "2021-05-01")[10:40, 10:40] / 1e4, atol=1e-6)
    # The signature ends after an hour, the stack does not.
    assert "sig=moon" not in (tmp_path / "stack" / "2021-05-01.vrt").read_text("utf-8")
    assert any(request.path == "/v1/token/sentinel-2-l2a" for request in server.requests)


def test_credentials_reach_catalogue_and_rasters_but_no_other_host(server, tmp_path):
    add_sentinel_scene(server, "S", "2021-05-01")
    access = Access({"X-Key": "7", "Authorization": "Bearer secret"}, ("127.0.0.1",))
    scenes = find_scenes(query(server), access)
    assert [request.headers.get("X-Key") for request in server.requests] == ["7", "7"]
    for asset in server.items[0]["assets"].values():
        asset["href"] = asset["href"].replace("127.0.0.1", "localhost")
    elsewhere = find_scenes(query(server), access)
    for found, expected in ((scenes, "Bearer secret"), (elsewhere, None)):
        server.requests.clear()
        read_headers(group_by_day(found, lon_lat_extent(query(server)), print), access, print, lambda share: None)
        asked = [request for request in server.requests if request.path.startswith("/files/")]
        assert asked and {request.headers.get("Authorization") for request in asked} == {expected}


# --- values


def test_a_flag_that_is_wrong_at_times_is_told(server):
    add_sentinel_scene(server, "S", "2022-05-01", baseline="05.09", **{"earthsearch:boa_offset_applied": False})
    add_sentinel_scene(server, "T", "2022-05-11", baseline="05.09", **{"earthsearch:boa_offset_applied": True})
    told = []
    find_scenes(query(server), warn=told.append)
    assert len(told) == 1 and told[0].startswith("1 scenes of sentinel-2-l2a")


def test_the_offset_of_new_baselines_is_no_shift_between_years(server, tmp_path):
    add_sentinel_scene(server, "OLD", "2021-05-01", baseline="03.01")
    add_sentinel_scene(server, "NEW", "2022-05-01", baseline="05.09", shift=1000)
    files, _ = make_stack(query(server), tmp_path / "stack")
    red = values_of(files, "B04")
    np.testing.assert_allclose(red[..., 0], stored("B04", "2021-05-01")[10:40, 10:40] / 1e4, atol=1e-6)
    np.testing.assert_allclose(red[..., 1], red[..., 0], atol=1e-6)


# --- the catalogue is asked


def test_all_pages_are_read_and_the_cap_is_told(server):
    for day in range(1, 8):
        add_sentinel_scene(server, f"S{day}", f"2021-05-0{day}")
    assert [scene.date for scene in find_scenes(query(server))] == [f"2021-05-0{day}" for day in range(1, 8)]
    assert len(server.searched()) == 4
    told = []
    assert len(find_scenes(query(server, max_scenes=5), warn=told.append)) == 5
    assert len(told) == 1 and not lacking(told[0], 5)


def test_extent_season_collection_and_clouds_are_asked_for(server):
    add_sentinel_scene(server, "CLEAR", "2021-05-01", cloud=12.345)
    add_sentinel_scene(server, "CLOUDY", "2021-05-02", cloud=70.0)
    add_sentinel_scene(server, "OTHER YEAR", "2019-05-01")
    scenes = find_scenes(query(server, cloud=30.0))
    assert [(scene.id, scene.cloud, scene.tile, scene.share) for scene in scenes] == [("CLEAR", 12.35, "33UUP", 1.0)]
    asked = server.searched()[0]
    west, south, east, north = asked["bbox"]
    assert 15.0 < west < east < 15.01 and 46.9 < south < north < 47.0
    assert asked["query"] == {"eo:cloud_cover": {"lte": 30.0}}


def test_clouds_are_compared_where_the_catalogue_does_not(server, monkeypatch):
    add_sentinel_scene(server, "CLEAR", "2021-05-01", cloud=10)
    add_sentinel_scene(server, "CLOUDY", "2021-05-02", cloud=70)
    add_sentinel_scene(server, "SILENT", "2021-05-03", cloud=None)
    monkeypatch.setattr("tests.helpers.stac_server.CONFORMS", ["https://api.stacspec.org/v1.0.0/item-search"])
    assert [scene.id for scene in find_scenes(query(server, cloud=30.0))] == ["CLEAR", "SILENT"]
    assert "query" not in server.searched()[0]


def test_an_interval_counts_by_its_middle_and_odd_items_are_left_out_and_told(server):
    good = add_sentinel_scene(server, "MONTH", "2021-05-01")
    good["properties"] |= {
        "datetime": None,
        "start_datetime": "2021-05-01T00:00:00Z",
        "end_datetime": "2021-05-31T23:59:59Z",
    }
    odd = add_sentinel_scene(server, "ODD", "2021-06-01")
    odd["properties"]["eo:cloud_cover"] = None
    del odd["assets"]
    wrong = add_sentinel_scene(server, "WRONG", "2021-07-01")
    wrong["geometry"] = wrong["bbox"] = None
    server.found = lambda asked: server.items
    told = []
    scenes = find_scenes(query(server), warn=told.append)
    assert [(scene.id, scene.date) for scene in scenes] == [("MONTH", "2021-05-16")]
    assert len(told) == len(naming(told, 1, 3)) == 2, "one item that is no scene, one scene without bands"


@pytest.mark.parametrize(
    "fault, facts",
    [
        ("500", (500,)),
        ("404", (404,)),
        ("401", (401,)),
        ("400", (400, "the database is on fire")),
        ("garbage", ("STAC",)),
        ("html", ("STAC",)),
    ],
)
def test_a_catalogue_that_fails_is_named_in_one_sentence(server, fault, facts):
    add_sentinel_scene(server, "S", "2021-05-01")
    server.fault = fault
    with pytest.raises(InputError) as caught:
        find_scenes(query(server))
    assert caught.value.code == "catalogue"
    assert not lacking(caught.value.message, server.url, *facts)
    assert caught.value.message.count("\n") == 0 and caught.value.hint


def test_a_catalogue_that_does_not_answer_in_time(server, monkeypatch):
    server.fault = "slow"
    monkeypatch.setattr("engine.imagery.stac.client.TIMEOUT", (1.0, 0.3))
    with pytest.raises(InputError) as caught:
        find_scenes(query(server))
    assert caught.value.code == "catalogue" and not lacking(caught.value.message, server.url, "0 seconds")


def test_an_address_without_a_catalogue(server):
    with pytest.raises(InputError) as caught:
        find_scenes(query(server, url=server.url + "/nothing"))
    assert caught.value.code == "catalogue" and not lacking(caught.value.message, f"{server.url}/nothing", 404)
    server.stop()
    with pytest.raises(InputError) as caught:
        find_scenes(query(server))
    assert caught.value.code == "catalogue" and not lacking(caught.value.message, server.url)
    assert "HTTP 4" not in caught.value.message, "nothing answers"


def test_nothing_found_says_what_was_asked(server):
    with pytest.raises(InputError) as caught:
        find_scenes(query(server, cloud=20.0))
    assert caught.value.code == "no-scene"
    for part in (server.url, "sentinel-2-l2a", "2021-01-01", "2022-12-31", "20 %"):
        assert part in caught.value.message


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"url": "ftp://x"}, "catalogue"),
        ({"collections": ()}, "collection"),
        ({"start": "May"}, "season"),
        ({"start": "2023-01-01"}, "season"),
        ({"cloud": 101.0}, "cloud"),
        ({"max_scenes": 0}, "most"),
        ({"bbox": (3.0, 1.0, 2.0, 4.0)}, "extent"),
        ({"bbox": (0.0, 0.0, 1e9, 1e9)}, "extent"),
        ({"crs": "EPSG:999999"}, "extent"),
        ({"bbox": (500.0, 0.0, 501.0, 1.0), "crs": "EPSG:4326"}, "extent"),
    ],
)
def test_a_wrong_query_is_refused_before_the_catalogue_is_asked(server, changes, code):
    with pytest.raises(InputError) as caught:
        find_scenes(query(server, **changes))
    assert caught.value.code == code
    assert server.requests == []


def test_an_older_python_environment_without_the_client_is_told(server, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pystac_client.exceptions", None)
    with pytest.raises(InputError) as caught:
        find_scenes(query(server))
    assert caught.value.code == "catalogue-missing" and "pystac_client" in caught.value.message


# --- dates and grids


def test_tiles_of_one_date_are_joined(server, tmp_path):
    add_sentinel_scene(server, "WEST", "2021-05-01", tile="33UUP")
    add_sentinel_scene(server, "EAST", "2021-05-01", (CORNER[0] + 600, CORNER[1]), tile="33UVP")
    wanted = query(server, bbox=(500300.0, 5199600.0, 500900.0, 5199900.0))
    files, days = make_stack(wanted, tmp_path / "stack")
    assert len(files) == 1 and [scene.id for scene in days[0].scenes] == ["EAST", "WEST"]
    assert days[0].share == pytest.approx(1.0)
    red = values_of(files, "B04")[..., 0]
    expected = np.concatenate([stored("B04", "2021-05-01")[10:40, 30:], stored("B04", "2021-05-01")[10:40, :30]], 1)
    np.testing.assert_allclose(red, expected / 1e4, atol=1e-6)


def test_where_tiles_overlap_gaps_of_the_upper_one_show_the_lower(server, tmp_path):
    add_sentinel_scene(server, "A", "2021-05-01", tile="33UUP")
    add_sentinel_scene(server, "B", "2021-05-01", tile="33UVP", shift=500)
    gap = stored("B04", "2021-05-01") + 500
    gap[:, :20] = 0
    write(server.folder / "B_B04.tif", gap.astype(np.uint16), CORNER, 10)
    files, _ = make_stack(query(server), tmp_path / "stack")
    red, ramp = values_of(files, "B04")[..., 0] * 1e4, stored("B04", "2021-05-01")[10:40, 10:40]
    np.testing.assert_allclose(red[:, :10], ramp[:, :10], atol=0.1)
    np.testing.assert_allclose(red[:, 10:], ramp[:, 10:] + 500.0, atol=0.1)


def test_of_two_versions_of_a_scene_the_newer_is_taken_and_told(server):
    add_sentinel_scene(server, "A", "2021-05-01", baseline="03.00")
    add_sentinel_scene(server, "B", "2021-05-01", baseline="05.00", shift=1000)
    told, wanted = [], query(server)
    (day,) = group_by_day(find_scenes(wanted), lon_lat_extent(wanted), told.append)
    assert [scene.id for scene in day.scenes] == ["B"]
    assert len(told) == len(naming(told, 1)) == 1


def test_of_scenes_of_a_date_that_are_stored_in_another_way_the_largest_share_is_kept(server):
    add_sentinel_scene(server, "ALL", "2021-05-01", baseline="03.00", tile="33UUP")
    add_sentinel_scene(server, "EDGE", "2021-05-01", (CORNER[0] + 300, CORNER[1]), baseline="05.00", tile="33UVP")
    told, wanted = [], query(server)
    (day,) = group_by_day(find_scenes(wanted), lon_lat_extent(wanted), told.append)
    assert [scene.id for scene in day.scenes] == ["ALL"]
    assert len(told) == len(naming(told, 1)) == 1


def test_coarse_bands_are_smooth_on_the_fine_grid_and_classes_stay_classes(server, tmp_path):
    scl = np.where(np.arange(30) % 2, 4, 9).astype(np.uint8)[None].repeat(30, 0)
    add_sentinel_scene(server, "S", "2021-05-01", scl=scl)
    files, _ = make_stack(query(server), tmp_path / "stack")
    data = gdal.Open(files[0])
    assert (data.RasterXSize, data.RasterYSize, data.RasterCount) == (30, 30, 7)
    names = [data.GetRasterBand(index).GetDescription() for index in range(1, 8)]
    assert names[-1] == "SCL_2021-05-01"
    classes = np.frombuffer(data.GetRasterBand(7).ReadRaster(), np.uint8).reshape(30, 30)
    assert classes.tolist() == np.kron(scl, np.ones((2, 2), np.uint8))[10:40, 10:40].tolist()
    swir = np.frombuffer(data.GetRasterBand(6).ReadRaster(), np.uint16).reshape(30, 30)
    steps = np.diff(swir[15, 3:-3].astype(int))
    # A ramp of 20 every 20 m: without smoothing it would go 0, 20, 0, 20.
    assert steps.min() >= 8 and steps.max() <= 12


def test_a_fine_extent_is_widened_to_whole_pixels(server, tmp_path):
    add_sentinel_scene(server, "S", "2021-05-01")
    files, _ = make_stack(query(server, bbox=(500104.0, 5199605.0, 500396.0, 5199899.0)), tmp_path / "stack")
    assert gdal.Open(files[0]).GetGeoTransform() == (500100.0, 10.0, 0.0, 5199900.0, 0.0, -10.0)
    assert (gdal.Open(files[0]).RasterXSize, gdal.Open(files[0]).RasterYSize) == (30, 30)


def test_a_tile_of_the_next_zone_is_brought_onto_the_grid_and_told(server, tmp_path):
    """The border between the zones 33 and 34 is at 18 degrees east."""
    add_sentinel_scene(server, "WEST", "2021-05-01", (728000.0, 5200000.0), tile="33TYN")
    lon, lat = outline_of((728000.0 + 610, 5200000.0 - 5), 0, 0)[0]
    point = ogr.CreateGeometryFromWkt(f"POINT({lon} {lat})")
    point.Transform(transformation(reference("EPSG:4326"), reference("EPSG:32634")))
    corner = (round(point.GetX(), -1), round(point.GetY(), -1))
    add_sentinel_scene(server, "EAST", "2021-05-01", corner, epsg=UTM_34, tile="34TBT")
    told = []
    wanted = query(server, bbox=(728100.0, 5199500.0, 728900.0, 5199900.0))
    files, _ = make_stack(wanted, tmp_path / "stack", told)
    assert not lacking(told[0], "WGS 84 / UTM zone 33N", "WGS 84 / UTM zone 34N")
    red = values_of(files, "B04")[..., 0] * 1e4
    ramp = stored("B04", "2021-05-01")[0].astype(float)
    # 50 columns of the western tile as they are, then the eastern one, turned by a few degrees, from its own west.
    np.testing.assert_allclose(red[20, :50], ramp[10:], atol=0.1)
    east = red[20, 55:80]
    assert np.isfinite(east).all() and 9 < np.diff(east).mean() < 11 and abs(east[0] - ramp[3]) < 40
    # The folder may be moved: what is inside it is named from there.
    (tmp_path / "stack").rename(tmp_path / "moved")
    moved = values_of([str(tmp_path / "moved" / "2021-05-01.vrt")], "B04")[..., 0] * 1e4
    np.testing.assert_array_equal(moved, red)


def test_sensors_searched_together_share_names_and_bands(server, tmp_path):
    for name, collection, numbers in (
        ("S30", "HLSS30_2.0", {"B02": 1, "B04": 2, "B8A": 3, "B05": 9}),
        ("L30", "HLSL30_2.0", {"B02": 4, "B04": 5, "B05": 6}),
    ):
        assets = {}
        for key, number in {**numbers, "Fmask": 0}.items():
            plane = np.full((SIDE // 3, SIDE // 3), number * 100, np.uint8 if key == "Fmask" else np.int16)
            write(server.folder / f"{name}_{key}.tif", plane, CORNER, 30)
            assets[key] = {"href": server.file(f"{name}_{key}.tif")}
        date = "2021-05-01" if name == "S30" else "2021-05-04"
        server.items.append(make_item(name, date, assets, outline_of(CORNER, 600, 600), collection))
    told = []
    files, _ = make_stack(query(server, collections=("HLSS30_2.0", "HLSL30_2.0")), tmp_path / "stack", told)
    bands = [band.band for band in describe(files)]
    assert bands == ["BLUE", "RED", "NIR08", "FMASK"] * 2
    assert not lacking(told[0], "REDEDGE1")
    assert values_of(files, "NIR08")[0, 0].tolist() == pytest.approx([0.03, 0.06])


def test_scenes_whose_rasters_are_gone_are_left_out_and_told(server, tmp_path):
    add_sentinel_scene(server, "A", "2021-05-01")
    add_sentinel_scene(server, "B", "2021-05-11")
    server.gone = {"B_B08.tif"}
    told = []
    files, _ = make_stack(query(server), tmp_path / "stack", told)
    assert [file.rsplit("/", 1)[-1] for file in files] == ["2021-05-01.vrt"]
    assert not lacking(told[0], 1, "B", "B_B08.tif", 404) and lacking(told[0], "A")


def test_rasters_that_need_credentials_are_told_as_such(server, tmp_path):
    add_sentinel_scene(server, "A", "2021-05-01")
    server.token = "Bearer secret"
    with pytest.raises(InputError) as caught:
        make_stack(query(server), tmp_path / "stack")
    assert caught.value.code == "raster-unreadable" and not lacking(caught.value.message, 403)
    refused, server.token = caught.value.hint, ""
    server.items.clear()
    add_sentinel_scene(server, "B", "2021-05-01")
    server.gone = {path.name for path in server.folder.iterdir()}
    with pytest.raises(InputError) as caught:
        make_stack(query(server), tmp_path / "stack again")
    assert caught.value.code == "raster-unreadable" and not lacking(caught.value.message, 404)
    assert refused and caught.value.hint != refused, "credentials do not help here"


def test_files_of_a_catalogue_in_the_own_network_are_read_as_files(server, tmp_path):
    item = add_sentinel_scene(server, "A", "2021-05-01")
    for asset in item["assets"].values():
        asset["href"] = str(server.folder / asset["href"].rsplit("/", 1)[-1])
    files, _ = make_stack(query(server), tmp_path / "stack")
    np.testing.assert_allclose(
        values_of(files, "B02")[..., 0], stored("B02", "2021-05-01")[10:40, 10:40] / 1e4, atol=1e-6
    )
