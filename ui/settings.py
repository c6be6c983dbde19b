"""What Crop Transfer remembers in the user's QGIS profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsSettings

from . import environment
from .environment import Interpreter

PREFIX = "croptransfer/"


def get(key: str, default: Any = "") -> Any:
    """The remembered value of ``key``."""
    return QgsSettings().value(PREFIX + key, default)


def put(key: str, value: Any) -> None:
    """Remember ``value`` under ``key``."""
    QgsSettings().setValue(PREFIX + key, value)


def packages() -> Path:
    """The plugin's private package folder in this profile."""
    return environment.packages_folder(Path(QgsApplication.qgisSettingsDirPath()))


def interpreter() -> Interpreter:
    """The Python that runs the engine; raises InputError (``engine-missing``)."""
    return environment.find(str(get("python", "")), packages())
