"""Labelled series as an algorithm: what the file holds, kinds of labels, joining, cancel, bad inputs, models."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsRasterLayer,
    QgsVectorLayer,
)

from croptransfer.engine.series import read_series
from tests.helpers.facts import lacking, numbers
from tests.helpers.feedback_log import Log
from tests.helpers.scenes import CROPS


@pytest.fixture()
def real_engine(monkeypatch):
    """The engine in the Python of these tests."""
    monkeypatch.setenv("CROPTRANSFER_PYTHON", sys.executable)
    return sys.executable


@pytest.fixture()
def inputs(scene, tmp_path):
    return {
        "LABELS": f"{scene.labels}|layername=fields",
        "CLASS_FIELD": "crop",
        "SOURCE": [str(scene.source)],
        "OUTPUT": str(tmp_path / "series.npz"),
    }


@pytest.fixture()
def run(provider, real_engine):
    """A function that runs the algorithm with the real engine; returns the results and the log."""
    import processing

    def go(given):
        log = Log()
        return processing.run("croptransfer:extract", given, feedback=log), log.lines

    return go


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_through_qgis_process_and_on_into_a_map(qgis_process, real_engine, inputs, scene, tmp_path):
    qgis_process.engine = real_engine
    given = {**inputs, "SOURCE": scene.source, "INNER_BUFFER": 10, "PER_POLYGON": 9, "CLASS_TABLE": "wheat=cereals"}
    results = qgis_process.run_json("croptransfer:extract", *[f"{name}={value}" for name, value in given.items()])
    series = read_series(results["OUTPUT"])
    assert (results["SAMPLES"], results["CLASSES"], len(series)) == (144, 3, 144)
    assert series.classes == ("cereals", "maize", "rapeseed") and series.lonlat[:, 1].mean() == pytest.approx(
        46.95, abs=0.1
    )
    mapped = qgis_process.run(
        "croptransfer:transfer", SERIES=results["OUTPUT"], TARGET=scene.target, METHOD="rf", OUTPUT=tmp_path / "map.tif"
    )
    assert mapped.returncode == 0 and (tmp_path / "map.tif").exists(), mapped.stdout + mapped.stderr


def test_layers_of_the_project_with_their_filter(run, inputs, scene):
    labels = QgsVectorLayer(f"{scene.labels}|layername=fields", "Felder", "ogr")
    assert labels.setSubsetString("crop <> 'wheat'")
    source = QgsRasterLayer(str(scene.source), "source")
    results, lines = run({**inputs, "LABELS": labels, "SOURCE": [source], "PER_CLASS": 30})
    assert read_series(results["OUTPUT"]).classes == ("maize", "rapeseed")
    assert any(not lacking(line, "maize", 30) for line in lines)


def test_a_raster_with_names_labels_too(run, inputs, tmp_path):
    """As a layer and as a path; a field is not needed."""
    path = str(tmp_path / "karte.tif")
    data = gdal.GetDriverByName("GTiff").Create(path, 24, 24, 1, gdal.GDT_Byte)
    data.SetGeoTransform((500000, 10, 0, 5200000, 0, -10))
    codes = np.kron((np.arange(16) % 3).reshape(4, 4), np.ones((6, 6), int)).astype(np.uint8) + 1
    data.GetRasterBand(1).WriteRaster(0, 0, 24, 24, codes.tobytes())
    data.GetRasterBand(1).SetCategoryNames(["", *CROPS])
    source = gdal.Open(inputs["SOURCE"][0])
    data.SetProjection(source.GetProjection())
    data = source = None
    for labels in (path, QgsRasterLayer(path, "Karte")):
        results, _ = run({**inputs, "LABELS": labels, "CLASS_FIELD": "", "INNER_BUFFER": 10})
        series = read_series(results["OUTPUT"])
        assert series.classes == CROPS and len(series) < 24 * 24


def test_a_table_with_decimal_commas_labels_too(run, inputs, tmp_path):
    rows = ["x;y;crop"]
    for number in range(48):
        column, row = number % 24, number // 24 * 12 + 2
        rows.append(f"{500005 + 10 * column},0;{5199995 - 10 * row},0;{CROPS[column // 6 % 3]}")
    path = tmp_path / "points été.csv"
    path.write_bytes("\r\n".join(rows).encode("cp1252"))
    results, lines = run({**inputs, "LABELS": str(path)})
    assert results["SAMPLES"] == 48 and any(not lacking(line, "CRS", path.name) for line in lines)


def test_regions_are_joined(run, inputs, scene, tmp_path):
    first, _ = run({**inputs, "OUTPUT": str(tmp_path / "a b;c.npz"), "PER_CLASS": 20})
    other, _ = run({**inputs, "SOURCE": [str(scene.target)], "OUTPUT": str(tmp_path / "b.npz"), "PER_CLASS": 30})
    both, lines = run({"JOIN": [first["OUTPUT"], other["OUTPUT"]], "OUTPUT": str(tmp_path / "both.npz")})
    assert both["SAMPLES"] == 150 and any(numbers(line)[:1] == ["4"] for line in lines)
    assert len(np.unique(read_series(both["OUTPUT"]).group)) == len(np.unique(read_series(first["OUTPUT"]).group)) * 2
    # A batch gives several files as one text.
    again, _ = run({**inputs, "JOIN": other["OUTPUT"], "PER_CLASS": 20})
    assert again["SAMPLES"] == 150


def test_a_cancel_leaves_nothing(run_and_cancel, fake_engine, inputs, tmp_path):
    fake_engine("deaf")
    results = run_and_cancel("extract", inputs, Log())
    assert "OUTPUT" not in results and names(tmp_path) == ["fake"]


BAD = {
    "no field": ({"CLASS_FIELD": ""}, []),
    "wrong field": ({"CLASS_FIELD": "kultur"}, ["'kultur'", "fields"]),
    "no labels": ({"LABELS": None}, []),
    "no source": ({"SOURCE": []}, []),
    "nothing": ({"LABELS": None, "SOURCE": []}, []),
    "missing labels": ({"LABELS": "/none/fields.gpkg"}, ["Labels", "/none/fields.gpkg"]),
    "missing file": ({"JOIN": ["/none/a.npz"]}, ["/none/a.npz"]),
    "class table": ({"CLASS_TABLE": "maize"}, ["'maize'"]),
    "unknown class": ({"CLASS_TABLE": "rye=x"}, ["'rye'"]),
    "buffer": ({"INNER_BUFFER": 500}, [500, "fields"]),
    "quality": ({"QUALITY": "rain"}, ["'rain'"]),
    "ending": ({"OUTPUT": "/none/series.csv"}, ["/none/series.csv", ".npz"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_gets_one_sentence_and_writes_nothing(provider, real_engine, inputs, tmp_path, kind):
    changes, expected = BAD[kind]
    given = {**inputs, **changes}
    algorithm, context = provider.algorithm("extract").create(), QgsProcessingContext()
    usable, told = algorithm.checkParameterValues(given, context)
    before = names(tmp_path)
    if usable:
        with pytest.raises(QgsProcessingException) as problem:
            algorithm.run(given, context, Log(), {}, False)
        told = str(problem.value)
    assert told and not lacking(told, *expected) and "\n" not in told
    assert names(tmp_path) == before


def test_serves_as_a_step_of_a_model(provider, real_engine, inputs, tmp_path):
    """Two extractions whose files a third joins."""
    import processing

    model = QgsProcessingModelAlgorithm("chain", "test")
    source = QgsProcessingModelChildParameterSource
    for name, per_class in (("one", 10), ("two", 12)):
        step = QgsProcessingModelChildAlgorithm("croptransfer:extract")
        step.setChildId(name)
        for key, value in {**inputs, "PER_CLASS": per_class}.items():
            if key != "OUTPUT":
                step.addParameterSources(key, [source.fromStaticValue(value)])
        model.addChildAlgorithm(step)
    join = QgsProcessingModelChildAlgorithm("croptransfer:extract")
    join.setChildId("join")
    join.addParameterSources("JOIN", [source.fromChildOutput(name, "OUTPUT") for name in ("one", "two")])
    output = QgsProcessingModelOutput("series", "series")
    output.setChildId("join")
    output.setChildOutputName("OUTPUT")
    join.setModelOutputs({"series": output})
    model.addChildAlgorithm(join)
    results = processing.run(model, {"join:series": str(tmp_path / "joined.npz")})
    assert len(read_series(Path(results["join:series"]))) == 66
