"""The whole job on a small scene: in this process, in a worker process, and as the command."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import Cancelled, InputError
from engine.imagery import describe
from engine.methods import METHODS
from engine.models.trained import TrainedModel
from engine.progress import Progress
from engine.tasks import Job, LabelLayer, check, run
from tests.helpers.facts import lacking
from tests.helpers.paths import ROOT
from tests.helpers.scenes import CROPS, SMALL, make_scene

pytestmark = pytest.mark.slow

WORKER = [sys.executable, "-I", str(ROOT / "engine" / "__main__.py"), "worker"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.mktemp("scene é 'x'"))


@pytest.fixture
def job(scene, tmp_path):
    return Job(
        output=str(tmp_path / "map.tif"),
        confidence=str(tmp_path / "confidence.tif"),
        model=str(tmp_path / "model.safetensors"),
        report=str(tmp_path / "report.html"),
        labels=LabelLayer(str(scene.labels), "fields", "crop"),
        source=describe([str(scene.source)]),
        target=describe([str(scene.target)]),
        options=QUICK,
    )


QUICK = {
    **SMALL,
    "source_steps": 90,
    "align_steps": 20,
    "rounds": 2,
    "round_steps": 20,
    "distill_steps": 80,
    "scan_pixels": 100,
}


def read(path):
    return gdal.Open(str(path)).ReadAsArray()


def test_a_job_maps_the_target_and_writes_every_output(job, scene, tmp_path):
    events = []
    result = run(job, Progress(events.append))
    plane = read(tmp_path / "map.tif")
    assert (plane == scene.truth).mean() > 0.95
    assert set(result.outputs) == {"map", "style", "confidence", "model", "report"}
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".xml") == [
        "confidence.tif",
        "map.qml",
        "map.tif",
        "model.safetensors",
        "report.html",
    ]
    counted = {c["name"]: c["pixels"] for c in result.summary["classes"]}
    assert counted == {name: int((plane == i + 1).sum()) for i, name in enumerate(CROPS)}
    assert [c["hectares"] for c in result.summary["classes"]] == [n * 0.01 for n in counted.values()]
    tags = gdal.Open(str(tmp_path / "map.tif")).GetMetadata()
    assert tags["CROPTRANSFER_METHOD"] == "ghca" and tags["CROPTRANSFER_MODEL"] == result.summary["model_id"]
    assert str(scene.source) in tags["CROPTRANSFER_SOURCE"] and str(scene.labels) in tags["CROPTRANSFER_SOURCE"]
    assert tags["CROPTRANSFER_TARGET"] == str(scene.target)
    report = (tmp_path / "report.html").read_text("utf-8")
    assert all(name in report for name in CROPS) and "data:image/png" in report
    stages = [e["name"] for e in events if e["event"] == "stage"]
    assert list(METHODS["ghca"].stages) == [name for name in stages if name in METHODS["ghca"].stages]
    assert list(result.summary["seconds"]) == stages


@pytest.mark.parametrize("method", [key for key in METHODS if key != "ghca"])
def test_every_other_method_maps_reports_and_is_read_again(job, tmp_path, method):
    options = {"steps_scale": 0.03, **({"width": 16} if method == "dcm" else {})}
    result = run(replace(job, method=method, options=options), Progress())
    assert set(np.unique(read(tmp_path / "map.tif"))) <= {1, 2, 3}
    report = (tmp_path / "report.html").read_text("utf-8")
    assert METHODS[method].title in report and result.summary["model_id"] in report
    assert bool(result.summary["model"].get("pseudo_labels")) == (method in ("cstn", "timematch"))
    again = {"output": str(tmp_path / "again.tif"), "report": str(tmp_path / "again.html"), "use_model": job.model}
    run(Job(target=job.target, **again), Progress())
    np.testing.assert_array_equal(read(tmp_path / "again.tif"), read(tmp_path / "map.tif"))


def test_the_model_file_gives_the_same_map_again(job, tmp_path):
    run(job, Progress())
    again = Job(
        output=str(tmp_path / "again.tif"),
        confidence=str(tmp_path / "again_confidence.tif"),
        target=job.target,
        use_model=job.model,
    )
    run(again, Progress())
    np.testing.assert_array_equal(read(tmp_path / "again.tif"), read(tmp_path / "map.tif"))
    np.testing.assert_array_equal(read(tmp_path / "again_confidence.tif"), read(tmp_path / "confidence.tif"))


@pytest.mark.parametrize(
    ("factor", "kind", "word"),
    [(0.01, gdal.GDT_Float32, "percent"), (0.025, gdal.GDT_Byte, "bytes"), (0.0001, gdal.GDT_Float32, "")],
)
def test_a_target_in_another_unit_than_the_model_learned_is_told(job, tmp_path, factor, kind, word):
    run(replace(job, method="rf", options={"trees": 20}), Progress())
    target = str(tmp_path / "other.tif")
    scale = [[0, 65534, 0, 65534 * factor]]
    gdal.Translate(target, job.target[0].path, outputType=kind, scaleParams=scale, noData=255 * (kind == 1))
    again = Job(output=str(tmp_path / "again.tif"), target=describe([target]), use_model=job.model)
    told = [line for line in run(again, Progress()).summary["warnings"] if Path(job.model).name in line]
    assert len(told) == bool(word)
    assert all(not lacking(line, "NIR", "RED", "other.tif", word) for line in told)


@pytest.mark.parametrize(
    ("shift", "told"),
    [
        ({"days": 0.0, "best": 8.0, "source": {"taken": 0.0}}, []),
        ({"days": 0.0, "best": -64.0, "beyond": True}, ["-64"]),
        ({"days": 0.0, "best": 16.0, "hypotheses": [[0.0, 0.7], [16.0, 0.25]], "beyond": False}, ["+16"]),
    ],
    ids=["earlier version", "beyond", "two are probable"],
)
def test_a_report_names_the_shifts_that_were_not_taken(job, tmp_path, shift, told):
    run(replace(job, method="source_only", options={"steps_scale": 0.01, "width": 16}), Progress())
    model = TrainedModel.load(job.model)
    replace(model, summary={**model.summary, "shift": shift}).save(tmp_path / "other.safetensors")
    again = {"output": str(tmp_path / "again.tif"), "report": str(tmp_path / "again.html")}
    run(Job(target=job.target, use_model=str(tmp_path / "other.safetensors"), **again), Progress())
    assert re.findall(r"[+-]\d+(?= days)", (tmp_path / "again.html").read_text("utf-8")) == told


def test_cancel_leaves_no_file_behind(job, tmp_path):
    for stage in ("Reading the target", "Learning from the source", "Mapping the target"):
        entered = []

        def note(event, entered=entered):
            if event["event"] == "stage":
                entered.append(event["name"])

        with pytest.raises(Cancelled):
            run(job, Progress(note, lambda stage=stage, entered=entered: stage in entered))
        assert list(tmp_path.iterdir()) == []


def test_an_earlier_map_survives_a_cancelled_job(job, tmp_path):
    (tmp_path / "map.tif").write_bytes(b"the earlier map")
    with pytest.raises(Cancelled):
        run(job, Progress(cancelled=lambda: True))
    assert (tmp_path / "map.tif").read_bytes() == b"the earlier map"


def start_worker(job):
    worker = subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    worker.stdin.write(job.to_json() + "\n")
    worker.stdin.flush()
    return worker


def test_the_worker_speaks_json_lines_and_nothing_else(job, tmp_path):
    worker = start_worker(job)
    # Not communicate(): it closes stdin, which cancels.
    events = [json.loads(line) for line in worker.stdout]
    assert worker.wait(timeout=20) == 0, worker.stderr.read()
    assert events[-1]["event"] == "result" and Path(events[-1]["outputs"]["map"]).exists()
    fractions = [e["fraction"] for e in events if e["event"] == "progress"]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_a_cancelled_worker_ends_by_itself_and_leaves_nothing(job, tmp_path):
    worker = start_worker(job)
    for line in worker.stdout:
        if json.loads(line).get("name") in METHODS["ghca"].stages:
            break
    worker.stdin.write("cancel\n")
    worker.stdin.flush()
    last = [json.loads(line) for line in worker.stdout][-1]
    assert worker.wait(timeout=20) == 130
    assert last["kind"] == "cancelled"
    assert list(tmp_path.iterdir()) == []
    worker.communicate()


def test_the_worker_ends_when_its_parent_is_gone(job, tmp_path):
    worker = start_worker(job)
    worker.stdout.readline()
    worker.stdin.close()
    worker.stdout.read()
    assert worker.wait(timeout=20) == 130
    assert list(tmp_path.iterdir()) == []
    worker.stdout.close()
    worker.stderr.close()


def test_the_worker_names_a_bad_job(tmp_path):
    worker = subprocess.run(WORKER, input="{not a job\n", capture_output=True, text=True)
    error = json.loads(worker.stdout)
    assert worker.returncode == 2
    assert (error["event"], error["kind"], error["code"]) == ("error", "input", "job")


def command(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "engine", *map(str, arguments)], cwd=ROOT, text=True, **options)


def test_the_command_maps_and_tells_where_the_files_are(job, scene, tmp_path):
    (tmp_path / "job.json").write_text(job.to_json(indent=1), "utf-8")
    output = tmp_path / "other.tif"
    done = command("map", "--job", tmp_path / "job.json", "--output", output, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert f"map: {output}" in done.stdout and all(name in done.stdout for name in CROPS)
    assert (read(output) == scene.truth).mean() > 0.95


def test_the_command_refuses_bad_input_in_one_line(scene, tmp_path):
    done = command(
        "map",
        "--labels",
        f"{scene.labels}|layername=fields",
        "--class-field",
        "corp",
        "--source",
        scene.source,
        "--target",
        scene.target,
        "--output",
        tmp_path / "map.tif",
        capture_output=True,
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert not lacking(line, "'corp'", "crop")
    assert list(tmp_path.iterdir()) == []


def test_the_command_takes_settings_of_the_method_and_names_unknown_ones(job, tmp_path):
    (tmp_path / "job.json").write_text(job.to_json(), "utf-8")
    for option, named in (
        ("stepscale=1", "'stepscale'"),
        ("steps_scale", "steps_scale"),
        ("steps_scale=a", "steps_scale=a"),
    ):
        done = command("map", "--job", tmp_path / "job.json", "--option", option, capture_output=True)
        assert done.returncode == 2 and named in done.stderr, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["job.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_or_terminated_command_leaves_nothing(job, tmp_path, number):
    (tmp_path / "job.json").write_text(job.to_json(), "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "map", "--job", str(tmp_path / "job.json")],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    for line in process.stderr:
        if line.strip() in METHODS["ghca"].stages:
            break
    process.send_signal(number)
    assert process.wait(timeout=20) == 130
    assert [p.name for p in tmp_path.iterdir()] == ["job.json"]
    process.stderr.close()


def test_crops_print_in_an_alphabet_that_lacks_their_letters(monkeypatch):
    import io

    from engine.tasks import Result
    from engine.tasks.cli import main as cli
    from engine.tasks.cli import map as command

    crop = {"name": "小麦", "share": 1.0, "hectares": None, "confidence": 90.0}
    monkeypatch.setattr(command, "run", lambda job, progress, keep: Result({"map": "карта.tif"}, {"classes": [crop]}))
    monkeypatch.setattr(command, "stack_of", lambda options, side, only: ())
    monkeypatch.setattr(cli.signal, "signal", lambda *arguments: None)  # this process keeps its own
    printed = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", printed)
    assert cli.main(["map", "--target", "t.tif", "--output", "карта.tif"]) == 0
    printed.flush()
    assert b"\\u5c0f\\u9ea6" in printed.buffer.getvalue()


def test_running_out_of_memory_is_told_in_words(job, monkeypatch, capsys):
    from engine.tasks.cli import main as cli
    from engine.tasks.cli import map as command

    def exhausted(*arguments, **more):
        raise MemoryError

    monkeypatch.setattr(command, "run", exhausted)
    monkeypatch.setattr(command, "stack_of", lambda options, side, only: ())
    monkeypatch.setattr(cli.signal, "signal", lambda *arguments: None)  # this process keeps its own
    assert cli.main(["map", "--target", "t.tif", "--output", "map.tif"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("croptransfer: ")


def test_two_runs_of_one_job_file_keep_their_unfinished_files_apart(job, tmp_path):
    from engine.tasks.cli.main import _parser
    from engine.tasks.cli.map import _job_of

    (tmp_path / "job.json").write_text(job.to_json(), "utf-8")
    options = _parser().parse_args(["map", "--job", str(tmp_path / "job.json")])
    assert len({_job_of(options).id, _job_of(options).id, job.id}) == 3


def test_compare_refuses_a_place_it_cannot_write_to_before_it_starts(tmp_path):
    output = tmp_path / "nowhere" / "scores.json"
    done = command("compare", "--source", "s.npz", "--target", "t.npz", "--output", output, capture_output=True)
    assert done.returncode == 2 and "nowhere" in done.stderr and len(done.stderr.splitlines()) == 1


def test_compare_scores_by_labels_that_no_method_sees(scene, tmp_path):
    from engine.imagery import Stack, sample_labels
    from engine.series import write_series

    with Stack(describe([str(scene.source)]), "source") as stack:
        series = sample_labels(LabelLayer(str(scene.labels), "fields", "crop"), stack, 0, 100, Progress())
    series.values[0] = np.nan  # never observed: no class, so neither right nor wrong
    write_series(tmp_path / "s.npz", series)
    output = tmp_path / "scores.json"
    done = command(
        *("compare", "--source", tmp_path / "s.npz", "--target", tmp_path / "s.npz"),
        *("--methods", "source_only", "--seeds", 1, "--option", "steps_scale=0.1", "--output", output),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    oracle, result = json.loads(output.read_text())
    assert oracle["method"] == "oracle" and oracle["oa"] > 0.95
    assert result["method"] == "source_only" and result["oa"] > 0.95
    assert sum(map(sum, result["confusion"])) == result["n_target"] == len(series) - 1


@pytest.mark.parametrize(
    "change, code, named",
    [
        ({"output": "/nowhere/at/all/map.tif"}, "output-folder", "/nowhere/at/all"),
        ({"output": "map.jpg"}, "output-format", "map.jpg"),
        ({"output": ""}, "no-output", ""),
        ({"confidence": "confidence.png"}, "output-format", "confidence.png"),
        ({"seed": -1}, "seed", "-1"),
        ({"method": "magic"}, "method", "magic"),
        ({"labels": None}, "no-labels", ""),
        ({"source": ()}, "no-source-stack", ""),
        ({"series": "some.npz"}, "two-sources", ""),
        ({"mask": "/no/mask.tif"}, "mask-unreadable", "/no/mask.tif"),
        ({"use_model": "/no/model.safetensors"}, "model-unreadable", "/no/model.safetensors"),
    ],
)
def test_check_names_what_is_wrong(job, tmp_path, change, code, named):
    from dataclasses import replace

    problems = check(replace(job, **change))
    assert any(named in str(p) and p.code == code for p in problems), problems
    with pytest.raises(InputError) as error:
        run(replace(job, **change), Progress())
    assert error.value.code in {p.code for p in problems}
    assert list(tmp_path.iterdir()) == []


def test_outputs_must_not_share_a_file_nor_overwrite_an_input(job):
    from dataclasses import replace

    assert [p.code for p in check(replace(job, confidence=job.output))] == ["same-output"]
    assert [p.code for p in check(replace(job, output=job.source[0].path))] == ["output-is-input"]


def test_an_input_written_in_another_way_is_still_an_input(job, scene, tmp_path):
    from dataclasses import replace

    around = scene.target.parent / ".." / scene.target.parent.name / "target.tif"
    (tmp_path / "link.tif").symlink_to(scene.target)
    for output in (str(around), str(tmp_path / "link.tif")):
        assert [p.code for p in check(replace(job, output=output))] == ["output-is-input"]
    same = str(tmp_path / ".." / tmp_path.name / "map.tif")
    assert [p.code for p in check(replace(job, confidence=same))] == ["same-output"]


def test_a_job_survives_its_json(job):
    assert Job.from_json(job.to_json()) == job
    assert "\n" not in job.to_json()
    with pytest.raises(InputError) as error:
        Job.from_json('{"version": 99, "output": "m.tif", "target": []}')
    assert error.value.code == "job"


@pytest.mark.parametrize(
    "change, named",
    [
        ({"seed": "a"}, "seed"),
        ({"output": 5}, "output"),
        ({"series_part": None}, "series_part"),
        ({"options": [1]}, "options"),
        ({"labels": "fields.gpkg"}, "labels"),
        ({"labels": {"path": "fields.gpkg", "layer": "", "field": 3}}, "field"),
        ({"target": [{"path": "t.tif", "index": "1", "date": None, "band": None}]}, "index"),
        ({"target": None}, "target"),
        ({"id": "../../elsewhere"}, "id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_job_file_with_a_wrong_value_names_it(job, change, named):
    text = json.dumps({**json.loads(job.to_json()), **change})
    with pytest.raises(InputError) as error:
        Job.from_json(text)
    assert error.value.code == "job" and not lacking(error.value.message, named)
