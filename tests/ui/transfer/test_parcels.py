"""Parcels in the dialog: chosen beside the mask, kept in a job file, and shown with the map."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qgis.core import QgsFeature, QgsFeatureRequest, QgsGeometry, QgsProject, QgsVectorLayer

from croptransfer.engine.errors import InputError
from croptransfer.ui.transfer.job_file import read_job, save_job
from tests.helpers.facts import lacking

WAIT = 30_000


@pytest.fixture()
def dialog(filled_dialog, fake_engine, qtbot):
    fake_engine("map")
    dialog = filled_dialog()
    qtbot.waitUntil(dialog.run_button.isEnabled, timeout=WAIT)
    return dialog


def choose(dialog, layer, qtbot):
    dialog.target.parcel_combo.setLayer(layer)
    qtbot.waitUntil(dialog.run_button.isEnabled, timeout=WAIT)
    return dialog.job()


def test_without_parcels_nothing_about_them_is_asked(dialog, qtbot):
    dialog.form.setCurrentIndex(1)
    assert dialog.job().parcels is None
    assert not dialog.target.reading_combo.isVisible() and not dialog.target.parcel_note.isVisible()
    choose(dialog, dialog.source.labels.layer(), qtbot)
    assert dialog.target.reading_combo.isVisible() and dialog.target.parcel_note.isVisible()


def test_parcels_are_mapped_and_shown_above_the_map(dialog, scene, qtbot, tmp_path):
    job = choose(dialog, dialog.source.labels.layer(), qtbot)
    assert (job.parcels, job.parcel_reading, job.parcel_layer) == (str(scene.labels), "median", None)
    # Twice over the same files: the layers of the first run give way to those of the second.
    for _ in range(2):
        dialog.output.set_map_path(str(tmp_path / "out" / "crops.tif"))
        qtbot.waitUntil(dialog.run_button.isEnabled, timeout=WAIT)
        dialog.run()
        qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)
    groups = QgsProject.instance().layerTreeRoot().children()
    assert [node.name() for node in groups] == ["crops", "fields"]
    nodes = groups[0].findLayers()
    assert [(node.layer().name(), node.itemVisibilityChecked(), node.isExpanded()) for node in nodes] == [
        ("Parcels of crops", True, True),
        ("crops", True, False),
        ("Confidence (%)", False, False),
    ]
    categories = nodes[0].layer().renderer().categories()
    assert [one.label() for one in categories][:3] == ["maize", "rapeseed", "wheat"] and len(categories) == 4
    assert any(not lacking(line, 15, 16) for line in dialog.log.toPlainText().splitlines())


def test_unsaved_edits_of_parcels_count_with_all_attributes(dialog, qtbot, scene):
    layer = QgsVectorLayer(str(scene.labels), "fields", "ogr").materialize(QgsFeatureRequest())
    QgsProject.instance().addMapLayer(layer)
    layer.startEditing()
    layer.deleteFeatures([next(layer.getFeatures()).id()])
    path, _, name = choose(dialog, layer, qtbot).parcels.partition("|layername=")
    copy = QgsVectorLayer(f"{path}|layername={name}", "copy", "ogr")
    assert copy.featureCount() == 15 and {"crop", "code"} <= {field.name() for field in copy.fields()}
    layer.rollBack()


def test_a_job_file_keeps_parcels_and_how_they_are_read(dialog, open_dialog, qtbot, tmp_path, scene):
    layer = QgsVectorLayer(str(scene.labels), "fields", "ogr").materialize(QgsFeatureRequest())
    QgsProject.instance().addMapLayer(layer)
    dialog.target.reading_combo.setCurrentIndex(1)
    job = choose(dialog, layer, qtbot)
    assert job.parcel_reading == "set"
    path = tmp_path / "job.json"
    save_job(job, str(path))
    kept = read_job(str(path))
    assert kept.parcels == f"{tmp_path / 'job_parcels.gpkg'}|layername=parcels"
    second = open_dialog()
    second.form.show_job(kept)
    qtbot.waitUntil(second.run_button.isEnabled, timeout=WAIT)
    assert replace(second.job(), id=kept.id) == kept


def test_a_job_whose_parcels_go_elsewhere_is_refused(dialog, qtbot, tmp_path):
    job = choose(dialog, dialog.source.labels.layer(), qtbot)
    path = tmp_path / "job.json"
    save_job(replace(job, parcel_layer=str(tmp_path / "out" / "crops_parcels.gpkg")), str(path))
    assert read_job(str(path)).parcel_layer
    save_job(replace(job, parcel_layer=str(tmp_path / "elsewhere.gpkg")), str(path))
    with pytest.raises(InputError) as refused:
        read_job(str(path))
    assert refused.value.code == "job" and path.name in refused.value.message


def test_parcels_beside_the_target_are_a_problem(dialog, qtbot):
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633", "far", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromWkt("POLYGON((0 0, 10 0, 10 10, 0 0))"))
    layer.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(layer)
    dialog.target.parcel_combo.setLayer(layer)

    def told():
        return [dialog.panel.problems.item(row).text() for row in range(dialog.panel.problems.count())]

    qtbot.waitUntil(lambda: any("parcels" in text for text in told()), timeout=WAIT)
    assert len(told()) == 1 and not dialog.run_button.isEnabled()
    assert not dialog.run_button.isEnabled()
