"""The date and band of every band of one raster file, from descriptions, metadata and names; no pixel is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_io import open_raster
from ..geo.remote import address_of
from ..geo.types import StackBand
from ..geo.vrt_sources import sources_of
from ..sensors.band_names import (
    Sensor,
    date_choices,
    parse_band,
    parse_date,
    sensor_band_name,
    sensor_of,
    standard_name,
)
from ..sensors.wavelengths import split_wavelength
from .terra_sidecar import terra_dates

ACQUIRED = (
    "ACQUISITION_DATE ACQUISITIONDATE ACQUISITIONDATETIME DATE_ACQUIRED SENSING_TIME PRODUCT_START_TIME "
    "ACQUISITION_TIME IMAGING_DATE RANGEBEGINNINGDATE TIMESTAMP RASTER_TIME GRIB_VALID_TIME DATETIME DATE"
).split()
"""Metadata keys that say when an image was taken, the surest first."""
RANGES = (("START_DATETIME", "END_DATETIME"), ("TIME_COVERAGE_START", "TIME_COVERAGE_END"))
"""Metadata keys of the two ends of a composite: its date is the middle."""
WRITTEN = ("TIFFTAG_DATETIME",)
"""Keys that many programs set to the day the file was written: used last."""
BAND_KEYS = ("BAND_NAME", "BANDNAME", "NETCDF_VARNAME", "long_name", "standard_name")
"""Metadata keys of a raster band that name it."""
PLATFORMS = ("SPACECRAFT_ID", "SATELLITEID", "SATELLITE", "PLATFORM", "EO:PLATFORM")
"""Metadata keys that name the satellite."""
BAND_ORDERS = (
    (r"_AnalyticMS(?:_SR)?(?:_8b)?(?:_harmonized)?(?:_clip)?$", "BLUE GREEN RED NIR"),
    (r"_AnalyticMS(?:_SR)?_8b", "COASTAL BLUE GREEN_I GREEN YELLOW RED REDEDGE NIR"),
    (r"_udm2(?:_clip)?$", "UDM2 - - - - - - -"),
)
"""Products of PlanetScope whose files may leave their bands unnamed: the names by position, ``-`` for one left out.

The first band of UDM2 shows what is clear, the others why the rest is not (Planet's UDM 2 specification)."""
CLASSES = frozenset(
    "label labels class classes classification classified croptype croptypes landcover landuse lulc cdl mask truth "
    "reference prediction confidence".split()
)
"""Words in the names of rasters that show classes and no imagery."""


@dataclass(frozen=True)
class _FileHints:
    """What a file, its name and its folders say of all its bands."""

    date: str | None
    sensor: Sensor | None
    band: str | None
    """Of the file's name: it holds for one band only, since in a file of many it would name them all the same."""
    order: list[str]
    """Names by position; empty where the product has no fixed order."""
    dates: list[str | None]
    """Dates by position, as a file beside it says; empty without one."""


def raster_bands(dataset: Any, path: str) -> list[StackBand]:
    """The bands of one open file; alpha bands are left out.

    Parameters
    ----------
    dataset : gdal.Dataset
    path : str
        Of the file.

    Returns
    -------
    list of StackBand
        What is not recognised, or may mean two things, is None.
    """
    hints = _hints_of(dataset, path)
    bands = []
    known: dict[str, list[StackBand]] = {}
    for index in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(index)
        if band.GetColorInterpretation() == gdal.GCI_AlphaBand or hints.order[index - 1 : index] == ["-"]:
            continue
        description = band.GetDescription() or ""
        date, name = _date_and_name(band, description, hints, index)
        if not description:
            source_date, source_name = _agreed_in_sources(sources_of(dataset, index, path), known)
            date, name = date or source_date, name or source_name
        if not date and not date_choices(description):
            date = hints.date
        bands.append(StackBand(path, index, date, name or (hints.band if dataset.RasterCount <= 2 else None)))
    dates = [b.date for b in bands]
    if len(bands) > 1 and hints.band and None not in dates and len(set(dates)) == len(dates):
        # Every band has its own date: a file ``NDVI.tif`` holds one index over time.
        bands = [replace(b, band=b.band or hints.band) for b in bands]
    return _repeated_names(bands)


def _repeated_names(bands: Sequence[StackBand]) -> list[StackBand]:
    """The bands by the ends of their names that every date has, where the whole names are of one date each.

    Earth Engine's ``toBands`` puts the identifier of the image before the band, with orbits and times in it.
    """
    dates = {band.date for band in bands}
    if len(dates) < 2 or None in dates or not all(band.band for band in bands) or _is_even(bands):
        return list(bands)
    for words in (3, 2, 1):
        ends = ["_".join(str(band.band).split("_")[-words:]) for band in bands]
        named = [replace(band, band=parse_band(end, free=True) or end) for band, end in zip(bands, ends)]
        if _is_even(named):
            return named
    return list(bands)


def _is_even(bands: Sequence[StackBand]) -> bool:
    """Whether every date has the same bands, each once."""
    of_date: dict[str | None, list[str | None]] = {}
    for band in bands:
        of_date.setdefault(band.date, []).append(band.band)
    sets = {tuple(sorted(map(str, names))) for names in of_date.values()}
    return len(sets) == 1 and all(len(set(names)) == len(names) for names in sets)


def _hints_of(dataset: Any, path: str) -> _FileHints:
    metadata = _upper(dataset.GetMetadata() or {}) | _upper(dataset.GetMetadata("IMAGERY") or {})
    metadata |= _upper(dataset.GetMetadata("ENVI") or {})
    stem = stem_of(path)
    date = _first_date(metadata, ACQUIRED) or _middle_of_range(metadata) or _date_of_path(path)
    if not date and not date_choices(stem):
        date = _first_date(metadata, WRITTEN)
    texts = (stem, Path(path).parent.name, *(metadata.get(key, "") for key in PLATFORMS))
    sensor = next(filter(None, map(sensor_of, texts)), None)
    band = sensor_band_name(parse_band(parse_date(stem)[1], free=False), sensor)
    orders = (names.split() for pattern, names in BAND_ORDERS if re.search(pattern, stem, re.IGNORECASE))
    order = next((o for o in orders if len(o) == dataset.RasterCount), [])
    return _FileHints(date, sensor, band, order, terra_dates(path, dataset.RasterCount))


def _date_and_name(band: Any, description: str, hints: _FileHints, index: int) -> tuple[str | None, str | None]:
    """Date and name that a band itself has, and the name by its position in the product."""
    metadata = band.GetMetadata() or {}
    description, by_wavelength = split_wavelength(description)
    date, rest = parse_date(description)
    name = sensor_band_name(
        parse_band(rest, free=True) or by_wavelength or _first_name(metadata), hints.sensor or sensor_of(description)
    )
    if hints.order and not (name and standard_name(name)):
        name = hints.order[index - 1]
    dates = hints.dates[index - 1 : index]
    return date or _first_date(_upper(metadata), ACQUIRED) or (dates[0] if dates else None), name


def _agreed_in_sources(
    sources: Sequence[tuple[str, int]], known: dict[str, list[StackBand]]
) -> tuple[str | None, str | None]:
    """Date and name that the files behind a band of a VRT agree in; ``known`` keeps the bands of files."""
    dates, names = set(), set()
    for path, index in sources:
        if path not in known:
            try:
                known[path] = raster_bands(open_raster(path), path)
            except InputError:
                return None, None  # reported when the VRT is read
        found = next((band for band in known[path] if band.index == index), None)
        dates.add(found.date if found else None)
        names.add(found.band if found else None)
    return dates.pop() if len(dates) == 1 else None, names.pop() if len(names) == 1 else None


def shows_classes(dataset: Any, bands: Sequence[StackBand], path: str) -> bool:
    """Whether a raster shows classes and no imagery, by its colours, its table of classes or its name.

    Parameters
    ----------
    dataset : gdal.Dataset
    bands : sequence of StackBand
        Its bands; with the name of a known one it shows imagery.
    path : str
        Of the file.
    """
    if any(b.band and standard_name(b.band) for b in bands):
        return False
    texts = (stem_of(path), *(b.band or "" for b in bands))
    if any(CLASSES.intersection(re.split(r"[\W_]+", text.lower())) for text in texts):
        return True
    band = dataset.GetRasterBand(1)
    table = band.GetDefaultRAT() if band.DataType in (gdal.GDT_Byte, gdal.GDT_UInt16, gdal.GDT_Int16) else None
    return dataset.RasterCount == 1 and bool(
        band.GetColorTable() or band.GetCategoryNames() or (table is not None and table.GetRowCount())
    )


def stem_of(path: str) -> str:
    """The name of a file without the suffixes of rasters and archives.

    Parameters
    ----------
    path : str
        Any name GDAL opens.
    """
    name = re.split(r"[\\/]", address_of(path) if "/vsicurl/" in path else path)[-1]
    name = re.sub(r"\.(?:zip|tar|tgz|gz)$", "", name, flags=re.IGNORECASE)
    return re.sub(r"\.(?:g?tiff?|jp2|img|vrt|nc4?|hdf\d?|h5|dat|bil|bsq|bip|asc)\b", "", name, flags=re.IGNORECASE)


def _date_of_path(path: str) -> str | None:
    """The date in the name of a file or, if it has none, of its folder or three of them.

    Archives are sorted as ``2021/5/1``; a product's folder goes before both.
    """
    safe = re.search(r"([^\\/]+)\.SAFE[\\/]", path, re.IGNORECASE)
    if safe and parse_date(safe.group(1))[0]:
        return parse_date(safe.group(1))[0]
    stem = stem_of(path)
    date, of_folder = parse_date(stem)[0], parse_date(Path(path).parent.name)[0]
    nested = re.findall(r"[\\/](\d{4})[\\/](\d{1,2})[\\/](\d{1,2})(?=[\\/])", path)
    if nested and not of_folder:
        of_folder = parse_date("-".join(nested[-1]))[0]
    choices = date_choices(stem)
    return of_folder if (not date and not choices) or of_folder in choices else date


def _upper(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key.upper().replace("NC_GLOBAL#", ""): value for key, value in metadata.items()}


def _first_date(metadata: Mapping[str, str], keys: Sequence[str]) -> str | None:
    return next((date for date in (parse_date(metadata[key])[0] for key in keys if key in metadata) if date), None)


def _middle_of_range(metadata: Mapping[str, str]) -> str | None:
    ends = next((pair for pair in RANGES if all(key in metadata for key in pair)), None)
    return parse_date("/".join(metadata[key] for key in ends))[0] if ends else None


def _first_name(metadata: Mapping[str, str]) -> str | None:
    names = (parse_band(metadata[key], free=True) for key in BAND_KEYS if key in metadata)
    return next((name for name in names if name), None)
