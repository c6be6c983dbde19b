"""Layers of containers as QGIS writes them: ``path|layername=name``."""

from __future__ import annotations


def split_layer(source: str) -> tuple[str, str]:
    """The path and the layer name (empty: the first layer) of ``source``."""
    path, *options = source.split("|")
    for option in options:
        if option.startswith("layername="):
            return path, option[len("layername=") :]
    return path, ""
