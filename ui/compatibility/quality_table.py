"""What quality bands hide, class by class or flag by flag; the defaults are ticked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.PyQt.QtCore import QSignalBlocker, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

from ...engine.imagery.sensors.quality_flags import QUALITY, Choice, masked_values
from ..common.qt import make_button, make_column, make_row, number_of, wrapped_label

POSITION = number_of(Qt.ItemDataRole.UserRole)


class QualityTable(QWidget):
    """A tree of the quality bands found; ticked classes hide a pixel on a date."""

    changed = pyqtSignal()
    """Another choice was made."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen: dict[str, set[int]] = {}
        """Hidden positions of every band that the user changed."""
        self._shown: dict[str, tuple[str, ...]] = {}
        self.note = wrapped_label(
            self.tr("No quality band (such as SCL, QA_PIXEL, Fmask) was found: only nodata counts as a gap.")
        )
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels([self.tr("Hidden class or flag"), self.tr("Value"), self.tr("Found in")])
        self.tree.setColumnWidth(0, 44 * self.fontMetrics().horizontalAdvance("0"))
        self.tree.setMinimumHeight(9 * (self.fontMetrics().height() + 4))
        self.tree.itemChanged.connect(self._ticked)
        tip = self.tr("Hide only no data, cloud, cloud shadow, thin cloud and snow")
        self.reset_button = make_button(self.tr("Defaults"), tip, self.reset)
        make_column(self.note, self.tree, make_row(self.reset_button, None), owner=self, frame=False)
        self._fill()

    def choice(self) -> dict[str, list[Any]] | None:
        """Hidden classes or flags by quality band; None for the defaults."""
        choice: dict[str, list[Any]] = {}
        for name in self._shown:
            chosen, band = self._chosen.get(name), QUALITY[name]
            if chosen is not None and chosen != set(masked_values(name)):
                meanings = [band.values[position] for position in sorted(chosen)]
                choice[name] = list(dict.fromkeys(m.name if band.bits else m.value for m in meanings))
        return choice or None

    def set_choice(self, choice: Choice | None) -> None:
        """Show the choice of a job; None for the defaults."""
        self._chosen = {} if choice is None else {name: set(masked_values(name, choice)) for name in QUALITY}
        self._fill()
        self.changed.emit()

    def set_bands(self, found: Mapping[str, tuple[str, ...]]) -> None:
        """Show these quality bands, each with the roles it was found in; ticks are kept."""
        if dict(found) != self._shown:
            self._shown = dict(found)
            self._fill()

    def reset(self) -> None:
        """Return to the defaults."""
        self.set_choice(None)

    def _fill(self) -> None:
        for part in (self.tree, self.reset_button):
            part.setVisible(bool(self._shown))
        self.note.setVisible(not self._shown)
        blocker = QSignalBlocker(self.tree)
        self.tree.clear()
        for name, roles in self._shown.items():
            band = QUALITY[name]
            top = QTreeWidgetItem([f"{name}: {band.title}", "", ", ".join(roles)])
            top.setFlags(top.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsAutoTristate)
            hidden = self._chosen.get(name, set(masked_values(name)))
            for position, meaning in enumerate(band.values):
                item = QTreeWidgetItem(top, [meaning.name, _format_value(meaning.value, meaning.mask, band.bits), ""])
                item.setData(0, POSITION, position)
                item.setFlags((item.flags() | Qt.ItemFlag.ItemIsUserCheckable) & ~Qt.ItemFlag.ItemIsSelectable)
                item.setCheckState(0, Qt.CheckState.Checked if position in hidden else Qt.CheckState.Unchecked)
            self.tree.addTopLevelItem(top)
            top.setExpanded(True)
        del blocker

    def _ticked(self, item: QTreeWidgetItem, column: int) -> None:
        top = item.parent() or item
        name = top.text(0).partition(":")[0]
        ticked = {
            top.child(row).data(0, POSITION)
            for row in range(top.childCount())
            if top.child(row).checkState(0) == Qt.CheckState.Checked
        }
        if ticked != self._chosen.get(name, set(masked_values(name))):
            self._chosen[name] = ticked
            self.changed.emit()


def _format_value(value: int, mask: int, bits: bool) -> str:
    """The number of a class, or the bits of a flag."""
    if not bits:
        return str(value)
    positions = [bit for bit in range(16) if mask >> bit & 1]
    return f"bit {positions[0]}" if len(positions) == 1 else f"bits {positions[0]}-{positions[-1]}"
