"""Layers as QGIS writes them into a source: ``path|layername=name|subset=...|geometrytype=Polygon``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlparse

from ...errors import InputError, listed

KEYS = r"layername|layerid|subset|geometrytype|uniquegeometrytype|authid|option:[^=|]*"
PART = re.compile(rf"\|(?=(?:{KEYS})=)", re.IGNORECASE)
"""Where a part of a source begins: a filter may hold ``|`` itself."""
GEOMETRIES = {"point": "POINT", "line": "LINE", "polygon": "POLYGON"}


@dataclass(frozen=True)
class LayerPart:
    """Which layer of a source is meant, and which of its features."""

    name: str = ""
    """Name of the layer; empty where it is not named."""
    number: int | None = None
    """Number of the layer, from 0."""
    subset: str = ""
    """Filter as the WHERE part of SQL."""
    geometry: str = ""
    """``POINT``, ``LINE`` or ``POLYGON`` for features of that type only."""
    options: tuple[str, ...] = ()
    """Open options of GDAL, ``KEY=VALUE``."""


def split_layer(source: str) -> tuple[str, str]:
    """Path of a source, and the text that says which part of it is meant; a file may have ``|`` in its name.

    Parameters
    ----------
    source : str
        As QGIS writes it.

    Returns
    -------
    tuple of str
        Path, and a text for :func:`parse_part`: the layer's name, and what follows it; empty for the only layer.
    """
    if os.path.exists(source):
        return source, ""
    database = re.match(r"dbname='((?:[^'\\]|\\.)*)'(.*)", source)
    if database:
        table = re.search(r'table="((?:[^"\\]|\\.)*)"', database.group(2))
        subset = re.search(r"\bsql=(.*)$", database.group(2))
        tail = f"|subset={subset.group(1).strip()}" if subset and subset.group(1).strip() else ""
        return database.group(1), (table.group(1) if table else "") + tail
    if re.match(r"file:", source, re.IGNORECASE):
        # A delimited text layer: the columns of its file are found as in every table.
        return unquote(urlparse(source.partition("?")[0]).path), ""
    path, *parts = PART.split(source)
    if not parts:
        return source, ""
    names = [part.partition("=")[2] for part in parts if part.lower().startswith("layername=")]
    rest = [part for part in parts if not part.lower().startswith("layername=")]
    return path, (names[0] if names else "") + "".join(f"|{part}" for part in rest)


def parse_part(text: str) -> LayerPart:
    """What the second text of :func:`split_layer` means.

    Parameters
    ----------
    text : str

    Returns
    -------
    LayerPart

    Raises
    ------
    InputError
        ``layer-missing`` for a number or geometry type that is none.
    """
    name, *parts = PART.split(text)
    found: dict[str, str] = {}
    options = []
    for part in parts:
        key, _, value = part.partition("=")
        if key.lower().startswith("option:"):
            options.append(f"{key[len('option:') :]}={value}")
        else:
            found[key.lower()] = value
    number = found.get("layerid", "")
    if number and not number.isdigit():
        raise InputError("layer-missing", f"The layer number layerid={number} is no number.", "Give one from 0.")
    kind = re.sub(r"^multi|(?:25d|zm?|m)$|\s", "", found.get("geometrytype", "").lower())
    kind = kind.replace("linestring", "line").replace("curve", "")
    if kind and kind not in (*GEOMETRIES, "geometry", "geometrycollection", "unknown"):
        hint = f"Choose one of: {listed(list(GEOMETRIES))}."
        raise InputError("layer-missing", f"The geometry type {found['geometrytype']} is unknown.", hint)
    return LayerPart(
        name, int(number) if number else None, found.get("subset", "").strip(), GEOMETRIES.get(kind, ""), tuple(options)
    )
