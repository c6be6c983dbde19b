"""Crop Transfer: a QGIS plugin that maps crops where there are no field labels; this folder is its package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plugin import CropTransferPlugin


def classFactory(iface: Any) -> CropTransferPlugin:
    """Make the plugin; QGIS calls this, with ``iface`` None in ``qgis_process``."""
    from .plugin import CropTransferPlugin

    return CropTransferPlugin(iface)
