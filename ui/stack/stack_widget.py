"""A raster stack in a form: its layers and files, and the table of their dates and bands."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QModelIndex, QSignalBlocker, Qt, pyqtSignal
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent
from qgis.PyQt.QtWidgets import QAbstractItemView, QFileDialog, QHeaderView, QMenu, QPushButton, QWidget

from ...engine.errors import InputError
from ...engine.imagery.discovery.mixed_sensors import harmonize_names
from ...engine.imagery.geo.gdal_io import file_name
from ...engine.imagery.geo.types import StackBand
from ..common import settings
from ..common.background import Background
from ..common.files import choose_files
from ..common.inputs import raster_path
from ..common.qt import RED, make_button, make_column, make_row, set_up_table, wrapped_label
from ..search.dialog import FindImageryButton
from .band_table import BAND, DATE, FILE, NUMBER, BandTable, BandTableModel
from .encoding_row import EncodingRow
from .stack_inputs import ORDERS, InputRead, Key, date_of_layer, dropped, read_inputs
from .summary import summary
from .table_buttons import TableButtons

FILTER = (
    "Rasters, cubes and scenes (*.tif *.tiff *.vrt *.img *.jp2 *.nc *.nc4 *.hdf *.h5 *.zip *.tar *.tgz *.tar.gz "
    "MTD_MSIL*.xml *_MTL.txt);;All files (*)"
)
NOTES_SHOWN = 3
"""Notes shown at first; a click shows the others."""


class StackWidget(QWidget):
    """Chooses the rasters of one stack; reads dates and bands on a thread, and lets people correct them."""

    changed = pyqtSignal()
    """The stack or its table changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paths: list[str] = []
        self._origin: dict[Key, str] = {}
        """The path with which a band came: a folder or a scene holds many files."""
        self._notes: dict[str, tuple[str, ...]] = {}
        """Notes about every path that was read."""
        self._faults: dict[str, str] = {}
        """Why a path was not added."""
        self._layer_dates: dict[str, str] = {}
        self._choices: dict[Key, dict[str, str]] = {}
        self._all_notes = False
        self._reader = Background(self)
        self._reader.done.connect(self._show)
        self._reader.failed.connect(self._show_fault)
        self.setAcceptDrops(True)
        self._build()
        self._refresh()

    # --- public state

    def bands(self) -> tuple[StackBand, ...]:
        """The stack, band by band."""
        return self.model.bands()

    def paths(self) -> list[str]:
        """The added files, folders and scenes."""
        return list(self._paths)

    def is_reading(self) -> bool:
        """Whether dates and bands are still being read."""
        return self._reader.busy

    def fault(self) -> str:
        """Why nothing could be read; empty if there are bands."""
        return "" if self.model.bands() else " ".join(self._faults.values())

    def notes(self) -> list[str]:
        """Sentences about faults, files left out, and ambiguous dates."""
        return list(dict.fromkeys([*self._faults.values(), *(note for own in self._notes.values() for note in own)]))

    def add_paths(self, paths: Iterable[str]) -> None:
        """Add files, folders and scenes, by path; known ones are kept as they are."""
        new = [path for path in dict.fromkeys(map(str, paths)) if path not in self._paths]
        self._faults = {}
        if new:
            self._paths += new
            self._read()

    def set_paths(self, paths: Iterable[str]) -> None:
        """Replace the stack; corrections of files that stay are kept."""
        self._paths = list(dict.fromkeys(map(str, paths)))
        self._faults = {}
        self._arrange(self.model.bands())
        self._read()

    def set_bands(self, bands: Iterable[StackBand]) -> None:
        """Show a stack that was read and corrected before."""
        self.set_paths([])
        shown = list(bands)
        self._paths = list(dict.fromkeys(band.path for band in shown))
        self._notes = dict.fromkeys(self._paths, ())
        self._origin = {(band.path, band.index): band.path for band in shown}
        self.model.set_bands(shown)
        self._read()

    def add_layers(self, layers: Iterable[QgsRasterLayer]) -> None:
        """Add raster layers of the project; their temporal range dates them if their files do not."""
        paths, faults = [], {}
        for layer in layers:
            try:
                path = raster_path(layer)
            except InputError as problem:
                faults[layer.id()] = str(problem)
                continue
            paths.append(path)
            date = date_of_layer(layer)
            if date:
                self._layer_dates[path] = date
        self.add_paths(paths)
        if faults:
            self._faults.update(faults)
            self._refresh()
            self.changed.emit()

    def shut_down(self) -> None:
        """End the reading thread."""
        self._reader.stop()
        self.table_buttons.shut_down()
        self.find_button.shut_down()

    # --- the form

    def _build(self) -> None:
        self._layers_menu = QMenu(self, toolTipsVisible=True, aboutToShow=self._fill_layers_menu)
        layers_tip = self.tr("Add raster layers of the project")
        self.layers_button = QPushButton(self.tr("Add layers"), toolTip=layers_tip, autoDefault=False)
        self.layers_button.setMenu(self._layers_menu)
        files_tip = self.tr("Add rasters, cubes (netCDF, Zarr) or zips; you can also drop them here")
        self.files_button = make_button(self.tr("Add files…"), files_tip, self._choose_files)
        folder_tip = self.tr("Add all rasters of a folder, or a downloaded scene (Sentinel-2 SAFE, Landsat, HLS)")
        self.folder_button = make_button(self.tr("Add folder…"), folder_tip, self._choose_folder)
        self.find_button = FindImageryButton(self.add_paths)
        remove_tip = self.tr("Remove the files of the selected rows")
        self.remove_button = make_button(self.tr("Remove"), remove_tip, self._remove_selected)
        clear_tip = self.tr("Remove all files of this stack")
        self.clear_button = make_button(self.tr("Clear"), clear_tip, lambda: self.set_paths([]))
        self._build_table()
        self.summary_label = wrapped_label(textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notes_label = wrapped_label(textFormat=Qt.TextFormat.RichText)
        self.notes_label.linkActivated.connect(self._follow_note)
        adding = (self.files_button, self.folder_button, self.layers_button, self.find_button)
        buttons = make_row(*adding, None, self.remove_button, self.clear_button)
        self.encoding_row = EncodingRow()
        self.encoding_row.changed.connect(self.changed)
        self.table_buttons = TableButtons(self.bands, self.set_bands, self._report)
        below = (make_row((self.summary_label, 1), self.table_buttons), self.encoding_row, self.notes_label)
        make_column(buttons, (self.table, 1), *below, owner=self, frame=False)

    def _build_table(self) -> None:
        self.model = BandTableModel(self)
        self.model.dataChanged.connect(self._corrected)
        self.table = BandTable(self.tr("Drop files, folders, zips or layers here, or add them above."))
        self.table.setModel(self.model)
        set_up_table(self.table)
        self.table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.table.setToolTip(
            self.tr("Double-click a date or band to correct it. If several rows are selected, all of them change.")
        )
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(FILE, QHeaderView.ResizeMode.Stretch)
        width = self.fontMetrics().horizontalAdvance("0")
        for column, characters in ((NUMBER, 8), (DATE, 16), (BAND, 18)):
            header.resizeSection(column, characters * width)
        self.table.setMinimumHeight(7 * self.table.verticalHeader().defaultSectionSize())
        self.table.selectionModel().selectionChanged.connect(self._refresh)

    def _fill_layers_menu(self) -> None:
        self._layers_menu.clear()
        layers = [n.layer() for n in QgsProject.instance().layerTreeRoot().findLayers()]
        rasters = [layer for layer in layers if isinstance(layer, QgsRasterLayer) and layer.providerType() == "gdal"]
        for layer in rasters:
            action = self._layers_menu.addAction(layer.name())
            action.setToolTip(layer.source())
            action.setEnabled(layer.source() not in self._paths)
            action.triggered.connect(lambda checked=False, chosen=layer: self.add_layers([chosen]))
        if len(rasters) > 1:
            self._layers_menu.addSeparator()
            every = self._layers_menu.addAction(self.tr("All layers"))
            every.triggered.connect(lambda: self.add_layers(rasters))
        if not rasters:
            self._layers_menu.addAction(self.tr("The project has no raster layer")).setEnabled(False)

    def _choose_files(self) -> None:
        self.add_paths(choose_files(self, self.tr("Rasters of the stack"), FILTER))

    def _report(self, text: str, fault: bool) -> None:
        if fault:
            self._faults["table"] = text
            self._refresh()
        else:
            self.summary_label.setText(text)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, self.tr("Folder with rasters or a scene"), str(settings.get("folder", ""))
        )
        if folder:
            settings.put("folder", str(Path(folder).parent))
            self.add_paths([folder])

    def _remove_selected(self) -> None:
        """Remove the files of the selected rows; a folder or scene is removed with its last file."""
        bands = self.model.bands()
        gone = {bands[index.row()].path for index in self.table.selectionModel().selectedRows()}
        kept = [band for band in bands if band.path not in gone]
        filled = {self._origin[band.path, band.index] for band in kept}
        self._paths = [path for path in self._paths if path in filled or path not in self._notes]
        self._faults = {}
        self._arrange(kept)
        self._refresh()
        self.changed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files, folders and layers."""
        if dropped(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add dropped files, folders and layers."""
        items = dropped(event.mimeData())
        event.acceptProposedAction()
        layers = [item for item in items if isinstance(item, QgsRasterLayer)]
        if layers:
            self.add_layers(layers)
        self.add_paths([item for item in items if isinstance(item, str)])

    # --- reading

    def _read(self) -> None:
        """Read dates and bands of the paths that are new."""
        unread = [path for path in self._paths if path not in self._notes]
        dates = {path: self._layer_dates[path] for path in unread if path in self._layer_dates}
        if unread:
            self._reader.submit(lambda: read_inputs(unread, dates))
        else:
            self._reader.forget()
        self._refresh()
        self.changed.emit()

    def _show(self, found: dict[str, InputRead | InputError]) -> None:
        bands = list(self.model.bands())
        for path, read in found.items():
            if path not in self._paths:
                continue
            if isinstance(read, InputError):
                self._faults[path] = str(read)
                self._paths.remove(path)
                continue
            self._notes[path] = read.notes
            self._choices.update(read.choices)
            # A file may come twice, alone and with its folder.
            new = [band for band in read.bands if (band.path, band.index) not in self._origin]
            self._origin.update({(band.path, band.index): path for band in new})
            bands += new
            # Each scene folder may be added separately.
            bands, notes = harmonize_names(bands)
            self._notes[path] += tuple(notes)
        self._arrange(bands)
        self._refresh()
        self.changed.emit()

    def _show_fault(self, fault: Exception) -> None:
        for path in [path for path in self._paths if path not in self._notes]:
            self._faults[path] = str(fault)
            self._paths.remove(path)
        self._refresh()
        self.changed.emit()

    def _arrange(self, bands: Iterable[StackBand]) -> None:
        """Show the bands in the order of their addition, and drop what belongs to removed paths."""
        order = {path: number for number, path in enumerate(self._paths)}
        kept = [band for band in bands if self._origin[band.path, band.index] in order]
        kept.sort(key=lambda band: order[self._origin[band.path, band.index]])
        keys = {(band.path, band.index) for band in kept}
        self._origin = {key: path for key, path in self._origin.items() if key in keys}
        self._choices = {key: choice for key, choice in self._choices.items() if key in keys}
        self._notes = {path: notes for path, notes in self._notes.items() if path in order}
        self._layer_dates = {path: date for path, date in self._layer_dates.items() if path in order}
        self.model.set_bands(kept)

    def _open_choices(self) -> dict[str, dict[Key, str]]:
        """Possible dates of the bands without one, by the order of day, month and year."""
        undated = {(band.path, band.index) for band in self.model.bands() if not band.date}
        found: dict[str, dict[Key, str]] = {}
        for key in undated & set(self._choices):
            for order, date in self._choices[key].items():
                found.setdefault(order, {})[key] = date
        return found

    def _follow_note(self, link: str) -> None:
        kind, _, order = link.partition(":")
        if kind == "order":
            self.model.set_dates(self._open_choices()[order])
            self.changed.emit()
        else:
            self._all_notes = not self._all_notes
        self._refresh()

    def _corrected(self, first: QModelIndex, last: QModelIndex) -> None:
        """Copy a corrected date or band to all selected rows."""
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
        self.remove_button.setEnabled(self.table.selectionModel().hasSelection())
        self.clear_button.setEnabled(bool(self._paths))
        self.table_buttons.export_button.setEnabled(bool(self.model.bands()))
        self.summary_label.setText(
            self.tr("Reading dates and bands…") if self._reader.busy else summary(self.model.bands())
        )
        text = "" if self._reader.busy else self._notes_html()
        self.notes_label.setText(text)
        self.notes_label.setVisible(bool(text))

    def _notes_html(self) -> str:
        """The notes as lines, with a link for each order in which ambiguous dates can be read."""
        notes = self.notes()
        shown = notes if self._all_notes else notes[:NOTES_SHOWN]
        lines = [
            f'<span style="color:{RED}">{text}</span>' if note in self._faults.values() else text
            for note, text in ((note, html.escape(note, quote=False)) for note in shown)
        ]
        choices = self._open_choices()
        if choices:
            links = " &nbsp; ".join(
                f'<a href="order:{order}">{html.escape(self.tr(ORDERS[order]))} ({min(dates.values())})</a>'
                for order, dates in choices.items()
            )
            (path, _), *others = {key: 0 for dates in choices.values() for key in dates}
            name = html.escape(file_name(path), quote=False)
            named = self.tr("{name} and {count} more bands").format(name=name, count=len(others)) if others else name
            lines.append(self.tr("{named}: read the date as {links}").format(named=named, links=links))
        more = len(notes) - NOTES_SHOWN
        if more > 0:
            word = self.tr("show fewer") if self._all_notes else self.tr("show {count} more").format(count=more)
            lines.append(f'<a href="notes:">{word}</a>')
        return "<br>".join(lines)
