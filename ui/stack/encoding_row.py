"""What the numbers of a stack mean, in a form: nodata, scale and offset over what the files say."""

from __future__ import annotations

import math

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QLabel, QLineEdit, QWidget

from ...engine.imagery.geo.types import NO_NODATA, Encoding
from ..common.qt import make_row


class EncodingRow(QWidget):
    """Three fields in a row; empty ones leave it to the files."""

    changed = pyqtSignal()
    """A field was edited."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        automatic = self.tr("automatic")
        self.nodata_edit = QLineEdit(
            placeholderText=automatic,
            toolTip=self.tr("Stored number that means no observation, or {none} if every number is one").format(
                none=NO_NODATA
            ),
        )
        self.scale_edit = QLineEdit(
            placeholderText=automatic, toolTip=self.tr("Value = stored number × scale + offset, such as 0.0001")
        )
        self.offset_edit = QLineEdit(placeholderText=automatic, toolTip=self.tr("Offset in the unit of the value"))
        parts = []
        for text, edit in (
            (self.tr("&Nodata"), self.nodata_edit),
            (self.tr("Sca&le"), self.scale_edit),
            (self.tr("O&ffset"), self.offset_edit),
        ):
            label = QLabel(text)
            label.setBuddy(edit)
            edit.textEdited.connect(lambda text: self.changed.emit())
            parts += [label, (edit, 1)]
        make_row(*parts, owner=self)

    def encoding(self) -> Encoding | None:
        """What the fields say; None when all are empty. A text that is no number becomes NaN, which no job takes."""
        found = Encoding(
            self.nodata_edit.text().strip() or None, _number(self.scale_edit.text()), _number(self.offset_edit.text())
        )
        return None if found == Encoding() else found

    def set_encoding(self, encoding: Encoding | None) -> None:
        """Show an encoding."""
        shown = encoding or Encoding()
        self.nodata_edit.setText(shown.nodata or "")
        for edit, number in ((self.scale_edit, shown.scale), (self.offset_edit, shown.offset)):
            edit.setText("" if number is None else f"{number:.12g}")


def _number(text: str) -> float | None:
    text = text.strip().replace(",", ".")
    try:
        return float(text) if text else None
    except ValueError:
        return math.nan
