"""A comparison through its processes: files, honesty, failure, cancel, kill and resume."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Cancelled, InputError
from engine.evaluation.metrics import Scores
from engine.evaluation.ranking import method_title
from engine.methods import METHODS
from engine.progress import Progress
from engine.series import SeriesSet, write_series
from engine.tasks import Comparison, check_comparison, run_comparison, supervisor
from tests.helpers.facts import lacking
from tests.helpers.paths import ROOT

CROPS = ("early", "late", "long")
DAY = np.arange(10, 300, 16, dtype=np.float32)
KEYS = "method seed oa macro_f1 kappa f1_per_class confusion fit_seconds predict_seconds n_source n_target notes"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="kills processes by POSIX signals")]


def crops(count, seed, delay=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 3)
    peak = np.array([90, 200, 150])[labels][:, None] + rng.normal(0, 6, (count, 1)) + delay
    width = np.array([25, 30, 60])[labels][:, None]
    green = 0.2 + 0.6 * np.exp(-(((DAY - peak) / width) ** 2)) + rng.normal(0, 0.03, (count, len(DAY)))
    values = np.stack([green, 0.35 - 0.4 * green], axis=2).astype(np.float32)
    values[rng.random(values.shape[:2]) < 0.15] = np.nan
    return SeriesSet(values, DAY, ("NIR", "RED"), labels, CROPS, np.arange(count) // 4)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    write_series(folder / "source.npz", crops(90, 0))
    write_series(folder / "target.npz", crops(120, 1, delay=12.0))
    return folder


@pytest.fixture
def comparison(files, tmp_path):
    return Comparison(
        output=str(tmp_path / "r.json"),
        source=str(files / "source.npz"),
        target=str(files / "target.npz"),
        methods=("rf",),
        seeds=(0, 1),
        oracle="",
        workers=2,
        options={"rf.trees": 20, "source_only.source_steps": 4},
    )


FOREIGN = set()
"""Processes that other tests have left to this one's process, such as multiprocessing's tracker of resources."""


@pytest.fixture(autouse=True)
def only_own_children():
    FOREIGN.clear()
    FOREIGN.update(children())


def children(pid=None):
    """Processes that ``pid`` has started in this test and that still run."""
    task = Path(f"/proc/{pid or os.getpid()}/task")
    found = {int(one) for thread in task.glob("*/children") for one in thread.read_text().split()}
    return {one for one in found - FOREIGN if alive(one)}


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids, seconds):
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(alive, pids))


def test_results_table_and_page_agree_and_nothing_else_is_left(comparison, tmp_path):
    events = []
    comparison = replace(comparison, methods=("rf", "source_only"), oracle="rf", seeds=(0,))
    result = run_comparison(comparison, Progress(events.append))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.csv", "r.html", "r.json"]
    rows = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert [row["method"] for row in rows] == ["oracle", "rf", "source_only"]
    for row in rows:
        assert set(KEYS.split()) <= row.keys() and row["n_target"] == 120 and row["seed"] == 0
        confusion = Scores(np.array(row["confusion"]))
        assert confusion.confusion.sum(axis=1).tolist() == [40, 40, 40]
        figures = (confusion.overall_accuracy, confusion.macro_f1, confusion.kappa)
        assert (row["oa"], row["macro_f1"], row["kappa"]) == pytest.approx(figures)
        assert list(row["f1_per_class"].values()) == pytest.approx(confusion.f1.tolist())
        assert 0 < row["predict_seconds"] < 60 and 0 < row["fit_seconds"] < 60
        assert (
            100 < row["peak_memory_mb"] < 2000
        )  # torch alone takes more than the one, a forest far less than the other
    oracle, forest, _ = rows
    assert oracle["oa"] > 0.95 and forest["n_source"] == 90 and METHODS["rf"].title in " ".join(oracle["notes"])
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(line["method"], float(line["oa"]), float(line["f1 late"])) for line in table] == [
        (row["method"], row["oa"], row["f1_per_class"]["late"]) for row in rows
    ]
    assert [e["value"]["oa"] for e in events if e["event"] == "metric"].count(forest["oa"]) >= 1
    fractions = [e["fraction"] for e in events if e["event"] == "progress"]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len(set(fractions)) > 4
    assert result.outputs == {
        role: str(tmp_path / f"r.{end}") for role, end in (("results", "json"), ("csv", "csv"), ("report", "html"))
    }
    assert not children()


def test_the_labels_of_the_target_change_scores_and_nothing_that_was_predicted(comparison, files, tmp_path):
    target = crops(120, 1, delay=12.0)
    swapped = replace(target, labels=np.random.default_rng(9).permutation(target.labels))
    write_series(tmp_path / "target.npz", swapped)
    rows = []
    for path in (files / "target.npz", tmp_path / "target.npz"):
        asked = replace(comparison, methods=("ghca",), seeds=(0,), target=str(path), options={"steps_scale": 0.03})
        run_comparison(asked, Progress())
        rows.append(json.loads(Path(comparison.output).read_text("utf-8")))
    [honest], [lied] = rows
    assert honest["prediction_id"] == lied["prediction_id"] and honest["model_id"] == lied["model_id"]
    assert honest["oa"] > lied["oa"] + 0.1


def test_a_killed_comparison_goes_on_without_redoing_what_was_finished(comparison, tmp_path):
    job = replace(comparison, methods=("rf", "ghca"), workers=1, seeds=(0,))
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "compare", "--source", job.source, "--target", job.target, "--seeds", "1"]
        + ["--methods", "rf,ghca", "--oracle", "none", "--workers", "1", "--output", job.output]
        + ["--option", "rf.trees=20", "--option", "source_only.source_steps=4"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:  # one line a finished run; GHCA with all its steps is still running then
        if " rf seed 0: OA " in line:
            break
    while not (running := children(process.pid)):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert gone(running, 20)  # a run whose parent is gone ends itself
    assert [p.name for p in tmp_path.iterdir()] == ["r.json.runs"]

    events = []
    again = replace(job, methods=("rf", "source_only"))
    run_comparison(again, Progress(events.append))
    started = [e["name"] for e in events if e["event"] == "stage" and ", seed " in e["name"]]
    assert len(started) == 1 and started[0].startswith("source to target, ") and not lacking(started[0], 0)
    assert method_title("source_only") in started[0]
    rows = json.loads(Path(job.output).read_text("utf-8"))
    assert [row["method"] for row in rows] == ["rf", "source_only"] and all(row["oa"] for row in rows)


def test_cancel_ends_every_process_at_work_and_leaves_only_finished_runs(comparison, tmp_path):
    asked = []
    events = []

    def cancelled():
        fitting = sum(e["event"] == "progress" and e["fraction"] > 0.011 for e in events) > 3
        if fitting and not asked:
            asked.append(children())
        return bool(asked)

    with pytest.raises(Cancelled):
        run_comparison(replace(comparison, methods=("ghca",)), Progress(events.append, cancelled))
    [running] = asked
    assert len(running) == 2 and not any(map(alive, running))
    assert max(e["fraction"] for e in events if e["event"] == "progress") < 1  # ended, not waited for
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_breaks_down_costs_only_its_own_row(comparison, tmp_path):
    options = {"rf.trees": 20, "source_only.smoothing": 2.0}  # which PyTorch refuses
    command = [sys.executable, "-m", "engine", "compare", "--source", comparison.source, "--target", comparison.target]
    command += ["--methods", "rf,source_only", "--seeds", "1", "--oracle", "none", "--output", comparison.output]
    for name, value in options.items():
        command += ["--option", f"{name}={value}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert method_title("source_only") in done.stderr.splitlines()[-1]
    forest, broken = json.loads(Path(comparison.output).read_text("utf-8"))
    assert forest["oa"] > 0.5 and broken["oa"] is None and broken["confusion"] is None
    assert len(broken["notes"]) == 1 and forest["notes"] == []
    assert (tmp_path / "r.json.runs").exists()  # the finished run, for the next try


HANGING = """
import json, os, sys, time
asked = json.loads(sys.stdin.buffer.readline())
for size in asked["sizes"]:
    sys.stdin.buffer.read(size)
answer = {{"predicted": [0] * 120, "fit_seconds": 1.0, "predict_seconds": 1.0, "peak_memory_mb": 9, "model_id": None}}
if {answers}:
    summary = {{**answer, "features": None, "notes": []}}
    print(json.dumps({{"event": "result", "outputs": {{}}, "summary": summary}}), flush=True)
if {closes}:
    os.close(1)
time.sleep(300)
"""


@pytest.mark.parametrize("answers, closes", [(True, True), (True, False), (False, True)])
def test_a_process_that_hangs_at_its_end_is_ended_and_this_is_told(comparison, tmp_path, monkeypatch, answers, closes):
    """Its result stands, if it had one."""
    entry = tmp_path / "hanging.py"
    entry.write_text(HANGING.format(answers=answers, closes=closes))
    monkeypatch.setattr(supervisor, "ENTRY", entry)
    monkeypatch.setattr(supervisor, "GRACE", 0.5)
    end = time.monotonic() + 20
    run_comparison(replace(comparison, seeds=(0,)), Progress(cancelled=lambda: time.monotonic() > end))
    [only] = json.loads(Path(comparison.output).read_text("utf-8"))
    assert only["oa"] == (pytest.approx(1 / 3) if answers else None)
    assert len(only["notes"]) == 1
    assert not children()


def test_an_option_no_method_has_stops_it_in_one_sentence(comparison, tmp_path):
    with pytest.raises(InputError) as raised:
        run_comparison(replace(comparison, seeds=(0,), options={"stepps": 1}), Progress())
    assert raised.value.code == "option" and "'stepps'" in raised.value.message
    assert list(tmp_path.iterdir()) == []


def test_the_worker_of_qgis_runs_a_comparison(comparison):
    line = replace(comparison, seeds=(3,)).to_json() + "\n"
    worker = subprocess.Popen(
        [sys.executable, "-I", str(ROOT / "engine" / "__main__.py"), "worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    worker.stdin.write(line)
    worker.stdin.flush()
    events = [json.loads(line) for line in worker.stdout]
    worker.stdin.close()
    worker.stdout.close()
    assert worker.wait() == 0 and events[-1]["event"] == "result"
    assert events[-1]["outputs"]["report"].endswith("r.html")
    [only] = events[-1]["summary"]["rows"]
    assert only["method"] == "rf" and only["oa"]["mean"] > 0.5 and only["oa"]["sd"] is None


@pytest.mark.parametrize(
    "change, code, named",
    [
        ({"methods": ("rf", "magic")}, "method", "'magic'"),
        ({"methods": ()}, "method", ""),
        ({"methods": ("rf", "rf")}, "twice", "'rf'"),
        ({"seeds": ()}, "seeds", ""),
        ({"seeds": (-1,)}, "seed", "-1"),
        ({"oracle": "ghca"}, "oracle", "'ghca'"),
        ({"options": {"magic.rounds": 1}}, "option", "magic"),
        ({"output": "/nowhere/r.json"}, "output-folder", "/nowhere"),
        ({"output": ""}, "no-output", ""),
        ({"csv": "r.html", "report": "./r.html"}, "same-output", "r.html"),
        ({"target": None}, "no-source", ""),
        ({"target": "/no/target.npz"}, "series-unreadable", "/no/target.npz"),
        ({"splits": "/no/splits.json", "transfers": ("T",)}, "two-sources", ""),
        ({"source": None, "target": None, "splits": "/no/s.json", "transfers": ("T",)}, "splits", "/no/s.json"),
    ],
)
def test_check_names_what_is_wrong(comparison, change, code, named):
    assert check_comparison(comparison) == []
    [problem, *_] = check_comparison(replace(comparison, **change))
    assert problem.code == code and named in str(problem)


def test_a_transfer_that_the_splits_file_lacks_and_an_input_as_output_are_named(comparison, tmp_path):
    (tmp_path / "splits.json").write_text('{"a.npz": {"A2B": {"src": {}, "tgt": {}, "classes": ["x"]}}}')
    same = replace(comparison, output=comparison.target)
    assert [problem.code for problem in check_comparison(same)] == ["output-is-input"]
    asked = replace(
        comparison, source=None, target=None, splits=str(tmp_path / "splits.json"), transfers=("A2B", "B2A")
    )
    [problem] = check_comparison(asked)
    assert problem.code == "splits" and not lacking(str(problem), "splits.json", "'B2A'", "A2B")


def test_a_comparison_survives_its_json(comparison):
    assert Comparison.from_json(comparison.to_json()) == comparison and "\n" not in comparison.to_json()
    for text in ("[]", "{", '{"kind": "job", "output": "r.json"}', '{"output": 1}', '{"output": "r", "seeds": ["a"]}'):
        with pytest.raises(InputError) as raised:
            Comparison.from_json(text)
        assert raised.value.code == "job"
