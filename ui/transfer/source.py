"""The source in a form: a labelled layer with its stack, or a series file."""

from __future__ import annotations

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QGroupBox, QRadioButton, QStackedWidget, QWidget

from ...engine.series import SeriesFile
from ...engine.tasks import Job
from ..common.background import Background
from ..common.qt import make_column, tr, wrapped_label
from ..compatibility.model import SeriesFacts
from ..labels.labels_widget import LabelsWidget
from ..stack.stack_widget import StackWidget

BY_LAYER, BY_SERIES = 0, 1


class SourceWidget(QWidget):
    """Chooses what the model learns from."""

    changed = pyqtSignal()
    """Any entry of the source changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layer_tip = self.tr("Learn from the pixels under the points or inside the polygons")
        series_tip = self.tr("Learn from labelled time series, such as a public sample collection")
        self.layer_button = QRadioButton(self.tr("Labels and the rasters that cover them"), toolTip=layer_tip)
        self.series_button = QRadioButton(self.tr("Series file (.npz)"), toolTip=series_tip)
        self.layer_button.setChecked(True)
        self.labels = LabelsWidget()
        self.stack = StackWidget()
        self.series_file = QgsFileWidget()
        self.series_file.setFilter(self.tr("Series files (*.npz)"))
        self.series_file.setToolTip(self.tr("Labelled time series of pixels"))

        rasters = QGroupBox(self.tr("Source stack: rasters of the labelled region over one season"))
        make_column(self.stack, owner=rasters)
        by_layer = QWidget()
        make_column(self.labels, (rasters, 1), owner=by_layer, frame=False)
        by_series = QWidget()
        self.series_note = wrapped_label(textFormat=Qt.TextFormat.PlainText)
        make_column(self.series_file, self.series_note, None, owner=by_series, frame=False)

        self.pages = QStackedWidget()
        self.pages.addWidget(by_layer)
        self.pages.addWidget(by_series)
        make_column(self.layer_button, self.series_button, (self.pages, 1), owner=self)
        self.series_button.toggled.connect(self._switch)
        self.labels.changed.connect(self.changed)
        self.stack.changed.connect(self._stack_changed)
        self.series_file.fileChanged.connect(self._read_series)
        self._reader = Background(self)
        self._reader.done.connect(self._show_series)
        self._reader.failed.connect(lambda fault: self.series_note.setText(str(fault)))
        self._facts: SeriesFacts | None = None
        self._read_series()

    def uses_series(self) -> bool:
        """Whether the source is a series file."""
        return self.series_button.isChecked()

    def series(self) -> str:
        """Path of the series file; empty for none."""
        return self.series_file.filePath().strip()

    def series_facts(self) -> SeriesFacts | None:
        """Bands and days of the series file; None until they are read."""
        return self._facts

    def show_job(self, job: Job) -> None:
        """Show the source of a job."""
        self.series_button.setChecked(bool(job.series))
        self.layer_button.setChecked(not job.series)
        if job.series:
            self.series_file.setFilePath(job.series)
        self.stack.set_bands(job.source)
        self.stack.encoding_row.set_encoding(job.source_encoding)
        if job.labels is not None:
            self.labels.show_labels(job.labels)

    def shut_down(self) -> None:
        """End the threads."""
        self._reader.stop()
        self.labels.shut_down()
        self.stack.shut_down()

    def _stack_changed(self) -> None:
        self.labels.set_stack(self.stack.bands())
        self.changed.emit()

    def _read_series(self, *_: object) -> None:
        path = self.series()
        self._facts = None
        if path:
            self.series_note.setText(self.tr("Reading…"))
            self._reader.submit(lambda: describe_series(path))
        else:
            self.series_note.setText(
                self.tr("A series file holds labelled time series of pixels, with their dates and bands.")
            )
        self.changed.emit()

    def _show_series(self, read: tuple[str, SeriesFacts]) -> None:
        text, self._facts = read
        self.series_note.setText(text)
        self.changed.emit()

    def _switch(self, series: bool) -> None:
        self.pages.setCurrentIndex(BY_SERIES if series else BY_LAYER)
        self.changed.emit()


def describe_series(path: str) -> tuple[str, SeriesFacts]:
    """A text on size, bands and crops of a series file, and its facts; reads no series, raises InputError."""
    with SeriesFile(path) as series:
        facts = SeriesFacts(tuple(series.bands), tuple(map(float, series.day)))
    text = tr("{count} series of {dates} dates × {bands} bands ({names})").format(
        count=len(series), dates=len(series.day), bands=len(series.bands), names=", ".join(series.bands)
    )
    if series.labels is None:
        return text, facts
    crops = [f"{name} ({count})" for name, count in zip(series.classes, series.counts)]
    return text + "\n" + tr("Crops found: {crops}").format(crops=", ".join(crops)), facts
