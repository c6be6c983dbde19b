"""The target in a form: its stack, the mask, and the parcels."""

from __future__ import annotations

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QFormLayout, QGroupBox, QLabel, QWidget

from ...engine.imagery.parcels.layer import MEDIAN, SET
from ...engine.tasks import Job
from ..common.inputs import VectorInput, raster_path
from ..common.qt import make_column
from ..stack.stack_widget import StackWidget
from .layer_choice import LayerChoice


class TargetWidget(QWidget):
    """Chooses the area to map."""

    changed = pyqtSignal()
    """Stack, mask or parcels changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stack = StackWidget()
        self._mask = LayerChoice(
            QgsMapLayerProxyModel.Filter.RasterLayer | QgsMapLayerProxyModel.Filter.PolygonLayer,
            self.tr("Mask"),
            self.tr("Map everything"),
            self.tr("Map only pixels of a raster that are not 0, or the inside of polygons"),
            self.tr("Add a raster or polygon file to the project and choose it"),
        )
        self.mask_combo = self._mask.combo
        self._parcels = LayerChoice(
            QgsMapLayerProxyModel.Filter.PolygonLayer,
            self.tr("Parcels"),
            self.tr("No parcels: map every pixel"),
            self.tr("Polygons of fields, each classified once; nothing is mapped outside them"),
            self.tr("Add a polygon file to the project and choose it"),
        )
        self.parcel_combo = self._parcels.combo
        self.reading_combo = QComboBox()
        self.reading_combo.addItem(self.tr("Median of its pixels"), MEDIAN)
        self.reading_combo.addItem(self.tr("Mean probabilities of its pixels"), SET)
        self.reading_combo.setToolTip(
            self.tr(
                "Median: the median by date and band is classified once, which hides undetected clouds. Mean: some "
                "pixels are classified and their probabilities averaged"
            )
        )
        self.parcel_note = QLabel(self.tr("A layer of the parcels with their crops is written beside the map."))

        rasters = QGroupBox(self.tr("Target stack: rasters of the region or year to map, over one season"))
        make_column(self.stack, owner=rasters)
        self._form = QFormLayout()
        self._form.addRow(self.tr("Map only inside"), self._mask)
        self._form.addRow(self.tr("One crop per parcel"), self._parcels)
        self._form.addRow(self.tr("Classify a parcel by"), self.reading_combo)
        self._form.addRow("", self.parcel_note)
        make_column((rasters, 1), self._form, owner=self)
        self.stack.changed.connect(self.changed)
        self._mask.changed.connect(self.changed)
        self._parcels.changed.connect(self._parcels_changed)
        self.reading_combo.currentIndexChanged.connect(lambda index: self.changed.emit())
        self._parcels_changed()

    def mask_input(self) -> VectorInput | str | None:
        """Polygons, or the path of a raster, to map inside; None maps everything."""
        layer = self._mask.layer()
        if isinstance(layer, QgsVectorLayer):
            return VectorInput.of(layer)
        return raster_path(layer) if isinstance(layer, QgsRasterLayer) else None

    def set_mask(self, path: str | None) -> None:
        """Add a raster or polygon file to the project and choose it; None maps everything."""
        self._mask.set_path(path)

    def parcels(self) -> QgsMapLayer | None:
        """The parcel layer; None maps pixel by pixel."""
        return self._parcels.layer()

    def parcel_reading(self) -> str:
        """How parcels are classified: one of ``engine.imagery.parcels.layer.PARCEL_METHODS``."""
        return self.reading_combo.currentData()

    def show_job(self, job: Job) -> None:
        """Show the target of a job; its mask and parcels become layers of the project."""
        self.stack.set_bands(job.target)
        self.stack.encoding_row.set_encoding(job.target_encoding)
        self.set_mask(job.mask)
        self._parcels.set_path(job.parcels)
        self.reading_combo.setCurrentIndex(self.reading_combo.findData(job.parcel_reading))

    def shut_down(self) -> None:
        """End the thread."""
        self.stack.shut_down()

    def _parcels_changed(self) -> None:
        for part in (self.reading_combo, self._form.labelForField(self.reading_combo), self.parcel_note):
            part.setVisible(self.parcels() is not None)
        self.changed.emit()
