"""What stands behind the bands of a virtual raster (VRT): it often says less of them than its files do."""

from __future__ import annotations

import os
import re
from html import unescape
from typing import Any

SOURCE = re.compile(
    r"<SourceFilename([^>]*)>([^<]*)</SourceFilename>\s*(?:<OpenOptions>.*?</OpenOptions>\s*)?"
    r"<SourceBand>(\d+)</SourceBand>",
    re.DOTALL,
)
CHANGED = re.compile(r"<(?:ScaleRatio|ScaleOffset|LUT|Exponent)>")
"""What makes other numbers of those of a file."""
MAX_SOURCES = 20
"""Files of a band that are looked at: a mosaic may have thousands, which are named alike."""


def sources_of(dataset: Any, index: int, path: str) -> list[tuple[str, int]]:
    """Path and band number of the first files that a band of a VRT shows as they are; empty for any other raster.

    Parameters
    ----------
    dataset : open GDAL dataset.
    index : number of its band, from 1.
    path : its path.
    """
    driver = dataset.GetDriver()  # None for a view of a cube
    if driver is None or driver.ShortName != "VRT":
        return []
    texts = list((dataset.GetRasterBand(index).GetMetadata("vrt_sources") or {}).values())[:MAX_SOURCES]
    found = [match for match in map(SOURCE.search, texts) if match]
    if len(found) < len(texts) or any(map(CHANGED.search, texts)):
        return []
    folder = os.path.dirname(path)
    return [
        (os.path.join(folder, unescape(name)) if 'relativeToVRT="1"' in how else unescape(name), int(number))
        for how, name, number in (match.groups() for match in found)
    ]
