"""Opens the help page."""

from __future__ import annotations

from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtGui import QDesktopServices

from .icons import FOLDER

PAGE = FOLDER.parent / "help" / "index.html"


def help_url() -> QUrl:
    """Address of the help page."""
    return QUrl.fromLocalFile(str(PAGE))


def open_help() -> None:
    """Show the help page in the user's browser."""
    QDesktopServices.openUrl(help_url())
