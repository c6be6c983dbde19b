"""The labels in a form: a layer or raster, its crop field, and the crops found with their counts."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsProject, QgsRasterLayer, QgsVectorLayer, QgsWkbTypes
from qgis.gui import QgsCollapsibleGroupBox, QgsFieldComboBox, QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QToolButton,
    QWidget,
)

from ...engine.errors import InputError
from ...engine.imagery.geo.layer_source import split_layer
from ...engine.imagery.geo.types import StackBand
from ...engine.imagery.labels.table import is_table
from ...engine.series import MINIMUM_SAMPLES
from ...engine.tasks import LabelLayer
from ..common.background import Background
from ..common.files import choose_files
from ..common.inputs import VectorInput, raster_path
from ..common.qt import make_column, make_row, wrapped_label
from .class_table import ClassTable
from .found_crops import SHOWN, CropCounts, count_raster_classes, format_crops, likely_field, warning
from .table_layer import table_layer

FILTER = (
    "Labels (*.gpkg *.shp *.geojson *.json *.fgb *.kml *.parquet *.csv *.tsv *.txt *.xlsx *.ods *.tif *.tiff *.img "
    "*.vrt);;"
    "All files (*)"
)
MAX_BUFFER = 1000.0
"""Largest inner buffer in metres."""


class LabelsWidget(QWidget):
    """Chooses the labels, their crop field, and the names of their crops."""

    changed = pyqtSignal()
    """Layer, field, selection, content or a setting changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counter = Background(self)
        self._counter.done.connect(self._show_classes)
        self._counter.failed.connect(self._show_fault)
        self._loader = Background(self)
        self._loader.done.connect(self._add_table)
        self._loader.failed.connect(self._show_fault)
        self._watched: QgsVectorLayer | None = None
        self._revision = 0
        self._pending: LabelLayer | None = None
        """Labels of an opened job, until their crops are counted."""
        self._counted: tuple = ()
        self._stack: tuple[StackBand, ...] = ()
        self._notes: dict[str, list[str]] = {}
        """Notes about tables that became layers, by the layer's id."""
        self.setAcceptDrops(True)
        self._build()
        self._layer_changed()

    # --- public state

    def layer(self) -> QgsVectorLayer | QgsRasterLayer | None:
        """The labelled layer or raster."""
        layer = self.layer_combo.currentLayer()
        return layer if isinstance(layer, (QgsVectorLayer, QgsRasterLayer)) else None

    def is_raster(self) -> bool:
        """Whether the labels are a raster."""
        return isinstance(self.layer(), QgsRasterLayer)

    def field(self) -> str:
        """The crop field; for a raster, the column with the names, empty to find it automatically."""
        return str(self.column_combo.currentData() or "") if self.is_raster() else self.field_combo.currentField()

    def labels_input(self) -> VectorInput | LabelLayer | None:
        """The layer with unsaved edits, or the label raster; None for none. Raises InputError (``raster-layer``)."""
        layer = self.layer()
        if isinstance(layer, QgsRasterLayer):
            return LabelLayer(raster_path(layer), "", self.field())
        return VectorInput.of(layer, self.selected_box.isChecked()) if layer is not None else None

    def with_settings(self) -> Callable[[LabelLayer], LabelLayer]:
        """A function that gives a label layer the current settings of the form."""
        values: dict[str, Any] = {
            "inner_buffer": self.buffer_box.value() if self.buffer_box.isEnabled() else 0.0,
            "per_polygon": self.cap_box.value() if self.cap_box.isEnabled() else 0,
            "classes": self.classes.model.classes(),
            # The table lists what becomes one class.
            "keep_spellings": True,
        }
        return lambda labels: replace(labels, **values)

    def show_labels(self, labels: LabelLayer) -> None:
        """Show the layer, field and settings of a job."""
        self.buffer_box.setValue(labels.inner_buffer)
        self.cap_box.setValue(labels.per_polygon)
        self._pending = labels
        name = f"{labels.path}|layername={labels.layer}" if labels.layer else labels.path
        self.add_file(name, labels.where)
        if not is_table(labels.path):
            self._show_field()

    def _show_field(self) -> None:
        """Choose the field of an opened job, once its layer is loaded."""
        if self._pending is not None:
            self.set_field(self._pending.field)
            self._fill_columns([self._pending.field] if self._pending.field else [])
            self.column_combo.setCurrentIndex(max(0, self.column_combo.findData(self._pending.field)))
            self._changed()

    def state(self) -> tuple:
        """A value that changes with the labels, to know whether a copy of them is up to date."""
        layer = self.layer()
        return (layer.id() if layer else None, self.field(), self.selected_box.isChecked(), self._revision)

    def set_field(self, name: str) -> None:
        """Choose the crop field."""
        self.field_combo.setField(name)

    def set_stack(self, bands: Sequence[StackBand]) -> None:
        """Set the source stack, within which the classes of a raster are counted."""
        if tuple(bands) != self._stack:
            self._stack = tuple(bands)
            if self.is_raster():
                self._count()

    def add_file(self, path: str, where: str = "") -> None:
        """Add a vector file (filtered by ``where``), a table with coordinates or a raster, and choose it."""
        file, part = split_layer(path)
        if is_table(file):
            self.classes_label.setText(self.tr("Reading {name}…").format(name=Path(file).name))
            thread = self.thread()
            self._loader.submit(lambda: table_layer(file, part, thread))
            return
        name = Path(path.partition("|")[0]).stem
        layer: QgsMapLayer = QgsVectorLayer(path, name, "ogr")
        if layer.isValid():
            layer.setSubsetString(where)
        else:
            layer = QgsRasterLayer(path, name)
        if layer.isValid():
            self._add(layer)
        else:
            self._show_fault(self.tr("{path} is not a readable vector layer or raster.").format(path=path))

    def shut_down(self) -> None:
        """End the threads."""
        self._counter.stop()
        self._loader.stop()

    # --- the form

    def _build(self) -> None:
        self._build_layer()
        self._build_more()
        self.classes_label = wrapped_label()
        self.classes_label.setToolTip(self.tr("Crops with the number of features; crops with too few are red"))
        fields = make_row(self.field_combo, self.column_combo)
        fields.setSpacing(0)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Labels"), make_row((self.layer_combo, 1), self.browse_button, self.selected_box))
        form.addRow(self.tr("Crop field"), fields)
        form.addRow(self.tr("Crops found"), self.classes_label)
        make_column(form, self.more_box, owner=self, frame=False)
        self.layer_combo.layerChanged.connect(self._layer_changed)
        self.field_combo.fieldChanged.connect(self._changed)
        self.column_combo.activated.connect(self._changed)
        self.selected_box.toggled.connect(self._changed)
        for box in (self.buffer_box, self.cap_box):
            box.valueChanged.connect(lambda value: self.changed.emit())

    def _build_layer(self) -> None:
        self.layer_combo = QgsMapLayerComboBox()
        kinds = QgsMapLayerProxyModel.Filter
        self.layer_combo.setFilters(kinds.PointLayer | kinds.PolygonLayer | kinds.RasterLayer)
        self.layer_combo.setAllowEmptyLayer(True, self.tr("Choose points, polygons or a raster of crops"))
        self.layer_combo.setCurrentIndex(0)
        self.layer_combo.setToolTip(
            self.tr("Points, polygons or a raster with the crop that grew there, within the source stack")
        )
        browse_tip = self.tr(
            "Add a vector file, a table with coordinates (CSV) or a raster to the project and choose it"
        )
        self.browse_button = QToolButton(text="…", toolTip=browse_tip, clicked=self._browse)
        selected_tip = self.tr("Learn only from the selected features of the layer")
        self.selected_box = QCheckBox(self.tr("Selected features only"), toolTip=selected_tip)
        self.field_combo = QgsFieldComboBox()
        self.field_combo.setAllowEmptyFieldName(True)
        self.field_combo.setToolTip(self.tr("Field that holds the crop, as text or as a whole number"))
        self.column_combo = QComboBox(toolTip=self.tr("Column of the raster's attribute table that names the crops"))

    def _build_more(self) -> None:
        self.classes = ClassTable()
        self.classes.changed.connect(self._classes_changed)
        buffer_tip = self.tr("Leave out pixels this close to the border of a field: they mix two crops or show a track")
        self.buffer_box = QDoubleSpinBox(maximum=MAX_BUFFER, decimals=0, suffix=self.tr(" m"), toolTip=buffer_tip)
        self.buffer_box.setSpecialValueText(self.tr("none"))
        cap_tip = self.tr("Keeps a few large fields from outweighing many small ones")
        self.cap_box = QSpinBox(maximum=1_000_000, specialValueText=self.tr("all"), toolTip=cap_tip)
        self.more_box = QgsCollapsibleGroupBox(self.tr("Rename, merge or leave out crops; borders and size of fields"))
        most = QLabel(self.tr("Maximum pixels per polygon"))
        row = make_row(QLabel(self.tr("Inner buffer")), self.buffer_box, 20, most, self.cap_box, None)
        make_column(self.classes, row, owner=self.more_box)
        self.more_box.setCollapsed(True)

    def _browse(self) -> None:
        for path in choose_files(self, self.tr("Labelled points, polygons or raster"), FILTER, several=False):
            self.add_file(path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept a file."""
        if len(event.mimeData().urls()) == 1:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Choose the dropped file."""
        event.acceptProposedAction()
        self.add_file(event.mimeData().urls()[0].toLocalFile())

    def _add_table(self, found: tuple[QgsVectorLayer, list[str]]) -> None:
        layer, notes = found
        self._notes[layer.id()] = notes
        self._add(layer)
        self._show_field()

    def _add(self, layer: QgsMapLayer) -> None:
        QgsProject.instance().addMapLayer(layer)
        self.layer_combo.setLayer(layer)

    # --- content

    def _layer_changed(self, *_: object) -> None:
        layer = self.layer()
        vector = layer if isinstance(layer, QgsVectorLayer) else None
        self._watch(vector)
        self.field_combo.setLayer(vector)
        self.field_combo.setVisible(not self.is_raster())
        self.column_combo.setVisible(self.is_raster())
        self.selected_box.setVisible(not self.is_raster())
        self._fill_columns(())
        if vector is not None and not self.field_combo.currentField():
            self.field_combo.setField(likely_field(vector))
        polygons = vector is not None and vector.geometryType() == QgsWkbTypes.GeometryType.PolygonGeometry
        self.buffer_box.setEnabled(polygons or self.is_raster())
        self.cap_box.setEnabled(polygons)
        self._selection_changed()
        self._changed()

    def _fill_columns(self, columns: Sequence[str]) -> None:
        """Offer the columns of a raster's attribute table."""
        chosen = self.column_combo.currentData()
        self.column_combo.clear()
        first = self.tr("Column found automatically") if columns else self.tr("Names of the raster's classes")
        self.column_combo.addItem(first, "")
        for name in columns:
            self.column_combo.addItem(name, name)
        self.column_combo.setCurrentIndex(max(0, self.column_combo.findData(chosen)))
        self.column_combo.setEnabled(len(columns) > 1)

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
        count = layer.selectedFeatureCount() if isinstance(layer, QgsVectorLayer) else 0
        self.selected_box.setEnabled(count > 0)
        if self.selected_box.isChecked():
            if not count:
                self.selected_box.setChecked(False)
            self._edited()

    def _changed(self, *_: object) -> None:
        self._count()
        self.changed.emit()

    def _count(self) -> None:
        """Count the crops, on a thread."""
        try:
            labels, field, stack = self.labels_input(), self.field(), self._stack
        except InputError as problem:
            self._show_fault(problem)
            return
        if isinstance(labels, LabelLayer):
            self.classes_label.setText(self.tr("Counting…"))
            self._counter.submit(lambda: count_raster_classes(labels, stack))
        elif labels is None or not field:
            self._counter.forget()
            self.classes.model.set_counts(Counter(), keep=False)
            self.classes_label.setText("–")
        else:
            self.classes_label.setText(self.tr("Counting…"))
            self._counter.submit(lambda: CropCounts(labels.count_classes(field)))

    def _show_classes(self, found: CropCounts) -> None:
        if self.layer() is None:
            return
        if self.is_raster():
            self._fill_columns(found.columns)
        counted = self.state()[:2]
        before = self.classes.model.classes()
        self.classes.model.unit = found.unit
        self.classes.model.set_counts(found.counts, keep=counted == self._counted)
        self._counted = counted
        if self._pending is not None and self._pending.field == self.field():
            self.classes.model.set_classes(self._pending.classes, self._pending.keep_spellings)
            self._pending = None
        self._update_summary()
        if self.classes.model.classes() != before:
            self.changed.emit()

    def _classes_changed(self) -> None:
        self._update_summary()
        self.changed.emit()

    def _show_fault(self, fault: object) -> None:
        self.classes.model.set_counts(Counter(), keep=False)
        self.classes_label.setText(warning(str(fault)))

    def _update_summary(self) -> None:
        """Show the crops to learn, with their counts."""
        layer, model = self.layer(), self.classes.model
        # A polygon holds many samples, a point one: only the count of points shows too few samples.
        kind = layer.geometryType() if isinstance(layer, QgsVectorLayer) else None
        minimum = MINIMUM_SAMPLES if kind == QgsWkbTypes.GeometryType.PointGeometry else 1
        lines = [format_crops(model.result(), model.unit, minimum)]
        left_out = sum(1 for wanted in model.classes().values() if not wanted)
        if left_out:
            lines[0] += self.tr("; {count} left out").format(count=left_out)
        if spellings := model.spellings():
            text = self.tr("Spellings of one class: {names}").format(names=", ".join(spellings[:SHOWN]))
            lines.append(html.escape(text, quote=False))
        lines += [warning(text) for text in (self.classes.fault,) if text]
        lines += [html.escape(note, quote=False) for note in self._notes.get(layer.id() if layer else "", ())]
        self.classes_label.setText("<br>".join(lines))
