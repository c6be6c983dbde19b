"""The target in a form: its stack, and the mask."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QFileDialog, QFormLayout, QGroupBox, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from . import settings
from .stack_widget import StackWidget


class TargetWidget(QWidget):
    """Chooses what is mapped."""

    changed = pyqtSignal()
    """Stack or mask is another one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stack = StackWidget()
        self.mask_combo = QgsMapLayerComboBox()
        self.mask_combo.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer | QgsMapLayerProxyModel.Filter.PolygonLayer)
        self.mask_combo.setAllowEmptyLayer(True, self.tr("Map everything"))
        self.mask_combo.setCurrentIndex(0)
        self.mask_combo.setToolTip(
            self.tr("Only this part is mapped: pixels of a raster that are not 0, or the inside of polygons")
        )
        browse = QToolButton()
        browse.setText("…")
        browse.setToolTip(self.tr("Add a raster or polygon file to the project and choose it"))
        browse.clicked.connect(self._browse)

        rasters = QGroupBox(self.tr("Target stack: rasters of the region or year to be mapped, over one season"))
        QVBoxLayout(rasters).addWidget(self.stack)
        row = QHBoxLayout()
        row.addWidget(self.mask_combo, 1)
        row.addWidget(browse)
        form = QFormLayout()
        form.addRow(self.tr("Map only inside"), row)
        layout = QVBoxLayout(self)
        layout.addWidget(rasters, 1)
        layout.addLayout(form)
        self.stack.changed.connect(self.changed)
        self.mask_combo.layerChanged.connect(lambda layer: self.changed.emit())

    def mask(self) -> QgsMapLayer | None:
        """The mask layer; None maps everything."""
        return self.mask_combo.currentLayer()

    def set_mask(self, path: str | None) -> None:
        """Add a raster or polygon file to the project and choose it; None maps everything."""
        if not path:
            self.mask_combo.setLayer(None)
            return
        name = Path(path.partition("|")[0]).stem
        layer: QgsMapLayer = QgsRasterLayer(path, name)
        if not layer.isValid():
            layer = QgsVectorLayer(path, name, "ogr")
        if layer.isValid():
            QgsProject.instance().addMapLayer(layer)
            self.mask_combo.setLayer(layer)

    def shut_down(self) -> None:
        """End the thread."""
        self.stack.shut_down()

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self.tr("Mask"), str(settings.get("folder", "")))
        if path:
            settings.put("folder", str(Path(path).parent))
            self.set_mask(path)
