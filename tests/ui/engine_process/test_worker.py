"""The supervisor against workers that behave, misbehave and die."""

from __future__ import annotations

import pytest

from croptransfer.engine.errors import Cancelled, InputError
from croptransfer.engine.imagery import describe
from croptransfer.engine.tasks import Job
from croptransfer.ui.engine_process.environment import Interpreter, worker_environment
from croptransfer.ui.engine_process.worker import Worker, WorkerFault
from tests.helpers.facts import numbers
from tests.helpers.scenes import make_scene


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return describe([str(make_scene(tmp_path_factory.mktemp("scene")).target)])


@pytest.fixture()
def job(tmp_path, target):
    return Job(output=str(tmp_path / "out" / "map.tif"), target=target)


@pytest.fixture()
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def run(job, python, cancelled=lambda: False):
    events = []
    outcome = Worker(job, Interpreter(python), events.append).run(cancelled)
    return outcome, events


def test_passes_events_on_and_returns_the_outputs(job, out, fake_engine):
    outcome, events = run(job, fake_engine("map"))
    assert [e["name"] for e in events if e["event"] == "stage"] == ["Reading the source"]
    assert [e["fraction"] for e in events if e["event"] == "progress"] == [0.1, 1.0]
    assert outcome.outputs["map"] == str(out / "map.tif")
    assert outcome.summary["mapped_pixels"] == 300
    assert "map.tif" in names(out)


def test_a_library_that_prints_does_not_disturb(job, out, fake_engine):
    outcome, events = run(job, fake_engine("garbage"))
    log = [e["message"] for e in events if e["event"] == "log"]
    assert "Loading weights: 100%|####|" in log
    assert "[1, 2, 3]" in log
    assert outcome.outputs["map"] == str(out / "map.tif")


@pytest.mark.parametrize("behaviour", ["polite", "deaf"])
def test_cancel_ends_a_worker_that_would_never_end_and_leaves_nothing(job, out, fake_engine, behaviour):
    seen = []
    asked = []

    def cancelled():
        # Cancel once the worker has a half-written file on disk.
        if not asked and any(".part" in name for name in names(out)) and len(seen) >= 4:
            asked.append(True)
        return bool(asked)

    with pytest.raises(Cancelled):
        Worker(job, Interpreter(fake_engine(behaviour)), seen.append).run(cancelled)
    assert asked and names(out) == []


def test_a_crash_is_told_with_the_tail_of_the_log(job, out, fake_engine):
    with pytest.raises(WorkerFault) as caught:
        run(job, fake_engine("crash"))
    assert numbers(caught.value.message) == ["1"]
    assert "RuntimeError: the tensor has no elephants" in caught.value.log
    assert names(out) == []


def test_a_killed_worker_is_told_as_such(job, out, fake_engine):
    with pytest.raises(WorkerFault) as caught:
        run(job, fake_engine("killed"))
    assert numbers(caught.value.message) == ["9"]


def test_an_end_without_a_result_is_a_fault(job, out, fake_engine):
    with pytest.raises(WorkerFault) as caught:
        run(job, fake_engine("silent"))
    assert numbers(caught.value.message) == ["0"]


def test_bad_input_keeps_its_code_and_hint(job, out, fake_engine):
    with pytest.raises(InputError) as caught:
        run(job, fake_engine("input-error"))
    assert (caught.value.code, caught.value.hint) == ("no-overlap", "Choose another.")


def test_a_python_that_does_not_exist_is_a_fault(job, out):
    with pytest.raises(WorkerFault) as caught:
        run(job, "/nowhere/python")
    assert "/nowhere/python" in caught.value.message


def test_the_workers_environment_is_scrubbed(monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_INDEX_URL", "LD_LIBRARY_PATH", "PROJ_LIB"):
        monkeypatch.setenv(name, "/of/qgis")
    environment = worker_environment(Interpreter("/opt/conda/bin/python", "/packages"))
    left = {"PYTHONHOME", "PYTHONPATH", "PIP_INDEX_URL", "LD_LIBRARY_PATH", "PROJ_LIB"} & set(environment)
    assert left == set()
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment["CROPTRANSFER_PACKAGES"] == "/packages"
