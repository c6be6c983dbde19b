"""The comparison as an algorithm: its files opened again, resume after a cancel, bad inputs, models and batch."""

from __future__ import annotations

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from qgis.core import (
    NULL,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterEnum,
    QgsProcessingUtils,
)

from croptransfer.engine.methods import METHODS
from croptransfer.engine.series import SeriesSet, write_series
from croptransfer.ui.processing.base import EngineAlgorithm
from croptransfer.ui.processing.compare import CompareAlgorithm
from tests.helpers.facts import lacking, numbers
from tests.helpers.feedback_log import Log

pytestmark = pytest.mark.slow

CROPS = {"maize": 215.0, "rapeseed": 120.0, "wheat": 160.0}


def write_pair(folder: Path, crops=tuple(CROPS)) -> None:
    """A source, and a target whose season is 20 days later, in files of 36 series each in 6 blocks."""
    rng = np.random.default_rng(2)
    day = np.arange(60, 300, 20, dtype=np.float32)
    for name, later in (("north", 0.0), ("south", 20.0)):
        labels = np.repeat(np.arange(len(crops)), 12)
        peak = np.array([CROPS.get(crop, 250.0) for crop in crops])[labels] + rng.normal(later, 6, len(labels))
        green = np.exp(-(((day - peak[:, None]) / 35.0) ** 2)) + rng.normal(0, 0.05, (len(labels), len(day)))
        values = np.stack([0.2 - 0.15 * green, 0.2 + 0.3 * green], axis=2).astype(np.float32)
        block = np.arange(len(labels)) % 6
        write_series(folder / f"{name}.npz", SeriesSet(values, day, ("RED", "NIR"), labels, crops, block))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The folder of ``north.npz`` and ``south.npz``."""
    folder = tmp_path_factory.mktemp("pair")
    write_pair(folder)
    return folder


@pytest.fixture()
def inputs(pair, tmp_path):
    return {
        "SOURCE": str(pair / "north.npz"),
        "TARGET": str(pair / "south.npz"),
        "METHODS": ["source_only", "rf"],
        "SEEDS": 1,
        "OUTPUT": str(tmp_path / "results.json"),
    }


class Page(HTMLParser):
    """Counts the pictures of a page and gathers its text."""

    def __init__(self, path):
        super().__init__()
        self.pictures, self.text = 0, ""
        self.feed(Path(path).read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        self.pictures += tag in ("img", "svg")

    def handle_data(self, data):
        self.text += data


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_methods_on_real_files_through_qgis_process(qgis_process, quick_engine, inputs, tmp_path):
    qgis_process.engine = quick_engine
    files = {"CSV": tmp_path / "table.csv", "REPORT": tmp_path / "page.html"}
    given = {**inputs, "METHODS": "source_only,rf", **files}
    results = qgis_process.run_json("croptransfer:compare", *[f"{name}={value}" for name, value in given.items()])

    rows = {row["method"]: row for row in json.loads((tmp_path / "results.json").read_text("utf-8"))}
    assert sorted(rows) == ["oracle", "rf", "source_only"]
    for row in rows.values():
        confusion = np.array(row["confusion"])
        assert confusion.sum() == 36 and row["oa"] == pytest.approx(np.trace(confusion) / 36)
    with files["CSV"].open(encoding="utf-8-sig", newline="") as file:
        table = {row["method"]: float(row["oa"]) for row in csv.DictReader(file)}
    assert table == {method: row["oa"] for method, row in rows.items()}
    page = Page(files["REPORT"])
    assert page.pictures >= 3 and "north to south" in page.text and "Oracle" in page.text

    oracle = table.pop("oracle")
    best = max(table, key=table.get)
    assert (results["BEST_METHOD"], results["BEST_OA"]) == (best, pytest.approx(table[best]))
    assert (results["ORACLE_OA"], results["FAILED_RUNS"]) == (pytest.approx(oracle), 0)
    assert "GHCA_OA" not in results and "GAP_CLOSED" not in results
    assert (results["OUTPUT"], results["CSV"]) == (inputs["OUTPUT"], str(files["CSV"]))
    assert names(tmp_path) == ["page.html", "quick", "results.json", "table.csv"]


def test_every_finished_run_is_told_and_the_figures_can_be_chained(provider, inputs, fake_engine, tmp_path):
    import processing

    fake_engine("compare")
    inputs["METHODS"] = ["ghca", "source_only", "rf"]
    log = Log()
    results = processing.run("croptransfer:compare", {**inputs, "SEEDS": 2, "WORKERS": 3}, feedback=log)
    one_run, all_runs = (numbers(line) for line in log.lines if line.startswith("a to b, GHCA"))
    assert one_run == ["0", "0.800", "0.800", "12"] and all_runs == ["0.800", "0.010", "0.800", "0.010", "12"]
    assert "All is well." in log.lines
    expected = {"BEST_METHOD": "ghca", "BEST_OA": 0.8, "GHCA_OA": 0.8, "ORACLE_OA": 0.9, "FAILED_RUNS": 0}
    assert {name: results[name] for name in expected} == expected
    assert results["GAP_CLOSED"] == pytest.approx(2 / 3, abs=1e-5)
    asked = json.loads((tmp_path / "results.json").read_text())
    assert (asked["kind"], asked["seeds"], asked["workers"]) == ("comparison", [0, 1], 3)
    assert asked["methods"] == inputs["METHODS"] and asked["target"] == inputs["TARGET"]


def test_the_methods_stand_in_the_log_and_the_history(provider):
    methods = provider.algorithm("compare").parameterDefinition("METHODS")
    for value in (["ghca", "rf"], "ghca,rf"):
        assert methods.valueAsPythonString(value, QgsProcessingContext()) == "['ghca','rf']"


def test_the_default_methods_are_known_and_begin_with_ghca(provider):
    default = provider.algorithm("compare").parameterDefinition("METHODS").defaultValue()
    assert default[0] == "ghca" and {"source_only", "rf"} <= set(default) <= set(METHODS)


def test_a_cancel_keeps_the_finished_runs_and_the_next_start_takes_them_over(provider, quick_engine, inputs, tmp_path):
    """The first finished run cancels; both files that were not asked for stay away."""

    class CancelAtFirstRun(Log):
        def pushInfo(self, text):
            super().pushInfo(text)
            if re.search(r"\b[01]\.\d{3}\b", text):
                self.cancel()

    inputs |= {"METHODS": ["rf"], "WORKERS": 1}
    feedback = CancelAtFirstRun()
    results, finished = provider.algorithm("compare").create().run(inputs, QgsProcessingContext(), feedback)
    assert "OUTPUT" not in results
    assert names(tmp_path) == ["quick", "results.json.runs"]
    assert inputs["OUTPUT"] in feedback.lines[-1]

    again = Log()
    results, finished = provider.algorithm("compare").create().run(inputs, QgsProcessingContext(), again)
    assert finished and results["OUTPUT"] == inputs["OUTPUT"]
    assert ["1", "2"] in map(numbers, again.lines)
    [run] = [line for line in again.lines if line.startswith("north to south, ") and len(numbers(line)) == 4]
    assert not lacking(run, "RF", 0)
    assert names(tmp_path) == ["quick", "results.json"]


def test_a_cancel_with_a_temporary_results_file_says_how_it_could_go_on(provider, inputs, fake_engine):
    """It gets another name each time, so what was finished is not found again."""
    fake_engine("polite")
    kept = []

    class KeepsOneRun(Log):
        def setProgressText(self, text):
            super().setProgressText(text)
            if "Mapping" in text:
                folder = Path(QgsProcessingUtils.tempFolder())
                (part,) = folder.rglob(".map.*.part.tif")
                kept.append(part.with_name("OUTPUT.json.runs"))
                kept[0].write_text('{"key": "a", "run": {}}')
                self.cancel()

    log = KeepsOneRun()
    algorithm = provider.algorithm("compare").create()
    algorithm.run({**inputs, "OUTPUT": "TEMPORARY_OUTPUT"}, QgsProcessingContext(), log)
    kept[0].unlink()
    plain = EngineAlgorithm.cancel_message(algorithm)
    assert log.lines[-1].startswith(plain) and log.lines[-1] != plain


def test_an_engine_that_would_never_end_is_ended(run_and_cancel, inputs, fake_engine, tmp_path):
    fake_engine("deaf")
    feedback = Log()
    results = run_and_cancel("compare", inputs, feedback)
    assert "OUTPUT" not in results and names(tmp_path) == ["fake"]
    assert feedback.lines[-1] == EngineAlgorithm.cancel_message(CompareAlgorithm())


def bad_inputs(inputs, pair, folder):
    """Each kind of bad input, with what its sentence names."""
    splits = folder / "splits.json"
    group = {"north to south": {"src": {}, "tgt": {}, "classes": list(CROPS)}}
    splits.write_text(json.dumps({"north.npz": group}))
    shutil.copy(pair / "north.npz", folder)
    other = folder / "other"
    other.mkdir()
    write_pair(other, ("cotton", "soy"))
    with np.load(pair / "south.npz") as file:
        np.savez(folder / "unlabelled.npz", **{key: file[key] for key in ("X", "doy", "bands")})
    (folder / "broken.npz").write_text("no archive")
    from_splits = {key: value for key, value in inputs.items() if key not in ("SOURCE", "TARGET")}
    from_splits["SPLITS"] = str(splits)
    return {
        "other crops": ({**inputs, "TARGET": str(other / "south.npz")}, ["south"]),
        "no labels": ({**inputs, "TARGET": str(folder / "unlabelled.npz")}, ["'y'"]),
        "missing file": ({**inputs, "SOURCE": str(folder / "gone.npz")}, ["gone.npz"]),
        "broken file": ({**inputs, "TARGET": str(folder / "broken.npz")}, ["broken.npz"]),
        "no target": ({**inputs, "TARGET": ""}, []),
        "unknown split": ({**from_splits, "SPLIT": "west"}, ["splits.json", "'west'", "north to south"]),
        "unnamed split": (from_splits, []),
        "null": ({**from_splits, "SPLIT": NULL}, []),
        "both": ({**inputs, **from_splits, "SPLIT": "north to south"}, []),
        "unknown method": ({**inputs, "METHODS": ["rf", "magic"]}, ["'magic'", *METHODS]),
        "no method": ({**inputs, "METHODS": []}, ["Methods"]),
        "no seed": ({**inputs, "SEEDS": 0}, ["0"]),
        "no folder": ({**inputs, "OUTPUT": str(folder / "none" / "r.json")}, [str(folder / "none")]),
    }


KINDS = (
    "null,other crops,no labels,missing file,broken file,no target,unknown split,unnamed split,both,unknown method,"
    "no method,no seed,no folder"
)


@pytest.mark.parametrize("kind", KINDS.split(","))
def test_bad_input_gets_one_sentence_and_writes_nothing(provider, inputs, pair, tmp_path, kind, fake_engine):
    fake_engine("map")
    given, expected = bad_inputs(inputs, pair, tmp_path)[kind]
    algorithm, context = provider.algorithm("compare").create(), QgsProcessingContext()
    usable, told = algorithm.checkParameterValues(given, context)
    before = names(tmp_path)
    if usable:
        with pytest.raises(QgsProcessingException) as problem:
            algorithm.run(given, context, Log(), {}, False)
        told = str(problem.value)
    assert told and not lacking(told, *expected) and "\n" not in told
    assert names(tmp_path) == before


def test_serves_as_a_step_of_a_model_whose_user_chooses_the_methods(provider, inputs, fake_engine, tmp_path):
    """The key of the best method goes on, as the method of a transfer would take it."""
    import processing

    fake_engine("compare")
    model = QgsProcessingModelAlgorithm("chain", "test")
    chosen = QgsProcessingParameterEnum("CHOSEN", "methods", list(METHODS), allowMultiple=True, usesStaticStrings=True)
    model.addModelParameter(chosen, QgsProcessingModelParameter("CHOSEN"))
    source = QgsProcessingModelChildParameterSource
    compare = QgsProcessingModelChildAlgorithm("croptransfer:compare")
    compare.setChildId("compare")
    for name in ("SOURCE", "TARGET", "SEEDS"):
        compare.addParameterSources(name, [source.fromStaticValue(inputs[name])])
    compare.addParameterSources("METHODS", [source.fromModelParameter("CHOSEN")])
    table = QgsProcessingModelOutput("table", "table")
    table.setChildId("compare")
    table.setChildOutputName("CSV")
    compare.setModelOutputs({"table": table})
    model.addChildAlgorithm(compare)
    tell = QgsProcessingModelChildAlgorithm("native:raisewarning")
    tell.setChildId("tell")
    tell.addParameterSources("MESSAGE", [source.fromChildOutput("compare", "BEST_METHOD")])
    model.addChildAlgorithm(tell)

    results = processing.run(model, {"CHOSEN": ["rf"], "compare:table": str(tmp_path / "table.csv")})
    assert json.loads(Path(results["compare:table"]).read_text())["methods"] == ["rf"]
    assert results["CHILD_INPUTS"]["tell"]["MESSAGE"] == "rf"


def test_rows_of_a_batch_are_texts(provider, inputs, fake_engine, tmp_path):
    from processing.gui.AlgorithmExecutor import execute

    fake_engine("compare")
    context, feedback = QgsProcessingContext(), Log()
    row = {**inputs, "METHODS": "rf,ghca", "SEEDS": "1", "CSV": str(tmp_path / "table.csv")}
    algorithm = provider.algorithm("compare").create()
    usable, message = algorithm.checkParameterValues(row, context)
    assert usable, message
    finished, values = execute(algorithm, row, context, feedback, catch_exceptions=False)
    assert finished and values["BEST_METHOD"] == "rf"
    assert names(tmp_path) == ["fake", "results.json", "table.csv"]
