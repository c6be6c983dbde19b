"""Parcels as parameters of the mapping algorithms, and their layer as a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsFeatureRequest,
    QgsField,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QVariant

from tests.helpers.scenes import CROPS

pytestmark = pytest.mark.slow


@pytest.fixture()
def inputs(scene, tmp_path):
    return {
        "LABELS": str(scene.labels),
        "CLASS_FIELD": "crop",
        "SOURCE": [str(scene.source)],
        "TARGET": [str(scene.target)],
        "METHOD": "ghca",
        "PARCELS": str(scene.labels),
        "OUTPUT": str(tmp_path / "map.tif"),
    }


@pytest.fixture()
def loaded(provider, inputs, tmp_path, fake_engine):
    """The layer of parcels as the project shows it after a run."""
    import processing

    fake_engine("map")
    inputs["PARCEL_LAYER"] = path = str(tmp_path / "crops.gpkg")
    processing.runAndLoadResults("croptransfer:transfer", inputs)
    (layer,) = [one for one in QgsProject.instance().mapLayers().values() if one.source().startswith(path)]
    return layer


def job_of(provider, name, parameters, folder):
    algorithm, context = provider.algorithm(name).create(), QgsProcessingContext()
    context.setProject(QgsProject.instance())
    algorithm.gather(parameters, context)
    return algorithm.task(parameters, context, str(folder), QgsProcessingFeedback())


def test_they_are_optional_and_explained(provider):
    for name in ("transfer", "classify"):
        parameters = {one.name(): one for one in provider.algorithm(name).parameterDefinitions()}
        reading = parameters["PARCEL_READING"]
        assert reading.defaultValue() == "median" and reading.flags() & reading.FlagAdvanced
        for one in (parameters["PARCELS"], parameters["PARCEL_LAYER"]):
            assert one.flags() & one.FlagOptional and one.help()


def test_they_arrive_in_the_job(provider, inputs, scene, tmp_path):
    job = job_of(provider, "transfer", {**inputs, "PARCEL_READING": "set"}, tmp_path)
    assert (job.parcels, job.parcel_reading, job.parcel_layer) == (str(scene.labels), "set", None)
    del inputs["PARCELS"]
    job = job_of(provider, "transfer", inputs, tmp_path)
    assert (job.parcels, job.parcel_reading, job.parcel_layer) == (None, "median", None)
    model = {"MODEL": "m.safetensors", "TARGET": inputs["TARGET"], "OUTPUT": inputs["OUTPUT"]}
    layers = {"PARCELS": str(scene.labels), "PARCEL_LAYER": str(tmp_path / "p.gpkg")}
    job = job_of(provider, "classify", {**model, **layers}, tmp_path)
    assert (job.parcels, job.parcel_layer) == (str(scene.labels), str(tmp_path / "p.gpkg"))


def test_selections_and_calculated_fields_are_written_first(provider, inputs, scene, tmp_path):
    layer = QgsVectorLayer(str(scene.labels), "fields", "ogr").materialize(QgsFeatureRequest())
    layer.addExpressionField("code * 2", QgsField("twice", QVariant.Int))
    QgsProject.instance().addMapLayer(layer)
    layer.selectByExpression("crop = 'maize'")
    chosen = QgsProcessingFeatureSourceDefinition(layer.id(), selectedFeaturesOnly=True)
    job = job_of(provider, "transfer", {**inputs, "PARCELS": chosen}, tmp_path)
    path, _, name = job.parcels.partition("|layername=")
    copy = QgsVectorLayer(f"{path}|layername={name}", "copy", "ogr")
    assert [(one["crop"], one["code"], one["twice"]) for one in copy.getFeatures()] == [("maize", 10, 20)] * 6


def test_the_loaded_parcels_show_their_crops_in_the_models_order(loaded):
    renderer = loaded.renderer()
    assert renderer.type() == "categorizedSymbol" and renderer.classAttribute() == "crop_2"
    assert [one.label() for one in renderer.categories()] == ["maize", "rapeseed", "wheat", "no class"]
    by_name = {one.value(): one.symbol().color().name() for one in renderer.categories()}
    assert len({by_name[name] for name in CROPS}) == 3
    assert loaded.featureCount() == 16 and loaded.crs().authid() == "EPSG:32633"


def test_a_parcel_without_a_crop_is_drawn_as_such(loaded):
    from qgis.core import QgsRenderContext

    renderer, context = loaded.renderer().clone(), QgsRenderContext()
    renderer.startRender(context, loaded.fields())
    features = list(loaded.getFeatures())
    symbols = [renderer.symbolForFeature(feature, context) for feature in features]
    colors = [symbol.color().alpha() for symbol in symbols]
    renderer.stopRender(context)
    assert colors == [0] + [255] * 15


def test_a_wrong_file_is_told_before_anything_runs(provider, inputs, fake_engine, tmp_path):
    import processing

    fake_engine("map")
    for more, named in [
        ({"PARCEL_LAYER": str(tmp_path / "p.shp")}, "p.shp"),
        ({"PARCELS": None, "PARCEL_LAYER": str(tmp_path / "p.gpkg")}, "p.gpkg"),
    ]:
        with pytest.raises(QgsProcessingException) as raised:
            processing.run("croptransfer:transfer", {**inputs, **more})
        assert str(tmp_path / named) in str(raised.value)


def test_the_real_engine_classifies_parcels(provider, inputs, scene, quick_engine, tmp_path):
    import processing

    results = processing.run("croptransfer:transfer", {**inputs, "METHOD": "rf"})
    assert Path(results["PARCEL_LAYER"]) == tmp_path / "map_parcels.gpkg"
    layer = QgsVectorLayer(results["PARCEL_LAYER"], "parcels", "ogr")
    plane = gdal.Open(results["OUTPUT"]).ReadAsArray()
    crops = [CROPS.index(one["crop_2"]) + 1 for one in layer.getFeatures()]
    np.testing.assert_array_equal(plane, np.kron(np.reshape(crops, (4, 4)), np.ones((6, 6))))
