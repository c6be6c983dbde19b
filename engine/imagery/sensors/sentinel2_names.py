"""What metadata, names and dates say of the offset of Sentinel-2's processing baseline 04.00, without the numbers.

Of tags, STAC items and a granule's metadata the baseline is taken; that of the product has the offset itself. Without
any, the name says whether the date decides, as of ESA's originals, or whether only the values can.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from osgeo import gdal

from ..geo.gdal_errors import call_gdal
from .wavelengths import common_name

SINCE = "2022-01-25"
"""Day from which the ground segment writes the offset; what it reprocesses has it for every day."""
OFFSET = -0.1
SCALE = 1e-4
METADATA, BASELINE, REMOVED, DATE = "metadata", "baseline", "removed", "date"
NAMED, NUMBERED, ANY = "named", "numbered", "any"
"""How the offset is known; removed: the name says so. The last three are by the values alone: of what is Sentinel-2 by
its name, of bands that are numbered as its bands are, and of others, for which only the step in January 2022 counts."""
BY_VALUES = (NAMED, NUMBERED, ANY)

PRODUCT = r"MSIL(?:1C|2A)_\d{8}T\d{6}_"
BASELINE_OF_PRODUCT = PRODUCT + r"N(\d{2})\d{2}_"
ORIGINAL = (
    PRODUCT,
    r"(?<![A-Z0-9])T\d{2}[A-Z]{3}_\d{8}T\d{6}_B\d[\dA](?![\dA-Z])",
    r"(?<![A-Z0-9])S2[A-D]_T\d{2}[A-Z]{3}_\d{8}T\d{6}_L[12][AC]",
    r"[\\/]tiles[\\/]\d{1,2}[\\/][A-Z][\\/][A-Z]{2}[\\/]\d{4}[\\/]\d{1,2}[\\/]\d{1,2}[\\/]\d[\\/]",
)
"""Paths of images as ESA writes them and as catalogues keep them."""
PLAIN = r"(?<![A-Z0-9])(?:COPERNICUS[/_-])?S2_?(?:SR|TOA)(?![A-Z])|COPERNICUS[/_-]S2(?![A-Z0-9_])"
"""Earth Engine's collections with the offset."""
NAMES = (
    r"(?<!\d)\d{8}T\d{6}_\d{8}T\d{6}_T\d{2}[A-Z]{3}(?![A-Z0-9])"
    r"|(?<![A-Z0-9])S2[A-D]_\d{1,2}[A-Z]{3}_\d{8}_\d_L[12][AC]"
    r"|(?<![A-Z0-9])(?:SENTINEL-?_?2[A-D]?|S2_?L[12][AC]|S2[A-D])(?![A-Z0-9])"
)
"""Names of Sentinel-2 images that exist with and without the offset."""
WITHOUT = (
    r"HARMONI[SZ]ED|(?<![A-Z])HLS(?![A-Z])|LEVEL[23]_(?:SEN2|LND)|SEN2[A-DL]_(?:BOA|TOA|TSA)|_(?:FRE|SRE|FRC)_B"
    r"|SENTINEL2[A-D]_\d{8}-\d{6}|S2-16D|S2_?L2A_BDC"
)
"""Names of files that never have it: harmonised ones, and those of processors that remove it or never had it."""
ITSELF = r"SEN(?:TINEL)?-?_?2"
"""What else names Sentinel-2 in a path."""
OTHER = r"PLANET|PSSCENE|ANALYTICMS|CBERS|LANDSAT|MODIS|VIIRS|SPOT\d|PLEIADES|RAPIDEYE|ENMAP|PROBA|L[COTEM]0\d_"
"""Names of other sensors."""

BANDS = "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12".split()
"""In the order of ``band_id`` of the product's metadata."""
PRODUCT_METADATA = ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml")
GRANULE_METADATA = ("MTD_TL.xml", "metadata.xml")
ITEMS = ("item.json", "stac.json")
LONGEST_TAG = 300
"""Characters of a tag that may name a product."""
LEVELS = 5
"""Folders from an image up to the metadata of its product, at most."""


@dataclass(frozen=True)
class Sentinel2:
    """What is known of the offset of a Sentinel-2 raster band without reading it."""

    how: str
    """One of METADATA to ANY."""
    scale: float | None = SCALE
    """Reflectance of one stored unit; None where it is not known to be Sentinel-2."""
    offset: float = OFFSET
    """Added to reflectance, where it is in the numbers."""

    def possible_on(self, date: str) -> bool:
        """Whether the offset may be in the numbers of an ISO date.

        Parameters
        ----------
        date : str
        """
        return bool(self.offset) and (self.how in (METADATA, BASELINE) or date >= SINCE)


def sentinel_2(path: str, description: str, tags: Mapping[str, str], name: str) -> Sentinel2 | None:
    """What is known of the offset of a raster band.

    Parameters
    ----------
    path : str
        Of its file.
    description : str
        Of the band.
    tags : mapping of str to str
        Metadata of the file and the band.
    name : str
        Of the band in the stack, one of reflectance.

    Returns
    -------
    Sentinel2 or None
        None where it has no such offset.
    """
    said = " ".join([description, *(value for value in tags.values() if len(value) < LONGEST_TAG)])
    text = f"{path} {said}"
    original = any(re.search(pattern, text, re.IGNORECASE) for pattern in ORIGINAL)
    # Folders further up may have any name.
    near = " ".join([*re.split(r"[\\/]", path)[-2:], said])
    plain = re.search(PLAIN, near, re.IGNORECASE) is not None
    named = original or plain or re.search(NAMES, near, re.IGNORECASE) is not None
    if re.search(WITHOUT, text, re.IGNORECASE):
        itself = named or re.search(ITSELF, near, re.IGNORECASE)
        return Sentinel2(REMOVED, SCALE if original else None, 0.0) if itself else None
    if named or "SENTINEL2_L" in path or _granule_above(path):
        known = _by_metadata(path, tags, name)
        if known:
            return known
    baseline = re.search(BASELINE_OF_PRODUCT, text, re.IGNORECASE)
    if baseline:
        return Sentinel2(BASELINE, SCALE, OFFSET if int(baseline.group(1)) >= 4 else 0.0)
    if named:
        return Sentinel2(DATE if original or plain else NAMED, SCALE if original else None)
    common = common_name(name)
    if common is None or common.startswith("lwir") or re.search(OTHER, text, re.IGNORECASE):
        return None
    return Sentinel2(NUMBERED if name.upper() in BANDS else ANY, None)


def _by_metadata(path: str, tags: Mapping[str, str], name: str) -> Sentinel2 | None:
    applies = _offset_in_tags(tags)
    if applies is not None:
        return Sentinel2(BASELINE, SCALE, OFFSET if applies else 0.0)
    safe = _above(path, _product_metadata)
    if safe:
        quantification, offsets = safe
        in_name = re.findall(r"_(B\d[\dA])(?=[_.])", path)
        own = (in_name[-1] if in_name else name).upper()
        number = BANDS.index(own) if own in BANDS else -1
        offset = offsets.get(number, max(offsets.values(), key=list(offsets.values()).count, default=0.0))
        return Sentinel2(METADATA, 1 / quantification, offset / quantification)
    granule = _above(path, _granule_offset)
    return None if granule is None else Sentinel2(BASELINE, SCALE, OFFSET if granule[0] else 0.0)


def _offset_in_tags(tags: Mapping[str, Any]) -> bool | None:
    """Whether tags say that the offset is in the numbers; None where they do not know.

    That it was not applied yet is no answer: Element 84 says so of old scenes as well.
    """
    lower = {str(key).lower(): str(value).strip().lower() for key, value in tags.items()}
    if any(key.endswith("boa_offset_applied") and value in ("true", "yes", "1") for key, value in lower.items()):
        return False
    for key in ("processing:version", *(key for key in lower if "baseline" in key)):
        number = re.fullmatch(r"n?(\d{1,2})(?:\.\d{1,2}|\d{2})", lower.get(key, ""))
        if number:
            return int(number.group(1)) >= 4
    return None


def _granule_above(path: str) -> bool:
    """Whether a file is in a folder as a product has them, whatever the product is called."""
    return re.search(r"[\\/](?:IMG_DATA|GRANULE)[\\/]", path) is not None


def _above(path: str, look: Callable[[str], Any]) -> Any:
    """What the first folder above a raster has, or None."""
    subdataset = re.match(r"SENTINEL2_L\w+:(.*\.xml):", path)
    folder = subdataset.group(1) if subdataset else path
    if "/vsicurl" in folder or "/vsis3/" in folder or "/vsigs/" in folder or "/vsiaz/" in folder:
        return None  # a request for a file that may not exist takes seconds
    for _ in range(LEVELS):
        folder = re.sub(r"[\\/][^\\/]*$", "", folder)
        found = look(folder)
        if found:
            return found
    return None


@lru_cache(maxsize=256)
def _product_metadata(folder: str) -> tuple[float, dict[int, float]] | None:
    """Quantification value and offset by ``band_id`` of the Sentinel-2 metadata file in a folder, if there is one."""
    for text in map(partial(_text, folder), PRODUCT_METADATA):
        quantification = re.search(r"<(?:BOA_)?QUANTIFICATION_VALUE\b[^>]*>\s*([\d.]+)", text)
        if quantification and float(quantification.group(1)) > 0:
            rows = re.findall(r'<(?:BOA|RADIO)_ADD_OFFSET\b[^>]*band_id="(\d+)"[^>]*>\s*(-?[\d.]+)', text)
            return float(quantification.group(1)), {int(number): float(offset) for number, offset in rows}
    return None


@lru_cache(maxsize=1024)
def _granule_offset(folder: str) -> tuple[bool] | None:
    """Whether the offset is in the images of a granule, by its metadata or a STAC item in a folder."""
    for text in map(partial(_text, folder), GRANULE_METADATA):
        baseline = re.search(r"<TILE_ID\b[^>]*>[^<]*_N(\d{2})\.\d{2}<", text)
        if baseline:
            return (int(baseline.group(1)) >= 4,)
    own = re.sub(r"^.*[\\/]", "", folder)
    for text in map(partial(_text, folder), (*ITEMS, f"{own}.json") if own else ITEMS):
        applies = _item_offset(text)
        if applies is not None:
            return (applies,)
    return None


def _item_offset(text: str) -> bool | None:
    """Whether the offset is in the numbers of a STAC item; None for what is none, or does not know."""
    try:
        return _offset_in_tags(json.loads(text)["properties"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _text(folder: str, name: str) -> str:
    """The text of a file of at most 4 MiB, anywhere GDAL reads; empty where there is none."""
    path = f"{folder}/{name}"
    if call_gdal(partial(gdal.VSIStatL, path))[0] is None:
        return ""
    return call_gdal(partial(_content, path))[0] or ""


def _content(path: str) -> str | None:
    file = gdal.VSIFOpenL(path, "rb")
    if file is None:
        return None
    try:
        data = gdal.VSIFReadL(1, 4 * 2**20, file)
    finally:
        gdal.VSIFCloseL(file)
    return bytes(data or b"").decode("utf-8", "replace")
