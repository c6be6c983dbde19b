"""Translation, numbers, colours and small parts of forms for all widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QAbstractItemView, QHBoxLayout, QLabel, QPushButton, QTableView, QWidget

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
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAutoDefault(False)
    button.clicked.connect(lambda checked=False: action())
    return button


def make_row(*parts: QWidget | tuple[QWidget, int] | None) -> QHBoxLayout:
    """Widgets in a row; a pair is a widget and its stretch, None is free space."""
    row = QHBoxLayout()
    for part in parts:
        if part is None:
            row.addStretch()
        else:
            row.addWidget(*(part if isinstance(part, tuple) else (part,)))
    return row


def set_up_table(table: QTableView) -> None:
    """Rows that are selected whole, several at a time, in a table that the Tab key leaves."""
    table.setAlternatingRowColors(True)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    # Otherwise the Tab key moves from cell to cell and never out of the table.
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)


def wrapped_label(text: str = "") -> QLabel:
    """A label that breaks long lines."""
    label = QLabel(text)
    label.setWordWrap(True)
    return label
