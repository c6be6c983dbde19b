"""The bottom of the dialog: problems before a run, and the progress of a running job."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from qgis.PyQt.QtCore import QRect, Qt, pyqtSignal
from qgis.PyQt.QtGui import QResizeEvent
from qgis.PyQt.QtWidgets import QLabel, QListWidget, QListWidgetItem, QProgressBar, QStyle, QWidget

from ..common.qt import make_column, make_row, number_of, wrapped_label

LINES_SHOWN = 7
"""Lines of problems shown without scrolling."""


class RunPanel(QWidget):
    """A list of problems, or stage, progress and remaining time."""

    link_clicked = pyqtSignal(str)
    """A link of the result was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.problems = QListWidget(wordWrap=True)
        self.problems.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.problems.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.state = wrapped_label(textFormat=Qt.TextFormat.RichText)
        self.state.linkActivated.connect(self.link_clicked)
        self.time_left = QLabel()
        self.bar = QProgressBar(maximum=1000, format="%p %")
        make_column(self.problems, make_row((self.state, 1), self.time_left), self.bar, owner=self, frame=False)
        self._result = ""
        self.show_problems([])

    def show_checking(self) -> None:
        """Show that the form is being checked."""
        if not self._result and not self.problems.count():
            self._show_text(self.tr("Checking…"))

    def show_problems(self, problems: Sequence[str], waiting: str = "") -> None:
        """List the problems; without any, show the result of the last run, ``waiting``, or that a run can start."""
        self.bar.hide()
        self.time_left.clear()
        self.problems.clear()
        icon = self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        for text in problems:
            self.problems.addItem(QListWidgetItem(icon, text))
        self.problems.setVisible(bool(problems))
        self._fit()
        self._show(self._result or (html.escape(waiting) or ("" if problems else self.tr("Ready to run."))))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the list: long sentences wrap differently."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Make the list as high as its content, up to a limit."""
        line = self.fontMetrics().height()
        # Beside the text there are an icon, and a scroll bar in the worst case.
        room = QRect(0, 0, max(self.width() - 5 * line, 10 * line), 100 * line)
        texts = [self.problems.item(row).text() for row in range(self.problems.count())]
        wrap = number_of(Qt.TextFlag.TextWordWrap)
        needed = sum(max(self.fontMetrics().boundingRect(room, wrap, text).height() + 6, 2 * line) for text in texts)
        limit = LINES_SHOWN * (line + 4)
        self.problems.setFixedHeight(min(needed, limit) + 2 * self.problems.frameWidth())

    def show_running(self, stage: str) -> None:
        """Show the stage of a running job."""
        self._result = ""
        self.problems.hide()
        self.bar.show()
        self._show_text(stage)

    def show_progress(self, fraction: float, seconds_left: float | None) -> None:
        """Show the progress and the remaining time."""
        self.bar.setValue(round(1000 * fraction))
        self.time_left.setText("" if seconds_left is None else self._duration(seconds_left))

    def show_end(self, text: str, links: Mapping[str, str] | None = None) -> None:
        """Show how the job ended until the next one starts; ``links``: labels and values of ``link_clicked``."""
        self.bar.hide()
        self.time_left.clear()
        anchors = [f'<a href="{html.escape(link)}">{html.escape(label)}</a>' for label, link in (links or {}).items()]
        self._result = " &nbsp; ".join([html.escape(text, quote=False), *anchors])
        self._show(self._result)

    def _show_text(self, text: str) -> None:
        self._show(html.escape(text, quote=False))

    def _show(self, rich_text: str) -> None:
        self.state.setText(rich_text)
        self.state.setVisible(bool(rich_text))
        # An empty label would still be as high as a line.
        self.time_left.setVisible(self.bar.isVisibleTo(self))

    def _duration(self, seconds: float) -> str:
        if seconds < 10:
            return self.tr("a few seconds left")
        if seconds < 100:
            return self.tr("about {n} s left").format(n=10 * round(seconds / 10))
        if seconds < 5400:
            return self.tr("about {n} min left").format(n=max(2, round(seconds / 60)))
        return self.tr("about {n} h left").format(n=round(seconds / 3600, 1))


def format_metric(value: Any) -> str:
    """A metric of the engine for the log; empty for nested values."""
    if isinstance(value, Mapping):
        if any(isinstance(part, (Mapping, list)) for part in value.values()):
            return ""
        return ", ".join(f"{key} {format_metric(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(format_metric(part) for part in value) or "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
