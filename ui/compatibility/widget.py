"""How source and target fit, to look at before a run: dates, bands, seasons, clouds, indices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qgis.gui import QgsCheckableComboBox, QgsCollapsibleGroupBox
from qgis.PyQt.QtCore import QDate, QSignalBlocker, QSize, Qt, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QBrush, QColor, QPalette, QWheelEvent
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QDateEdit,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ...engine.imagery.sensors.band_matching import COMPUTED, NEAR_WAVELENGTH, SAME_NAME, SAME_WAVELENGTH, BandPair
from ...engine.imagery.sensors.spectral_indices import INDICES
from ...engine.tasks import Job
from ..common.background import Background
from ..common.qt import RED
from .model import Fit, SeriesFacts, fit_of
from .quality_table import QualityTable
from .timeline import Timeline

ROWS = 12
"""Bands seen without scrolling, at most."""


class _DateEdit(QDateEdit):
    """Day and month; leaves the wheel to the form around it."""

    def __init__(self, month: int) -> None:
        super().__init__(QDate(2001, month, 1))
        self.setDisplayFormat("d MMMM")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Let the form scroll."""
        event.ignore()

    def start(self) -> str:
        """The day as ``MM-DD``."""
        return self.date().toString("MM-dd")


class FitWidget(QWidget):
    """Shows what serves for each band of the source, and the dates of both; chooses bands, season, clouds, indices."""

    changed = pyqtSignal()
    """Something was chosen otherwise."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fit = Fit()
        self._unticked: set[str] = set()
        self._asked: tuple[Job, SeriesFacts | None] | None = None
        self._ask: Callable[[], tuple[Job, SeriesFacts | None]] | None = None
        self._wanted: set[str] = set()
        """Bands of a job, until those of its source are known."""
        self._filling = QTimer(self)
        self._filling.setSingleShot(True)
        self._filling.timeout.connect(self._fill)
        self._worker = Background(self)
        self._worker.done.connect(self._show)
        self._worker.failed.connect(self._show_fault)
        self._build()
        self._show(self.fit)

    # --- what others ask

    def set_question(self, ask: Callable[[], tuple[Job, SeriesFacts | None]]) -> None:
        """Where the two sides come from; asked at every refresh, on the main thread."""
        self._ask = ask

    def refresh(self) -> None:
        """Work out anew how the sides fit, on a thread."""
        if self._ask is not None:
            job, series = self._ask()
            job = replace(job, **{k: v for k, v in self.fields().items() if k != "quality"})
            if (job, series) != self._asked:
                self._asked = (job, series)
                self._worker.submit(lambda: fit_of(job, series))

    def fields(self) -> dict:
        """What is chosen here, as fields of a job."""
        starts = self.season_box.isChecked()
        return {
            "bands": self._bands(),
            "indices": tuple(self.indices_combo.checkedItems()),
            "quality": self.quality.choice(),
            "source_season_start": self.source_start.start() if starts else "",
            "target_season_start": self.target_start.start() if starts else "",
        }

    def show_fields(self, job: Job) -> None:
        """Choose what a job says."""
        both = bool(job.source_season_start and job.target_season_start)
        for edit, start in (
            (self.source_start, job.source_season_start),
            (self.target_start, job.target_season_start),
        ):
            if both:
                edit.setDate(QDate.fromString(f"2000-{start}", "yyyy-MM-dd"))
        self.season_box.setChecked(both)
        self.quality.set_choice(job.quality)
        self._wanted = set(job.bands)
        self._asked = None
        self.indices_combo.setCheckedItems(list(job.indices))
        self.refresh()

    def problem(self) -> str:
        """What keeps the bands chosen here from being learnt from; empty for nothing."""
        if self.fit.match is None or [name for name in self._names() if name not in self._unticked]:
            return ""
        return self.tr("No band is ticked. Tick those to learn from under 'How they fit'.")

    def missing(self) -> list[str]:
        """Ticked bands that the target cannot give."""
        return [name for name in self.fit.match.missing if name not in self._unticked] if self.fit.match else []

    def is_busy(self) -> bool:
        """Whether the fit is still being worked out."""
        return self._worker.busy

    def shut_down(self) -> None:
        """End the thread."""
        self._worker.stop()

    # --- the form

    def _build(self) -> None:
        self.timeline = Timeline()
        self.season_label = QLabel()
        self.season_label.setWordWrap(True)
        self.season_box = QCheckBox(self.tr("Season starts:"))
        self.season_box.setToolTip(
            self.tr(
                "Tick where the crops of the target are sown in another month; the target's dates are then moved so "
                "that both seasons start together. The two hemispheres are known without it."
            )
        )
        self.source_start, self.target_start = _DateEdit(1), _DateEdit(1)
        self.season_box.toggled.connect(self._season_changed)
        for edit in (self.source_start, self.target_start):
            edit.dateChanged.connect(self._season_changed)
        season = QHBoxLayout()
        season.addWidget(self.season_box)
        season.addWidget(QLabel(self.tr("source")))
        season.addWidget(self.source_start)
        season.addWidget(QLabel(self.tr("target")))
        season.addWidget(self.target_start)
        season.addStretch()

        self.tree = QTreeWidget()
        self.tree.setHeaderLabels([self.tr("Band of the source"), self.tr("In the target"), self.tr("How it is found")])
        self.tree.setRootIsDecorated(False)
        self.tree.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.tree.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        header = self.tree.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.tree.setToolTip(self.tr("Untick a band of the source to learn without it"))
        self.tree.itemChanged.connect(self._ticked)
        self.summary_label = QLabel()
        self.summary_label.setWordWrap(True)

        self.quality = QualityTable()
        self.quality.changed.connect(self.changed)
        self.quality_box = QgsCollapsibleGroupBox(self.tr("Clouds and quality"))
        QVBoxLayout(self.quality_box).addWidget(self.quality)
        self.quality_box.setCollapsed(True)
        self.indices_combo = QgsCheckableComboBox()
        self.indices_combo.setDefaultText(self.tr("none"))
        self.indices_combo.setToolTip(self.tr("Computed on both sides from their bands and learnt from besides them"))
        for index in INDICES:
            self.indices_combo.addItemWithCheckState(index, Qt.CheckState.Unchecked)
        self.indices_combo.checkedItemsChanged.connect(self._indices_changed)
        self.indices_box = QgsCollapsibleGroupBox(self.tr("Vegetation indices"))
        form = QFormLayout(self.indices_box)
        form.addRow(self.tr("Compute on both sides"), self.indices_combo)
        self.indices_box.setCollapsed(True)

        layout = QVBoxLayout(self)
        layout.addWidget(self.timeline)
        layout.addWidget(self.season_label)
        layout.addLayout(season)
        layout.addSpacing(6)
        layout.addWidget(self.summary_label)
        layout.addWidget(self.tree)
        layout.addSpacing(6)
        layout.addWidget(self.quality_box)
        layout.addWidget(self.indices_box)
        layout.addStretch()
        self._enable_starts()

    def _enable_starts(self) -> None:
        for edit in (self.source_start, self.target_start):
            edit.setEnabled(self.season_box.isChecked())

    def _season_changed(self, *_: object) -> None:
        self._enable_starts()
        self.refresh()
        self.changed.emit()

    def _indices_changed(self, *_: object) -> None:
        self.refresh()
        self.changed.emit()

    # --- what is shown

    def _show(self, fit: Fit) -> None:
        self.fit = fit
        self.timeline.show_fit(fit)
        self.season_label.setText(fit.season)
        self.season_label.setVisible(bool(fit.season))
        self.quality.set_bands(fit.quality)
        hides = ", ".join(fit.quality) or self.tr("none found")
        self.quality_box.setTitle(self.tr("Clouds and quality: {bands}").format(bands=hides))
        self._offer_indices()
        if self._wanted and fit.match is not None:
            self._unticked = {name for name in self._names() if name not in self._wanted}
            self._wanted = set()
        self._fill()
        self.changed.emit()

    def _show_fault(self, fault: Exception) -> None:
        self._show(Fit(season=str(fault)))

    def _offer_indices(self) -> None:
        """Only indices that both sides can give can be ticked; one that no longer can is unticked."""
        blocker = QSignalBlocker(self.indices_combo)
        for row, index in enumerate(INDICES):
            usable = index in self.fit.indices
            item = self.indices_combo.model().item(row)
            item.setEnabled(usable)
            told = INDICES[index].formula if usable else self.tr("{formula}: a band is missing")
            item.setToolTip(told.format(formula=INDICES[index].formula))
        del blocker
        gone = [
            index for index in self.indices_combo.checkedItems() if self.fit.match and index not in self.fit.indices
        ]
        if gone:
            left = [index for index in self.indices_combo.checkedItems() if index not in gone]
            self.indices_combo.setCheckedItems(left)

    def _bands(self) -> tuple[str, ...]:
        """The ticked bands of the source; empty when all are."""
        match = self.fit.match
        if match is None:
            return ()
        names = [name for name in self._names() if name not in self._extra()]
        kept = tuple(name for name in names if name not in self._unticked)
        if len(kept) == len(names):
            return ()
        # No band at all would mean all of them.
        return kept or tuple(self.indices_combo.checkedItems())

    def _names(self) -> list[str]:
        """Bands and indices of the source, found or not."""
        match = self.fit.match
        return [*(pair.source for pair in match.pairs), *match.missing] if match else []

    def _extra(self) -> set[str]:
        """Indices that are computed on both sides."""
        return set(self.indices_combo.checkedItems())

    def _fill(self) -> None:
        match = self.fit.match
        blocker = QSignalBlocker(self.tree)
        self.tree.clear()
        self.tree.setVisible(match is not None)
        if match is not None:
            grey = self.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
            for name in match.missing:
                gone = name in self._unticked
                how = self.tr("not learnt from") if gone else self.tr("untick it to learn without it")
                self._add(name, self.tr("missing"), how, grey if gone else QColor(RED))
            for pair in match.pairs:
                gone = pair.source in self._unticked
                how = self.tr("not learnt from") if gone else self._how(pair)
                self._add(pair.source, self._served(pair), how, grey if gone else None)
            for name in match.left_out:
                self._add("", name, self.tr("not used: the source does not have it"), grey)
            height = self.tree.sizeHintForRow(0) if self.tree.topLevelItemCount() else 0
            shown = min(self.tree.topLevelItemCount(), ROWS)
            self.tree.setFixedHeight(self.tree.header().sizeHint().height() + shown * height + 6)
        del blocker
        self._tell()

    def _add(self, name: str, served: str, how: str, color: QColor | None = None) -> None:
        """A row; a band of the source that is no index of the form's can be ticked."""
        item = QTreeWidgetItem([name, served, how])
        item.setSizeHint(0, QSize(0, self.fontMetrics().height() + 8))
        if color is not None:
            for column in range(3):
                item.setForeground(column, QBrush(color))
        if name and name not in self._extra():
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(0, Qt.CheckState.Unchecked if name in self._unticked else Qt.CheckState.Checked)
        self.tree.addTopLevelItem(item)

    def _served(self, pair: BandPair) -> str:
        return self.tr("from {bands}").format(bands=", ".join(pair.inputs)) if pair.how == COMPUTED else pair.target

    def _how(self, pair: BandPair) -> str:
        words = {
            SAME_NAME: self.tr("same name"),
            SAME_WAVELENGTH: self.tr("same wavelength"),
            NEAR_WAVELENGTH: self.tr("wavelength near by"),
            COMPUTED: self.tr("computed: {formula}").format(formula=pair.target),
        }
        return words[pair.how]

    def _ticked(self, item: QTreeWidgetItem, column: int) -> None:
        on = item.checkState(0) == Qt.CheckState.Checked
        (self._unticked.discard if on else self._unticked.add)(item.text(0))
        # Not at once: Qt still works on the row.
        self._filling.start()
        self.changed.emit()

    def _tell(self) -> None:
        """One line on the bands."""
        match = self.fit.match
        if match is None:
            self.summary_label.setText(self.tr("Choose source and target: what serves for each band appears here."))
            return
        missing = self.missing()
        kept = [name for name in self._names() if name not in self._unticked]
        if missing:
            text = self.tr("Not found in the target: {names}.").format(names=", ".join(missing))
        elif kept:
            text = self.tr("The target gives all {count} bands that are learnt from.").format(count=len(kept))
        else:
            text = self.tr("No band is left to learn from.")
        self.summary_label.setText(" ".join([text, *match.ambiguous]))
