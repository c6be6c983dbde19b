"""Which Python runs the engine."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsApplication

from ..common.settings import get
from . import environment
from .environment import Interpreter


def packages() -> Path:
    """The plugin's private package folder in this profile."""
    return environment.packages_folder(Path(QgsApplication.qgisSettingsDirPath()))


def interpreter() -> Interpreter:
    """The Python that runs the engine; raises InputError (``engine-missing``)."""
    return environment.find(str(get("python", "")), packages())
