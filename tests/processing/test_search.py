"""The search as an algorithm: through ``qgis_process`` and in this QGIS, its results for other algorithms, failures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from qgis.core import QgsProcessingContext, QgsProcessingException, QgsRasterLayer

from tests.helpers.facts import lacking, numbers
from tests.helpers.feedback_log import Log
from tests.helpers.stac_server import StacServer, add_sentinel_scene


@pytest.fixture()
def server(tmp_path):
    """A catalogue of two scenes of 2021."""
    folder = tmp_path / "files"
    folder.mkdir()
    server = StacServer(folder).start()
    for number, date in enumerate(("2021-05-01", "2021-06-01")):
        add_sentinel_scene(server, f"S2A_{number}", date)
    yield server
    server.stop()


@pytest.fixture()
def inputs(server, tmp_path):
    return {
        "EXTENT": "500100,500400,5199600,5199900 [EPSG:32633]",
        "START": "2021-01-01",
        "END": "2021-12-31",
        "CATALOGUE": server.url,
        "COLLECTION": "sentinel-2-l2a",
        "OUTPUT": str(tmp_path / "spring"),
    }


def run(provider, inputs, feedback=None):
    algorithm = provider.algorithm("search").create()
    return algorithm.run(inputs, QgsProcessingContext(), feedback or Log(), catchExceptions=False)[0]


@pytest.mark.slow
def test_a_stack_through_qgis_process_opens_in_qgis(qgis_process, inputs, tmp_path):
    results = qgis_process.run_json("croptransfer:search", *[f"{name}={value}" for name, value in inputs.items()])
    folder = tmp_path / "spring"
    assert results["OUTPUT"] == str(folder) and (results["DATES"], results["SCENES"]) == (2, 2)
    assert results["RASTERS"] == [str(folder / "2021-05-01.vrt"), str(folder / "2021-06-01.vrt")]
    layer = QgsRasterLayer(results["RASTERS"][0], "May")
    assert layer.isValid() and layer.bandCount() == 7 and layer.bandName(3).endswith("B04_2021-05-01")
    assert (layer.crs().authid(), layer.width(), layer.height()) == ("EPSG:32633", 30, 30)


def test_what_was_found_and_left_out_is_in_the_log(provider, server, inputs):
    server.gone = {"S2A_1_SCL.tif"}
    log = Log()
    assert run(provider, inputs, log)["DATES"] == 1
    assert any(not lacking(line, "S2A_0", 100) for line in log.lines)
    assert any(numbers(line)[:1] == ["1"] and not lacking(line, "S2A_1") for line in log.lines)


def test_an_extent_in_another_system_and_single_bands(provider, inputs):
    inputs |= {"EXTENT": "15.0013,15.0052,46.9514,46.9541 [EPSG:4326]", "BANDS": "red, nir"}
    results = run(provider, inputs)
    table = json.loads((Path(results["OUTPUT"]) / "search.json").read_text("utf-8"))
    assert table["crs"] == "EPSG:4326" and table["bands"] == ["red", "nir"]
    layer = QgsRasterLayer(results["RASTERS"][0], "May")
    assert layer.crs().authid() == "EPSG:32633" and layer.bandCount() == 3


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"CATALOGUE": "somewhere"}, ["'somewhere'"]),
        ({"COLLECTION": ""}, []),
        ({"START": "2022-01-01"}, ["2022-01-01", "2021-12-31"]),
        ({"CLOUD": 0}, ["sentinel-2-l2a"]),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(provider, inputs, tmp_path, changes, named):
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(QgsProcessingException) as caught:
        run(provider, {**inputs, **changes})
    assert not lacking(str(caught.value), *named)
    assert [path.name for path in sorted(tmp_path.iterdir()) if path.name != "spring"] == before
    assert not (tmp_path / "spring").exists() or not any((tmp_path / "spring").iterdir())


def test_a_broken_catalogue_is_named(provider, server, inputs):
    server.fault = "html"
    with pytest.raises(QgsProcessingException) as caught:
        run(provider, inputs)
    assert server.url in str(caught.value)


def test_credentials_that_qgis_does_not_give_out_are_told_before_anything_is_asked(provider, server, inputs, tmp_path):
    log = Log()
    # What fails while the inputs are gathered is told by QGIS itself.
    results, fine = (
        provider.algorithm("search").create().run({**inputs, "AUTH": "nothere"}, QgsProcessingContext(), log)
    )
    assert not fine and any(not lacking(line, "'nothere'") for line in log.lines)
    assert server.requests == []
