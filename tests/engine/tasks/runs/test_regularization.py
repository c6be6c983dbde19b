"""A stack made regular by the command and by the worker: files, sentences, and nothing left of what failed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import Cancelled, InputError
from engine.imagery import Stack, StackBand, describe
from engine.progress import Progress
from engine.tasks import Regularization, check_regularization, run_regularization
from engine.tasks.cli.main import main
from tests.helpers.facts import lacking, numbers
from tests.helpers.paths import ROOT
from tests.helpers.rasters import write_raster
from tests.helpers.scenes import make_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A source of 12 dates every 20 days and a target of 13 every 18 days."""
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def task(scene, tmp_path):
    return Regularization(str(tmp_path / "regular.tif"), describe([str(scene.source)]), period="month")


def read(path):
    with Stack(describe([str(path)]), "target") as stack:
        return stack.read(stack.tiles(10**9)[0]), stack


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_command_writes_a_stack_that_describes_itself(scene, tmp_path, capsys):
    output = tmp_path / "regular.tif"
    arguments = ["regularize", "--stack", str(scene.source), "--output", str(output), "--period", "20"]
    assert main([*arguments, "--fill", "whittaker", "--smoothness", "0.5", "--indices", "ndvi"]) == 0
    told = capsys.readouterr()
    values, stack = read(output)
    assert stack.bands == ("RED", "NIR", "NDVI") and len(stack.dates) == 12
    assert set(np.diff(stack.day)) == {20.0}
    assert not lacking(told.out, 12, "2021-02-19", "2021-09-27", "RED", "NIR", "NDVI")
    assert f"stack: {output}" in told.out
    tags = gdal.Open(str(output)).GetMetadata()
    assert (tags["CROPTRANSFER_METHOD"], tags["CROPTRANSFER_SMOOTHNESS"]) == ("median", "0.5")
    assert np.isfinite(values).mean() > 0.9 and names(tmp_path) == ["regular.tif"]


def test_source_and_target_of_two_years_get_the_same_calendar(scene, tmp_path):
    days = []
    for name in ("source", "target"):
        path = tmp_path / f"{name}.tif"
        bands = describe([str(getattr(scene, name))])
        run_regularization(Regularization(str(path), bands, "16", fill="linear"), Progress())
        days.append(read(path)[1].day)
    shared = set(days[0]) & set(days[1])
    assert len(shared) >= len(days[0]) - 1


def test_the_summary_tells_how_full_the_stack_is(task):
    events = []
    summary = run_regularization(replace(task, fill="linear"), Progress(events.append)).summary
    assert summary["dates"][:2] == ["2021-03-16", "2021-04-15"] and summary["bands"] == ["RED", "NIR"]
    assert (summary["pixels"], summary["data_type"]) == (576, "int16")
    assert summary["observed"] + summary["filled"] + summary["gaps"] == pytest.approx(1, abs=2e-4)
    values, _ = read(task.output)
    assert np.isnan(values[..., 0]).mean() == pytest.approx(summary["gaps"], abs=1e-4)
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions) and fractions[-1] == 1


def test_periods_without_an_image_are_told(task):
    told = run_regularization(replace(task, period="5"), Progress()).summary["warnings"]
    assert numbers(told[-1]) == ["33", "45"]


def test_only_what_is_asked_for_is_read_and_costs_dates(tmp_path):
    """A band that lacks half of the dates does no harm as long as nobody wants it."""
    planes = np.full((10, 8, 9), 3000, np.uint16)
    dates = [f"2021-0{month}-15" for month in range(3, 7)]
    path = write_raster(tmp_path / "red.tif", planes[:4], [f"B04_{date}" for date in dates], scale=1e-4)
    other = write_raster(tmp_path / "nir.tif", 2 * planes[:4], [f"B08_{date}" for date in dates], scale=1e-4)
    rare = write_raster(tmp_path / "swir.tif", planes[:2], [f"B11_{date}" for date in dates[:2]], scale=1e-4)
    task = Regularization(str(tmp_path / "out.tif"), describe([path, other, rare]), "month")
    summary = run_regularization(replace(task, bands=("ndvi", "b04")), Progress()).summary
    assert (summary["bands"], len(summary["dates"])) == (["NDVI", "B04"], 4)
    values, stack = read(tmp_path / "out.tif")
    assert stack.bands == ("B04", "NDVI")
    np.testing.assert_allclose(values[3, 3, 2], [0.3, 1 / 3], atol=1e-4)
    summary = run_regularization(task, Progress()).summary
    assert len(summary["dates"]) == 2 and not lacking(summary["warnings"][0], "2021-05-15", "B11")


def test_quality_bands_hide_by_default_and_as_told(tmp_path):
    planes = np.full((3, 8, 9), 3000, np.uint16)
    dates = ["2021-03-15", "2021-04-15", "2021-05-15"]
    path = write_raster(tmp_path / "red.tif", planes, [f"B04_{date}" for date in dates], scale=1e-4)
    scl = np.full((3, 8, 9), 4, np.uint8)
    scl[1, :4], scl[1, 4:] = 9, 6
    quality = write_raster(tmp_path / "scl.tif", scl, [f"SCL_{date}" for date in dates])
    task = Regularization(str(tmp_path / "out.tif"), describe([path, quality]), "month")
    run_regularization(task, Progress())
    seen = np.isfinite(read(tmp_path / "out.tif")[0][:, :, 1, 0])
    assert not seen[:4].any() and seen[4:].all()
    run_regularization(replace(task, quality={"SCL": [6]}), Progress())
    seen = np.isfinite(read(tmp_path / "out.tif")[0][:, :, 1, 0])
    assert seen[:4].all() and not seen[4:].any()


@pytest.mark.parametrize(
    "changes, code, facts",
    [
        ({"period": "400"}, "period", ["'400'"]),
        ({"period": "300"}, "period-too-long", [300, "2021-03-01"]),
        ({"start": "2023-01-01"}, "no-dates", ["2023-01-01"]),
        ({"method": "mode"}, "method", ["'mode'", "median", "mean", "max", "nearest"]),
        ({"fill": "spline"}, "fill", ["'spline'"]),
        ({"smoothness": -1.0}, "smoothness", ["-1"]),
        ({"data_type": "byte"}, "data-type", ["'byte'"]),
        ({"bands": ("B12",)}, "bands-differ", ["'B12'", "RED", "NIR"]),
        ({"indices": ("NBR",)}, "index-bands", ["NBR"]),
        ({"method": "max", "by": "NDRE"}, "index-bands", ["NDRE"]),
        ({"quality": {"SCL": [77]}}, "quality", ["SCL", 77]),
        ({"stack": ()}, "no-stack", []),
        ({"output": "regular.img"}, "output-format", ["regular.img"]),
        ({"output": ""}, "output-format", []),
        ({"output": "nowhere/regular.tif"}, "output-folder", ["nowhere"]),
    ],
)
def test_what_is_wrong_is_told_before_a_pixel_is_read(task, tmp_path, changes, code, facts):
    wrong = replace(task, **changes)
    problems = check_regularization(wrong)
    assert problems and problems[0].code == code and not lacking(str(problems[0]), *facts), problems
    with pytest.raises(InputError) as error:
        run_regularization(wrong, Progress())
    assert error.value.code == code
    assert names(tmp_path) == []


def test_an_input_is_not_overwritten(scene, task):
    assert [p.code for p in check_regularization(replace(task, output=str(scene.source)))] == ["output-is-input"]


def test_a_stack_without_a_clear_pixel_is_told_and_the_earlier_file_stays(task, tmp_path):
    Path(task.output).write_text("earlier")
    path = write_raster(
        tmp_path / "dark.tif", np.zeros((2, 8, 9), np.uint16), ["B1_2021-03-01", "B1_2021-05-01"], nodata=0
    )
    with pytest.raises(InputError) as error:
        run_regularization(replace(task, stack=describe([path])), Progress())
    assert error.value.code == "input-empty" and "dark.tif" in error.value.message
    assert Path(task.output).read_text() == "earlier" and names(tmp_path) == ["dark.tif", "regular.tif"]


@pytest.mark.parametrize("stage", ["Making the series regular", "Writing the stack"])
def test_a_cancel_leaves_nothing(task, tmp_path, stage):
    stages = []
    asked = lambda: stages.count(stage) > 0 and (stages.append("asked") or stages.count("asked") > 1)  # noqa: E731
    with pytest.raises(Cancelled):
        run_regularization(task, Progress(lambda event: stages.append(event.get("name")), asked))
    assert stage in stages and names(tmp_path) == []


def test_it_survives_json_and_a_wrong_one_is_told(task):
    full = replace(task, bands=("RED",), quality={"SCL": [3]}, smoothness=2.5, fill="whittaker")
    assert Regularization.from_json(full.to_json()) == full
    for change, facts in (
        ({"period": 10}, ["'period'", 10]),
        ({"bands": [1]}, ["'bands'"]),
        ({"stack": [{"path": 1}]}, ["'path'", 1]),
        ({"kind": "extraction"}, []),
        ({"id": "../x"}, ["id"]),
        ({"speed": 3}, ["speed"]),
    ):
        with pytest.raises(InputError) as error:
            Regularization.from_json(json.dumps({**json.loads(task.to_json()), **change}))
        assert error.value.code == "job" and not lacking(error.value.message, *facts)


def test_the_worker_does_it(task, tmp_path):
    command = [sys.executable, "-I", str(ROOT / "engine" / "__main__.py"), "worker"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdin.write(task.to_json() + "\n")
    child.stdin.flush()
    events = [json.loads(line) for line in child.stdout]
    errors = child.communicate()[1]
    assert child.returncode == 0, errors
    assert events[-1]["event"] == "result" and events[-1]["outputs"] == {"stack": task.output}
    assert events[-1]["summary"]["bands"] == ["RED", "NIR"]
    assert gdal.Open(task.output).GetMetadata("IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_bands_without_a_name_or_date_are_told_unless_others_are_chosen(task):
    odd = (*task.stack, StackBand(task.stack[0].path, 1, None, None))
    assert [p.code for p in check_regularization(replace(task, stack=odd))] == ["no-date", "no-band"]
    assert check_regularization(replace(task, stack=odd, bands=("RED", "NIR"))) == []
