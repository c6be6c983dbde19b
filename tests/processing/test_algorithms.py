"""The algorithms inside a QGIS: layers of every kind, loading, cancel, and the model designer."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsFeatureRequest,
    QgsField,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterMultipleLayers,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QUrl, QVariant
from qgis.PyQt.QtGui import QTextDocument

from croptransfer.engine.errors import InputError
from croptransfer.engine.methods import METHODS
from croptransfer.ui.common import inputs as inputs_module
from croptransfer.ui.common.inputs import VectorInput
from croptransfer.ui.processing.mapping import MappingAlgorithm
from tests.helpers.facts import lacking

pytestmark = pytest.mark.slow


@pytest.fixture()
def inputs(scene, tmp_path):
    return {
        "LABELS": str(scene.labels),
        "CLASS_FIELD": "crop",
        "SOURCE": [str(scene.source)],
        "TARGET": [str(scene.target)],
        "METHOD": "ghca",
        "OUTPUT": str(tmp_path / "map.tif"),
    }


@pytest.fixture()
def memory_labels(scene):
    """The fields as a memory layer, which no other program can read."""
    return QgsVectorLayer(str(scene.labels), "fields", "ogr").materialize(QgsFeatureRequest())


def crops(labels):
    """How often each crop stands in a LabelLayer, read by OGR alone."""
    data = ogr.Open(labels.path)
    layer = data.GetLayerByName(labels.layer) if labels.layer else data.GetLayer(0)
    layer.SetAttributeFilter(labels.where or None)
    found: dict[str, int] = {}
    for feature in layer:
        found[feature[labels.field]] = found.get(feature[labels.field], 0) + 1
    return found


def test_a_plain_file_is_read_where_it_is(scene, tmp_path, qgis_app):
    layer = QgsVectorLayer(f"{scene.labels}|layername=fields", "fields", "ogr")
    labels = VectorInput.of(layer).labels("crop", tmp_path)
    assert (labels.path, labels.layer, labels.where) == (str(scene.labels), "fields", "")
    assert list(tmp_path.iterdir()) == []


def test_a_filter_is_kept(scene, tmp_path, qgis_app):
    layer = QgsVectorLayer(f"{scene.labels}|layername=fields", "fields", "ogr")
    layer.setSubsetString("\"crop\" <> 'wheat'")
    labels = VectorInput.of(layer).labels("crop", tmp_path)
    assert crops(labels) == {"maize": 6, "rapeseed": 5}


def test_memory_layers_selections_and_unsaved_edits_are_written_first(memory_labels, tmp_path, qgis_app):
    for name in ("whole", "selected", "edited"):
        (tmp_path / name).mkdir()
    whole = VectorInput.of(memory_labels).labels("crop", tmp_path / "whole")
    assert crops(whole) == {"maize": 6, "rapeseed": 5, "wheat": 5}

    memory_labels.selectByExpression("crop = 'maize'")
    selected = VectorInput.of(memory_labels, selected_only=True).labels("crop", tmp_path / "selected")
    assert crops(selected) == {"maize": 6}

    memory_labels.startEditing()
    copy = QgsFeature(next(memory_labels.getFeatures("crop = 'wheat'")))
    copy["crop"] = "sunflower"
    memory_labels.addFeature(copy)
    edited = VectorInput.of(memory_labels)
    assert edited.count_classes("crop")["sunflower"] == 1
    assert crops(edited.labels("crop", tmp_path / "edited"))["sunflower"] == 1


def test_unsaved_edits_and_calculated_fields_of_a_file_are_written_first(scene, tmp_path, qgis_app):
    copy = tmp_path / "copy.gpkg"
    shutil.copy(scene.labels, copy)
    for name in ("edited", "calculated"):
        (tmp_path / name).mkdir()
    layer = QgsVectorLayer(f"{copy}|layername=fields", "fields", "ogr")
    layer.addExpressionField("upper(crop)", QgsField("group", QVariant.String))
    assert crops(VectorInput.of(layer).labels("group", tmp_path / "calculated"))["MAIZE"] == 6

    layer.startEditing()
    layer.deleteFeatures([feature.id() for feature in layer.getFeatures("crop = 'maize'")])
    assert "maize" not in crops(VectorInput.of(layer).labels("crop", tmp_path / "edited"))
    layer.rollBack()


class Interrupted:
    """Features of a layer whose file is being opened anew: the first readings end early, without a fault."""

    def __init__(self, source, readings):
        self.source, self.readings = source, list(readings)

    def getFeatures(self, request):
        features = list(self.source.getFeatures(request))
        return iter(features[: self.readings.pop(0)] if self.readings else features)


def test_a_layer_that_is_read_while_its_file_opens_anew_is_read_again(scene, tmp_path, qgis_app, monkeypatch):
    monkeypatch.setattr(inputs_module, "PAUSE", 0.01)
    layer = QgsVectorLayer(f"{scene.labels}|layername=fields", "fields", "ogr")
    whole = replace(VectorInput.of(layer), file=None)
    interrupted = replace(whole, source=Interrupted(whole.source, [0, 7]))
    assert crops(interrupted.labels("crop", tmp_path)) == {"maize": 6, "rapeseed": 5, "wheat": 5}

    lost = replace(whole, source=Interrupted(whole.source, [7] * 99))
    with pytest.raises(InputError) as raised:
        lost.count_classes("crop")
    assert raised.value.code == "labels-unreadable" and not lacking(raised.value.message, 7, 16, "'fields'")


def test_the_key_of_a_table_can_be_read_as_a_field(scene, tmp_path, qgis_app):
    """QGIS lists ``fid``, OGR does not."""
    layer = QgsVectorLayer(f"{scene.labels}|layername=fields", "fields", "ogr")
    labels = VectorInput.of(layer).labels("fid", tmp_path)
    assert sorted(crops(labels)) == list(range(1, 17))


def test_every_method_can_be_chosen_and_arrives(provider, inputs, fake_engine, tmp_path):
    import processing

    fake_engine("map")
    inputs["REPORT"] = str(tmp_path / "report.html")
    for method in METHODS:
        processing.run("croptransfer:transfer", {**inputs, "METHOD": method})
        assert Path(inputs["REPORT"]).read_text() == f"<html>{method}</html>"


def test_the_help_has_a_line_for_each_method_also_in_the_tool_tip(provider):
    for name in ("transfer", "compare"):
        parameters = {one.name(): one for one in provider.algorithm(name).parameterDefinitions()}
        method = parameters.get("METHOD") or parameters["METHODS"]
        lines = method.help().splitlines()[1:]
        assert [line.split(":")[0] for line in lines] == list(METHODS)
        tip = QTextDocument()
        tip.setHtml(method.toolTip())
        assert [line for line in tip.toPlainText().splitlines() if line in lines] == lines


@pytest.mark.parametrize("method", ["rf", "daccn"])
def test_a_compared_method_maps_and_its_model_maps_the_same_again(provider, inputs, quick_engine, tmp_path, method):
    import processing

    inputs |= {"METHOD": method, "MODEL": str(tmp_path / "model.safetensors")}
    classes = gdal.Open(processing.run("croptransfer:transfer", inputs)["OUTPUT"]).ReadAsArray()
    assert set(np.unique(classes)) <= {1, 2, 3} and len(np.unique(classes)) > 1
    again = {"MODEL": inputs["MODEL"], "TARGET": inputs["TARGET"], "OUTPUT": str(tmp_path / "again.tif")}
    mapped = gdal.Open(processing.run("croptransfer:classify", again)["OUTPUT"]).ReadAsArray()
    assert (mapped == classes).all()


def test_a_memory_layer_with_a_selection_runs(provider, inputs, memory_labels, fake_engine):
    import processing

    fake_engine("map")
    QgsProject.instance().addMapLayer(memory_labels)
    memory_labels.selectByExpression("crop <> 'wheat'")
    inputs["LABELS"] = QgsProcessingFeatureSourceDefinition(memory_labels.id(), selectedFeaturesOnly=True)
    results = processing.run("croptransfer:transfer", inputs)
    assert results["CLASSES"] == 3


def test_a_vector_mask_and_raster_layers_of_the_project_run(provider, inputs, scene, fake_engine, tmp_path):
    import processing

    fake_engine("map")
    target = QgsRasterLayer(str(scene.target), "target")
    QgsProject.instance().addMapLayer(target)
    inputs |= {"TARGET": [target.id()], "SOURCE": [QgsRasterLayer(str(scene.source), "s")], "MASK": str(scene.labels)}
    results = processing.run("croptransfer:transfer", inputs)
    assert results["OUTPUT"] == str(tmp_path / "map.tif")


def test_the_loaded_map_has_the_crops_in_the_models_order_as_its_legend(provider, inputs, fake_engine, tmp_path):
    import processing

    fake_engine("map")
    inputs["CONFIDENCE"] = str(tmp_path / "sure.tif")
    paths = dict(inputs)
    processing.runAndLoadResults("croptransfer:transfer", inputs)
    layers = {layer.source(): layer for layer in QgsProject.instance().mapLayers().values()}
    legend = [item[0] for item in layers[paths["OUTPUT"]].legendSymbologyItems()]
    assert legend == ["maize", "rapeseed", "wheat"]
    assert layers[paths["CONFIDENCE"]].renderer().type() == "singlebandpseudocolor"


def test_the_toolbox_which_runs_it_in_a_thread_loads_and_styles_the_layers(
    provider, inputs, fake_engine, tmp_path, qtbot, qgis_processing
):
    from processing.gui.Postprocessing import handleAlgorithmResults

    fake_engine("map")
    project = QgsProject.instance()
    outputs = {"OUTPUT": str(tmp_path / "map.tif"), "CONFIDENCE": str(tmp_path / "sure.tif")}
    inputs |= {name: QgsProcessingOutputLayerDefinition(path, project) for name, path in outputs.items()}
    # Twice: what belongs to a run goes with its context.
    for _ in range(2):
        project.removeAllMapLayers()
        algorithm = provider.algorithm("transfer").create()
        context, feedback = QgsProcessingContext(), QgsProcessingFeedback()
        context.setProject(project)
        task = QgsProcessingAlgRunnerTask(algorithm, inputs, context, feedback)
        with qtbot.waitSignal(task.executed, timeout=30_000) as done:
            QgsApplication.taskManager().addTask(task)
        assert done.args[0]
        handleAlgorithmResults(algorithm, context, feedback)
        del task, context
    layers = {layer.source(): layer for layer in project.mapLayers().values()}
    assert layers[outputs["OUTPUT"]].renderer().type() == "paletted"
    confidence = layers[outputs["CONFIDENCE"]]
    assert confidence.renderer().classificationMax() == 100
    assert not project.layerTreeRoot().findLayer(confidence.id()).itemVisibilityChecked()


def test_cancel_ends_a_worker_that_would_never_end_and_leaves_nothing(run_and_cancel, inputs, fake_engine, tmp_path):
    fake_engine("deaf")
    results = run_and_cancel("transfer", inputs, QgsProcessingFeedback())
    assert "OUTPUT" not in results
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_serves_as_a_step_of_a_model(provider, inputs, scene, fake_engine, tmp_path, qgis_processing):
    """Two steps: the transfer, and a native algorithm on its map."""
    import processing

    fake_engine("map")
    model = QgsProcessingModelAlgorithm("chain", "test")
    model.addModelParameter(
        QgsProcessingParameterMultipleLayers("STACK", "stack", layerType=3), QgsProcessingModelParameter("STACK")
    )
    source = QgsProcessingModelChildParameterSource
    transfer = QgsProcessingModelChildAlgorithm("croptransfer:transfer")
    transfer.setChildId("transfer")
    for name in ("LABELS", "CLASS_FIELD", "SOURCE", "METHOD"):
        transfer.addParameterSources(name, [source.fromStaticValue(inputs[name])])
    transfer.addParameterSources("TARGET", [source.fromModelParameter("STACK")])
    model.addChildAlgorithm(transfer)
    fill = QgsProcessingModelChildAlgorithm("native:fillnodata")
    fill.setChildId("fill")
    fill.addParameterSources("INPUT", [source.fromChildOutput("transfer", "OUTPUT")])
    fill.addParameterSources("BAND", [source.fromStaticValue(1)])
    fill.addParameterSources("FILL_VALUE", [source.fromChildOutput("transfer", "CLASSES")])
    filled = QgsProcessingModelOutput("filled", "filled")
    filled.setChildId("fill")
    filled.setChildOutputName("OUTPUT")
    fill.setModelOutputs({"filled": filled})
    model.addChildAlgorithm(fill)
    assert isinstance(model.childAlgorithm("transfer").algorithm(), MappingAlgorithm)

    results = processing.run(model, {"STACK": [str(scene.target)], "fill:filled": str(tmp_path / "filled.tif")})
    filled = gdal.Open(results["fill:filled"]).ReadAsArray()
    assert filled.shape == (24, 24)
    assert set(filled.ravel()) == {1, 2, 3}


def test_runs_one_after_the_other_as_batch_does(provider, inputs, scene, fake_engine, tmp_path, qgis_processing):
    """Rows of a batch are texts, share one context and feedback, and are run by ``execute``."""
    from processing.gui.AlgorithmExecutor import execute

    fake_engine("map")
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback()
    context.setProject(QgsProject.instance())
    rows = [
        {**inputs, "SOURCE": str(scene.source), "TARGET": str(scene.target), "OUTPUT": str(tmp_path / "north.tif")},
        {
            **inputs,
            "METHOD": "source_only",
            "SEED": 3,
            "OUTPUT": str(tmp_path / "south.tif"),
            "MASK": str(scene.target),
        },
    ]
    results = []
    for row in rows:
        algorithm = provider.algorithm("transfer").create()
        usable, message = algorithm.checkParameterValues(row, context)
        assert usable, message
        finished, values = execute(algorithm, row, context, feedback, catch_exceptions=False)
        assert finished
        results.append(values)
    assert [values["OUTPUT"] for values in results] == [row["OUTPUT"] for row in rows]
    for values in results:
        assert set(gdal.Open(values["OUTPUT"]).ReadAsArray().ravel()) == {1, 2, 3}


def test_the_help_button_has_a_page_to_open(provider):
    for algorithm in provider.algorithms():
        page = Path(QUrl(algorithm.helpUrl()).toLocalFile())
        assert algorithm.displayName() in page.read_text(encoding="utf-8")


def test_a_problem_of_the_worker_is_raised(provider, inputs, fake_engine):
    import processing

    fake_engine("input-error")
    with pytest.raises(QgsProcessingException, match="A does not touch B. Choose another."):
        processing.run("croptransfer:transfer", inputs)
