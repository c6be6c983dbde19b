"""The choice of the method in the dialog: what stands there, how it is explained, what is run."""

from __future__ import annotations

from qgis.PyQt.QtCore import QPoint, QPointF, Qt
from qgis.PyQt.QtGui import QWheelEvent
from qgis.PyQt.QtWidgets import QApplication

from croptransfer.engine.methods import METHODS

WAIT = 20_000


def test_the_recommended_method_comes_first_and_the_compared_ones_after_a_line(open_dialog, fake_engine):
    fake_engine("map")
    combo = open_dialog().output.method_combo
    keys = [combo.itemData(row) for row in range(combo.count())]
    assert keys == ["ghca", "source_only", None, *list(METHODS)[2:]]
    assert combo.itemText(0).startswith(METHODS["ghca"].title) and combo.itemText(0) != METHODS["ghca"].title
    for row, key in enumerate(keys):
        if key:
            assert combo.itemData(row, Qt.ItemDataRole.ToolTipRole) == METHODS[key].summary
    # All of them are seen at once.
    assert combo.maxVisibleItems() >= len(keys)


def test_every_method_is_explained_without_anything_moving(open_dialog, qtbot, fake_engine):
    fake_engine("map")
    dialog = open_dialog()
    dialog.form.setCurrentIndex(2)
    # At these widths a summary takes one line or two.
    for width in (700, 860, 1000):
        dialog.resize(width, dialog.height())
        places = set()
        for key in METHODS:
            dialog.output.set_method(key)
            qtbot.wait(10)
            assert dialog.output.method_note.text() == METHODS[key].summary
            places.add((dialog.width(), dialog.height(), dialog.output.advanced.y()))
        assert len(places) == 1


def test_the_wheel_over_the_method_leaves_it_alone(open_dialog, fake_engine):
    fake_engine("map")
    dialog = open_dialog()
    dialog.form.setCurrentIndex(2)
    combo = dialog.output.method_combo
    middle, down = QPointF(combo.rect().center()), QPoint(0, -120)
    none, phase = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    where = QPointF(combo.mapToGlobal(combo.rect().center()))
    wheel = QWheelEvent(middle, where, QPoint(), down, Qt.MouseButton.NoButton, none, phase, False)
    QApplication.sendEvent(combo, wheel)
    assert dialog.output.method() == "ghca"


def test_the_chosen_method_is_run_and_named_and_a_new_window_starts_with_the_recommended_one(
    filled_dialog, open_dialog, qtbot, fake_engine, tmp_path
):
    fake_engine("map")
    first = filled_dialog()
    first.output.set_method("daccn")
    qtbot.waitUntil(first.run_button.isEnabled, timeout=WAIT)
    first.run()
    qtbot.waitUntil(lambda: not first.is_running(), timeout=WAIT)
    assert (tmp_path / "out" / "crops_report.html").read_text() == "<html>daccn</html>"
    assert METHODS["daccn"].title in first.log.toPlainText()
    first.close()
    assert open_dialog().output.method() == "ghca"
