"""The table of a stack: date and spectral band of every raster band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from qgis.PyQt.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qgis.PyQt.QtGui import QBrush, QPainter, QPaintEvent, QPalette
from qgis.PyQt.QtWidgets import QApplication, QStyle, QTableView

from ...engine.imagery.geo.gdal_io import file_name
from ...engine.imagery.geo.types import StackBand
from ...engine.imagery.sensors.quality_flags import is_quality
from ..common.qt import BAD, number_of, tr
from .dates import is_date, parse_date
from .summary import describe_quality_band

FILE, NUMBER, DATE, BAND = range(4)


class BandTableModel(QAbstractTableModel):
    """Rows of a stack; dates and bands can be edited, missing and wrong ones are marked."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bands: list[StackBand] = []

    def set_dates(self, dates: Mapping[tuple[str, int], str]) -> None:
        """Set the dates of bands, by path and number."""
        self.set_bands([replace(b, date=dates.get((b.path, b.index), b.date)) for b in self._bands])

    def bands(self) -> tuple[StackBand, ...]:
        """The current stack; a wrong date is kept as typed, so that the check can name it."""
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
                return describe_quality_band(str(band.band))
            if self._bad(row, column):
                if column == DATE and band.date:
                    return tr("'{text}' is not a date. Enter it as 2021-06-30.").format(text=band.date)
                if column == DATE:
                    return tr("No date was recognised. Enter it as 2021-06-30.")
                return tr("No spectral band was recognised. Enter its name, such as B08 or NDVI.")
        if role == Qt.ItemDataRole.DecorationRole and column == DATE and band.date and self._bad(row, column):
            # The selection of an edited row hides its background.
            return QApplication.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        if role == Qt.ItemDataRole.BackgroundRole and self._bad(row, column):
            return QBrush(BAD)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == NUMBER:
            return number_of(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Set a date or a band name; a text that is not a date is kept, and marked."""
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
    """A table that shows a text while it is empty."""

    def __init__(self, empty_text: str) -> None:
        super().__init__()
        self._empty_text = empty_text

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, or the text if there are none."""
        super().paintEvent(event)
        if self.model() is not None and not self.model().rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self._empty_text)
            painter.end()
