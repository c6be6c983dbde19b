"""'Find imagery…': the dialog that searches a catalogue, and the button beside a stack that opens it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsRectangle
from qgis.gui import QgsAuthConfigSelect, QgsExtentGroupBox, QgsFileWidget
from qgis.PyQt.QtCore import QDate, Qt, pyqtSignal
from qgis.PyQt.QtGui import QCloseEvent
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDateEdit,
    QDialog,
    QFormLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QWidget,
)

from ...engine.errors import InputError
from ...engine.imagery.stac.catalogs import catalogue_of
from ...engine.tasks import Result
from ...engine.tasks.checks.search import check_search
from ...engine.tasks.specs.schema import new_id
from ...engine.tasks.specs.search import Search
from ..common import settings
from ..common.background import Background
from ..common.files import output_folder
from ..common.qt import make_button, make_column, make_row, wrapped_label
from ..engine_process import choice
from ..engine_process.task import JobTask
from .scene_table import SceneTable
from .search_task import SearchTask, with_credentials

GEOGRAPHIC = "EPSG:4326"


class SearchDialog(QDialog):
    """Finds scenes over an extent and a season, lists them, and makes a stack of the ticked ones."""

    chosen = pyqtSignal(list)
    """Paths of the rasters of a finished stack, one per date."""

    def __init__(self, canvas: Any = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._task: JobTask | None = None
        self._found: Search | None = None
        self._waiting: Search | None = None
        self._finder = Background(self)
        self._finder.done.connect(self._start)
        self._finder.failed.connect(self._fail)
        self.setWindowTitle(self.tr("Find imagery"))
        self._build(canvas)
        self._catalogue_changed()
        self._refresh()

    # --- the form

    def _build(self, canvas: Any) -> None:
        form = QFormLayout()
        self._build_catalogue(form)
        self.extent_box = QgsExtentGroupBox()
        self.extent_box.setTitleBase(self.tr("Extent"))
        if canvas is not None:
            self.extent_box.setMapCanvas(canvas)
            self.extent_box.setCurrentExtent(canvas.extent(), canvas.mapSettings().destinationCrs())
            self.extent_box.setOutputCrs(canvas.mapSettings().destinationCrs())
            self.extent_box.setOutputExtentFromCurrent()
        else:
            self.extent_box.setOutputCrs(QgsCoordinateReferenceSystem(GEOGRAPHIC))
        self.table = SceneTable()
        self.table.itemChanged.connect(lambda item: self._refresh())
        self.state_label = wrapped_label(textFormat=Qt.TextFormat.PlainText)
        self.state_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress_bar = QProgressBar()
        self.use_button = make_button(self.tr("Use these"), self.tr("Make a stack of the ticked scenes"), self.use)
        self.cancel_button = make_button(self.tr("Cancel"), "", self.cancel)
        self.close_button = make_button(self.tr("Close"), "", self.close)
        season, output = self._build_season(), self._build_output()
        buttons = make_row(None, self.use_button, self.cancel_button, self.close_button)
        above = (form, self.extent_box, season, (self.table, 1))
        make_column(*above, self.state_label, self.progress_bar, output, buttons, owner=self)
        self.resize(680, 720)
        self.catalogue_combo.currentTextChanged.connect(self._catalogue_changed)

    def _build_catalogue(self, form: QFormLayout) -> None:
        catalogue_tip = self.tr("Choose a catalogue, or enter the address of another STAC API")
        self.catalogue_combo = QComboBox(editable=True, toolTip=catalogue_tip)
        for url, values in settings.catalogues().items():
            self.catalogue_combo.addItem(url, url)
            index = self.catalogue_combo.count() - 1
            self.catalogue_combo.setItemData(index, values["title"], Qt.ItemDataRole.ToolTipRole)
        tip = self.tr("Remove this address from the list")
        self.forget_button = make_button(self.tr("Forget"), tip, self._forget)
        self.auth_select = QgsAuthConfigSelect()
        self.auth_select.setToolTip(self.tr("Stored by QGIS; sent only to the catalogue and the hosts of its rasters"))
        self.note_label = wrapped_label()
        collection_tip = self.tr("Id of a collection, or several ids separated by commas")
        self.collection_combo = QComboBox(editable=True, toolTip=collection_tip)
        form.addRow(self.tr("Catalogue"), make_row((self.catalogue_combo, 1), self.forget_button))
        form.addRow(self.tr("Credentials"), self.auth_select)
        form.addRow("", self.note_label)
        form.addRow(self.tr("Collection"), self.collection_combo)

    def _build_season(self) -> QFormLayout:
        year = datetime.date.today().year - 1
        self.start_edit, self.end_edit = QDateEdit(QDate(year, 3, 1)), QDateEdit(QDate(year, 10, 31))
        for edit in (self.start_edit, self.end_edit):
            edit.setDisplayFormat("yyyy-MM-dd")
            edit.setCalendarPopup(True)
        self.cloud_slider = QSlider(Qt.Orientation.Horizontal, minimum=0, maximum=100)
        self.cloud_label = QLabel()
        self.cloud_label.setMinimumWidth(self.fontMetrics().horizontalAdvance("100 %  "))
        self.cloud_slider.valueChanged.connect(lambda value: self.cloud_label.setText(f"{value} %"))
        self.cloud_slider.setValue(40)
        self.search_button = QPushButton(self.tr("Search"), default=True)
        self.search_button.clicked.connect(self.search)
        form = QFormLayout()
        form.addRow(self.tr("Season"), make_row((self.start_edit, 1), QLabel(self.tr("to")), (self.end_edit, 1)))
        form.addRow(
            self.tr("Maximum cloud cover"), make_row((self.cloud_slider, 1), self.cloud_label, self.search_button)
        )
        return form

    def _build_output(self) -> QFormLayout:
        self.folder_file = QgsFileWidget()
        self.folder_file.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self.folder_file.setToolTip(self.tr("The stack is written there, one raster per date"))
        self.folder_file.setFilePath(free_folder())
        self.fetch_box = QCheckBox(self.tr("Fetch the pixels: no connection or credentials are needed afterwards"))
        form = QFormLayout()
        form.addRow(self.tr("Folder of the stack"), self.folder_file)
        form.addRow("", self.fetch_box)
        return form

    # --- public state

    def set_extent(self, bbox: Sequence[float], crs: str) -> None:
        """Choose the extent: west, south, east and north in a reference system."""
        self.extent_box.setOutputCrs(QgsCoordinateReferenceSystem(crs))
        self.extent_box.setOutputExtentFromUser(QgsRectangle(*bbox), QgsCoordinateReferenceSystem(crs))

    def query(self) -> Search:
        """The search of the form, without credentials, folder and ticked scenes."""
        extent, crs = self.extent_box.outputExtent(), self.extent_box.outputCrs()
        names = self.collection_combo.currentText().split(",")
        return Search(
            catalogue=self._url(),
            collections=tuple(name.strip() for name in names if name.strip()),
            bbox=(extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()),
            crs=crs.authid() or crs.toWkt() or GEOGRAPHIC,
            start=self.start_edit.date().toString(Qt.DateFormat.ISODate),
            end=self.end_edit.date().toString(Qt.DateFormat.ISODate),
            cloud=float(self.cloud_slider.value()),
        )

    def is_running(self) -> bool:
        """Whether the worker runs or is about to start."""
        return self._task is not None or self._waiting is not None

    # --- the two steps

    def search(self) -> None:
        """Search the catalogue."""
        self._run(self.query())

    def use(self) -> None:
        """Make a stack of the ticked scenes."""
        if self._found is not None:
            folder, fetch = self.folder_file.filePath().strip(), self.fetch_box.isChecked()
            self._run(replace(self._found, id=new_id(), output=folder, scenes=self.table.ticked(), fetch=fetch))

    def cancel(self) -> None:
        """Cancel the running search; nothing is written."""
        self._waiting = None
        self._finder.forget()
        if self._task is not None:
            self._task.cancel()
        self._refresh()

    def _run(self, search: Search) -> None:
        if self.is_running():
            return
        try:
            for problem in check_search(search):
                raise problem
            search = with_credentials(search, self.auth_select.configId())
        except InputError as problem:
            self._fail(problem)
            return
        self._waiting = search
        self._finder.submit(choice.interpreter)
        self.state_label.setText(self.tr("Starting the engine"))
        self._refresh()

    def _start(self, interpreter: Any) -> None:
        search, self._waiting = self._waiting, None
        if search is None:
            return
        task = JobTask(SearchTask(search), interpreter, self.tr("Find imagery"), choice.packages())
        task.progressed.connect(self._follow)
        task.ended.connect(self._ended)
        self._task = task
        self._notes: list[str] = []
        QgsApplication.taskManager().addTask(task)
        self._refresh()

    def _follow(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "stage":
            self.state_label.setText(str(event["name"]))
        elif event["event"] == "progress":
            self.progress_bar.setValue(int(100 * float(event["fraction"])))
        elif event["event"] == "warning":
            self._notes.append(str(event["message"]))

    def _ended(self) -> None:
        task, self._task = self._task, None
        if task is None or not isinstance(task.job, SearchTask):
            return
        search = task.job.search
        if task.outcome is None:
            self._fail(task.problem) if task.problem is not None else self.state_label.setText(self.tr("Cancelled."))
        else:
            settings.put_catalogue(search.catalogue, self.auth_select.configId())
            if search.output:
                self._finish(task.outcome)
            else:
                self._found = search
                self._show(task.outcome.summary)
        self._refresh()

    def _show(self, summary: Mapping[str, Any]) -> None:
        self.table.show_scenes(summary["scenes"])
        found = self.tr("{scenes} scenes, {dates} dates").format(
            scenes=len(summary["scenes"]), dates=len(summary["dates"])
        )
        self.state_label.setText("\n".join([found, *self._notes]))

    def _finish(self, outcome: Result) -> None:
        files = list(outcome.summary["files"])
        done = self.tr("The stack with {dates} dates is ready.").format(dates=len(files))
        self.state_label.setText("\n".join([done, *self._notes]))
        settings.put("output_folder", str(Path(outcome.outputs["stack"]).parent))
        self.folder_file.setFilePath(free_folder())
        self.chosen.emit(files)

    def _fail(self, problem: Exception) -> None:
        self._waiting = None
        self.state_label.setText(str(problem))
        self._refresh()

    # --- dependent entries

    def _url(self) -> str:
        return self.catalogue_combo.currentText().strip().rstrip("/")

    def _catalogue_changed(self, *_: object) -> None:
        url = self._url()
        known = catalogue_of(url)
        values = settings.catalogues().get(url, {"authcfg": ""})
        self.auth_select.setConfigId(values["authcfg"])
        self.note_label.setText(known.note)
        self.note_label.setVisible(bool(known.note))
        self.collection_combo.clear()
        self.collection_combo.addItems(known.collections)
        hls = [name for name in known.collections if "hls" in name.lower()]
        if len(hls) > 1:
            self.collection_combo.addItem(", ".join(hls))
        self._refresh()

    def _forget(self) -> None:
        settings.remove_catalogue(self._url())
        if self._url() not in settings.catalogues() and self.catalogue_combo.currentIndex() >= 0:
            self.catalogue_combo.removeItem(self.catalogue_combo.currentIndex())
        self._catalogue_changed()

    def _refresh(self) -> None:
        running = self.is_running()
        self.search_button.setEnabled(not running)
        self.use_button.setEnabled(not running and self._found is not None and bool(self.table.ticked()))
        self.cancel_button.setEnabled(running)
        self.progress_bar.setVisible(running)
        known = settings.catalogues()
        own = self._url() in known and not catalogue_of(self._url()).collections
        self.forget_button.setEnabled(own or bool(known.get(self._url(), {}).get("authcfg")))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Cancel a running search."""
        self.cancel()
        super().closeEvent(event)

    def shut_down(self) -> None:
        """End thread and task; the dialog cannot be used afterwards."""
        self.cancel()
        if self._task is not None:
            self._task.waitForFinished(3000)
        self._finder.stop()


class FindImageryButton(QPushButton):
    """Opens the dialog, and passes its rasters to a stack."""

    def __init__(self, use: Callable[[Sequence[str]], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(self.tr("Find imagery…"))
        self.setToolTip(self.tr("Search a catalogue of Sentinel-2, HLS or Landsat by area and season"))
        self.setAutoDefault(False)
        self.dialog: SearchDialog | None = None
        self._use = use
        self.clicked.connect(self.open)

    def open(self) -> None:
        """Show the dialog; each stack has one, which keeps its entries."""
        if self.dialog is None:
            from qgis.utils import iface

            self.dialog = SearchDialog(iface.mapCanvas() if iface is not None else None, self.window())
            self.dialog.chosen.connect(self._use)
        self.dialog.show()
        self.dialog.raise_()

    def shut_down(self) -> None:
        """End the dialog's thread."""
        if self.dialog is not None:
            self.dialog.shut_down()


def free_folder() -> str:
    """A new folder for the next stack, beside the last output or the project, or in the user's home."""
    folders = [output_folder() / name for name in ("imagery", *(f"imagery_{number}" for number in range(2, 1000)))]
    return str(next((folder for folder in folders if not folder.exists()), folders[0]))
