"""Translation, numbers and colours for all widgets."""

from __future__ import annotations

from typing import Any

from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QColor

BAD = QColor(192, 57, 43, 70)
"""Reddish, see-through: readable on light and dark themes alike."""


RED = "#c0392b"
"""Of texts that say what is wrong."""


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("CropTransfer", text)


def number_of(flag: Any) -> int:
    """A Qt flag as the number that item models and font metrics want; flags are no numbers in Qt 6."""
    return int(getattr(flag, "value", flag))
