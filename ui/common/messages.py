"""Messages about a finished job: the message bar, and the links to map and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qgis.core import Qgis, QgsProject
from qgis.PyQt.QtCore import QCoreApplication, QTimer, QUrl
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import QPushButton

ZOOM = "zoom:"
"""Prefix of the links to a layer, followed by its id."""


def result_links(outputs: Mapping[str, str], layers: Sequence[str]) -> dict[str, str]:
    """Labels and links of a job's results: the first of ``layers`` (ids), and the report."""
    found: dict[str, str] = {}
    if layers:
        found[QCoreApplication.translate("CropTransfer", "Zoom to the map")] = ZOOM + layers[0]
    if "report" in outputs:
        report = QUrl.fromLocalFile(outputs["report"]).toString()
        found[QCoreApplication.translate("CropTransfer", "Open the report")] = report
    return found


def follow(iface: Any, link: str) -> None:
    """Follow a link: to the layer on the canvas, or to the report in the browser."""
    if not link.startswith(ZOOM):
        QDesktopServices.openUrl(QUrl(link))
        return
    layer = QgsProject.instance().mapLayer(link[len(ZOOM) :])
    if layer is not None:
        iface.setActiveLayer(layer)
        iface.zoomToActiveLayer()


def push(iface: Any, text: str, level: Qgis.MessageLevel, buttons: Mapping[str, Callable[[], Any]]) -> None:
    """Show a message; one with ``buttons`` (label and action) stays until it is closed."""
    if iface is None:
        return
    bar = iface.messageBar()
    item = bar.createMessage("Crop Transfer", text)
    for label, action in buttons.items():
        button = QPushButton(label)
        button.clicked.connect(lambda checked=False, action=action: action())
        item.layout().addWidget(button)
    # QGIS reports the end of the task first; the result belongs on top of that.
    QTimer.singleShot(300, lambda: bar.pushWidget(item, level, 0 if buttons else 8))
