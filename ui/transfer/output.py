"""Method and outputs in a form."""

from __future__ import annotations

import re
from pathlib import Path

from qgis.core import QgsProject
from qgis.gui import QgsCollapsibleGroupBox, QgsFileWidget
from qgis.PyQt.QtCore import QDir, Qt, pyqtSignal
from qgis.PyQt.QtGui import QWheelEvent
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFormLayout, QGroupBox, QLabel, QSpinBox, QVBoxLayout, QWidget

from ...engine.methods import METHODS
from ..common import settings


class _MethodCombo(QComboBox):
    """Leaves the wheel to the form around it: scrolling past must not choose another method unseen."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Let the form scroll."""
        event.ignore()


class OutputWidget(QWidget):
    """Chooses the method and the files to be written."""

    changed = pyqtSignal()
    """Method, seed or an output is another one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._build()
        self.set_map_path(default_map_path())
        self._map_changed()
        self._method_changed()

    def method(self) -> str:
        """Key of the method."""
        return self.method_combo.currentData()

    def seed(self) -> int:
        """The random seed."""
        return self.seed_box.value()

    def mapping_fields(self) -> dict[str, bool | int]:
        """The fields of a job that say how it maps."""
        return {"exact": self.exact_box.isChecked(), "memory": self.memory_box.value()}

    def map_path(self) -> str:
        """Path of the map; empty for none."""
        return self.map_file.filePath().strip()

    def set_map_path(self, path: str) -> None:
        """Choose the path of the map."""
        self.map_file.setFilePath(path)

    def extra_paths(self) -> dict[str, str | None]:
        """Paths of confidence, model and report beside the map; None where not ticked, or where there is no map."""
        if not self.map_path():
            return dict.fromkeys(("confidence", "model", "report"))
        map_path = Path(self.map_path())
        names = {
            "confidence": (self.confidence_box, f"{map_path.stem}_confidence.tif"),
            "model": (self.model_box, f"{map_path.stem}_model.safetensors"),
            "report": (self.report_box, f"{map_path.stem}_report.html"),
        }
        return {key: str(map_path.with_name(name)) if box.isChecked() else None for key, (box, name) in names.items()}

    def set_method(self, key: str) -> None:
        """Choose the method; an unknown one is left alone."""
        index = self.method_combo.findData(key)
        if index >= 0:
            self.method_combo.setCurrentIndex(index)

    def _build(self) -> None:
        self.method_combo = _MethodCombo()
        self.method_combo.setToolTip(self.tr("How the model gets from the source to the target"))
        own = True
        for key, info in METHODS.items():
            if own and info.module.startswith("baselines."):
                self.method_combo.insertSeparator(self.method_combo.count())
                own = False
            title = self.tr("{title}, recommended") if key == "ghca" else "{title}"
            self.method_combo.addItem(title.format(title=info.title), key)
            self.method_combo.setItemData(self.method_combo.count() - 1, info.summary, Qt.ItemDataRole.ToolTipRole)
        self.method_combo.setMaxVisibleItems(self.method_combo.count())
        self.method_note = QLabel()
        self.method_note.setWordWrap(True)
        # Room for two lines, so that nothing moves when another method is chosen.
        self.method_note.setText("\n")
        self.method_note.setMinimumHeight(self.method_note.sizeHint().height())
        self.method_note.setAlignment(Qt.AlignmentFlag.AlignTop)
        method = QGroupBox(self.tr("Method"))
        column = QVBoxLayout(method)
        column.addWidget(self.method_combo)
        column.addWidget(self.method_note)

        self.map_file = QgsFileWidget()
        self.map_file.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.map_file.setFilter(self.tr("GeoTIFF (*.tif)"))
        self.map_file.setToolTip(self.tr("The classified map; its style and names are written beside it"))
        self.confidence_box = QCheckBox(self.tr("Confidence: how sure the model is of every pixel"))
        self.confidence_box.setChecked(True)
        self.model_box = QCheckBox(self.tr("Model: to map further rasters of the same target"))
        self.report_box = QCheckBox(self.tr("Report: a page with map, areas and how the model came about"))
        self.report_box.setChecked(True)
        self.replace_note = QLabel(self.tr("This file exists and will be replaced."))
        outputs = QGroupBox(self.tr("Outputs"))
        form = QFormLayout(outputs)
        form.addRow(self.tr("Crop map"), self.map_file)
        form.addRow("", self.replace_note)
        form.addRow(self.tr("Beside it"), self.confidence_box)
        form.addRow("", self.report_box)
        form.addRow("", self.model_box)

        self.seed_box = QSpinBox()
        self.seed_box.setRange(0, 2**31 - 1)
        self.seed_box.setToolTip(self.tr("Same seed, same map; other seeds show how much is chance"))
        self.seed_box.setMaximumWidth(12 * self.fontMetrics().horizontalAdvance("0"))
        self.advanced = QgsCollapsibleGroupBox(self.tr("Advanced"))
        form = QFormLayout(self.advanced)
        form.addRow(self.tr("Random seed"), self.seed_box)
        self.exact_box = QCheckBox(self.tr("Classify every pixel by the network itself"))
        self.exact_box.setToolTip(
            self.tr(
                "A large map is otherwise left to a fast network that learns from it, and is asked "
                "for what that one is unsure of: many times as fast, with the same class on about 98 of 100 pixels"
            )
        )
        form.addRow(self.tr("Large maps"), self.exact_box)
        self.memory_box = QSpinBox()
        self.memory_box.setRange(0, 10_000_000)
        self.memory_box.setSingleStep(512)
        self.memory_box.setSuffix(self.tr(" MB"))
        self.memory_box.setSpecialValueText(self.tr("a quarter of this machine's"))
        self.memory_box.setToolTip(self.tr("Memory that mapping may use, about, however large the raster is"))
        self.memory_box.setMaximumWidth(32 * self.fontMetrics().horizontalAdvance("0"))
        form.addRow(self.tr("Memory"), self.memory_box)
        self.advanced.setCollapsed(True)

        layout = QVBoxLayout(self)
        layout.addWidget(outputs)
        layout.addWidget(method)
        layout.addWidget(self.advanced)
        layout.addStretch()
        self.method_combo.currentIndexChanged.connect(self._method_changed)
        for box in (self.seed_box, self.memory_box):
            box.valueChanged.connect(lambda value: self.changed.emit())
        self.map_file.fileChanged.connect(self._map_changed)
        for box in (self.confidence_box, self.model_box, self.report_box, self.exact_box):
            box.toggled.connect(lambda on: self.changed.emit())

    def _map_changed(self, *_: object) -> None:
        path = self.map_path()
        self.replace_note.setVisible(bool(path) and Path(path).is_file())
        self.changed.emit()

    def _method_changed(self, *_: object) -> None:
        self.method_note.setText(METHODS[self.method()].summary)
        self.changed.emit()


def default_map_path() -> str:
    """A free name in the last folder, the project's, or the user's own."""
    remembered = str(settings.get("output_folder", ""))
    folder = Path(remembered or QgsProject.instance().absolutePath() or QDir.homePath())
    if not folder.is_dir():
        folder = Path(QDir.homePath())
    return free_name(str(folder / "crop_map.tif"))


def free_name(path: str) -> str:
    """The path, or the first of ``name_2``, ``name_3`` and so on beside it that no file has yet."""
    wanted = Path(path)
    stem = re.sub(r"_\d{1,3}$", "", wanted.stem)
    candidates = [wanted, *(wanted.with_name(f"{stem}_{number}{wanted.suffix}") for number in range(2, 1000))]
    return str(next((candidate for candidate in candidates if not candidate.exists()), wanted))
