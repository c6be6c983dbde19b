"""Which rasters of a STAC item hold the wanted bands, under which name GDAL opens them, and how they store values.

Bands are found by the key of the asset (``B02``, ``blue``), then by the name in ``eo:bands`` or ``bands``, then by
a ``common_name`` that only one of them has. Scale, offset and nodata come from the item's ``raster`` entries, or
from its product; Sentinel-2's offset comes from the processing baseline, for that entry is wrong in some catalogues.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit
from urllib.request import url2pathname

from ..sensors.band_names import standard_name
from ..sensors.quality_flags import is_quality
from ..sensors.wavelengths import common_name
from .catalogs import PRODUCTS, SENTINEL_2, Catalogue, Product, belongs

SCHEMES = {"s3": "/vsis3/", "gs": "/vsigs/"}
"""Stores that GDAL opens by a prefix of their own."""
PICTURES = {"thumbnail", "overview", "visual", "metadata"}
"""Roles of assets that are no data."""
COARSE = re.compile(r"[_-](\d+)M$")
"""Resolution at the end of an asset's key, as in ``B05_20m``."""
OFFSET_APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
BASELINES = ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version")
OFFSET_SINCE = "2022-01-25"
"""From this day ESA has delivered baseline 04.00, whose numbers are 1000 higher."""


@dataclass(frozen=True)
class Asset:
    """One raster band of an item."""

    name: str
    """Band name in the stack."""
    href: str
    """Its address, as the catalogue writes it."""
    path: str
    """Name by which GDAL opens it."""
    index: int
    """Number of the band in it, from 1."""
    scaling: tuple[float, float] | None
    """Scale and offset of the stored numbers; None when only the file may have them, and for quality bands."""
    nodata: float | None
    """Stored number that means no observation; None when only the file may have it."""


@dataclass(frozen=True)
class _Candidate:
    key: str
    band: Mapping[str, Any]
    asset: Mapping[str, Any]
    index: int
    alone: bool

    def keys(self) -> list[str]:
        """The key of its asset, where that names this band alone."""
        return _spellings(self.key) if self.alone else []

    def names(self) -> list[str]:
        """Its name among the bands of its asset."""
        return [word for key in ("name", "eo:name") for word in _spellings(self.band.get(key))]

    def common(self) -> str:
        """Its common name; several bands of an item may have the same (``rededge``)."""
        return str(self.band.get("common_name") or self.band.get("eo:common_name") or "").upper()


def product_of(collection: str) -> Product | None:
    """The product of a collection.

    Parameters
    ----------
    collection : str
        Its id.

    Returns
    -------
    Product or None
        None for an unknown one.
    """
    return next((one for one in PRODUCTS if re.search(one.collection, collection.lower())), None)


def choose_assets(item: Mapping[str, Any], catalogue: Catalogue, wanted: Sequence[str] = ()) -> list[Asset]:
    """The rasters of an item that hold the bands of its product, data bands first.

    Parameters
    ----------
    item : mapping
        A STAC item as JSON.
    catalogue : Catalogue
        Its source.
    wanted : sequence of str, optional
        Names of the data bands (as in the stack, or common names); empty for those of the product.

    Returns
    -------
    list of Asset
        A band that the item lacks is not among them.
    """
    product = product_of(str(item.get("collection") or ""))
    candidates = _candidates(item.get("assets") or {})
    table = _table(product) if product else _generic_table(candidates)
    names = [name for name in table if not is_quality(name)]
    if wanted:
        chosen_names = {word.upper() for word in wanted}
        names = [n for n in names if n in chosen_names or (common_name(n) or "").upper() in chosen_names]
    elif product:
        names = [name for name in names if name not in product.rare]
    chosen = []
    for name in [*names, *(name for name in table if is_quality(name))]:
        found = _find(table[name], candidates)
        href = _absolute(found.asset.get("href"), item) if found else ""
        path = gdal_name(href, catalogue, str(item.get("collection") or "")) if href else ""
        if found and path:
            scaling, nodata = _values(name, found, item, product)
            chosen.append(Asset(name, href, path, found.index, scaling, nodata))
    return chosen if any(not is_quality(asset.name) for asset in chosen) else []


def gdal_name(href: str, catalogue: Catalogue, collection: str = "") -> str:
    """The name by which GDAL opens an address.

    Parameters
    ----------
    href : str
    catalogue : Catalogue
        May need addresses to be signed.
    collection : str, optional
        Its id, for the signature.

    Returns
    -------
    str
        Empty for what GDAL cannot open.
    """
    parts = urlsplit(href)
    scheme = parts.scheme.lower()
    if scheme in SCHEMES:
        return SCHEMES[scheme] + parts.netloc + unquote(parts.path)
    if scheme in ("http", "https"):
        if catalogue.signing and belongs(parts.hostname or "", catalogue.hosts):
            return f"/vsicurl?{catalogue.signing}&pc_collection={quote(collection)}&url={quote(href, safe=':/')}"
        return f"/vsicurl/{href}"
    path = url2pathname(parts.path) if scheme == "file" else href
    return path if os.path.isfile(path) else ""


def baseline_of(item: Mapping[str, Any]) -> float | None:
    """Processing baseline of a Sentinel-2 item.

    Parameters
    ----------
    item : mapping
        A STAC item as JSON.

    Returns
    -------
    float or None
        Such as 4.0; None when unknown.
    """
    properties = item.get("properties") or {}
    for key in BASELINES:
        match = re.fullmatch(r"(\d{1,2}\.\d{1,2})", str(properties.get(key) or ""))
        if match:
            return float(match.group(1))
    match = re.search(r"_N(\d{2})(\d{2})_", f"{item.get('id')} {properties.get('s2:product_uri')}")
    return float(f"{match.group(1)}.{match.group(2)}") if match else None


def offset_in_doubt(item: Mapping[str, Any]) -> bool:
    """Whether an item states that its offset is still to be applied by a flag that is known to be wrong at times.

    Parameters
    ----------
    item : mapping
        A STAC item as JSON.
    """
    flags = [(item.get("properties") or {}).get(key) for key in OFFSET_APPLIED]
    return False in flags and (baseline_of(item) or 0.0) >= 4.0 and "-c1-" not in str(item.get("collection"))


def _table(product: Product) -> dict[str, list[str]]:
    pairs = (entry.partition("=") for entry in f"{product.bands} {product.quality}".split())
    return {name: words.split(",") for name, _, words in pairs}


def _generic_table(candidates: Sequence[_Candidate]) -> dict[str, list[str]]:
    """Bands of an unknown collection: every known name that a key or a band of its assets has."""
    table: dict[str, list[str]] = {}
    for candidate in candidates:
        for word in [*candidate.keys(), *candidate.names(), candidate.common()]:
            name = word if is_quality(word) else standard_name(word)
            if name:
                table.setdefault(name, [word])
                break
    return table


def _candidates(assets: Mapping[str, Any]) -> list[_Candidate]:
    """Every band of every asset; single-band assets and finer ones first."""
    found: list[_Candidate] = []
    for key, asset in assets.items():
        if not isinstance(asset, dict) or PICTURES & set(asset.get("roles") or ()):
            continue
        if "image/jp2" in str(asset.get("type")) and key.endswith("-jp2"):
            continue
        bands = [band for band in asset.get("eo:bands") or asset.get("bands") or [{}] if isinstance(band, dict)]
        found += [_Candidate(key, band, asset, index, len(bands) == 1) for index, band in enumerate(bands, 1)]
    return sorted(found, key=lambda one: (not one.alone, _metres(one.key)))


def _metres(key: str) -> int:
    match = COARSE.search(key.upper())
    return int(match.group(1)) if match else 0


def _spellings(word: Any) -> list[str]:
    """A name in capitals and without a resolution, and where it has one, its usual spelling: ``b2`` is ``B02``."""
    if not isinstance(word, str) or not word.strip():
        return []
    plain = COARSE.sub("", word.strip().upper())
    return [plain, standard_name(plain) or plain]


def _find(words: Sequence[str], candidates: Sequence[_Candidate]) -> _Candidate | None:
    for spellings in (_Candidate.keys, _Candidate.names):
        for candidate in candidates:
            if set(spellings(candidate)) & set(words):
                return candidate
    common = Counter(candidate.common() for candidate in candidates)
    return next((one for one in candidates if one.common() in words and common[one.common()] == 1), None)


def _absolute(href: Any, item: Mapping[str, Any]) -> str:
    if not isinstance(href, str) or not href:
        return ""
    base = next((link.get("href") for link in item.get("links") or () if link.get("rel") == "self"), None)
    is_path = os.path.isabs(href) or urlsplit(href).scheme
    return href if is_path or not isinstance(base, str) else urljoin(base, href)


def _values(
    name: str, found: _Candidate, item: Mapping[str, Any], product: Product | None
) -> tuple[tuple[float, float] | None, float | None]:
    """Scale and offset, and nodata, of one band."""
    raster = (found.asset.get("raster:bands") or [{}])[found.index - 1 : found.index] or [{}]
    own = raster[0] if isinstance(raster[0], dict) else {}
    declared = _raster(found.asset) | _raster(found.band) | _raster(own)
    scale, offset, nodata = map(declared.get, ("scale", "offset", "nodata"))
    if is_quality(name):
        return None, nodata
    if product is None:
        return ((scale or 1.0, offset or 0.0) if scale or offset else None), nodata
    if product.title == SENTINEL_2:
        offset = _sentinel_offset(item, offset)
    elif offset is None:
        offset = product.offset if scale is None else 0.0
    return (product.scale if scale in (None, 0.0, 1.0) else scale, offset), product.nodata if nodata is None else nodata


def _raster(values: Mapping[str, Any]) -> dict[str, Any]:
    """Scale, offset and nodata under the names of the extension ``raster`` 1 and 2; numbers only."""
    found = {}
    for name in ("scale", "offset", "nodata"):
        for key in (f"raster:{name}", name):
            value = values.get(key)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found[name] = float(value)
    return found


def _sentinel_offset(item: Mapping[str, Any], declared: float | None) -> float:
    """What is added to a reflectance of Sentinel-2: -0.1 from baseline 04.00, unless it has been applied already."""
    properties = item.get("properties") or {}
    if any(properties.get(key) is True for key in OFFSET_APPLIED):
        return 0.0
    baseline = baseline_of(item)
    if baseline is not None:
        return -0.1 if baseline >= 4.0 else 0.0
    if declared is not None:
        return declared
    return -0.1 if str(properties.get("datetime") or "") >= OFFSET_SINCE else 0.0
