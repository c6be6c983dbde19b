"""Layers of containers as QGIS writes them: ``path|layername=name``."""

from __future__ import annotations

import os


def split_layer(source: str) -> tuple[str, str]:
    """The path and the layer name (empty: the first layer) of ``source``; a file may have ``|`` in its name."""
    path, _, layer = source.partition("|layername=")
    return path if os.path.exists(path) else path.split("|")[0], layer.split("|")[0]
