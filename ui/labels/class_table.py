"""The table of the crops found: the name under which each is learned, or that it is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from qgis.PyQt.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QBrush, QPalette
from qgis.PyQt.QtWidgets import QApplication, QHeaderView, QTableView, QWidget

from ...engine.errors import InputError
from ...engine.imagery.labels.class_table import OTHERS, ClassRules, read_class_table
from ...engine.series.class_spelling import match_names, means_nothing
from ..common.files import choose_files
from ..common.qt import make_button, make_column, make_row, number_of, set_up_table, tr

FOUND, COUNT, WANTED = range(3)


class ClassTableModel(QAbstractTableModel):
    """Crops by their name in the data; ticked ones are learned under the name in the last column."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._counts: list[tuple[str, int]] = []
        self._wanted: dict[str, str] = {}
        self._ignored: set[str] = set()
        self.unit = "{count}"
        """Format of a count."""
        self.rows_with: Callable[[int], set[int]] = lambda row: {row}
        """Returns the rows that change together with a row."""

    def names(self) -> list[str]:
        """The crops found, the most frequent first."""
        return [name for name, _ in self._counts]

    def set_counts(self, counts: Counter[str], keep: bool) -> None:
        """Show the crops found; ``keep`` the choices for names that are still present."""
        self.beginResetModel()
        known = set(self.names()) & set(counts) if keep else set()
        self._counts = counts.most_common()
        found = ClassRules({}, counts, keep_spellings=False)
        new = {name: found.of(name) for name in counts if name not in known}
        self._wanted = {name: wanted for name, wanted in self._wanted.items() if name in known}
        self._wanted |= {name: wanted for name, wanted in new.items() if wanted and wanted != name}
        self._ignored = (self._ignored & known) | {name for name, wanted in new.items() if not wanted}
        self.endResetModel()

    def classes(self) -> dict[str, str]:
        """The class table: wanted name by name in the data, "" to leave it out; only names that need to be listed."""
        # A text that means no class is learned only where the table lists it.
        table = {name: name for name, _ in self._counts if means_nothing(name)} | self._wanted
        return {name: "" if name in self._ignored else table[name] for name in sorted({*table, *self._ignored})}

    def spellings(self) -> list[str]:
        """The names that are learned as another spelling of theirs."""
        merged = {n: w for n, w in self._wanted.items() if n not in self._ignored and match_names([n], [w])}
        return [f"{name} → {wanted}" for name, wanted in merged.items()]

    def set_classes(self, classes: Mapping[str, str], keep_spellings: bool = False) -> None:
        """Apply a class table to all crops found; spellings of one class that it does not list become one."""
        self.beginResetModel()
        rules = ClassRules(classes, dict(self._counts), keep_spellings)
        found = {name: rules.of(name) for name, _ in self._counts}
        self._ignored = {name for name, wanted in found.items() if not wanted}
        self._wanted = {name: wanted for name, wanted in found.items() if wanted and wanted != name}
        self.endResetModel()
        self._emit_changed()

    def result(self) -> Counter[str]:
        """The counts after renaming, merging and leaving out."""
        counts: Counter[str] = Counter()
        classes = self.classes()
        for name, count in self._counts:
            if wanted := classes.get(name, name):
                counts[wanted] += count
        return counts

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """Number of crops found."""
        return 0 if parent.isValid() else len(self._counts)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """Name, count, wanted name."""
        return 0 if parent.isValid() else 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return (tr("Crop in the data"), tr("Count"), tr("Learn as"))[section]
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """The first column can be ticked, the last one edited."""
        flags = super().flags(index)
        if index.column() == FOUND:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == WANTED else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, tick and colour of a cell."""
        if not index.isValid():
            return None
        column = index.column()
        name, count = self._counts[index.row()]
        ignored = name in self._ignored
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            wanted = self._wanted.get(name, name)
            if column == WANTED and ignored and role == Qt.ItemDataRole.DisplayRole:
                wanted = tr("left out")
            return (name, self.unit.format(count=f"{count:,}"), wanted)[column]
        if role == Qt.ItemDataRole.CheckStateRole and column == FOUND:
            return number_of(Qt.CheckState.Unchecked if ignored else Qt.CheckState.Checked)
        if role == Qt.ItemDataRole.ForegroundRole and ignored:
            return QBrush(QApplication.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text))
        if role == Qt.ItemDataRole.FontRole and column == WANTED and name in self._wanted and not ignored:
            font = QApplication.font()
            font.setBold(True)
            return font
        if role == Qt.ItemDataRole.TextAlignmentRole and column == COUNT:
            return number_of(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Tick or rename a crop."""
        if not index.isValid():
            return False
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == FOUND:
            for row in self.rows_with(index.row()):
                self._tick(row, number_of(value) == number_of(Qt.CheckState.Checked))
        elif role == Qt.ItemDataRole.EditRole and index.column() == WANTED:
            for row in self.rows_with(index.row()):
                self._rename(row, str(value).strip())
        else:
            return False
        self._emit_changed()
        return True

    def _tick(self, row: int, on: bool) -> None:
        (self._ignored.discard if on else self._ignored.add)(self._counts[row][0])

    def _rename(self, row: int, wanted: str) -> None:
        name = self._counts[row][0]
        if not wanted:
            self._ignored.add(name)
            return
        self._ignored.discard(name)
        if wanted == name:
            self._wanted.pop(name, None)
        else:
            self._wanted[name] = wanted

    def _emit_changed(self) -> None:
        if self._counts:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._counts) - 1, WANTED))


class ClassTable(QWidget):
    """The table with its buttons."""

    changed = pyqtSignal()
    """A crop was renamed, merged, left out or included."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fault = ""
        """Why a class table file could not be used."""
        self.model = ClassTableModel(self)
        self.model.rows_with = self._rows_with
        self.model.dataChanged.connect(lambda first, last: self.changed.emit())
        self.table = QTableView()
        self.table.setModel(self.model)
        set_up_table(self.table)
        self.table.setMinimumHeight(6 * self.table.verticalHeader().defaultSectionSize())
        self.table.setToolTip(
            self.tr(
                "Untick a crop to leave it out; double-click its last column to rename it. Crops of one name are "
                "merged, as are spellings of one name at first. If several rows are selected, all of them change."
            )
        )
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(FOUND, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(WANTED, QHeaderView.ResizeMode.Stretch)
        load_tip = self.tr("Load names and wanted names from the two columns of a CSV file")
        self.load_button = make_button(self.tr("Load…"), load_tip, self._load)
        reset_tip = self.tr("Learn every crop under its own name")
        self.reset_button = make_button(
            self.tr("Reset"), reset_tip, lambda: self.model.set_classes({name: name for name in self.model.names()})
        )
        make_row((self.table, 1), make_column(self.load_button, self.reset_button, None), owner=self)

    def load(self, path: str) -> None:
        """Apply a class table file; crops that it does not name stay, unless it names ``*``."""
        self.fault = ""
        try:
            classes = read_class_table([path])
        except InputError as problem:
            self.fault = str(problem)
            self.changed.emit()
            return
        unknown = [name for name in classes if name not in self.model.names() and name != OTHERS]
        if unknown:
            shown = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
            self.fault = self.tr("The class table has crops that the labels lack: {names}.").format(names=shown)
        self.model.set_classes(classes)

    def _load(self) -> None:
        for path in choose_files(
            self, self.tr("Class table"), self.tr("Tables (*.csv *.tsv *.txt *.xlsx *.ods)"), several=False
        ):
            self.load(path)

    def _rows_with(self, row: int) -> set[int]:
        """The selected rows if this one is among them, otherwise only this one."""
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        return rows if row in rows else {row}
