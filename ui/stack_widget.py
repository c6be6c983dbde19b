"""A raster stack in a form: its layers and files, and the table of their dates and bands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QSignalBlocker, Qt, pyqtSignal
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent, QPainter, QPaintEvent, QPalette
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ..engine import imagery
from ..engine.errors import InputError
from ..engine.imagery.stack import StackBand
from . import settings
from .background import Background
from .band_table import BAND, DATE, FILE, NUMBER, BandTableModel, summary
from .inputs import raster_path
from .search_dialog import FindImageryButton

RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".img", ".jp2")
"""What counts as a raster in a dropped folder."""
FILTER = "Rasters (*.tif *.tiff *.vrt *.img *.jp2 *.nc *.hdf *.h5 *.zarr);;All files (*)"


class _Table(QTableView):
    """A table that says what to do while it is empty."""

    def __init__(self, empty_text: str) -> None:
        super().__init__()
        self._empty_text = empty_text

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, or the text where there are none."""
        super().paintEvent(event)
        if self.model() is not None and not self.model().rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self._empty_text)
            painter.end()


class StackWidget(QWidget):
    """Chooses the rasters of one stack; dates and bands are read on a thread and can be corrected."""

    changed = pyqtSignal()
    """The stack is another one, or its table was corrected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paths: list[str] = []
        self._fault = ""
        self._reader = Background(self)
        self._reader.done.connect(self._show)
        self._reader.failed.connect(self._show_fault)
        self.setAcceptDrops(True)
        self._build()
        self._refresh()

    # --- what others ask

    def bands(self) -> tuple[StackBand, ...]:
        """The stack, band by band."""
        return self.model.bands()

    def paths(self) -> list[str]:
        """The rasters of the stack."""
        return list(self._paths)

    def is_reading(self) -> bool:
        """Whether dates and bands are still being recognised."""
        return self._reader.busy

    def fault(self) -> str:
        """Why the rasters could not be read; empty when they could."""
        return self._fault

    def add_paths(self, paths: Iterable[str]) -> None:
        """Add rasters, by path; known ones are left as they are."""
        new = [path for path in dict.fromkeys(paths) if path not in self._paths]
        if new:
            self._paths += new
            self._read()

    def set_paths(self, paths: Iterable[str]) -> None:
        """Replace the stack."""
        self._paths = list(dict.fromkeys(paths))
        self._read()

    def add_layer(self, layer: QgsRasterLayer) -> None:
        """Add a raster layer of the project."""
        try:
            self.add_paths([raster_path(layer)])
        except InputError as problem:
            self._fault = str(problem)
            self._refresh()

    def shut_down(self) -> None:
        """End the reading thread."""
        self._reader.stop()
        self.find_button.shut_down()

    # --- the form

    def _build(self) -> None:
        self.layers_button = QPushButton(self.tr("Add layers"))
        self.layers_button.setToolTip(self.tr("Add raster layers of the project"))
        self._layers_menu = QMenu(self)
        self._layers_menu.setToolTipsVisible(True)
        self._layers_menu.aboutToShow.connect(self._fill_layers_menu)
        self.layers_button.setMenu(self._layers_menu)
        self.files_button = QPushButton(self.tr("Add files…"))
        self.files_button.setToolTip(self.tr("Add raster files; they can also be dropped here"))
        self.files_button.clicked.connect(self._choose_files)
        self.find_button = FindImageryButton(self.add_paths)
        self.remove_button = QPushButton(self.tr("Remove"))
        self.remove_button.setToolTip(self.tr("Remove the files of the selected rows"))
        self.remove_button.clicked.connect(self._remove_selected)
        self.clear_button = QPushButton(self.tr("Clear"))
        self.clear_button.setToolTip(self.tr("Remove all files of this stack"))
        self.clear_button.clicked.connect(lambda: self.set_paths([]))

        self.model = BandTableModel(self)
        self.model.dataChanged.connect(self._corrected)
        self.table = _Table(self.tr("Add raster layers or files, or drop files here."))
        self.table.setModel(self.model)
        self.table.setAlternatingRowColors(True)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        # Otherwise the Tab key goes from cell to cell and never out of the table.
        self.table.setTabKeyNavigation(False)
        self.table.setToolTip(
            self.tr("Double-click a date or band to correct it; with several rows selected, all of them get it.")
        )
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(FILE, QHeaderView.ResizeMode.Stretch)
        width = self.fontMetrics().horizontalAdvance("0")
        for column, characters in ((NUMBER, 8), (DATE, 16), (BAND, 18)):
            header.resizeSection(column, characters * width)
        self.table.setMinimumHeight(7 * self.table.verticalHeader().defaultSectionSize())
        self.table.selectionModel().selectionChanged.connect(self._refresh)

        self.summary_label = QLabel()
        self.summary_label.setWordWrap(True)
        self.summary_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

        buttons = QHBoxLayout()
        for button in (self.layers_button, self.files_button, self.find_button, self.remove_button, self.clear_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.summary_label)

    def _fill_layers_menu(self) -> None:
        self._layers_menu.clear()
        layers = [n.layer() for n in QgsProject.instance().layerTreeRoot().findLayers()]
        rasters = [layer for layer in layers if isinstance(layer, QgsRasterLayer) and layer.providerType() == "gdal"]
        for layer in rasters:
            action = self._layers_menu.addAction(layer.name())
            action.setToolTip(layer.source())
            action.setEnabled(layer.source() not in self._paths)
            action.triggered.connect(lambda checked=False, chosen=layer: self.add_layer(chosen))
        if len(rasters) > 1:
            self._layers_menu.addSeparator()
            every = self._layers_menu.addAction(self.tr("All of them"))
            every.triggered.connect(lambda: self.add_paths(layer.source() for layer in rasters))
        if not rasters:
            self._layers_menu.addAction(self.tr("The project has no raster layer")).setEnabled(False)

    def _choose_files(self) -> None:
        folder = str(settings.get("folder", ""))
        paths, _ = QFileDialog.getOpenFileNames(self, self.tr("Rasters of the stack"), folder, FILTER)
        if paths:
            settings.put("folder", str(Path(paths[0]).parent))
            self.add_paths(paths)

    def _remove_selected(self) -> None:
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        gone = {self.model.bands()[row].path for row in rows}
        kept = [band for band in self.model.bands() if band.path not in gone]
        self._paths = [path for path in self._paths if path not in gone]
        self.model.set_bands(kept)
        if not kept:
            self._fault = ""
        self._refresh()
        self.changed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add dropped files, and the rasters of dropped folders."""
        paths: list[str] = []
        for url in event.mimeData().urls():
            path = Path(url.toLocalFile())
            inside = sorted(path.iterdir()) if path.is_dir() else []
            rasters = [p for p in inside if p.suffix.lower() in RASTER_SUFFIXES]
            paths += [str(p) for p in rasters or [path]]
        event.acceptProposedAction()
        self.add_paths(paths)

    # --- reading

    def _read(self) -> None:
        """Recognise dates and bands; what was corrected in files that stay is kept."""
        known = {(band.path, band.index): band for band in self.model.bands()}
        paths = list(self._paths)
        kept = {band.path for band in known.values()} & set(paths)

        def describe() -> tuple[StackBand, ...]:
            fresh = [path for path in paths if path not in kept]
            found = imagery.describe(fresh) if fresh else ()
            by_path: dict[str, list[StackBand]] = {}
            for band in [*known.values(), *found]:
                by_path.setdefault(band.path, []).append(band)
            return tuple(band for path in paths for band in by_path.get(path, ()))

        self._fault = ""
        self._reader.submit(describe)
        self._refresh()
        self.changed.emit()

    def _show(self, bands: tuple[StackBand, ...]) -> None:
        self.model.set_bands(bands)
        self._refresh()
        self.changed.emit()

    def _show_fault(self, fault: Exception) -> None:
        self._fault = str(fault)
        known = {band.path for band in self.model.bands()}
        self._paths = [path for path in self._paths if path in known]
        self._refresh()
        self.changed.emit()

    def _corrected(self, first, last) -> None:
        """Give a corrected date or band to all selected rows, too."""
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        if first.row() in rows and len(rows) > 1:
            text = self.model.data(first)
            with QSignalBlocker(self.model):
                for row in rows - {first.row()}:
                    self.model.setData(self.model.index(row, first.column()), text)
            self.table.viewport().update()
        self._refresh()
        self.changed.emit()

    def _refresh(self) -> None:
        selected = self.table.selectionModel().hasSelection()
        self.remove_button.setEnabled(selected)
        self.clear_button.setEnabled(bool(self._paths))
        if self._reader.busy:
            self.summary_label.setText(self.tr("Reading dates and bands…"))
        else:
            self.summary_label.setText(self._fault or summary(self.model.bands()))
