"""Layers of containers as QGIS writes them: ``path|layername=name``."""

from __future__ import annotations

import os


def split_layer(source: str) -> tuple[str, str]:
    """Path and layer of a source; a file may have ``|`` in its name.

    Parameters
    ----------
    source : str
        ``path`` or ``path|layername=name``.

    Returns
    -------
    tuple of str
        Path and layer name, empty for the first layer.
    """
    path, _, layer = source.partition("|layername=")
    return path if os.path.exists(path) else path.split("|")[0], layer.split("|")[0]
