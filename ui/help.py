"""Opens the help page."""

from __future__ import annotations

from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtGui import QDesktopServices

from .icons import FOLDER

PAGE = FOLDER.parent / "help" / "index.html"


def open_help() -> None:
    """Show the help page in the user's browser."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(PAGE)))
