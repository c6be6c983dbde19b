"""The compatibility page: dates, bands, seasons, clouds and indices of source and target."""

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
    QWidget,
)

from ...engine.imagery.sensors.band_matching import COMPUTED, NEAR_WAVELENGTH, SAME_NAME, SAME_WAVELENGTH, BandPair
from ...engine.imagery.sensors.spectral_indices import INDICES
from ...engine.tasks import Job
from ..common.background import Background
from ..common.qt import RED, make_column, make_row, wrapped_label
from .model import Compatibility, SeriesFacts, compare_sides
from .quality_table import QualityTable
from .timeline import Timeline

ROWS = 12
"""Most bands shown without scrolling."""


class _DateEdit(QDateEdit):
    """Day and month; leaves the mouse wheel to the form."""

    def __init__(self, month: int) -> None:
        super().__init__(QDate(2001, month, 1))
        self.setDisplayFormat("d MMMM")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Let the form scroll."""
        event.ignore()

    def start(self) -> str:
        """The day as ``MM-DD``."""
        return self.date().toString("MM-dd")


class CompatibilityWidget(QWidget):
    """Shows matching bands and the dates of both sides; chooses bands, season starts, clouds and indices."""

    changed = pyqtSignal()
    """Another choice was made."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.result = Compatibility()
        self._unticked: set[str] = set()
        self._compared: tuple[Job, SeriesFacts | None] | None = None
        self._get_sides: Callable[[], tuple[Job, SeriesFacts | None]] | None = None
        self._pending_bands: set[str] = set()
        """Bands of an opened job, until those of its source are known."""
        self._fill_timer = QTimer(self)
        self._fill_timer.setSingleShot(True)
        self._fill_timer.timeout.connect(self._fill)
        self._worker = Background(self)
        self._worker.done.connect(self._show)
        self._worker.failed.connect(self._show_fault)
        self._build()
        self._show(self.result)

    # --- public state

    def set_sides(self, get_sides: Callable[[], tuple[Job, SeriesFacts | None]]) -> None:
        """Set the function that returns both sides; every refresh calls it, on the main thread."""
        self._get_sides = get_sides

    def refresh(self) -> None:
        """Compare the sides again, on a thread."""
        if self._get_sides is not None:
            job, series = self._get_sides()
            job = replace(job, **{k: v for k, v in self.fields().items() if k != "quality"})
            if (job, series) != self._compared:
                self._compared = (job, series)
                self._worker.submit(lambda: compare_sides(job, series))

    def fields(self) -> dict:
        """The choices as fields of a job."""
        starts = self.season_box.isChecked()
        return {
            "bands": self._bands(),
            "indices": tuple(self.indices_combo.checkedItems()),
            "quality": self.quality.choice(),
            "source_season_start": self.source_start.start() if starts else "",
            "target_season_start": self.target_start.start() if starts else "",
        }

    def show_job(self, job: Job) -> None:
        """Show the choices of a job."""
        both = bool(job.source_season_start and job.target_season_start)
        for edit, start in ((self.source_start, job.source_season_start), (self.target_start, job.target_season_start)):
            if both:
                edit.setDate(QDate.fromString(f"2000-{start}", "yyyy-MM-dd"))
        self.season_box.setChecked(both)
        self.quality.set_choice(job.quality)
        self._pending_bands = set(job.bands)
        self._compared = None
        self.indices_combo.setCheckedItems(list(job.indices))
        self.refresh()

    def problem(self) -> str:
        """Why the chosen bands cannot be used; empty if they can."""
        if self.result.match is None or [name for name in self._names() if name not in self._unticked]:
            return ""
        return self.tr("No band is ticked. Tick the bands to learn from under 'Compatibility'.")

    def missing(self) -> list[str]:
        """Ticked bands that the target lacks."""
        return [name for name in self.result.match.missing if name not in self._unticked] if self.result.match else []

    def is_busy(self) -> bool:
        """Whether the comparison is still running."""
        return self._worker.busy

    def shut_down(self) -> None:
        """End the thread."""
        self._worker.stop()

    # --- the form

    def _build(self) -> None:
        self.timeline = Timeline()
        self.season_label, self.summary_label = wrapped_label(), wrapped_label()
        season = self._build_season()
        self._build_bands()
        self._build_quality()
        self._build_indices()
        seasons, bands = (self.timeline, self.season_label, season), (self.summary_label, self.tree)
        make_column(*seasons, 6, *bands, 6, self.quality_box, self.indices_box, None, owner=self)
        self._enable_starts()

    def _build_season(self) -> QHBoxLayout:
        self.season_box = QCheckBox(self.tr("Season starts:"))
        self.season_box.setToolTip(
            self.tr(
                "Tick if the crops of the target are sown in another month: the target's dates are then shifted so "
                "that both seasons start together. Opposite hemispheres are shifted without it."
            )
        )
        self.source_start, self.target_start = _DateEdit(1), _DateEdit(1)
        self.season_box.toggled.connect(self._season_changed)
        for edit in (self.source_start, self.target_start):
            edit.dateChanged.connect(self._season_changed)
        source, target = QLabel(self.tr("source")), QLabel(self.tr("target"))
        return make_row(self.season_box, source, self.source_start, target, self.target_start, None)

    def _build_bands(self) -> None:
        self.tree = QTreeWidget(rootIsDecorated=False, toolTip=self.tr("Untick a source band to learn without it"))
        self.tree.setHeaderLabels([self.tr("Source band"), self.tr("Target band"), self.tr("Matched by")])
        self.tree.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.tree.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tree.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.tree.itemChanged.connect(self._ticked)

    def _build_quality(self) -> None:
        self.quality = QualityTable()
        self.quality.changed.connect(self.changed)
        self.quality_box = QgsCollapsibleGroupBox(self.tr("Clouds and quality"))
        make_column(self.quality, owner=self.quality_box)
        self.quality_box.setCollapsed(True)

    def _build_indices(self) -> None:
        self.indices_combo = QgsCheckableComboBox()
        self.indices_combo.setDefaultText(self.tr("none"))
        self.indices_combo.setToolTip(self.tr("Computed on both sides and used in addition to the bands"))
        for index in INDICES:
            self.indices_combo.addItemWithCheckState(index, Qt.CheckState.Unchecked)
        self.indices_combo.checkedItemsChanged.connect(self._indices_changed)
        self.indices_box = QgsCollapsibleGroupBox(self.tr("Vegetation indices"))
        form = QFormLayout(self.indices_box)
        form.addRow(self.tr("Compute on both sides"), self.indices_combo)
        self.indices_box.setCollapsed(True)

    def _enable_starts(self) -> None:
        for edit in (self.source_start, self.target_start):
            edit.setEnabled(self.season_box.isChecked())

    def _season_changed(self, *_: object) -> None:
        self._enable_starts()
        self._indices_changed()

    def _indices_changed(self, *_: object) -> None:
        self.refresh()
        self.changed.emit()

    # --- display

    def _show(self, result: Compatibility) -> None:
        self.result = result
        self.timeline.show_dates(result)
        self.season_label.setText(result.season)
        self.season_label.setVisible(bool(result.season))
        self.quality.set_bands(result.quality)
        hides = ", ".join(result.quality) or self.tr("none found")
        self.quality_box.setTitle(self.tr("Clouds and quality: {bands}").format(bands=hides))
        self._offer_indices()
        if self._pending_bands and result.match is not None:
            self._unticked = {name for name in self._names() if name not in self._pending_bands}
            self._pending_bands = set()
        self._fill()
        self.changed.emit()

    def _show_fault(self, fault: Exception) -> None:
        self._show(Compatibility(season=str(fault)))

    def _offer_indices(self) -> None:
        """Enable the indices that both sides can give; untick those that one side can no longer give."""
        blocker = QSignalBlocker(self.indices_combo)
        for row, index in enumerate(INDICES):
            usable = index in self.result.indices
            item = self.indices_combo.model().item(row)
            item.setEnabled(usable)
            text = INDICES[index].formula if usable else self.tr("{formula}: a band is missing")
            item.setToolTip(text.format(formula=INDICES[index].formula))
        del blocker
        gone = [
            index
            for index in self.indices_combo.checkedItems()
            if self.result.match and index not in self.result.indices
        ]
        if gone:
            left = [index for index in self.indices_combo.checkedItems() if index not in gone]
            self.indices_combo.setCheckedItems(left)

    def _bands(self) -> tuple[str, ...]:
        """The ticked bands of the source; empty when all are."""
        match = self.result.match
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
        match = self.result.match
        return [*(pair.source for pair in match.pairs), *match.missing] if match else []

    def _extra(self) -> set[str]:
        """Indices computed on both sides."""
        return set(self.indices_combo.checkedItems())

    def _fill(self) -> None:
        match = self.result.match
        blocker = QSignalBlocker(self.tree)
        self.tree.clear()
        self.tree.setVisible(match is not None)
        if match is not None:
            grey = self.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
            for name in match.missing:
                gone = name in self._unticked
                how = self.tr("not used") if gone else self.tr("untick to learn without it")
                self._add(name, self.tr("missing"), how, grey if gone else QColor(RED))
            for pair in match.pairs:
                gone = pair.source in self._unticked
                how = self.tr("not used") if gone else self._how(pair)
                computed = self.tr("from {bands}").format(bands=", ".join(pair.inputs))
                target = computed if pair.how == COMPUTED else pair.target
                self._add(pair.source, target, how, grey if gone else None)
            for name in match.left_out:
                self._add("", name, self.tr("not used: not in the source"), grey)
            height = self.tree.sizeHintForRow(0) if self.tree.topLevelItemCount() else 0
            shown = min(self.tree.topLevelItemCount(), ROWS)
            self.tree.setFixedHeight(self.tree.header().sizeHint().height() + shown * height + 6)
        del blocker
        self._update_summary()

    def _add(self, name: str, in_target: str, how: str, color: QColor | None = None) -> None:
        """Add a row; a source band can be ticked unless it is an index chosen in this form."""
        item = QTreeWidgetItem([name, in_target, how])
        item.setSizeHint(0, QSize(0, self.fontMetrics().height() + 8))
        if color is not None:
            for column in range(3):
                item.setForeground(column, QBrush(color))
        if name and name not in self._extra():
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(0, Qt.CheckState.Unchecked if name in self._unticked else Qt.CheckState.Checked)
        self.tree.addTopLevelItem(item)

    def _how(self, pair: BandPair) -> str:
        words = {
            SAME_NAME: self.tr("same name"),
            SAME_WAVELENGTH: self.tr("same wavelength"),
            NEAR_WAVELENGTH: self.tr("near wavelength"),
            COMPUTED: self.tr("computed: {formula}").format(formula=pair.target),
        }
        return words[pair.how]

    def _ticked(self, item: QTreeWidgetItem, column: int) -> None:
        on = item.checkState(0) == Qt.CheckState.Checked
        (self._unticked.discard if on else self._unticked.add)(item.text(0))
        # Later: Qt still works on the row.
        self._fill_timer.start()
        self.changed.emit()

    def _update_summary(self) -> None:
        """Summarise the bands in one line."""
        match = self.result.match
        if match is None:
            self.summary_label.setText(self.tr("Select source and target to see matching bands."))
            return
        missing = self.missing()
        kept = [name for name in self._names() if name not in self._unticked]
        if missing:
            text = self.tr("Missing in the target: {names}.").format(names=", ".join(missing))
        elif kept:
            text = self.tr("The target has all {count} bands that the model uses.").format(count=len(kept))
        else:
            text = self.tr("No band is ticked.")
        self.summary_label.setText(" ".join([text, *match.ambiguous]))
