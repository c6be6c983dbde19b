"""The table of the scenes that a search has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from ..common.qt import set_up_table

DATE, CLOUD, SHARE, TILE, SCENE = range(5)


class _Number(QTableWidgetItem):
    """A cell that sorts by its number."""

    def __init__(self, text: str, number: float) -> None:
        super().__init__(text)
        self._number = number
        self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return self._number < getattr(other, "_number", 0.0)


class SceneTable(QTableWidget):
    """One row per scene; the scenes of the stack are ticked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 5, parent)
        self.setHorizontalHeaderLabels(
            [self.tr("Date"), self.tr("Clouds (%)"), self.tr("Extent covered (%)"), self.tr("Tile"), self.tr("Scene")]
        )
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        set_up_table(self)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(SCENE, QHeaderView.ResizeMode.Stretch)

    def ticked(self) -> tuple[str, ...]:
        """Ids of the ticked scenes."""
        rows = range(self.rowCount())
        ticked = [row for row in rows if self.item(row, DATE).checkState() == Qt.CheckState.Checked]
        return tuple(self.item(row, SCENE).text() for row in ticked)

    def show_scenes(self, scenes: Sequence[Mapping[str, Any]]) -> None:
        """Fill the table with the rows of a search's summary."""
        self.blockSignals(True)
        self.setSortingEnabled(False)
        self.setRowCount(len(scenes))
        for row, scene in enumerate(scenes):
            date = QTableWidgetItem(scene["date"])
            date.setFlags(date.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            date.setCheckState(Qt.CheckState.Checked if scene["used"] else Qt.CheckState.Unchecked)
            cloud = -1.0 if scene["cloud"] is None else float(scene["cloud"])
            cells = [
                date,
                _Number("?" if cloud < 0 else f"{cloud:.0f}", cloud),
                _Number(f"{100 * scene['share']:.0f}", scene["share"]),
                QTableWidgetItem(scene["tile"]),
                QTableWidgetItem(scene["id"]),
            ]
            for column, cell in enumerate(cells):
                cell.setToolTip(scene["id"])
                self.setItem(row, column, cell)
        self.setSortingEnabled(True)
        self.sortItems(DATE)
        self.blockSignals(False)
