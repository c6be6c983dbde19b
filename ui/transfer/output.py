"""Method and outputs in a form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qgis.gui import QgsCollapsibleGroupBox, QgsFileWidget
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QWheelEvent
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFormLayout, QGroupBox, QLabel, QSpinBox, QWidget

from ...engine.methods import METHODS
from ...engine.tasks import Job
from ..common import settings
from ..common.files import output_folder
from ..common.qt import make_column, wrapped_label

EXTRAS = {"confidence": ".tif", "model": ".safetensors", "report": ".html"}
"""Outputs beside the map by their role, and their file name extensions."""


class _MethodCombo(QComboBox):
    """Leaves the mouse wheel to the form: scrolling must not choose another method unnoticed."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Let the form scroll."""
        event.ignore()


class OutputWidget(QWidget):
    """Chooses the method and the output files."""

    changed = pyqtSignal()
    """Method, seed or an output changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        make_column(self._build_outputs(), self._build_method(), self._build_advanced(), None, owner=self)
        for box in (self.seed_box, self.memory_box):
            box.valueChanged.connect(lambda value: self.changed.emit())
        for box in (*self._extras.values(), self.exact_box):
            box.toggled.connect(lambda on: self.changed.emit())
        self.method_combo.currentIndexChanged.connect(self._method_changed)
        self.map_file.fileChanged.connect(self._map_changed)
        self.set_map_path(default_map_path())
        self._map_changed()
        self._method_changed()

    def method(self) -> str:
        """Key of the method."""
        return self.method_combo.currentData()

    def seed(self) -> int:
        """The random seed."""
        return self.seed_box.value()

    def map_path(self) -> str:
        """Path of the map; empty for none."""
        return self.map_file.filePath().strip()

    def set_map_path(self, path: str) -> None:
        """Choose the path of the map."""
        self.map_file.setFilePath(path)

    def problem(self) -> str:
        """Why the map cannot be written to its path; empty if it can."""
        if not self.map_path():
            return self.tr("The crop map has no file name. Choose one under 'Method and outputs'.")
        if not Path(self.map_path()).is_absolute():
            # It would be written into whatever folder QGIS was started from.
            message = self.tr("The crop map {path} has no folder. Choose one under 'Method and outputs'.")
            return message.format(path=self.map_path())
        return ""

    def fields(self) -> dict[str, Any]:
        """The fields of a job that are chosen here."""
        return {
            "output": self.map_path(),
            "method": self.method(),
            "seed": self.seed(),
            "exact": self.exact_box.isChecked(),
            "memory": self.memory_box.value(),
            **{role: self._extra_path(role) for role in EXTRAS},
        }

    def show_job(self, job: Job) -> None:
        """Show method and outputs of a job."""
        self.set_map_path(job.output)
        self.set_method(job.method)
        self.seed_box.setValue(job.seed)
        self.exact_box.setChecked(job.exact)
        self.memory_box.setValue(job.memory)
        for role, box in self._extras.items():
            box.setChecked(getattr(job, role) is not None)

    def set_method(self, key: str) -> None:
        """Choose the method; an unknown one changes nothing."""
        index = self.method_combo.findData(key)
        if index >= 0:
            self.method_combo.setCurrentIndex(index)

    def restore(self) -> None:
        """Show the choices of the last time."""
        self.seed_box.setValue(int(settings.get("seed", 0)))
        for role, box in self._extras.items():
            box.setChecked(str(settings.get(f"write_{role}", box.isChecked())).lower() == "true")

    def remember(self) -> None:
        """Store the choices for the next time."""
        # Not the method: after one test of another, every later map would silently use it.
        settings.put("seed", self.seed())
        if Path(self.map_path()).is_absolute():
            settings.put("output_folder", str(Path(self.map_path()).parent))
        for role, box in self._extras.items():
            settings.put(f"write_{role}", box.isChecked())

    # --- the form

    def _build_outputs(self) -> QGroupBox:
        self.map_file = QgsFileWidget()
        self.map_file.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.map_file.setFilter(self.tr("GeoTIFF (*.tif)"))
        self.map_file.setToolTip(self.tr("The classified map; its style and class names are written beside it"))
        self.replace_note = QLabel(self.tr("This file exists and will be replaced."))
        confidence = self.tr("Confidence: probability of the mapped class for every pixel")
        self.confidence_box = QCheckBox(confidence, checked=True)
        report = self.tr("Report: a page with map, areas and details of the training")
        self.report_box = QCheckBox(report, checked=True)
        self.model_box = QCheckBox(self.tr("Model: to map more rasters of the same target"))
        self._extras = dict(zip(EXTRAS, (self.confidence_box, self.model_box, self.report_box)))
        group = QGroupBox(self.tr("Outputs"))
        form = QFormLayout(group)
        form.addRow(self.tr("Crop map"), self.map_file)
        form.addRow("", self.replace_note)
        form.addRow(self.tr("Also write"), self.confidence_box)
        form.addRow("", self.report_box)
        form.addRow("", self.model_box)
        return group

    def _build_method(self) -> QGroupBox:
        self.method_combo = _MethodCombo()
        self.method_combo.setToolTip(self.tr("How the model is transferred from the source to the target"))
        own = True
        for key, info in METHODS.items():
            if own and info.module.startswith("baselines."):
                self.method_combo.insertSeparator(self.method_combo.count())
                own = False
            title = self.tr("{title}, recommended") if key == "ghca" else "{title}"
            self.method_combo.addItem(title.format(title=info.title), key)
            self.method_combo.setItemData(self.method_combo.count() - 1, info.summary, Qt.ItemDataRole.ToolTipRole)
        self.method_combo.setMaxVisibleItems(self.method_combo.count())
        # Room for two lines, so that nothing moves when another method is chosen.
        self.method_note = wrapped_label("\n")
        self.method_note.setMinimumHeight(self.method_note.sizeHint().height())
        self.method_note.setAlignment(Qt.AlignmentFlag.AlignTop)
        group = QGroupBox(self.tr("Method"))
        make_column(self.method_combo, self.method_note, owner=group)
        return group

    def _build_advanced(self) -> QgsCollapsibleGroupBox:
        letter = self.fontMetrics().horizontalAdvance("0")
        seed_tip = self.tr("Same seed, same map; other seeds show how much is chance")
        self.seed_box = QSpinBox(maximum=2**31 - 1, maximumWidth=12 * letter, toolTip=seed_tip)
        self.exact_box = QCheckBox(self.tr("Use the full model for every pixel"))
        self.exact_box.setToolTip(
            self.tr(
                "Large maps use a faster distilled model; uncertain pixels use the full model. That is many times as "
                "fast, with the same class on about 98 of 100 pixels"
            )
        )
        memory_tip = self.tr("Approximate limit for mapping, at any raster size")
        self.memory_box = QSpinBox(maximum=10_000_000, singleStep=512, suffix=self.tr(" MB"), toolTip=memory_tip)
        self.memory_box.setSpecialValueText(self.tr("a quarter of this machine's"))
        self.memory_box.setMaximumWidth(32 * letter)
        self.advanced = QgsCollapsibleGroupBox(self.tr("Advanced"))
        form = QFormLayout(self.advanced)
        form.addRow(self.tr("Random seed"), self.seed_box)
        form.addRow(self.tr("Large maps"), self.exact_box)
        form.addRow(self.tr("Memory"), self.memory_box)
        self.advanced.setCollapsed(True)
        return self.advanced

    def _extra_path(self, role: str) -> str | None:
        """Path of an output beside the map; None if it is not ticked, or there is no map."""
        if not self.map_path() or not self._extras[role].isChecked():
            return None
        map_path = Path(self.map_path())
        return str(map_path.with_name(f"{map_path.stem}_{role}{EXTRAS[role]}"))

    def _map_changed(self, *_: object) -> None:
        path = self.map_path()
        self.replace_note.setVisible(bool(path) and Path(path).is_file())
        self.changed.emit()

    def _method_changed(self, *_: object) -> None:
        self.method_note.setText(METHODS[self.method()].summary)
        self.changed.emit()


def default_map_path() -> str:
    """A free name in the last folder, the project's, or the user's home."""
    return free_name(str(output_folder() / "crop_map.tif"))


def free_name(path: str) -> str:
    """The path, or the first of ``name_2``, ``name_3`` and so on that does not exist."""
    wanted = Path(path)
    stem = re.sub(r"_\d{1,3}$", "", wanted.stem)
    candidates = [wanted, *(wanted.with_name(f"{stem}_{number}{wanted.suffix}") for number in range(2, 1000))]
    return str(next((candidate for candidate in candidates if not candidate.exists()), wanted))
