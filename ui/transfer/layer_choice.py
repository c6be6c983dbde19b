"""One layer of the project, or a file that is added to it, in a form."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QToolButton, QWidget

from ..common.files import choose_files
from ..common.qt import make_row


class LayerChoice(QWidget):
    """A list of the project's layers with a button to add a file; choosing none is possible.

    Parameters
    ----------
    filters : kinds of layers to offer.
    title : title of the window that opens a file.
    none : text of the entry for no layer.
    tip, browse_tip : tool tips of the list and of the button.
    """

    changed = pyqtSignal()
    """Another layer is chosen."""

    def __init__(self, filters: QgsMapLayerProxyModel.Filter, title: str, none: str, tip: str, browse_tip: str) -> None:
        super().__init__()
        self._title = title
        self.combo = QgsMapLayerComboBox()
        self.combo.setFilters(filters)
        self.combo.setAllowEmptyLayer(True, none)
        self.combo.setCurrentIndex(0)
        self.combo.setToolTip(tip)
        browse = QToolButton(text="…", toolTip=browse_tip, clicked=self._browse)
        make_row((self.combo, 1), browse, owner=self)
        self.combo.layerChanged.connect(lambda layer: self.changed.emit())

    def layer(self) -> QgsMapLayer | None:
        """The layer chosen; None for none."""
        return self.combo.currentLayer()

    def set_path(self, path: str | None) -> None:
        """Add a file, a layer of it as ``path|layername=name``, to the project and choose it; None chooses none."""
        if not path:
            self.combo.setLayer(None)
            return
        name = Path(path.partition("|")[0]).stem
        layer: QgsMapLayer = QgsRasterLayer(path, name)
        if not layer.isValid():
            layer = QgsVectorLayer(path, name, "ogr")
        if layer.isValid():
            QgsProject.instance().addMapLayer(layer)
            self.combo.setLayer(layer)

    def _browse(self) -> None:
        for path in choose_files(self, self._title, several=False):
            self.set_path(path)
