"""Which date and band every raster band shows, from descriptions, metadata and names, without reading a pixel."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from osgeo import gdal

from .names import parse_band, parse_date
from .opening import open_raster
from .stack import StackBand

ACQUIRED = (
    "ACQUISITION_DATE",
    "ACQUISITIONDATE",
    "ACQUISITIONDATETIME",
    "DATE_ACQUIRED",
    "SENSING_TIME",
    "PRODUCT_START_TIME",
    "RANGEBEGINNINGDATE",
    "DATETIME",
    "DATE",
)
"""Metadata keys that say when an image was taken, the surest first."""
WRITTEN = ("TIFFTAG_DATETIME",)
"""Keys that many programs set to the day the file was written: asked last."""
BAND_KEYS = ("BAND_NAME", "BANDNAME", "NETCDF_VARNAME", "long_name", "standard_name")
"""Metadata keys of a raster band that name it."""
SECONDS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}


def describe(paths: Sequence[str]) -> tuple[StackBand, ...]:
    """The date and band of every raster band of the files, in their order; alpha bands are left out.

    The band's own description and metadata come first, then the file's acquisition date, its name, the
    name of its folder, and last the TIFF date tag. What is not recognised stays None: nothing is guessed.

    Raises
    ------
    InputError
        ``raster-unreadable``, naming the file.
    """
    found: list[StackBand] = []
    for path in paths:
        found += describe_file(str(path))
    return tuple(found)


def describe_file(path: str) -> list[StackBand]:
    """The bands of one file, as :func:`describe` gives them."""
    dataset = open_raster(path)
    metadata = _upper(dataset.GetMetadata() or {}) | _upper(dataset.GetMetadata("IMAGERY") or {})
    date_in_name, rest_of_name = parse_date(_stem(path))
    band_in_name = parse_band(rest_of_name, free=False)
    date_of_file = _first_date(metadata, ACQUIRED) or date_in_name or _date_of_folder(path)
    date_of_file = date_of_file or _first_date(metadata, WRITTEN)
    bands = []
    for index in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(index)
        if band.GetColorInterpretation() == gdal.GCI_AlphaBand:
            continue
        own = band.GetMetadata() or {}
        date, rest = parse_date(band.GetDescription() or "")
        name = parse_band(rest, free=True) or _first_name(own)
        date = date or _netcdf_date(own, dataset) or _first_date(_upper(own), ACQUIRED) or date_of_file
        # A name in the file's name holds for one band only: in a file of many it would name them all alike.
        bands.append(StackBand(path, index, date, name or (band_in_name if dataset.RasterCount <= 2 else None)))
    if len(bands) > 1 and any(b.band is None for b in bands) and band_in_name and _one_per_date(bands):
        bands = [StackBand(b.path, b.index, b.date, b.band or band_in_name) for b in bands]
    return bands


def _one_per_date(bands: Sequence[StackBand]) -> bool:
    """Whether every band has its own date: then a file ``NDVI.tif`` holds one index over time."""
    dates = [b.date for b in bands]
    return None not in dates and len(set(dates)) == len(dates)


def _stem(path: str) -> str:
    name = re.split(r"[\\/]", path)[-1]
    return re.sub(r"\.(?:tiff?|jp2|img|vrt|nc|hdf|h5|dat|bil|bsq|asc|zip|gz)\b", "", name, flags=re.IGNORECASE)


def _date_of_folder(path: str) -> str | None:
    date, rest = parse_date(Path(path).parent.name)
    return date


def _upper(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key.upper(): value for key, value in metadata.items()}


def _first_date(metadata: Mapping[str, str], keys: Sequence[str]) -> str | None:
    for key in keys:
        date = parse_date(metadata[key])[0] if key in metadata else None
        if date:
            return date
    return None


def _first_name(metadata: Mapping[str, str]) -> str | None:
    for key in BAND_KEYS:
        name = parse_band(metadata[key], free=True) if key in metadata else None
        if name:
            return name
    return None


def _netcdf_date(metadata: Mapping[str, str], dataset: Any) -> str | None:
    """The date of a netCDF time step: a number in the units of the file (CF conventions, section 4.4)."""
    steps, units = metadata.get("NETCDF_DIM_time"), (dataset.GetMetadata() or {}).get("time#units", "")
    match = re.match(r"(day|hour|minute|second)s? since (\d{4}-\d{1,2}-\d{1,2})", units)
    if steps is None or match is None:
        return None
    since = datetime.datetime(*(int(part) for part in match.group(2).split("-")))  # type: ignore[arg-type]
    return (since + datetime.timedelta(seconds=float(steps) * SECONDS[match.group(1)])).date().isoformat()
