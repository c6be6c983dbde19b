"""Series drawn once and kept: what the file holds, joining, one sentence for what cannot be, cancel, the worker."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Cancelled, InputError
from engine.imagery import LabelLayer, Stack, describe, sample_labels
from engine.progress import Progress
from engine.series import SeriesSet, read_series, require_source, write_series
from engine.tasks import Extraction, check_extraction, run_extraction
from tests.helpers.facts import lacking, numbers
from tests.helpers.paths import ROOT
from tests.helpers.rasters import write_raster
from tests.helpers.scenes import CROPS, make_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def extraction(scene, tmp_path):
    labels = LabelLayer(str(scene.labels), "", "crop", inner_buffer=10.0, per_polygon=12)
    return Extraction(str(tmp_path / "source.npz"), labels, describe([str(scene.source)]))


def change(extraction, **fields):
    return dataclasses.replace(extraction, **fields)


def command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "engine", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT
    )
    return done.returncode, done.stdout, done.stderr


def test_the_file_holds_what_was_drawn(extraction, scene, tmp_path):
    result = run_extraction(extraction, Progress())
    assert [path.name for path in tmp_path.iterdir()] == ["source.npz"]
    with Stack(describe([str(scene.source)]), "source") as stack:
        drawn = sample_labels(extraction.labels, stack, 0, 2000)
    back = read_series(result.outputs["series"])
    np.testing.assert_array_equal(back.values, drawn.values)
    np.testing.assert_array_equal(back.day, drawn.day)
    np.testing.assert_array_equal(back.group, np.unique(drawn.group, return_inverse=True)[1])
    np.testing.assert_array_equal(back.lonlat, drawn.lonlat)
    assert back.classes == CROPS and back.bands == drawn.bands
    with np.load(result.outputs["series"]) as file:
        assert file["dates"].tolist() == list(stack.dates)
        assert {"X", "doy", "dates", "bands", "y", "class_names", "lon", "lat", "group"} == set(file.files)
        assert abs(file["lat"].mean() - 46.95) < 0.1 and abs(file["lon"].mean() - 15.0) < 0.1
    # Sixteen fields of 6 x 6 pixels: 4 x 4 are 10 m inside, of which 12 are taken.
    assert result.summary["samples"] == 16 * 12
    assert {c["name"]: c["samples"] for c in result.summary["classes"]} == {"maize": 72, "rapeseed": 60, "wheat": 60}
    assert (result.summary["dates"], result.summary["bands"]) == (12, ["RED", "NIR"])


def test_regions_and_years_are_joined_and_learnt_from(extraction, scene, tmp_path):
    """Two extractions and a third that joins them: other dates of another year, a class that only one has."""
    other = make_scene(tmp_path / "other", side=30)
    table = {"wheat": "cereals"}
    first = change(extraction, output=str(tmp_path / "a.npz"))
    run_extraction(first, Progress())
    labels = LabelLayer(str(other.labels), "", "crop", classes=table)
    second = change(
        extraction, output=str(tmp_path / "b.npz"), labels=labels, source=describe([str(other.target)]), join=()
    )
    run_extraction(second, Progress())
    both = change(second, output=str(tmp_path / "c.npz"), join=(first.output,))
    joined = run_extraction(both, Progress())
    only = Extraction(str(tmp_path / "d.npz"), join=(second.output, first.output))
    files = run_extraction(only, Progress())
    one, two = read_series(joined.outputs["series"]), read_series(files.outputs["series"])
    np.testing.assert_array_equal(one.values, two.values)
    assert one.classes == two.classes == ("cereals", "maize", "rapeseed", "wheat")
    assert len(one) == len(read_series(first.output)) + len(read_series(second.output))
    # Every 18 days from 66 and every 20 days from 60: what lies within four days becomes one.
    assert len(one.day) == 18 and any(numbers(w)[:1] == ["4"] for w in joined.summary["warnings"])
    require_source(one, "the joined file")
    with np.load(joined.outputs["series"]) as file:
        assert "dates" not in file.files and len(np.unique(file["group"])) == len(np.unique(one.group))


def test_a_raster_of_classes_labels_as_well(extraction, scene, tmp_path):
    truth = np.kron((np.arange(16) % 3).reshape(4, 4), np.ones((6, 6), int)).astype(np.uint8) + 1
    truth[0, :2] = 9
    path = write_raster(tmp_path / "map.tif", truth[None])
    labels = LabelLayer(path, "", "", classes={"1": "maize", "2": "rapeseed", "3": "wheat"})
    result = run_extraction(change(extraction, labels=labels, per_class=50), Progress())
    assert {c["name"]: c["samples"] for c in result.summary["classes"]} == dict.fromkeys(CROPS, 50)
    assert any("9 (2)" in warning for warning in result.summary["warnings"])


def test_few_samples_and_single_classes_are_told_not_refused(extraction, tmp_path):
    """They may be joined with others later."""
    labels = dataclasses.replace(extraction.labels, classes={"maize": "maize", "*": ""}, per_polygon=0)
    result = run_extraction(change(extraction, labels=labels), Progress())
    assert any(not lacking(w, "maize") for w in result.summary["warnings"])
    result = run_extraction(change(extraction, per_class=4), Progress())
    assert any("maize (4), rapeseed (4), wheat (4)" in w for w in result.summary["warnings"])
    assert read_series(result.outputs["series"]).classes == CROPS


def test_the_extraction_survives_json(extraction):
    whole = change(
        extraction,
        labels=LabelLayer("поля 'a'.gpkg", "l", "культура", "a = 'b'", 12.5, 7, {"maïs": "maize", "*": ""}),
        quality={"SCL": [3, 8]},
        join=("a.npz", "b.npz"),
        per_class=5,
        seed=3,
    )
    assert Extraction.from_json(whole.to_json()) == whole
    for broken in ("[]", '{"kind": "search"}', json.dumps({"kind": "extraction", "output": "a", "join": [1]}), "{"):
        with pytest.raises(InputError) as error:
            Extraction.from_json(broken)
        assert error.value.code == "job"


BAD = {
    "no-source": ({"labels": None, "source": ()}, ""),
    "no-source-stack": ({"source": ()}, ""),
    "no-labels": ({"labels": None}, ""),
    "series-unreadable": ({"join": ("gone.npz",)}, "gone.npz"),
    "per-class": ({"per_class": 0}, "0"),
    "seed": ({"seed": -1}, "-1"),
    "output-format": ({"output": "series.csv"}, "series.csv"),
    "quality": ({"quality": {"SCL": ["rain"]}}, "rain"),
}


@pytest.mark.parametrize("code", BAD)
def test_what_cannot_be_is_told_and_nothing_is_written(extraction, tmp_path, code):
    fields, named = BAD[code]
    bad = change(extraction, **fields)
    problems = check_extraction(bad)
    assert [problem.code for problem in problems] == [code] and named in problems[0].message
    with pytest.raises(InputError) as error:
        run_extraction(bad, Progress())
    assert error.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_not_overwritten_and_a_missing_folder_is_told(extraction, tmp_path):
    run_extraction(extraction, Progress())
    again = change(extraction, join=(extraction.output,))
    assert [problem.code for problem in check_extraction(again)] == ["output-is-input"]
    nowhere = change(extraction, output=str(tmp_path / "none" / "s.npz"))
    assert len(check_extraction(nowhere)) == 1


def test_a_broken_series_file_leaves_the_earlier_result(extraction, tmp_path):
    run_extraction(extraction, Progress())
    before = Path(extraction.output).read_bytes()
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    values = np.zeros((6, 2, 1), np.float32)
    days = np.array([1, 2], np.float32)
    write_series(tmp_path / "other.npz", SeriesSet(values, days, ("VV",), np.arange(6) % 2, ("a", "b")))
    write_series(tmp_path / "bare.npz", SeriesSet(values, days, ("NIR",)))
    for name, code in (("broken", "series-unreadable"), ("other", "bands-differ"), ("bare", "no-labels")):
        with pytest.raises(InputError) as error:
            run_extraction(change(extraction, join=(str(tmp_path / f"{name}.npz"),)), Progress())
        assert error.value.code == code and f"{name}.npz" in error.value.message
    assert Path(extraction.output).read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def test_a_cancel_leaves_nothing(extraction, tmp_path):
    for stop in ("Reading the source", "Writing the series"):
        stages = []

        def follow(event, stages=stages):
            stages.append(event.get("name"))

        with pytest.raises(Cancelled):
            run_extraction(extraction, Progress(follow, lambda stages=stages, stop=stop: stop in stages))
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_command_draws_joins_and_feeds_map(scene, tmp_path):
    (tmp_path / "classes.csv").write_text("name,wanted\nwheat,cereals\n")
    common = ["extract", "--class-field", "crop", "--source", scene.source, "--labels", scene.labels]
    code, out, err = command(
        *common, "--inner-buffer", 10, "--per-polygon", 9, "--class-table", tmp_path / "classes.csv", "rapeseed=canola",
        "--per-class", 40, "--seed", 1, "--output", tmp_path / "a.npz",
    )  # fmt: skip
    assert code == 0, err
    assert out.splitlines()[:3] == [f"{name:24} {40:8,}" for name in ("canola", "cereals", "maize")]
    assert any(numbers(line) == ["120", "12"] and not lacking(line, "RED", "NIR") for line in out.splitlines())
    code, out, err = command(
        "extract", "--join", tmp_path / "a.npz", tmp_path / "a.npz", "--output", tmp_path / "b.npz"
    )
    assert code == 0 and any(numbers(line) == ["240", "12"] for line in out.splitlines())
    code, out, err = command(
        "map", "--series", tmp_path / "b.npz", "--target", scene.target, "--method", "rf", "--output",
        tmp_path / "map.tif",
    )  # fmt: skip
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["canola", "cereals", "maize"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--labels", "{labels}", "--source", "{source}"], ["--labels", "--class-field"]),
        (["--labels", "{labels}", "--class-field", "crops", "--source", "{source}"], ["'crops'", "fields.gpkg"]),
        (
            ["--labels", "{labels}", "--class-field", "crop", "--source", "{source}", "--class-table", "rye=x"],
            ["'rye'", "'crop'", "fields.gpkg"],
        ),
        (["--inner-buffer", "5", "--join", "a.npz"], ["--inner-buffer", "--labels"]),
        (["--join", "a.npz"], []),
    ],
)
def test_the_command_tells_bad_input_in_one_line(scene, tmp_path, arguments, named):
    given = [one.format(labels=scene.labels, source=scene.source) for one in arguments]
    code, out, err = command("extract", *given, "--output", tmp_path / "s.npz")
    assert code == 2 and not lacking(err, *named) and err.count("\n") == 1, err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_map_takes_the_same_settings_of_labels(scene, tmp_path):
    code, out, err = command(
        "map", "--labels", scene.labels, "--class-field", "crop", "--source", scene.source, "--target", scene.target,
        "--class-table", "wheat=cereals", "rapeseed=", "--inner-buffer", 10, "--per-polygon", 5, "--method", "rf",
        "--output", tmp_path / "map.tif",
    )  # fmt: skip
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()[:2]] == ["cereals", "maize"]


def test_the_worker_does_it_for_qgis(extraction):
    worker = subprocess.Popen(
        [sys.executable, "-I", str(ROOT / "engine" / "__main__.py"), "worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin"},
    )
    with worker:
        # Left open: the end of stdin would cancel it.
        worker.stdin.write(extraction.to_json() + "\n")
        worker.stdin.flush()
        events = [json.loads(line) for line in worker.stdout]
    stages = [event["name"] for event in events if event["event"] == "stage"]
    assert stages == ["Reading the source", "Writing the series"] and worker.returncode == 0
    assert events[-1]["outputs"] == {"series": extraction.output}
    assert events[-1]["summary"]["samples"] == len(read_series(extraction.output))
