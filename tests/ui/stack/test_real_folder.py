"""Files as they lie on people's discs: a folder and a table dropped on the dialog, and nothing else to be done."""

from __future__ import annotations

import re

import pytest
from qgis.PyQt.QtCore import QMimeData, QPointF, Qt, QUrl
from qgis.PyQt.QtGui import QDropEvent

from tests.helpers.facts import lacking, numbers
from tests.helpers.paths import SHARED

BAHIA = SHARED / "data" / "rasters" / "cbers_bahia"
WAIT = 60_000


def drop(widget, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    action, button, key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    widget.dropEvent(QDropEvent(QPointF(5, 5), action, mime, button, key))


@pytest.mark.skipif(not BAHIA.is_dir(), reason="the real data is not there: ../shared/data")
def test_a_dropped_folder_and_a_dropped_table_are_ready_to_run(open_dialog, fake_engine, qtbot, tmp_path):
    fake_engine("map")
    dialog = open_dialog()
    dialog.output.set_map_path(str(tmp_path / "map.tif"))
    drop(dialog.source.labels, BAHIA / "samples.csv")
    drop(dialog.source.stack, BAHIA)
    drop(dialog.target.stack, BAHIA)
    qtbot.waitUntil(dialog.run_button.isEnabled, timeout=WAIT)
    assert dialog.run_button.isEnabled() and dialog.panel.problems.count() == 0
    assert dialog.source.labels.field() == "label"
    assert dialog.source.labels.classes_label.text() == "Pasture (258), Cropland (242), Cerradao (215), Cerrado (207)"
    told = dialog.source.stack.summary_label.text()
    assert numbers(told)[:2] == ["23", "2"] and not lacking(told, "EVI", "NDVI", "2018-09-05", "2019-08-20")
    assert dialog.target.stack.summary_label.text() == told
    assert re.findall(r"\d+° [NS]|\d+ days", dialog.compatibility.season_label.text()) == ["13° S", "13° S"]
    job = dialog._job
    assert (job.bands, job.indices, job.quality, job.labels.classes) == ((), (), None, {})
