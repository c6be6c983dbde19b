"""The search as a job: its folder, the command, the worker, cancel, credentials, and what is told of failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import Cancelled, InputError
from engine.imagery import Stack, describe
from engine.imagery.stac.catalogs import Access
from engine.progress import Progress
from engine.tasks.checks.search import check_search
from engine.tasks.cli.main import main
from engine.tasks.runs.search import FETCH, HEADERS, QUERY, WRITE, run_search
from engine.tasks.specs.search import Search
from tests.helpers.facts import lacking, numbers
from tests.helpers.paths import ROOT
from tests.helpers.stac_server import StacServer, add_sentinel_scene, stored

EXTENT = (500100.0, 5199600.0, 500400.0, 5199900.0)


@pytest.fixture()
def server(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    server = StacServer(folder).start()
    for number, (date, cloud) in enumerate((("2021-05-01", 5), ("2021-05-11", 80), ("2021-06-01", 20))):
        add_sentinel_scene(server, f"S2A_{number}", date, cloud=cloud)
    yield server
    server.stop()


@pytest.fixture()
def search(server, tmp_path):
    """A search with the folder ``spring``, and further fields changed."""

    def made(**changes):
        fields = {
            "catalogue": server.url,
            "collections": ("sentinel-2-l2a",),
            "bbox": EXTENT,
            "start": "2021-01-01",
            "end": "2021-12-31",
            "crs": "EPSG:32633",
            "output": str(tmp_path / "spring"),
        }
        return Search(**{**fields, **changes})

    return made


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def command(server, *more):
    box = [str(number) for number in EXTENT]
    return ["search", "--catalogue", server.url, "--collection", "sentinel-2-l2a", "--bbox", *box] + [
        *["--crs", "EPSG:32633", "--start", "2021-01-01", "--end", "2021-12-31"],
        *more,
    ]


def test_the_command_lists_scenes_and_makes_a_stack_that_opens_like_any_other(server, tmp_path, capsys):
    folder = tmp_path / "spring"
    assert main(command(server, "--output", str(folder))) == 0
    said = capsys.readouterr().out
    [line] = [line for line in said.splitlines() if "S2A_0" in line]
    assert not lacking(line, "2021-05-01", 5, 100)
    [line] = [line for line in said.splitlines() if numbers(line)[:2] == ["2", "2"]]
    assert not lacking(line, "2021-05-01", "2021-06-01")
    assert "S2A_1" not in said
    assert names(folder) == ["2021-05-01.vrt", "2021-06-01.vrt", "search.json"]
    with Stack(describe([str(folder)]), "target") as stack:
        assert stack.dates == ("2021-05-01", "2021-06-01")
        assert stack.bands == ("B02", "B03", "B04", "B08", "B8A", "B11")
        values = stack.read(stack.windows()[0], ["B04"])
    np.testing.assert_allclose(values[:, :, 0, 0], stored("B04", "2021-05-01")[10:40, 10:40] / 1e4, atol=1e-6)


def test_without_an_output_scenes_are_listed_and_nothing_is_written(server, tmp_path, capsys):
    before = names(tmp_path)
    assert main(command(server, "--cloud", "100")) == 0
    assert any(numbers(line)[:2] == ["3", "3"] for line in capsys.readouterr().out.splitlines())
    assert names(tmp_path) == before
    assert not any(request.path.startswith("/files") for request in server.requests)


def test_fetched_pixels_need_the_server_no_more(server, search):
    result = run_search(search(fetch=True), Progress())
    assert names(result.outputs["stack"]) == ["2021-05-01.tif", "2021-06-01.tif", "search.json"]
    server.stop()
    gdal.VSICurlClearCache()
    with Stack(describe(result.summary["files"]), "target") as stack:
        values = stack.read(stack.windows()[0], ["B02", "B8A"])
    np.testing.assert_allclose(values[:, :, 1, 0], stored("B02", "2021-06-01")[10:40, 10:40] / 1e4, atol=1e-6)
    data = gdal.Open(result.summary["files"][0])
    assert data.GetMetadataItem("ACQUISITION_DATE") == "2021-05-01"
    assert data.GetRasterBand(7).GetDescription() == "SCL_2021-05-01"


def test_only_the_chosen_scenes_are_taken_and_one_that_is_gone_is_named(search):
    result = run_search(search(scenes=("S2A_2",)), Progress())
    assert result.summary["dates"] == ["2021-06-01"]
    with pytest.raises(InputError) as raised:
        run_search(search(scenes=("S2A_9",), output=""), Progress())
    assert raised.value.code == "no-scene" and "S2A_9" in raised.value.message


def test_the_folder_says_what_was_searched_for_and_found(search):
    folder = Path(run_search(search(), Progress()).outputs["stack"])
    table = json.loads((folder / "search.json").read_text("utf-8"))
    assert (table["start"], table["cloud"], table["collections"]) == ("2021-01-01", 40.0, ["sentinel-2-l2a"])
    assert [scene["id"] for scene in table["found"]] == ["S2A_0", "S2A_2"]
    first = {"path": "2021-05-01.vrt", "index": 1, "date": "2021-05-01", "band": "B02", "encoding": None}
    assert table["stack"][0] == first


def test_an_earlier_search_is_replaced_and_a_folder_with_other_files_is_not(search, tmp_path):
    run_search(search(), Progress())
    run_search(search(end="2021-05-20"), Progress())
    assert names(tmp_path / "spring") == ["2021-05-01.vrt", "search.json"]
    (tmp_path / "spring" / "thesis.docx").write_text("three years of work")
    with pytest.raises(InputError) as raised:
        run_search(search(), Progress())
    assert raised.value.code == "output-folder" and "thesis.docx" in raised.value.message
    assert "thesis.docx" in names(tmp_path / "spring")


@pytest.mark.parametrize("output, named", [("missing/spring", "missing"), ("a file", "a file")])
def test_a_place_that_cannot_be_a_folder_is_told_first(search, server, tmp_path, output, named):
    (tmp_path / "a file").write_text("")
    (problem,) = check_search(search(output=str(tmp_path / output)))
    assert problem.code == "output-folder" and not lacking(problem.message, tmp_path / named) and server.requests == []


def test_a_cancel_leaves_nothing(search, server, tmp_path):
    before = names(tmp_path)
    for stage in (QUERY, HEADERS, WRITE, FETCH):
        reached = []

        def follow(event, stage=stage, reached=reached):
            if event.get("name") == stage:
                reached.append(stage)

        with pytest.raises(Cancelled):
            run_search(search(fetch=True), Progress(follow, lambda reached=reached: bool(reached)))
        assert names(tmp_path) == before, stage


def test_rasters_that_fail_while_they_are_fetched_leave_nothing(search, server, tmp_path):
    before = names(tmp_path)

    def follow(event):
        if event.get("name") == "Fetching the rasters":
            server.gone = {path.name for path in server.folder.iterdir()}
            gdal.VSICurlClearCache()

    with pytest.raises(InputError) as caught:
        run_search(search(fetch=True), Progress(follow))
    assert caught.value.code == "raster-unreadable" and names(tmp_path) == before


def test_what_was_decided_is_told(search, server):
    server.gone = {"S2A_2_B04.tif"}
    result = run_search(search(), Progress())
    assert len(result.summary["warnings"]) == 1 and "S2A_2" in result.summary["warnings"][0]
    assert [scene["used"] for scene in result.summary["scenes"]] == [True, False]


def test_a_search_survives_json_without_its_credentials(search):
    secret = Access({"Authorization": "Bearer secret"}, ("127.0.0.1",))
    one = search(bands=("B04",), scenes=("S2A_0",), fetch=True, access=secret)
    assert Search.from_json(one.to_json()) == one
    assert "secret" not in one.to_json() and "secret" not in repr(one)
    assert Search.from_json(one.to_worker()).access == secret


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"kind": "search"}',
        '{"kind": "comparison", "bbox": [0, 0, 1, 1]}',
        '{"kind": "search", "bbox": [0, 0, 1]}',
        '{"kind": "search", "bbox": [0, 0, 1, 1], "fetch": "yes"}',
        '{"kind": "search", "bbox": [0, 0, 1, 1], "access": {"headers": "Bearer secret"}}',
    ],
)
def test_json_that_is_no_search_is_refused_without_showing_credentials(text):
    with pytest.raises(InputError) as caught:
        Search.from_json(text)
    assert caught.value.code == "job" and "secret" not in str(caught.value)


@pytest.mark.parametrize("fault", ["500", "404", "garbage"])
def test_the_command_tells_a_failing_catalogue_in_one_line_and_writes_nothing(server, tmp_path, capsys, fault):
    server.fault, before = fault, names(tmp_path)
    assert main(command(server, "--output", str(tmp_path / "spring"))) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("croptransfer: ") and server.url in said[-1]
    assert names(tmp_path) == before


def test_the_command_takes_a_token_from_the_environment_and_shows_it_nowhere(server, tmp_path, monkeypatch, capfd):
    server.token = "Bearer moonshine"
    folder = tmp_path / "spring"
    assert main(command(server, "--output", str(folder))) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert f"{server.url.removesuffix('/v1')}/files/S2A_" in line and not lacking(line, 2, 403)
    monkeypatch.setenv("MY_TOKEN", "moonshine")
    assert main(command(server, "--output", str(folder), "--fetch", "--token-variable", "MY_TOKEN")) == 0
    out, err = capfd.readouterr()
    assert "moonshine" not in out + err
    assert not any(b"moonshine" in path.read_bytes() for path in folder.iterdir())
    assert main(command(server, "--token-variable", "NO_SUCH_TOKEN")) == 2
    assert "NO_SUCH_TOKEN" in capfd.readouterr().err


def test_the_worker_serves_a_search_and_its_streams_hold_no_credentials(server, search, tmp_path):
    server.token = "Bearer moonshine"
    one = search(fetch=True, access=Access({"Authorization": "Bearer moonshine"}, ("127.0.0.1",)))
    done = subprocess.run(
        [sys.executable, "-I", str(ROOT / "engine" / "__main__.py"), "worker"],
        input=one.to_worker() + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    last = json.loads(done.stdout.splitlines()[-1])
    # The end of stdin counts as a cancel, which may come before the end.
    assert last["event"] in ("result", "error")
    assert "moonshine" not in done.stdout + done.stderr


def test_qgis_can_describe_a_search_without_the_client_of_catalogues():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import engine.tasks.runs.search; "
        "print(sorted({'pystac', 'pystac_client', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
