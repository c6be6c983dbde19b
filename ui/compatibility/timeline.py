"""The dates of source and target, one above the other, over the months."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from qgis.PyQt.QtCore import QEvent, QLocale, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPalette, QPen
from qgis.PyQt.QtWidgets import QSizePolicy, QToolTip, QWidget

from ..common.qt import tr
from .model import Compatibility, DateRow

SOURCE, TARGET = QColor("#2a7f4f"), QColor("#c26a12")
"""Green and orange; people who see no red or no green can distinguish them, as one is much darker."""
MARGIN = 8.0
"""Days left free at both ends."""
YEAR = 365


class Timeline(QWidget):
    """Two rows of ticks with the months of the source above, and those of the target below if they are shifted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result = Compatibility()
        self._marks: list[tuple[QRectF, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)

    def show_dates(self, result: Compatibility) -> None:
        """Draw the dates of another comparison."""
        self._result = result
        self.setAccessibleName(f"{_row_title(tr('Source'), result.source)}; {_row_title(tr('Target'), result.target)}")
        self.updateGeometry()
        self.update()

    def marks(self) -> list[str]:
        """Names of the ticks, the source's first."""
        return [text for _, text in self._marks]

    def sizeHint(self) -> QSize:
        """Two rows and the months."""
        line = self.fontMetrics().height()
        return QSize(60 * line, round(line * (6.6 if self._result.shift_days else 5.2)))

    def minimumSizeHint(self) -> QSize:
        """As high as it is drawn."""
        return QSize(20 * self.fontMetrics().height(), self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        """Show the date of the tick under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = next((text for area, text in self._marks if area.contains(event.x(), event.y())), "")
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw months, rows and ticks."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = float(self.fontMetrics().height())
        rows = ((tr("Source"), self._result.source, SOURCE), (tr("Target"), self._result.target, TARGET))
        titles = [_row_title(name, row) for name, row, _ in rows]
        left = max(map(self.fontMetrics().horizontalAdvance, titles)) + 1.2 * line
        area = QRectF(left, 1.4 * line, self.width() - left - 4, 3.6 * line)
        days = [day for _, row, _ in rows for day in (*row.day, *row.left_out)]
        self._marks = []
        painter.fillRect(area, self.palette().color(QPalette.ColorRole.Base))
        if not days:
            painter.setPen(self._grey())
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, tr("Select source and target to see their dates."))
            return
        first, last = min(days) - MARGIN, max(days) + MARGIN
        scale = area.width() / (last - first)
        self._draw_months(painter, area, first, last, scale, 0, area.top() - 1.3 * line)
        if self._result.shift_days:
            self._draw_months(painter, area, first, last, scale, self._result.shift_days, area.bottom() + 0.1 * line)
        for number, (_, row, color) in enumerate(rows):
            top = area.top() + (0.2 + 1.75 * number) * line
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            height = 1.45 * line
            painter.drawText(QRectF(2, top, left, height), Qt.AlignmentFlag.AlignVCenter, titles[number])
            for day, label in zip(row.day, row.label or [""] * len(row.day)):
                self._draw_tick(painter, area.left() + (day - first) * scale, top, height, color, label or _day(day))
            for day in row.left_out:
                faint = QColor(color)
                faint.setAlpha(70)
                text = tr("{day}: lacks a band, left out").format(
                    day=_day(day - (self._result.shift_days if number else 0))
                )
                self._draw_tick(painter, area.left() + (day - first) * scale, top, height, faint, text)

    def _draw_tick(self, painter: QPainter, x: float, top: float, height: float, color: QColor, text: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(x - 2, top, 4, height), 2, 2)
        self._marks.append((QRectF(x - 4, top, 8, height), text))

    def _draw_months(
        self, painter: QPainter, area: QRectF, first: float, last: float, scale: float, shift_days: int, top: float
    ) -> None:
        """Names of the months over the days, ``shift_days`` back, and lines between them."""
        line = float(self.fontMetrics().height())
        starts = list(_month_starts(first - shift_days, last - shift_days))
        for (start, month), (end, _) in zip(starts, starts[1:]):
            x = area.left() + max(start + shift_days - first, 0) * scale
            width = area.left() + min(end + shift_days - first, last - first) * scale - x
            name = QLocale().standaloneMonthName(month, QLocale.FormatType.ShortFormat)
            if self.fontMetrics().horizontalAdvance(name) > width - 4:
                name = name[:1]
            if width > 10:
                painter.setPen(self._grey())
                painter.drawText(QRectF(x, top, width, 1.2 * line), Qt.AlignmentFlag.AlignCenter, name)
            if not shift_days and start > first:
                painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Midlight), 1))
                painter.drawLine(round(x), round(area.top()), round(x), round(area.bottom()))

    def _grey(self) -> QColor:
        color = QColor(self.palette().color(QPalette.ColorRole.WindowText))
        color.setAlpha(160)
        return color


def _month_starts(first: float, last: float) -> Sequence[tuple[int, int]]:
    """Day on which each month starts (1 is 1 January of the first year) and its number, around the two days."""
    starts = []
    for year in range(int(first // YEAR) - 1, int(last // YEAR) + 2):
        for month in range(1, 13):
            starts.append((datetime.date(2001, month, 1).timetuple().tm_yday + YEAR * year, month))
    inside = [number for number, (day, _) in enumerate(starts) if first < day < last]
    if not inside:
        before = max(number for number, (day, _) in enumerate(starts) if day <= first)
        return starts[before : before + 2]
    return starts[inside[0] - 1 : inside[-1] + 2]


def _day(day: float) -> str:
    """A day as day and month."""
    date = datetime.date(2001, 1, 1) + datetime.timedelta((round(day) - 1) % YEAR)
    return f"{date.day} {QLocale().monthName(date.month, QLocale.FormatType.ShortFormat)}"


def _row_title(name: str, row: DateRow) -> str:
    return tr("{name}: {count} dates").format(name=name, count=len(row.day)) if row.day else name
