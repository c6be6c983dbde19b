"""Physical values from stored numbers: scale and offset of every raster band, by the same rules for source and target.

How it is decided, for each raster band (quality bands are never scaled):

1. scale and offset in the file's metadata (a scale of 10 or more is a divisor, as MODIS HDF files store it);
2. Sentinel-2, whose offset has a file of its own: :mod:`.sentinel2_offset`;
3. known products by name, for files of whole numbers: Landsat Collection 2, HLS, MODIS;
4. otherwise by size (:mod:`.value_range`): reflectance and most indices are between -1 and 2, so a stack whose
   typical large value is above 100 holds them times 10000, or times 1000, and is divided by that, float files as well
   (a float file of a known product then gets the product's own scale and offset). Byte files are left as they are:
   8-bit products follow no common factor. So are bands that are no reflectance (radar, temperature, terrain).

An unusual scale of the metadata and one by the product's name are not applied where they give impossible values. The
fourth rule looks at the whole stack and not at one band: a dark band alone would be taken for unscaled.
Both sides of a transfer go through the same rules, so a target in UInt16 times 10000 meets a source in
float 0-1 in the same unit; where they do not meet, :mod:`engine.series.magnitudes` says so.

Sources: USGS LSDS-1619 (Landsat Collection 2); ESA, Sentinel-2 processing baseline 04.00, 25 January 2022; HLS User
Guide 2.0, table 9; MODIS Vegetation Index User's Guide, collection 6.1; MODIS Surface Reflectance User's Guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from osgeo import gdal

from .sentinel2_names import Sentinel2, sentinel_2
from .spectral_indices import index_name

AS_STORED = "CROPTRANSFER_AS_STORED"
"""Metadata key of raster bands whose numbers are the values, however large: regular stacks have it."""
USUAL = ((1e-4, 0.0), (1e-4, -0.1), (2.75e-5, -0.2))
"""Scales and offsets in the metadata of whole numbers that are believed without a look at the numbers."""
METADATA, NAME = "metadata", "name"
DIVISOR = 10.0
"""A scale in the metadata at or above this divides."""
NOT_REFLECTANCE = frozenset(
    "VV VH HH HV VVVH LST ST TIR LWIR LWIR11 LWIR12 DEM ELEVATION SLOPE ASPECT TEMPERATURE RAIN WVP AOT".split()
)
"""Bands that rule 4 leaves as they are."""
DERIVED = frozenset("LAI FAPAR FCOVER PPI CAB CWC RVI NDSI GVMI OSAVI".split())
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
    data_type: int | None = None
    """GDAL data type of its files; None for any."""


LANDSAT = r"(?:L[COTEM]0[4-9]_L2S[PR]_\d{6}_\d{8}_\d{8}_02_T\d.*|L[COTEM]0[4-9]_\d{6}_\d{8}(?!\d).*)"
PRODUCTS = (
    Product("Landsat Collection 2 reflectance", LANDSAT + r"SR_B\d", 2.75e-5, -0.2, 0.0),
    Product("Landsat Collection 2 temperature", LANDSAT + r"ST_B\d", 0.00341802, 149.0, 0.0),
    Product("HLS", r"\bHLS\.[SL]30\.T", 1e-4, 0.0, -9999.0, REFLECTANCE),
    Product("MODIS vegetation index", r"(?<![A-Z])M[OY]D13[AQC]\d", 1e-4, 0.0, -3000.0, INDEX),
    Product("MODIS vegetation index, its bands", r"(?<![A-Z])M[OY]D13[AQC]\d", 1e-4, 0.0, -1000.0, REFLECTANCE),
    Product("MODIS reflectance", r"(?<![A-Z])M[OY]D09[AGQ]\w", 1e-4, 0.0, -28672.0, REFLECTANCE),
    Product("MODIS reflectance", r"(?<![A-Z])MCD43A4", 1e-4, 0.0, 32767.0, REFLECTANCE),
    Product("EO Browser, 16 bits", r"_\(Raw\)\.tiff?\b", 1 / 65535, 0.0, None, REFLECTANCE, gdal.GDT_UInt16),
)
"""The first whose pattern is found and whose kind is that of the band applies."""


@dataclass(frozen=True)
class StoredValues:
    """What is known of a raster band's numbers without reading them."""

    scaling: tuple[float, float] | None = None
    """Scale and offset; None when unknown."""
    product: tuple[float, float] | None = None
    """Scale and offset of its product's whole numbers, for a float file that may hold them or the values."""
    fill: float | None = None
    """Number that its product stores for no observation."""
    sentinel_2: Sentinel2 | None = None
    """What is known of the offset of Sentinel-2, which is not part of the scalings above; None: it has none."""

    doubt: str = ""
    """``metadata`` or ``name``: where the scale is from, if the values may show that it does not apply."""

    @property
    def certain(self) -> bool:
        """Whether metadata or a product's name say something: a file behind a virtual raster may know more."""
        return self.scaling is not None or self.product is not None


def stored_values(band: Any, path: str, name: str, tags: Mapping[str, str]) -> StoredValues:
    """What is known of the numbers of a raster band from its metadata and product.

    Parameters
    ----------
    band : gdal.Band
    path : str
        Of its file.
    name : str
        Of the band in the stack: an index has no offset of its product.
    tags : mapping of str to str
        Metadata of the file and of the band.

    Returns
    -------
    StoredValues
    """
    known = _product(band, path, name, tags)
    declared = _declared(band)
    if declared is not None:
        usual = declared == (1.0, 0.0) or (declared in USUAL and band.DataType in INTEGERS)
        return StoredValues(declared, fill=known.fill, doubt="" if usual else METADATA)
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


def _product(band: Any, path: str, name: str, tags: Mapping[str, str]) -> StoredValues:
    kind = INDEX if index_name(name) or name.upper() in DERIVED else REFLECTANCE
    if name.upper() in NOT_REFLECTANCE:
        kind = ANY
    description = band.GetDescription() or ""
    for product in PRODUCTS:
        fits = product.kind in (ANY, kind) and product.data_type in (None, band.DataType)
        if fits and re.search(product.pattern, f"{path} {description}", re.IGNORECASE):
            doubt = NAME if product.offset else ""
            return StoredValues((product.scale, product.offset), fill=product.fill, doubt=doubt)
    if kind != REFLECTANCE or band.DataType == gdal.GDT_Byte:
        return StoredValues()
    known = sentinel_2(path, description, tags, name)
    if known is None or known.scale is None:
        return StoredValues(sentinel_2=known)
    return StoredValues((known.scale, 0.0), fill=0.0, sentinel_2=known)
