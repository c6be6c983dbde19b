"""The labelled layer in a form: layer, crop field, and the crops found with their counts."""

from __future__ import annotations

import html
from collections import Counter
from pathlib import Path

from qgis.core import QgsMapLayerProxyModel, QgsProject, QgsVectorLayer, QgsWkbTypes
from qgis.gui import QgsFieldComboBox, QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QWidget,
)

from ..engine.series import MINIMUM_SAMPLES
from . import settings
from .background import Background
from .inputs import VectorInput

FILTER = "Vector files (*.gpkg *.shp *.geojson *.json *.fgb *.kml *.parquet);;All files (*)"
SHOWN = 12
"""Crops listed by name; more of them are counted only."""


class LabelsWidget(QWidget):
    """Chooses the labelled layer and its crop field."""

    changed = pyqtSignal()
    """Layer, field, selection or content is another one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counter = Background(self)
        self._counter.done.connect(self._show_classes)
        self._counter.failed.connect(lambda fault: self.classes_label.setText(str(fault)))
        self._watched: QgsVectorLayer | None = None
        self._revision = 0
        self._build()
        self._layer_changed()

    def layer(self) -> QgsVectorLayer | None:
        """The labelled layer."""
        layer = self.layer_combo.currentLayer()
        return layer if isinstance(layer, QgsVectorLayer) else None

    def field(self) -> str:
        """The crop field."""
        return self.field_combo.currentField()

    def vector_input(self) -> VectorInput | None:
        """The layer as it stands; None for none."""
        layer = self.layer()
        return VectorInput.of(layer, self.selected_box.isChecked()) if layer is not None else None

    def state(self) -> tuple:
        """What tells one state of the labels from another, for those who keep a copy."""
        layer = self.layer()
        return (layer.id() if layer else None, self.field(), self.selected_box.isChecked(), self._revision)

    def set_field(self, name: str) -> None:
        """Choose the crop field."""
        self.field_combo.setField(name)

    def shut_down(self) -> None:
        """End the counting thread."""
        self._counter.stop()

    def _build(self) -> None:
        self.layer_combo = QgsMapLayerComboBox()
        self.layer_combo.setFilters(QgsMapLayerProxyModel.Filter.PointLayer | QgsMapLayerProxyModel.Filter.PolygonLayer)
        self.layer_combo.setAllowEmptyLayer(True, self.tr("Choose a point or polygon layer"))
        self.layer_combo.setCurrentIndex(0)
        self.layer_combo.setToolTip(
            self.tr("Points or polygons with the crop that grew there, within the source stack")
        )
        self.browse_button = QToolButton()
        self.browse_button.setText("…")
        self.browse_button.setToolTip(self.tr("Add a vector file to the project and choose it"))
        self.browse_button.clicked.connect(self._browse)
        self.selected_box = QCheckBox(self.tr("Selected features only"))
        self.selected_box.setToolTip(self.tr("Learn from the features that are selected in the layer, and no others"))
        self.field_combo = QgsFieldComboBox()
        self.field_combo.setAllowEmptyFieldName(True)
        self.field_combo.setToolTip(self.tr("Field that holds the crop, as text or as a whole number"))
        self.classes_label = QLabel()
        self.classes_label.setWordWrap(True)
        self.classes_label.setToolTip(self.tr("Crops with the number of features; too few for a class are red"))
        row = QHBoxLayout()
        row.addWidget(self.layer_combo, 1)
        row.addWidget(self.browse_button)
        row.addWidget(self.selected_box)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Labelled layer"), row)
        form.addRow(self.tr("Crop field"), self.field_combo)
        form.addRow(self.tr("Crops found"), self.classes_label)
        self.layer_combo.layerChanged.connect(self._layer_changed)
        self.field_combo.fieldChanged.connect(self._changed)
        self.selected_box.toggled.connect(self._changed)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Labelled points or polygons"), str(settings.get("folder", "")), FILTER
        )
        if not path:
            return
        settings.put("folder", str(Path(path).parent))
        layer = QgsVectorLayer(path, Path(path).stem, "ogr")
        if not layer.isValid():
            self.classes_label.setText(self.tr("{path} cannot be read as a vector layer.").format(path=path))
            return
        QgsProject.instance().addMapLayer(layer)
        self.layer_combo.setLayer(layer)

    def _layer_changed(self, *_: object) -> None:
        layer = self.layer()
        self._watch(layer)
        self.field_combo.setLayer(layer)
        if layer is not None and not self.field_combo.currentField():
            self.field_combo.setField(_likely_field(layer))
        self._selection_changed()
        self._changed()

    def _watch(self, layer: QgsVectorLayer | None) -> None:
        if self._watched is not None and self._watched is not layer:
            self._watched.selectionChanged.disconnect(self._selection_changed)
            self._watched.layerModified.disconnect(self._edited)
            self._watched.subsetStringChanged.disconnect(self._edited)
            self._watched.willBeDeleted.disconnect(self._forget)
            self._watched = None
        if layer is not None and self._watched is None:
            layer.selectionChanged.connect(self._selection_changed)
            layer.layerModified.connect(self._edited)
            layer.subsetStringChanged.connect(self._edited)
            layer.willBeDeleted.connect(self._forget)
            self._watched = layer

    def _forget(self) -> None:
        self._watched = None

    def _edited(self) -> None:
        self._revision += 1
        self._changed()

    def _selection_changed(self, *_: object) -> None:
        layer = self.layer()
        count = layer.selectedFeatureCount() if layer is not None else 0
        self.selected_box.setEnabled(count > 0)
        if self.selected_box.isChecked():
            if not count:
                self.selected_box.setChecked(False)
            self._edited()

    def _changed(self, *_: object) -> None:
        labels, field = self.vector_input(), self.field()
        if labels is None or not field:
            self.classes_label.setText("–")
        else:
            self.classes_label.setText(self.tr("counting…"))
            self._counter.submit(lambda: labels.count_classes(field))
        self.changed.emit()

    def _show_classes(self, counts: Counter[str]) -> None:
        if self.layer() is None or not self.field():
            return
        # A polygon holds many samples, a point one: only points can be counted as samples.
        points = self.layer().geometryType() == QgsWkbTypes.GeometryType.PointGeometry
        fewest = MINIMUM_SAMPLES if points else 1
        shown = [f"{html.escape(name)} ({_marked(count, fewest)})" for name, count in counts.most_common(SHOWN)]
        more = len(counts) - SHOWN
        if more > 0:
            shown.append(self.tr("and {count} more").format(count=more))
        self.classes_label.setText(", ".join(shown) or self.tr("none: the field is empty"))


def _marked(count: int, fewest: int) -> str:
    return str(count) if count >= fewest else f'<span style="color:#c0392b">{count}</span>'


def _likely_field(layer: QgsVectorLayer) -> str:
    """A field whose name says that it holds crops; empty when none does."""
    names = {field.name().lower(): field.name() for field in layer.fields()}
    for word in ("crop", "label", "class", "culture", "kultur", "lc", "type"):
        for lower, name in names.items():
            if word in lower:
                return name
    return ""
