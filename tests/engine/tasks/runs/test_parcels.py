"""Parcels in a job: its check, its files, its command, and a full run that says the same in all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr

from engine.errors import Cancelled, InputError
from engine.imagery import describe
from engine.progress import Progress
from engine.tasks import Job, LabelLayer, check, run
from engine.tasks.storage.partial_outputs import part_path, publish_parts
from tests.helpers.paths import ROOT
from tests.helpers.rasters import box, write_layer
from tests.helpers.scenes import CROPS, make_scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def learnt(scene, tmp_path_factory):
    """A job that learns a model and maps parcels by it, done."""
    folder = tmp_path_factory.mktemp("learnt")
    job = Job(
        output=str(folder / "map.tif"),
        model=str(folder / "model.safetensors"),
        labels=LabelLayer(str(scene.labels), "fields", "crop"),
        source=describe([str(scene.source)]),
        target=describe([str(scene.target)]),
        parcels=str(scene.labels),
        parcel_layer=str(folder / "fields of 2022.gpkg"),
        parcel_reading="set",
        options={"source_steps": 60, "align_steps": 20, "rounds": 2, "round_steps": 20, "distill_steps": 80},
    )
    run(job, Progress())
    return job


@pytest.fixture
def job(scene, learnt, tmp_path):
    """The fields of the source lie where those of the target are; what grew in them was something else."""
    return Job(
        output=str(tmp_path / "map.tif"),
        confidence=str(tmp_path / "confidence.tif"),
        report=str(tmp_path / "report.html"),
        target=describe([str(scene.target)]),
        use_model=learnt.model,
        parcels=f"{scene.labels}|layername=fields",
    )


def rows_of(path, layer):
    data = ogr.Open(str(path))
    return [feature.items() for feature in data.GetLayerByName(layer)]


def test_a_job_writes_each_parcel_with_its_crop(job, scene, tmp_path):
    result = run(job, Progress())
    assert set(result.outputs) == {"map", "style", "confidence", "parcels", "parcel_style", "report"}
    assert result.outputs["parcels"] == str(tmp_path / "map_parcels.gpkg")
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".xml") == [
        *("confidence.tif", "map.qml", "map.tif", "map_parcels.gpkg", "map_parcels.qml", "report.html")
    ]
    rows = rows_of(result.outputs["parcels"], "map_parcels")
    truth = [CROPS[scene.truth[6 * row, 6 * column] - 1] for row in range(4) for column in range(4)]
    assert [row["crop_2"] for row in rows] == truth
    assert [row["code"] for row in rows] == [10 + i % 3 for i in range(16)]
    plane = gdal.Open(job.output).ReadAsArray()
    np.testing.assert_array_equal(plane, scene.truth)
    summary = result.summary
    assert summary["parcels"] == {"count": 16, "classified": 16, "unobserved": 0, "beside": 0, "without_polygon": 0}
    for index, entry in enumerate(summary["classes"]):
        assert entry["parcels"] == truth.count(CROPS[index])
        assert entry["parcel_hectares"] == pytest.approx(0.36 * entry["parcels"]) == entry["hectares"]
    assert any("'crop_2'" in text for text in summary["warnings"])
    assert "median" in summary["mapping"]["way"]
    tags = gdal.Open(job.output).GetMetadata()
    assert len(tags["CROPTRANSFER_CREATED"]) == len("2022-05-01")
    assert tags["CROPTRANSFER_PARCELS"] == f"{job.parcels} (median)"
    report = Path(job.report).read_text("utf-8")
    assert summary["mapping"]["way"] in report and "16 of 16" in report


def test_a_job_that_learns_maps_parcels_too(learnt, scene):
    rows = rows_of(learnt.parcel_layer, "fields of 2022")
    truth = [CROPS[scene.truth[6 * row, 6 * column] - 1] for row in range(4) for column in range(4)]
    assert [row["crop_2"] for row in rows] == truth
    assert Path(learnt.parcel_layer).with_suffix(".qml").is_file()


def test_a_cancel_leaves_neither_layer_nor_scratch_file(job, tmp_path):
    asked = []

    def cancelled():
        # While the parcels are decided about: the scratch file is there.
        asked.append(any(path.suffix == ".sqlite" for path in tmp_path.iterdir()))
        return sum(asked) > 8

    with pytest.raises(Cancelled):
        run(job, Progress(cancelled=cancelled))
    assert list(tmp_path.iterdir()) == []


def test_what_an_open_geopackage_keeps_beside_it_goes_with_it(job, tmp_path):
    """A new file must not be read with the waiting changes of the one that it replaces."""
    outputs = job.outputs()
    old = Path(outputs["parcels"])
    old.write_text("old")
    for ending in ("-wal", "-shm"):
        old.with_name(old.name + ending).write_text("changes of the old")
    for path in outputs.values():
        part_path(path, job.id).write_text("new")
    publish_parts(job, outputs)
    assert old.read_text() == "new"
    assert not old.with_name(old.name + "-wal").exists() and not old.with_name(old.name + "-shm").exists()


@pytest.mark.parametrize(
    "change, code, named",
    [
        ({"parcels": "/no/fields.gpkg"}, "parcels-unreadable", "/no/fields.gpkg"),
        ({"parcels": "{fields}|layername=plots"}, "parcels-unreadable", "'plots'"),
        ({"parcels": "{points}"}, "parcels-geometry", "points.gpkg"),
        ({"parcels": "{far}"}, "parcels-no-overlap", "far.gpkg"),
        ({"parcel_reading": "mean"}, "parcel-reading", "'mean'"),
        ({"parcels": None, "parcel_layer": "{folder}/p.gpkg"}, "no-parcels", "p.gpkg"),
        ({"parcel_layer": "{folder}/p.shp"}, "output-format", "p.shp"),
        ({"parcel_layer": "{fields}"}, "output-is-input", "fields.gpkg"),
        ({"parcel_layer": "{folder}/map.gpkg"}, "same-output", "map.qml"),
        ({"parcel_layer": "{folder}/nowhere/p.gpkg"}, "output-folder", "nowhere"),
    ],
)
def test_check_names_what_is_wrong_with_parcels(job, scene, tmp_path, change, code, named):
    other = tmp_path / "in"
    other.mkdir()
    points = write_layer(other / "points.gpkg", [("a", "POINT(500005 5199995)"), ("b", None)])
    places = {
        "fields": str(scene.labels),
        "points": points,
        "far": write_layer(other / "far.gpkg", [("a", box(900, 900, 5, 5))]),
        "folder": str(tmp_path),
    }
    problems = check(replace(job, **{key: value and value.format(**places) for key, value in change.items()}))
    assert {(problem.code, named in str(problem)) for problem in problems} == {(code, True)}
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_polygons_that_lie_around_the_target_and_not_on_it_are_no_parcels(job, tmp_path):
    around = write_layer(tmp_path / "around.gpkg", [("a", box(-20, -20, 5, 5)), ("b", box(60, 60, 5, 5))])
    around_job = replace(job, parcels=around)
    assert check(around_job) == []
    with pytest.raises(InputError) as raised:
        run(around_job, Progress())
    assert raised.value.code == "parcels-no-overlap" and "around.gpkg" in raised.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["around.gpkg"]


def test_a_job_with_parcels_survives_its_json(job):
    whole = replace(job, parcel_layer="out.gpkg", parcel_reading="set")
    assert Job.from_json(whole.to_json()) == whole
    with pytest.raises(InputError) as raised:
        Job.from_json(whole.to_json().replace('"set"', "5"))
    assert raised.value.code == "job" and "parcel_reading" in raised.value.message


def test_the_command_takes_parcels(job, scene, tmp_path):
    arguments = ["classify", "--model", job.use_model, "--target", scene.target, "--output", tmp_path / "map.tif"]
    arguments += ["--parcels", job.parcels, "--parcel-layer", tmp_path / "own.gpkg", "--parcel-reading", "set"]
    command = [sys.executable, "-m", "engine", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert f"parcels: {tmp_path / 'own.gpkg'}" in done.stdout
    assert "'crop_2'" in done.stderr
    assert len(rows_of(tmp_path / "own.gpkg", "own")) == 16
