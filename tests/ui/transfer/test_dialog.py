"""The dialog as a person uses it: fill in, read the problems, run, watch, cancel, look at the map."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from qgis.core import QgsFeature, QgsLayerTreeModel, QgsProject, QgsRasterLayer
from qgis.gui import QgsLayerTreeView
from qgis.PyQt.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from qgis.PyQt.QtGui import QDropEvent
from qgis.PyQt.QtWidgets import QApplication

from croptransfer.ui.stack.band_table import BAND, DATE
from tests.helpers.facts import lacking, numbers

WAIT = 20_000


def problems(dialog):
    return [dialog.panel.problems.item(row).text() for row in range(dialog.panel.problems.count())]


def wait_ready(qtbot, dialog):
    qtbot.waitUntil(dialog.run_button.isEnabled, timeout=WAIT)


def wait_problem(qtbot, dialog, part):
    qtbot.waitUntil(lambda: any(part in text for text in problems(dialog)), timeout=WAIT)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_empty_form_says_what_is_missing_and_cannot_run(open_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = open_dialog()
    wait_problem(qtbot, dialog, "to learn from")
    wait_problem(qtbot, dialog, "The target has no raster")
    assert not dialog.run_button.isEnabled()


def test_fits_on_a_small_screen(open_dialog, fake_engine):
    fake_engine("map")
    window, screen = open_dialog().size(), QApplication.primaryScreen().availableSize()
    assert window.width() < screen.width() and window.height() < screen.height()


def test_a_filled_form_shows_crops_dates_and_bands_and_can_run(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    assert dialog.source.labels.field() == "crop"
    assert dialog.source.labels.classes_label.text() == "maize (6), rapeseed (5), wheat (5)"
    source, target = (part.stack.summary_label.text() for part in (dialog.source, dialog.target))
    assert not lacking(source, 12, 2, "RED", "NIR", "2021-03-01", "2021-10-07")
    assert not lacking(target, "2022-03-07", "2022-10-09")
    assert dialog.target.stack.model.rowCount() == 26
    assert problems(dialog) == []


def test_runs_and_adds_a_group_with_legend_and_confidence(filled_dialog, qtbot, fake_engine, tmp_path):
    fake_engine("map")
    dialog = filled_dialog()
    dialog.output.model_box.setChecked(True)
    wait_ready(qtbot, dialog)
    qtbot.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    assert dialog.is_running() and dialog.cancel_button.isEnabled() and not dialog.run_button.isEnabled()
    qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)

    group = QgsProject.instance().layerTreeRoot().children()[0]
    assert group.name() == "crops"
    tree = [(node.layer().name(), node.itemVisibilityChecked()) for node in group.findLayers()]
    assert tree == [("crops", True), ("Confidence (%)", False)]
    layer = group.findLayers()[0].layer()
    assert [entry.label for entry in layer.renderer().classes()] == ["maize", "rapeseed", "wheat"]
    out = tmp_path / "out"
    assert {"crops.tif", "crops_confidence.tif", "crops_report.html", "crops_model.safetensors"} <= set(names(out))
    assert not lacking(dialog.panel.state.text(), "'crops'", "crops_report.html")
    # The next run must not overwrite the map that is now in the project.
    assert dialog.output.map_path() == str(out / "crops_2.tif")


def test_the_result_unfolds_in_the_layer_tree_and_can_be_zoomed_to(filled_dialog, qtbot, fake_engine, qgis_iface):
    fake_engine("map")
    project = QgsProject.instance()
    view = QgsLayerTreeView()
    qtbot.addWidget(view)
    model = QgsLayerTreeModel(project.layerTreeRoot(), view)
    view.setModel(model)
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    dialog.run()
    qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)
    group = project.layerTreeRoot().children()[0]
    opened = [view.isExpanded(view.node2index(node)) for node in (group, *group.findLayers())]
    assert opened == [True, True, False]
    (link,) = re.findall('href="(zoom:[^"]+)"', dialog.panel.state.text())
    asked = []
    qgis_iface.setActiveLayer = lambda layer: asked.append(layer.name())
    qgis_iface.zoomToActiveLayer = lambda: asked.append("zoom")
    dialog.panel.state.linkActivated.emit(link)
    assert asked == ["crops", "zoom"]


def test_a_second_run_over_the_same_files_takes_the_place_of_the_first(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    path = dialog.output.map_path()
    for _ in range(2):
        dialog.output.set_map_path(path)
        wait_ready(qtbot, dialog)
        dialog.run()
        qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)
    project = QgsProject.instance()
    assert sorted(layer.name() for layer in project.mapLayers().values()) == ["Confidence (%)", "crops", "fields"]
    assert [node.name() for node in project.layerTreeRoot().children()] == ["crops", "fields"]


@pytest.mark.parametrize("behaviour", ["polite", "deaf"])
def test_cancel_ends_a_job_that_would_never_end_and_leaves_nothing(
    filled_dialog, qtbot, fake_engine, tmp_path, behaviour
):
    fake_engine(behaviour)
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    dialog.run()
    qtbot.waitUntil(lambda: dialog.panel.bar.value() == 500, timeout=WAIT)
    assert dialog.panel.state.text() == "Mapping the target"
    assert dialog.panel.time_left.text()
    assert any(".part" in name for name in names(tmp_path / "out"))
    qtbot.mouseClick(dialog.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)
    wait_ready(qtbot, dialog)
    assert names(tmp_path / "out") == [] and problems(dialog) == []
    assert [node.name() for node in QgsProject.instance().layerTreeRoot().children()] == ["fields"]


def test_a_crash_of_the_engine_is_told_with_its_log(filled_dialog, qtbot, fake_engine, tmp_path):
    fake_engine("crash")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    dialog.run()
    qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)
    assert not lacking(dialog.panel.state.text(), 1)
    assert "RuntimeError: the tensor has no elephants" in dialog.log.toPlainText()
    wait_ready(qtbot, dialog)
    assert names(tmp_path / "out") == []


def test_the_window_stays_alive_while_a_job_runs(filled_dialog, qtbot, fake_engine):
    """The event loop goes round a hundred times while the engine, which ends only when it is cancelled, is at work."""
    fake_engine("polite")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    ticks = []
    timer = QTimer(interval=10)
    timer.timeout.connect(lambda: ticks.append(dialog.is_running()))
    dialog.run()
    timer.start()
    qtbot.waitUntil(lambda: len(ticks) >= 100, timeout=WAIT)
    assert all(ticks)
    dialog.cancel()
    qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)


def test_closing_the_window_lets_the_job_go_on(filled_dialog, qtbot, fake_engine, tmp_path):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    dialog.run()
    dialog.close()
    qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)
    assert "crops.tif" in names(tmp_path / "out")


def test_without_an_engine_there_is_a_banner_with_two_ways_out(filled_dialog, qtbot, fake_engine):
    fake_engine("no-torch")
    dialog = filled_dialog()
    qtbot.waitUntil(dialog.banner.isVisible, timeout=WAIT)
    assert not lacking(dialog.banner.text.text(), "torch")
    assert dialog.banner.install_button.isVisible() and dialog.banner.choose_button.isVisible()
    assert not dialog.run_button.isEnabled()


def test_choosing_a_python_brings_the_engine(filled_dialog, qtbot, fake_engine, monkeypatch, tmp_path, plugin_folder):
    from croptransfer.ui.common import settings
    from croptransfer.ui.engine_process import environment
    from tests.helpers.fake_engine import make_fake

    working = make_fake(tmp_path / "conda", "map", plugin_folder)
    monkeypatch.delenv("CROPTRANSFER_PYTHON", raising=False)
    monkeypatch.setattr(environment, "_own", lambda packages: iter(()))
    dialog = filled_dialog()
    qtbot.waitUntil(dialog.banner.isVisible, timeout=WAIT)
    assert not dialog.run_button.isEnabled()
    dialog.banner.use_python(working)
    wait_ready(qtbot, dialog)
    assert not dialog.banner.isVisible()
    assert settings.get("python") == working


def test_a_python_that_cannot_run_the_engine_is_not_remembered(open_dialog, qtbot, monkeypatch, tmp_path):
    from croptransfer.ui.common import settings
    from croptransfer.ui.engine_process import environment

    monkeypatch.delenv("CROPTRANSFER_PYTHON", raising=False)
    monkeypatch.setattr(environment, "_own", lambda packages: iter(()))
    dialog = open_dialog()
    qtbot.waitUntil(dialog.banner.isVisible, timeout=WAIT)
    none = tmp_path / "python"
    dialog.banner.use_python(str(none))
    qtbot.waitUntil(lambda: str(none) in dialog.banner.text.text(), timeout=WAIT)
    assert settings.get("python") == ""


def test_an_engine_that_does_not_work_is_found_out_before_a_run(filled_dialog, qtbot, fake_engine):
    fake_engine("broken-torch")
    dialog = filled_dialog()
    qtbot.waitUntil(dialog.banner.isVisible, timeout=WAIT)
    assert "sympy" in dialog.banner.text.text() and not dialog.run_button.isEnabled()


def test_dates_and_bands_can_be_corrected(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    model = dialog.target.stack.model
    model.setData(model.index(0, DATE), "2022-13-45")
    assert model.data(model.index(0, DATE)) == "2022-13-45"
    assert model.data(model.index(0, DATE), Qt.ItemDataRole.BackgroundRole) is not None
    assert not model.data(model.index(0, DATE), Qt.ItemDataRole.DecorationRole).isNull()
    assert numbers(dialog.target.stack.summary_label.text())[-2:] == ["1", "26"]
    wait_problem(qtbot, dialog, "'2022-13-45'")
    assert any(not lacking(text, "'2022-13-45'", 1, "target.tif") for text in problems(dialog))
    model.setData(model.index(0, DATE), "20220307")
    assert model.bands()[0].date == "2022-03-07"
    wait_ready(qtbot, dialog)


def test_a_correction_goes_to_all_selected_rows(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    stack = dialog.target.stack
    stack.table.selectAll()
    stack.model.setData(stack.model.index(3, BAND), "B08")
    assert {band.band for band in stack.bands()} == {"B08"}
    wait_problem(qtbot, dialog, "target")


def test_bands_that_do_not_match_are_named(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    model = dialog.target.stack.model
    for row in range(1, model.rowCount(), 2):
        model.setData(model.index(row, BAND), "SWIR")
    wait_problem(qtbot, dialog, "NIR")
    assert not dialog.run_button.isEnabled()


def test_the_enter_key_neither_closes_the_window_nor_starts_a_job(filled_dialog, qtbot, fake_engine):
    """It ends the input of a path or a number."""
    fake_engine("map")
    dialog = filled_dialog()
    dialog.form.setCurrentIndex(3)
    for ready in (False, True):
        if ready:
            wait_ready(qtbot, dialog)
        qtbot.keyClick(dialog.output.map_file.lineEdit(), Qt.Key.Key_Return)
        assert dialog.isVisible() and not dialog.is_running()


def test_the_tab_key_leads_out_of_the_table(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    dialog.activateWindow()
    table = dialog.source.stack.table
    table.setFocus()
    table.setCurrentIndex(table.model().index(0, DATE))
    qtbot.keyClick(table, Qt.Key.Key_Tab)
    assert table.currentIndex().column() == DATE
    assert QApplication.focusWidget() is not table


def test_files_can_be_dropped_and_removed(open_dialog, qtbot, fake_engine, scene):
    fake_engine("map")
    stack = open_dialog().target.stack
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(scene.target))])
    action, button, key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    stack.dropEvent(QDropEvent(QPointF(5, 5), action, mime, button, key))
    qtbot.waitUntil(lambda: stack.model.rowCount() > 0, timeout=WAIT)
    assert stack.paths() == [str(scene.target)]
    stack.table.selectRow(0)
    qtbot.mouseClick(stack.remove_button, Qt.MouseButton.LeftButton)
    assert stack.paths() == [] and stack.bands() == ()


def test_an_unreadable_file_is_named(open_dialog, qtbot, fake_engine, tmp_path):
    fake_engine("map")
    broken = tmp_path / "broken.tif"
    broken.write_text("no raster")
    dialog = open_dialog()
    dialog.target.stack.add_paths([str(broken)])
    wait_problem(qtbot, dialog, "broken.tif")


def test_layers_of_the_project_can_be_chosen(open_dialog, qtbot, fake_engine, scene):
    fake_engine("map")
    QgsProject.instance().addMapLayer(QgsRasterLayer(str(scene.target), "my raster"))
    stack = open_dialog().target.stack
    stack._fill_layers_menu()
    entry = next(action for action in stack._layers_menu.actions() if action.text() == "my raster")
    entry.trigger()
    qtbot.waitUntil(lambda: stack.model.rowCount() == 26, timeout=WAIT)


def test_unsaved_edits_of_the_labels_count(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    layer = dialog.source.labels.layer()
    layer.startEditing()
    copy = QgsFeature(next(layer.getFeatures("crop = 'wheat'")))
    copy["crop"] = "sunflower"
    layer.addFeature(copy)
    qtbot.waitUntil(lambda: "sunflower (1)" in dialog.source.labels.classes_label.text(), timeout=WAIT)
    layer.rollBack()


def test_a_field_without_crops_is_a_problem(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    dialog.source.labels.field_combo.setField("")
    wait_problem(qtbot, dialog, "The crop field is not chosen.")


def test_a_missing_output_folder_is_a_problem(filled_dialog, qtbot, fake_engine, tmp_path):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    dialog.output.set_map_path(str(tmp_path / "nowhere" / "map.tif"))
    wait_problem(qtbot, dialog, "nowhere")


@pytest.mark.parametrize("path, part", [("", "has no file name"), ("map.tif", "map.tif has no folder")])
def test_a_map_without_a_place_is_a_problem(filled_dialog, qtbot, fake_engine, path, part):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    dialog.output.set_map_path(path)
    wait_problem(qtbot, dialog, part)
    assert not dialog.run_button.isEnabled()


def test_settings_are_remembered(filled_dialog, open_dialog, qtbot, fake_engine, tmp_path):
    fake_engine("map")
    first = filled_dialog()
    first.output.seed_box.setValue(7)
    first.output.report_box.setChecked(False)
    first.close()
    second = open_dialog()
    assert second.output.seed() == 7
    assert not second.output.report_box.isChecked()
    assert second.output.map_path() == str(tmp_path / "out" / "crop_map.tif")


def test_copies_of_edited_labels_do_not_pile_up(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    layer = dialog.source.labels.layer()
    layer.startEditing()
    for value in ("rye", "oats", "maize"):
        layer.changeAttributeValue(1, layer.fields().lookupField("crop"), value)
        qtbot.wait(50)
        qtbot.waitUntil(lambda: not dialog._timer.isActive() and not dialog._checker.busy, timeout=WAIT)
    folders = [folder for folder in Path(dialog.form._folder.name).iterdir() if any(folder.iterdir())]
    assert len(folders) == 1
    assert dialog._job.labels.path == str(folders[0] / "labels.gpkg")
    layer.rollBack()


def test_an_interrupted_map_can_be_gone_on_with(filled_dialog, qtbot, fake_engine, tmp_path):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    assert not dialog.resume_button.isVisible()
    plain = dialog.run_button.text()
    # What a worker leaves that was killed while it mapped.
    left = tmp_path / "out" / ".crops.tif.0123456789ab.tiles"
    left.mkdir()
    (left / "journal.json").write_text("{}")
    dialog.output.exact_box.setChecked(True)
    qtbot.waitUntil(dialog.resume_button.isVisible, timeout=WAIT)
    qtbot.waitUntil(dialog.resume_button.isEnabled, timeout=WAIT)
    assert dialog.run_button.text() != plain
    qtbot.mouseClick(dialog.resume_button, Qt.MouseButton.LeftButton)
    assert dialog._task.job.resume and dialog._task.job.exact
    qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)
    assert "crops.tif" in names(tmp_path / "out")


def test_memory_and_the_exact_network_become_part_of_the_job(filled_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = filled_dialog()
    wait_ready(qtbot, dialog)
    assert (dialog.job().exact, dialog.job().memory, dialog.job().resume) == (False, 0, False)
    assert dialog.output.memory_box.text() == dialog.output.memory_box.specialValueText() != ""
    dialog.output.memory_box.setValue(2048)
    wait_ready(qtbot, dialog)
    assert dialog.job().memory == 2048
