"""A regular stack as an algorithm: through ``qgis_process`` and in this QGIS, read by QGIS, cancelled, refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsPointXY, QgsProcessingContext, QgsProcessingException, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QDate

from croptransfer.engine.imagery import Stack, describe
from tests.helpers.facts import lacking, numbers
from tests.helpers.feedback_log import Log
from tests.helpers.scenes import make_scene


@pytest.fixture()
def inputs(scene, tmp_path):
    return {"STACK": [str(scene.source)], "OUTPUT": str(tmp_path / "regular.tif")}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_a_regular_stack_through_qgis_process(qgis_process, scene, tmp_path):
    output = tmp_path / "regular.tif"
    results = qgis_process.run_json(
        "croptransfer:regularize",
        f"STACK={scene.source}",
        "PERIOD=20",
        "METHOD=max",
        "FILL=linear",
        "START=2021-03-01",
        "INDICES=NDVI",
        f"OUTPUT={output}",
    )
    with Stack(describe([str(output)]), "target") as stack:
        assert (results["DATES"], stack.bands) == (len(stack.dates), ("RED", "NIR", "NDVI"))
        assert stack.dates[:2] == ("2021-03-10", "2021-03-30")
        values = stack.read(stack.tiles(10**6)[0])
    assert results["GAPS"] == pytest.approx(np.isnan(values[..., 0]).mean(), abs=1e-4)
    assert gdal.Open(str(output)).GetMetadata("IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert names(tmp_path) == ["regular.tif"]


def test_qgis_opens_the_stack_with_its_band_names_and_values(provider, inputs, qgis_app):
    import processing

    log = Log()
    results = processing.run("croptransfer:regularize", {**inputs, "PERIOD": "Month", "SMOOTHNESS": None}, feedback=log)
    layer = QgsRasterLayer(results["OUTPUT"], "regular")
    assert layer.isValid() and layer.crs().authid() == "EPSG:32633"
    assert layer.bandCount() == 2 * results["DATES"] and layer.bandName(2) == "Band 02: NIR_2021-03-16"
    with Stack(describe([inputs["OUTPUT"]]), "target") as stack:
        values = stack.read(stack.tiles(10**6)[0])
    value, known = layer.dataProvider().sample(QgsPointXY(500000 + 25, 5200000 - 35), 2)
    assert known and value == pytest.approx(values[3, 2, 0, 1], abs=1e-6)
    row, column = np.argwhere(np.isnan(values[:, :, 0, 0]))[0] if np.isnan(values[:, :, 0, 0]).any() else (0, 0)
    _, known = layer.dataProvider().sample(QgsPointXY(500005 + 10 * column, 5199995 - 10 * row), 1)
    assert known == np.isfinite(values[row, column, 0, 0])
    assert any(numbers(line)[:1] == ["8"] and not lacking(line, "RED", "NIR") for line in log.lines), log.lines
    del layer


def test_the_result_is_loaded_where_it_is_wanted(provider, inputs, qgis_app):
    import processing

    processing.runAndLoadResults("croptransfer:regularize", {**inputs, "PERIOD": "month"})
    loaded = [layer for layer in QgsProject.instance().mapLayers().values() if layer.source() == inputs["OUTPUT"]]
    assert len(loaded) == 1 and loaded[0].isValid()
    QgsProject.instance().removeMapLayers([loaded[0].id()])


def test_every_parameter_reaches_the_engine(provider, inputs, scene):
    algorithm = provider.algorithm("regularize").create()
    given = {
        **inputs,
        "PERIOD": "16",
        "METHOD": "max",
        "BY": "EVI2",
        "FILL": "whittaker",
        "SMOOTHNESS": 2.5,
        "ENDS": "nearest",
        "START": QDate(2021, 3, 5),
        "END": "2021-09-30",
        "BANDS": "NIR, NDVI",
        "INDICES": "SAVI",
        "QUALITY": "SCL: 3 8",
        "DATA_TYPE": "float32",
    }
    context = QgsProcessingContext()
    algorithm.gather(given, context)
    task = algorithm.task(given, context, "", Log())
    plain = json.loads(task.to_json())
    assert {key: plain[key] for key in ("period", "method", "by", "fill", "smoothness", "ends", "start", "end")} == {
        "period": "16",
        "method": "max",
        "by": "EVI2",
        "fill": "whittaker",
        "smoothness": 2.5,
        "ends": "nearest",
        "start": "2021-03-05",
        "end": "2021-09-30",
    }
    assert (plain["bands"], plain["indices"], plain["quality"]) == (["NIR", "NDVI"], ["SAVI"], {"SCL": [3, 8]})
    assert (plain["data_type"], plain["output"]) == ("float32", inputs["OUTPUT"])
    algorithm.gather(inputs, context)
    task = algorithm.task(inputs, context, "", Log())
    assert (task.period, task.method, task.fill, task.ends, task.data_type) == ("10", "median", "none", "gap", "auto")
    assert (task.smoothness, task.start, task.end, task.bands, task.quality) == (None, "", "", (), None)


def test_a_cancel_ends_it_and_leaves_nothing(run_and_cancel, tmp_path_factory, tmp_path):
    big = make_scene(tmp_path_factory.mktemp("big"), side=900, field=60)
    inputs = {"STACK": [str(big.source)], "FILL": "whittaker", "PERIOD": "5", "OUTPUT": str(tmp_path / "regular.tif")}
    assert "OUTPUT" not in run_and_cancel("regularize", inputs, Log())
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "changes, facts",
    [
        ({"PERIOD": "weekly"}, ["'weekly'", 1, 366]),
        ({"PERIOD": "250"}, [250]),
        ({"START": "2023-01-01"}, ["2023-01-01"]),
        ({"START": "in spring"}, ["'in spring'"]),
        ({"METHOD": "mode"}, ["'mode'", "median", "mean", "max", "nearest"]),
        ({"INDICES": "NDRE"}, ["NDRE"]),
        ({"QUALITY": "clouds"}, ["'clouds'"]),
        ({"SMOOTHNESS": -2}, ["Smoothness", "'-2'"]),
    ],
)
def test_bad_input_gets_a_sentence_and_writes_nothing(provider, inputs, tmp_path, changes, facts):
    given = {**inputs, **changes}
    algorithm = provider.algorithm("regularize").create()
    context = QgsProcessingContext()
    accepted, told = algorithm.checkParameterValues(given, context)
    if accepted:
        with pytest.raises(QgsProcessingException) as error:
            algorithm.run(given, context, Log(), catchExceptions=False)
        told = str(error.value)
    assert not lacking(told, *facts)
    assert names(tmp_path) == []


def test_the_help_explains_every_parameter_and_choice(provider):
    algorithm = provider.algorithm("regularize")
    for parameter in algorithm.parameterDefinitions():
        assert len(parameter.help()) > 10, parameter.name()
    for key in ("median", "nearest", "linear", "whittaker"):
        assert f"{key}: " in algorithm.shortHelpString()
