"""Labels as people hold them: tables, rasters, fields with border pixels, crops to merge or to leave out."""

from __future__ import annotations

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from qgis.PyQt.QtGui import QDropEvent

from croptransfer.engine.tasks import LabelLayer
from croptransfer.ui.common.inputs import VectorInput
from croptransfer.ui.labels.class_table import FOUND, WANTED
from croptransfer.ui.labels.labels_widget import LabelsWidget
from tests.helpers.facts import numbers
from tests.helpers.scenes import srs_of

WAIT = 20_000


@pytest.fixture()
def labels(qtbot, qgis_new_project, fresh_settings):
    """A labels widget of its own."""
    widget = LabelsWidget()
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    widget.shut_down()


def found(qtbot, labels, part):
    qtbot.waitUntil(lambda: part in labels.classes_label.text(), timeout=WAIT)


def fields_of(scene, labels):
    layer = QgsVectorLayer(str(scene.labels), "fields", "ogr")
    QgsProject.instance().addMapLayer(layer)
    labels.layer_combo.setLayer(layer)
    return layer


def job_labels(labels, folder):
    given = labels.labels_input()
    if isinstance(given, VectorInput):
        given = given.labels(labels.field(), folder)
    return labels.with_settings()(given)


def set_cell(labels, name, column, value, role=Qt.ItemDataRole.EditRole):
    model = labels.classes.model
    assert model.setData(model.index(model.names().index(name), column), value, role)


def untick(labels, name):
    set_cell(labels, name, FOUND, Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)


def test_crops_are_merged_left_out_and_counted_anew(labels, scene, qtbot, tmp_path):
    fields_of(scene, labels)
    found(qtbot, labels, "maize (6), rapeseed (5), wheat (5)")
    set_cell(labels, "rapeseed", WANTED, "winter crop")
    set_cell(labels, "wheat", WANTED, "winter crop")
    assert labels.classes_label.text() == "winter crop (10), maize (6)"
    untick(labels, "maize")
    assert labels.classes_label.text().startswith("winter crop (10)")
    assert "maize" not in labels.classes_label.text() and numbers(labels.classes_label.text()) == ["10", "1"]
    wanted = {"maize": "", "rapeseed": "winter crop", "wheat": "winter crop"}
    assert dict(job_labels(labels, tmp_path).classes) == wanted
    qtbot.mouseClick(labels.classes.reset_button, Qt.MouseButton.LeftButton)
    assert dict(job_labels(labels, tmp_path).classes) == {}


def test_selected_rows_change_together(labels, scene, qtbot, tmp_path):
    fields_of(scene, labels)
    found(qtbot, labels, "maize (6)")
    labels.classes.table.selectAll()
    untick(labels, "wheat")
    assert set(job_labels(labels, tmp_path).classes.values()) == {""}
    set_cell(labels, "maize", WANTED, "crop")
    assert labels.classes_label.text() == "crop (16)"


def test_a_class_table_is_loaded_and_unknown_names_are_told(labels, scene, qtbot, tmp_path):
    fields_of(scene, labels)
    found(qtbot, labels, "maize (6)")
    table = tmp_path / "classes.csv"
    table.write_text("name,wanted\nmaize,corn\nrye,winter\n*,\n")
    labels.classes.load(str(table))
    assert "rye" in labels.classes_label.text()
    assert dict(job_labels(labels, tmp_path).classes) == {"maize": "corn", "rapeseed": "", "wheat": ""}


def test_what_was_chosen_stays_while_the_layer_is_edited_and_goes_with_the_crop(labels, scene, qtbot, tmp_path):
    layer = fields_of(scene, labels)
    found(qtbot, labels, "maize (6)")
    set_cell(labels, "maize", WANTED, "corn")
    set_cell(labels, "wheat", WANTED, "grain")
    layer.startEditing()
    index = layer.fields().lookupField("crop")
    for feature in layer.getFeatures("crop = 'wheat'"):
        layer.changeAttributeValue(feature.id(), index, "rye")
    found(qtbot, labels, "rye (5)")
    assert dict(job_labels(labels, tmp_path).classes) == {"maize": "corn"}
    layer.rollBack()


def test_inner_buffer_and_pixels_per_polygon_are_for_polygons(labels, scene, qtbot, tmp_path):
    fields_of(scene, labels)
    found(qtbot, labels, "maize (6)")
    labels.buffer_box.setValue(15)
    labels.cap_box.setValue(40)
    given = job_labels(labels, tmp_path)
    assert (given.inner_buffer, given.per_polygon) == (15.0, 40)
    points = QgsVectorLayer("Point?crs=EPSG:32633&field=crop:string", "points", "memory")
    QgsProject.instance().addMapLayer(points)
    labels.layer_combo.setLayer(points)
    assert not labels.buffer_box.isEnabled() and not labels.cap_box.isEnabled()
    given = labels.with_settings()(LabelLayer("x", "", "crop"))
    assert (given.inner_buffer, given.per_polygon) == (0.0, 0)


def test_a_table_with_semicolons_is_dropped_and_becomes_points(labels, qtbot, tmp_path):
    table = tmp_path / "samples.csv"
    rows = [f"{14 + n / 100:.2f};{47 + n / 100:.2f};{'Weizen' if n % 2 else 'Mais'}" for n in range(12)]
    table.write_text("\n".join(["lon;lat;Kultur", *(row.replace(".", ",") for row in rows)]), encoding="cp1252")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(table))])
    action, button, key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    labels.dropEvent(QDropEvent(QPointF(5, 5), action, mime, button, key))
    found(qtbot, labels, "Mais (6), Weizen (6)")
    layer = labels.layer()
    assert (layer.name(), layer.crs().authid(), labels.field()) == ("samples", "EPSG:4326", "Kultur")
    assert round(layer.extent().yMinimum(), 2) == 47.0


def test_a_table_without_coordinates_is_told(labels, qtbot, tmp_path):
    table = tmp_path / "samples.csv"
    table.write_text("crop,year\nmaize,2021\n")
    labels.add_file(str(table))
    found(qtbot, labels, "no columns with coordinates")


def test_a_large_table_does_not_hold_up_the_window(labels, qtbot, tmp_path):
    table = tmp_path / "many.csv"
    lines = "\n".join(f"{14 + n / 1e5},{47 + n / 1e5},crop {n % 9}" for n in range(5_000))
    table.write_text("lon,lat,crop\n" + lines)
    labels.add_file(str(table))
    ticks = []
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start()
    qtbot.waitUntil(lambda: labels.classes_label.text().count("(") == 9, timeout=60_000)
    assert labels.layer().featureCount() == 5_000
    # The event loop turned while the table was read.
    assert len(ticks) > 10


@pytest.fixture()
def crop_raster(tmp_path):
    """Crops 1 and 5 with names, on the scene's grid; 0 is none."""
    path = tmp_path / "crops.tif"
    data = gdal.GetDriverByName("GTiff").Create(str(path), 24, 24, 1, gdal.GDT_Byte)
    data.SetGeoTransform((500000, 10, 0, 5200000, 0, -10))
    data.SetProjection(srs_of(32633).ExportToWkt())
    values = np.zeros((24, 24), np.uint8)
    values[:, :12], values[:10, 12:] = 1, 5
    table = gdal.RasterAttributeTable()
    for name, usage, kind in (
        ("Value", gdal.GFU_MinMax, gdal.GFT_Integer),
        ("Crop", gdal.GFU_Generic, gdal.GFT_String),
        ("Kultur", gdal.GFU_Generic, gdal.GFT_String),
    ):
        table.CreateColumn(name, kind, usage)
    table.SetRowCount(2)
    for row, (value, crop, kultur) in enumerate(((1, "corn", "Mais"), (5, "wheat", "Weizen"))):
        table.SetValueAsInt(row, 0, value)
        table.SetValueAsString(row, 1, crop)
        table.SetValueAsString(row, 2, kultur)
    data.GetRasterBand(1).SetDefaultRAT(table)
    data.GetRasterBand(1).WriteRaster(0, 0, 24, 24, values.tobytes())
    data.FlushCache()
    return path


def test_a_raster_of_crops_gives_its_names_and_pixels(labels, crop_raster, qtbot, tmp_path):
    labels.add_file(str(crop_raster))
    found(qtbot, labels, "corn (288 px), wheat (120 px)")
    assert not labels.field_combo.isVisible() and labels.column_combo.isVisible()
    given = job_labels(labels, tmp_path)
    assert (given.path, given.layer, given.field) == (str(crop_raster), "", "")
    labels.column_combo.setCurrentIndex(labels.column_combo.findData("Kultur"))
    labels.column_combo.activated.emit(labels.column_combo.currentIndex())
    found(qtbot, labels, "Mais (288 px), Weizen (120 px)")
    labels.buffer_box.setValue(20)
    untick(labels, "Weizen")
    given = job_labels(labels, tmp_path)
    assert (given.field, given.inner_buffer, dict(given.classes)) == ("Kultur", 20.0, {"Weizen": ""})


def test_a_raster_is_counted_under_the_source_stack(labels, crop_raster, qtbot, tmp_path):
    from croptransfer.engine.imagery import describe

    corner = tmp_path / "B04_2021-05-01.tif"
    gdal.Translate(str(corner), str(crop_raster), srcWin=[12, 0, 12, 12])
    labels.add_file(str(crop_raster))
    found(qtbot, labels, "corn (288 px)")
    labels.set_stack(describe([str(corner)]))
    found(qtbot, labels, "wheat (120 px)")
    assert "corn" not in labels.classes_label.text()
