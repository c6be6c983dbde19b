"""The files behind the bands of a virtual raster (VRT), which often has less metadata than they have."""

from __future__ import annotations

import os
import re
from functools import partial
from html import unescape
from typing import Any

from osgeo import gdal

from .gdal_errors import call_gdal

SOURCE = re.compile(
    r"<SourceFilename([^>]*)>([^<]*)</SourceFilename>\s*(?:<OpenOptions>.*?</OpenOptions>\s*)?"
    r"<SourceBand>(\d+)</SourceBand>",
    re.DOTALL,
)
RESCALED = re.compile(r"<(?:ScaleRatio|ScaleOffset|LUT|Exponent)>")
"""Elements that change the numbers of a file."""
MAX_SOURCES = 20
"""Files of a band that are inspected, at most: a mosaic may have thousands, with names of one pattern."""


def sources_of(dataset: Any, index: int, path: str) -> list[tuple[str, int]]:
    """The first files that a band of a VRT shows unchanged.

    Parameters
    ----------
    dataset : gdal.Dataset
    index : int
        Number of its band, from 1.
    path : str
        Of the dataset.

    Returns
    -------
    list of (str, int)
        Path and band number; empty for any other raster, or where the VRT changes the numbers.
    """
    driver = dataset.GetDriver()  # None for a view of a cube
    if driver is None or driver.ShortName != "VRT":
        return []
    texts = list((dataset.GetRasterBand(index).GetMetadata("vrt_sources") or {}).values())[:MAX_SOURCES]
    found = [match for match in map(SOURCE.search, texts) if match]
    if len(found) < len(texts) or any(map(RESCALED.search, texts)):
        return []
    folder = os.path.dirname(path)
    return [
        (os.path.join(folder, unescape(name)) if 'relativeToVRT="1"' in how else unescape(name), int(number))
        for how, name, number in (match.groups() for match in found)
    ]


FILE_NAME = re.compile(r"<SourceFilename([^>]*)>([^<]*)</SourceFilename>")
NESTED = 3
"""Virtual rasters in virtual rasters that are looked into, at most."""


def missing_source(dataset: Any, path: str, depth: int = NESTED) -> str:
    """The first file of this machine that a virtual raster shows and that is gone; empty where all are there.

    Parameters
    ----------
    dataset : gdal.Dataset
    path : str
        Of the dataset.
    depth : int, optional
        Virtual rasters behind it that are looked into as well.
    """
    driver = dataset.GetDriver()
    if driver is None or driver.ShortName != "VRT" or path.lstrip().startswith("<"):
        return ""
    text = "".join(dataset.GetMetadata("xml:VRT") or [])
    folder = os.path.dirname(path)
    for how, name in dict.fromkeys(FILE_NAME.findall(text)):
        source = unescape(name)
        source = os.path.join(folder, source) if 'relativeToVRT="1"' in how else source
        if source.startswith(("/vsi", "<")) or ":" in source[2:]:
            continue
        if not os.path.exists(source):
            return source
        if source.lower().endswith(".vrt") and depth:
            inner, _ = call_gdal(partial(gdal.OpenEx, source, gdal.OF_RASTER))
            found = missing_source(inner, source, depth - 1) if inner is not None else source
            if found:
                return found
    return ""
