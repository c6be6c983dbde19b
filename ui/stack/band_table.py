"""The table of a stack: which band of which file shows which date and which spectral band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from qgis.PyQt.QtCore import QAbstractTableModel, QCoreApplication, QModelIndex, QObject, Qt
from qgis.PyQt.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPalette
from qgis.PyQt.QtWidgets import QApplication, QStyle, QTableView

from ..engine.imagery.names import parse_date as find_date
from ..engine.imagery.opening import file_name
from ..engine.imagery.problems import complete_dates
from ..engine.imagery.quality import QUALITY, data_bands, is_quality, told_hidden
from ..engine.imagery.stack import StackBand

FILE, NUMBER, DATE, BAND = range(4)
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


@lru_cache(maxsize=4096)
def parse_date(text: str) -> str | None:
    """A date in any spelling that file names use, as an ISO date; None when there is more or less than one."""
    date, rest = find_date(text)
    return date if not rest.strip() else None


def is_date(text: str | None) -> bool:
    """Whether the text is a date as the table writes it; a text that was typed in wrongly is not."""
    return bool(text) and parse_date(text) == text


def summary(bands: Sequence[StackBand]) -> str:
    """One line on a stack, such as ``24 dates x 10 bands, 2021-01-01 to 2021-12-21``; quality bands do not count."""
    if not bands:
        return tr("No rasters yet.")
    data = data_bands(bands)
    dates = sorted({b.date for b in data if is_date(b.date)})
    names = list(dict.fromkeys(b.band for b in data if b.band))
    unknown = sum(1 for b in bands if not is_date(b.date) or not b.band)
    parts = []
    if dates and names:
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        parts.append(
            tr("{dates} dates × {bands} bands ({names}), {first} to {last}").format(
                dates=len(dates), bands=len(names), names=shown, first=dates[0], last=dates[-1]
            )
        )
    quality = list(dict.fromkeys(str(b.band).upper() for b in bands if is_quality(b.band)))
    if quality:
        parts.append(tr("clouds are hidden by {names}").format(names=", ".join(quality)))
    if unknown:
        parts.append(
            tr("{count} of {all} raster bands lack a date or a band name").format(count=unknown, all=len(bands))
        )
    elif lacking := len(complete_dates(data)[1]):
        parts.append(
            tr("1 date lacks a band and is left out")
            if lacking == 1
            else tr("{count} dates lack a band and are left out").format(count=lacking)
        )
    return "; ".join(parts)


def quality_told(name: str) -> str:
    """What a quality band is, and what it hides by default."""
    return tr("{title}: no data, but hides {what}.").format(
        title=QUALITY[name.upper()].title, what=told_hidden(name) or tr("nothing")
    )


class BandTableModel(QAbstractTableModel):
    """Rows of a stack; date and band can be corrected, what is missing or wrong is marked."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bands: list[StackBand] = []

    def dates_given(self, dates: Mapping[tuple[str, int], str]) -> None:
        """Give dates to bands, which are named by path and number."""
        self.set_bands([replace(b, date=dates.get((b.path, b.index), b.date)) for b in self._bands])

    def bands(self) -> tuple[StackBand, ...]:
        """The stack as it stands; a date typed in wrongly stands there as it was typed, for the check to name it."""
        return tuple(self._bands)

    def set_bands(self, bands: Sequence[StackBand]) -> None:
        """Show another stack."""
        self.beginResetModel()
        self._bands = list(bands)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """Number of raster bands."""
        return 0 if parent.isValid() else len(self._bands)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """File, number, date, band."""
        return 0 if parent.isValid() else 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return (tr("File"), tr("No."), tr("Date"), tr("Spectral band"))[section]
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Date and band are editable."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() in (DATE, BAND) else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, mark and explanation of a cell."""
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        band = self._bands[row]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            if column == BAND and role == Qt.ItemDataRole.DisplayRole and is_quality(band.band):
                return tr("{name} (quality)").format(name=band.band)
            return (file_name(band.path), band.index, band.date or "", band.band or "")[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            if column == FILE:
                return band.path
            if column == BAND and is_quality(band.band):
                return quality_told(str(band.band))
            if self._bad(row, column):
                if column == DATE and band.date:
                    return tr("'{text}' is no date. Write one as 2021-06-30.").format(text=band.date)
                if column == DATE:
                    return tr("No date was recognised. Write one as 2021-06-30.")
                return tr("No spectral band was recognised. Write its name, such as B08 or NDVI.")
        if role == Qt.ItemDataRole.DecorationRole and column == DATE and band.date and self._bad(row, column):
            # The row that was just edited is selected, which hides the background.
            return QApplication.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        if role == Qt.ItemDataRole.BackgroundRole and self._bad(row, column):
            return QBrush(BAD)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == NUMBER:
            return number_of(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Correct a date or a band name; a text that is no date is kept, and marked."""
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        row, column, text = index.row(), index.column(), str(value).strip()
        band = self._bands[row]
        if column == DATE:
            self._bands[row] = replace(band, date=parse_date(text) or text or None)
        elif column == BAND:
            self._bands[row] = replace(band, band=text or None)
        else:
            return False
        self.dataChanged.emit(index, index)
        return True

    def _bad(self, row: int, column: int) -> bool:
        band = self._bands[row]
        return (column == DATE and not is_date(band.date)) or (column == BAND and not band.band)


class BandTable(QTableView):
    """A table that says what to do while it is empty."""

    def __init__(self, empty_text: str) -> None:
        super().__init__()
        self._empty_text = empty_text

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, or the text where there are none."""
        super().paintEvent(event)
        if self.model() is not None and not self.model().rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self._empty_text)
            painter.end()
