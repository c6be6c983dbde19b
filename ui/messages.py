"""What QGIS's message bar says when a job is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qgis.core import Qgis
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QPushButton


def push(iface: Any, text: str, level: Qgis.MessageLevel, buttons: Mapping[str, Callable[[], Any]]) -> None:
    """Show a message; one with ``buttons`` (label and what it does) stays until it is closed."""
    if iface is None:
        return
    bar = iface.messageBar()
    item = bar.createMessage("Crop Transfer", text)
    for label, action in buttons.items():
        button = QPushButton(label)
        button.clicked.connect(lambda checked=False, action=action: action())
        item.layout().addWidget(button)
    # QGIS says first that a task has ended; what came of it belongs on top of that.
    QTimer.singleShot(300, lambda: bar.pushWidget(item, level, 0 if buttons else 8))
