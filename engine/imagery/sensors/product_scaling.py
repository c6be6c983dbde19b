"""Physical values from stored numbers: scale and offset of every raster band, by the same rules for source and target.

How it is decided, for each raster band (quality bands are never scaled):

1. scale and offset in the file's metadata (a scale of 10 or more is a divisor, as MODIS HDF files store it);
2. the metadata file of a Sentinel-2 product that holds the raster (``MTD_MSIL2A.xml``: quantification and offset);
3. known products by name, for files of whole numbers: Landsat Collection 2, Sentinel-2 (with the offset of -1000
   from processing baseline 04.00 on, unless the path says that the data is harmonised), HLS, MODIS;
4. otherwise by size: reflectance and most indices are between -1 and 2, so a stack whose typical large value
   is above 100 holds them times 10000 and is divided by that, float files as well (a float file of a known
   product then gets the product's own scale and offset). Byte files are left as they are: 8-bit products
   follow no common factor. Bands that are no reflectance (radar, temperature, terrain) are left as they are.

The fourth rule looks at the whole stack and not at one band: a dark band alone would be taken for unscaled.
Both sides of a transfer go through the same rules, so a target in UInt16 times 10000 meets a source in
float 0-1 in the same unit; where they do not meet, :mod:`engine.series.magnitudes` says so.

Sources: USGS LSDS-1619 (Landsat Collection 2); ESA, Sentinel-2 processing baseline 04.00, 25 January 2022; HLS User
Guide 2.0, table 9; MODIS Vegetation Index User's Guide, collection 6.1; MODIS Surface Reflectance User's Guide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from osgeo import gdal

from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name
from .spectral_indices import index_name

FACTOR = 10000.0
"""Reflectance and indices are commonly stored as integers times this."""
AS_STORED = "CROPTRANSFER_AS_STORED"
"""Metadata key of raster bands whose numbers are the values, however large: regular stacks have it."""
LARGE = 100.0
"""Typical large value of a stack from which on it cannot be reflectance or an index as such."""
DIVISOR = 10.0
"""A scale in the metadata at or above this divides."""
NOT_REFLECTANCE = frozenset(
    "VV VH HH HV VVVH LST ST TIR LWIR LWIR11 LWIR12 DEM ELEVATION SLOPE ASPECT TEMPERATURE RAIN WVP AOT".split()
)
"""Bands that rule 4 leaves as they are."""
DERIVED = frozenset("LAI FAPAR FCOVER CAB CWC RVI NDSI GVMI OSAVI".split())
"""Besides the indices: what is computed from reflectance and has no offset of a product."""
INTEGERS = (gdal.GDT_Byte, gdal.GDT_UInt16, gdal.GDT_Int16, gdal.GDT_UInt32, gdal.GDT_Int32)

REFLECTANCE, INDEX, ANY = "reflectance", "index", "any"


@dataclass(frozen=True)
class Product:
    """How a product stores its values."""

    title: str
    """The product."""
    pattern: str
    """Regular expression of its file's path and the description of its band, with a blank between them."""
    scale: float
    offset: float
    fill: float | None
    """Number that means no observation, where the files often do not say so."""
    kind: str = ANY
    """The bands it applies to: ``reflectance``, ``index`` or ``any``."""


LANDSAT = r"(?:L[COTEM]0[4-9]_L2S[PR]_\d{6}_\d{8}_\d{8}_02_T\d.*|L[COTEM]0[4-9]_\d{6}_\d{8}(?!\d).*)"
SENTINEL_2 = r"MSIL(?:1C|2A)_\d{8}T\d{6}_"
GRANULE = r"(?<![A-Z0-9])T\d{2}[A-Z]{3}_(\d{8})T\d{6}_B\d[\dA](?:_\d0m)?\.jp2"
PRODUCTS = (
    Product("Landsat Collection 2 reflectance", LANDSAT + r"SR_B\d", 2.75e-5, -0.2, 0.0),
    Product("Landsat Collection 2 temperature", LANDSAT + r"ST_B\d", 0.00341802, 149.0, 0.0),
    Product("Sentinel-2 from baseline 04.00", SENTINEL_2 + r"N(?:0[4-9]|[1-8]\d)\d{2}_", 1e-4, -0.1, 0.0, REFLECTANCE),
    Product("Sentinel-2 before baseline 04.00", SENTINEL_2 + r"N0[0-3]\d{2}_", 1e-4, 0.0, 0.0, REFLECTANCE),
    Product("Sentinel-2 of an unknown baseline", SENTINEL_2, 1e-4, 0.0, 0.0, REFLECTANCE),
    Product("HLS", r"\bHLS\.[SL]30\.T", 1e-4, 0.0, -9999.0, REFLECTANCE),
    Product("MODIS vegetation index", r"(?<![A-Z])M[OY]D13[AQC]\d", 1e-4, 0.0, -3000.0, INDEX),
    Product("MODIS vegetation index, its bands", r"(?<![A-Z])M[OY]D13[AQC]\d", 1e-4, 0.0, -1000.0, REFLECTANCE),
    Product("MODIS reflectance", r"(?<![A-Z])M[OY]D09[AGQ]\w", 1e-4, 0.0, -28672.0, REFLECTANCE),
    Product("MODIS reflectance", r"(?<![A-Z])MCD43A4", 1e-4, 0.0, 32767.0, REFLECTANCE),
)
"""The first whose pattern is found and whose kind is that of the band applies."""

HARMONISED = r"HARMONI[SZ]ED"
"""In a path: data without the offset of baseline 04.00, such as Earth Engine's."""
OFFSET_SINCE = "20220125"
"""Day from which the Sentinel-2 ground segment writes the offset; what it reprocesses has it for every day."""
SENTINEL_2_BANDS = "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12".split()
"""In the order of ``band_id`` of the product's metadata."""
SENTINEL_2_METADATA = ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml")
LEVELS_BELOW_SAFE = 5
"""Folders from a Sentinel-2 image up to its product's metadata, at most."""


@dataclass(frozen=True)
class StoredValues:
    """What is known of a raster band's numbers without reading them."""

    scaling: tuple[float, float] | None = None
    """Scale and offset; None when unknown."""
    product: tuple[float, float] | None = None
    """Scale and offset of its product's whole numbers, for a float file that may hold them or the values."""
    fill: float | None = None
    """Number that its product stores for no observation."""
    sentinel_2: bool = False
    """Whether it is Sentinel-2 data as ESA writes it, whose offset depends on the processing baseline."""
    offset_guessed: bool = False
    """Whether that baseline is unknown."""


def stored_values(band: Any, path: str, name: str) -> StoredValues:
    """What is known of the numbers of a raster band from its metadata and product.

    Parameters
    ----------
    band : gdal.Band
    path : str
        Of its file.
    name : str
        Of the band in the stack: an index has no offset of its product.

    Returns
    -------
    StoredValues
    """
    known = _product(band, path, name)
    declared = _declared(band)
    if declared is not None:
        return StoredValues(declared, fill=known.fill)
    if band.DataType not in INTEGERS and known.scaling is not None:
        return replace(known, scaling=None, product=known.scaling)
    return known


def _declared(band: Any) -> tuple[float, float] | None:
    """Scale and offset of a GDAL band by its own metadata."""
    if band.GetMetadataItem(AS_STORED):
        return 1.0, 0.0
    scale, offset = band.GetScale(), band.GetOffset()
    if (scale is None or scale in (0.0, 1.0)) and not offset:
        return None
    scale = 1.0 if not scale else float(scale)
    return (1 / scale if scale >= DIVISOR else scale), float(offset or 0.0)


def _product(band: Any, path: str, name: str) -> StoredValues:
    kind = INDEX if index_name(name) or name.upper() in DERIVED else REFLECTANCE
    if name.upper() in NOT_REFLECTANCE:
        kind = ANY
    text = f"{path} {band.GetDescription() or ''}"
    granule = re.search(GRANULE, path, re.IGNORECASE)
    if kind == REFLECTANCE and (granule or re.search(SENTINEL_2, path)):
        safe = _safe_scaling(path, name)
        if safe:
            return StoredValues(safe, fill=0.0, sentinel_2=True)
    for product in PRODUCTS:
        if product.kind not in (ANY, kind) or not re.search(product.pattern, text, re.IGNORECASE):
            continue
        if not product.title.startswith("Sentinel-2"):
            return StoredValues((product.scale, product.offset), fill=product.fill)
        harmonised = re.search(HARMONISED, path, re.IGNORECASE) is not None
        guess = product.title.endswith("unknown baseline") and not harmonised
        scaling = product.scale, 0.0 if harmonised else product.offset
        return StoredValues(scaling, fill=product.fill, sentinel_2=True, offset_guessed=guess)
    if kind == REFLECTANCE and granule:
        offset = -0.1 if granule.group(1) >= OFFSET_SINCE else 0.0
        return StoredValues((1e-4, offset), fill=0.0, sentinel_2=True, offset_guessed=True)
    return StoredValues()


def _safe_scaling(path: str, name: str) -> tuple[float, float] | None:
    """Scale and offset by the metadata file of the Sentinel-2 product that holds a raster, or None without one."""
    subdataset = re.match(r"SENTINEL2_L\w+:(.*\.xml):", path)
    folder = subdataset.group(1) if subdataset else path
    if "/vsicurl/" in folder or "/vsis3/" in folder:
        return None  # a request for a file that may not exist takes seconds
    for _ in range(LEVELS_BELOW_SAFE):
        folder = re.sub(r"[\\/][^\\/]*$", "", folder)
        found = _safe_metadata(folder)
        if found:
            quantification, offsets = found
            in_name = re.findall(r"_(B\d[\dA])(?=[_.])", path)
            own = (in_name[-1] if in_name else name).upper()
            number = SENTINEL_2_BANDS.index(own) if own in SENTINEL_2_BANDS else -1
            offset = offsets.get(number, max(offsets.values(), key=list(offsets.values()).count, default=0.0))
            return 1 / quantification, offset / quantification
    return None


@lru_cache(maxsize=256)
def _safe_metadata(folder: str) -> tuple[float, dict[int, float]] | None:
    """Quantification value and offset by ``band_id`` of the Sentinel-2 metadata file in a folder, if there is one."""
    for name in SENTINEL_2_METADATA:
        path = f"{folder}/{name}"
        if call_gdal(partial(gdal.VSIStatL, path))[0] is None:
            continue
        text, _ = call_gdal(partial(_text, path))
        quantification = re.search(r"<(?:BOA_)?QUANTIFICATION_VALUE\b[^>]*>\s*([\d.]+)", text or "")
        if quantification and float(quantification.group(1)) > 0:
            rows = re.findall(r'<(?:BOA|RADIO)_ADD_OFFSET\b[^>]*band_id="(\d+)"[^>]*>\s*(-?[\d.]+)', text or "")
            return float(quantification.group(1)), {int(number): float(offset) for number, offset in rows}
    return None


def _text(path: str) -> str | None:
    """The text of a file of at most 4 MiB, anywhere GDAL reads."""
    file = gdal.VSIFOpenL(path, "rb")
    if file is None:
        return None
    try:
        data = gdal.VSIFReadL(1, 4 * 2**20, file)
    finally:
        gdal.VSIFCloseL(file)
    return bytes(data or b"").decode("utf-8", "replace")


def guess_scale(samples: Sequence[np.ndarray]) -> float:
    """Scale of the bands of a stack that declare none, from their size.

    Parameters
    ----------
    samples : sequence of ndarray
        Stored numbers of each band.

    Returns
    -------
    float
        1 or 1/10000.
    """
    large = [float(np.percentile(np.abs(values), 98)) for values in samples if len(values)]
    return 1 / FACTOR if large and max(large) > LARGE else 1.0


def offset_warnings(role: str, offsets: dict[str, tuple[float, bool]]) -> list[str]:
    """Warnings about the offset of Sentinel-2's baseline 04.00 in a stack.

    Parameters
    ----------
    role : str
        Of the stack: ``source`` or ``target``.
    offsets : dict of str to (float, bool)
        By path of each Sentinel-2 file its offset in reflectance, and whether that is a guess by its date.

    Returns
    -------
    list of str
        Sentences.
    """
    warnings = []
    with_offset = [path for path, (offset, _) in offsets.items() if offset]
    if with_offset and len(with_offset) < len(offsets):
        warnings.append(
            f"{len(with_offset)} of the {len(offsets)} Sentinel-2 files of the {role} are of baseline 04.00 or later: "
            "their offset of -1000 is applied, so that their values continue those of the earlier ones."
        )
    unknown = [path for path, (_, guessed) in offsets.items() if guessed]
    if unknown:
        warnings.append(
            f"{len(unknown)} Sentinel-2 files of the {role}, such as {file_name(unknown[0])}, do not name their "
            "processing baseline: the offset of -1000 is applied only to original ESA files of 25 January 2022 or "
            "later. Keep rasters in their SAFE folder so that the baseline is known."
        )
    return warnings
