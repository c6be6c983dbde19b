"""Files that people choose, and the folders that are offered to them."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProject
from qgis.PyQt.QtCore import QDir
from qgis.PyQt.QtWidgets import QFileDialog, QWidget

from . import settings


def choose_files(parent: QWidget, title: str, file_filter: str = "", several: bool = True) -> list[str]:
    """The files that the user chooses, from the folder of the last time; empty for none."""
    folder = str(settings.get("folder", ""))
    if several:
        paths, _ = QFileDialog.getOpenFileNames(parent, title, folder, file_filter)
    else:
        path, _ = QFileDialog.getOpenFileName(parent, title, folder, file_filter)
        paths = [path] if path else []
    if paths:
        settings.put("folder", str(Path(paths[0]).parent))
    return paths


def output_folder() -> Path:
    """The folder of the last output, the project's, or the user's home."""
    remembered = str(settings.get("output_folder", ""))
    folder = Path(remembered or QgsProject.instance().absolutePath() or QDir.homePath())
    return folder if folder.is_dir() else Path(QDir.homePath())
