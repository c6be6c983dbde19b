"""Translation, numbers, colours and small parts of forms for all widgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

BAD = QColor(192, 57, 43, 70)
"""Transparent red: readable on light and dark themes."""
RED = "#c0392b"
"""Colour of texts about problems."""


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("CropTransfer", text)


def number_of(flag: Any) -> int:
    """A Qt flag as the number that item models and font metrics need; flags are no numbers in Qt 6."""
    return int(getattr(flag, "value", flag))


def make_button(text: str, tip: str, action: Callable[[], Any]) -> QPushButton:
    """A button that the Enter key in a field does not press."""
    button = QPushButton(text, toolTip=tip, autoDefault=False)
    button.clicked.connect(lambda checked=False: action())
    return button


Part = Any
"""A widget or layout, one with its stretch (a pair), a distance in pixels, or None for free space."""


def _fill(box: QBoxLayout, parts: Sequence[Part]) -> None:
    for part in parts:
        if part is None:
            box.addStretch()
        elif isinstance(part, int):
            box.addSpacing(part)
        else:
            item, stretch = part if isinstance(part, tuple) else (part, 0)
            (box.addLayout if isinstance(item, QLayout) else box.addWidget)(item, stretch)


def make_row(*parts: Part, owner: QWidget | None = None) -> QHBoxLayout:
    """Parts in a row; as the layout of ``owner`` it has no frame of space."""
    row = QHBoxLayout(owner) if owner is not None else QHBoxLayout()
    if owner is not None:
        row.setContentsMargins(0, 0, 0, 0)
    _fill(row, parts)
    return row


def make_column(*parts: Part, owner: QWidget | None = None, frame: bool = True) -> QVBoxLayout:
    """Parts in a column, as the layout of ``owner`` where there is one; ``frame`` leaves space around it."""
    column = QVBoxLayout(owner) if owner is not None else QVBoxLayout()
    if not frame:
        column.setContentsMargins(0, 0, 0, 0)
    _fill(column, parts)
    return column


def set_up_table(table: QTableView) -> None:
    """Rows that are selected whole, several at a time, in a table that the Tab key leaves."""
    table.setAlternatingRowColors(True)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    # Otherwise the Tab key moves from cell to cell and never out of the table.
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)


def wrapped_label(text: str = "", **properties: Any) -> QLabel:
    """A label that breaks long lines."""
    return QLabel(text, wordWrap=True, **properties)
