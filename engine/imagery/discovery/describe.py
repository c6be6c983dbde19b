"""Which date and band every raster band shows, from descriptions, metadata and names, without reading a pixel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from osgeo import gdal

from ...errors import InputError, listed
from ..geo.gdal_io import file_name, open_container, open_raster
from ..geo.remote import address_of
from ..geo.types import StackBand
from ..geo.vrt_sources import sources_of
from ..sensors.band_names import date_choices, parse_band, parse_date, sensor_band_name, sensor_of, standard_name
from .cubes import describe_cube, is_cube
from .mixed_sensors import harmonize_names
from .scene_files import Source, expand

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
RANGES = (("START_DATETIME", "END_DATETIME"), ("TIME_COVERAGE_START", "TIME_COVERAGE_END"))
"""Metadata keys of the two ends of a composite: its date is the middle."""
WRITTEN = ("TIFFTAG_DATETIME",)
"""Keys that many programs set to the day the file was written: asked last."""
BAND_KEYS = ("BAND_NAME", "BANDNAME", "NETCDF_VARNAME", "long_name", "standard_name")
"""Metadata keys of a raster band that name it."""
PLATFORMS = ("SPACECRAFT_ID", "SATELLITEID", "SATELLITE", "PLATFORM", "EO:PLATFORM")
"""Metadata keys that name the satellite."""
ORDERS = (
    (r"_AnalyticMS(?:_SR)?(?:_8b)?(?:_harmonized)?(?:_clip)?$", "BLUE GREEN RED NIR"),
    (r"_AnalyticMS(?:_SR)?_8b", "COASTAL BLUE GREEN_I GREEN YELLOW RED REDEDGE NIR"),
    (r"_udm2(?:_clip)?$", "UDM2 - - - - - - -"),
)
"""Products of PlanetScope whose files may leave their bands unnamed: the names by position, ``-`` for one left out.

The first band of UDM2 says what is clear, the others why the rest is not (Planet's UDM 2 specification)."""
CLASSES = frozenset(
    "label labels class classes classification classified croptype croptypes landcover landuse lulc cdl mask truth "
    "reference prediction confidence".split()
)
"""Words in the names of rasters that show classes and no imagery."""


@dataclass(frozen=True)
class Description:
    """What one path shows."""

    bands: tuple[StackBand, ...]
    notes: tuple[str, ...]
    """Sentences about what was left out or could not be told."""


def describe(paths: Sequence[str]) -> tuple[StackBand, ...]:
    """The date and band of every raster band behind the paths, in their order; alpha bands are left out.

    A path is a raster, a folder, a scene or product as it was downloaded (also in a zip or tar), a cube, an address,
    or any name GDAL opens; :func:`describe_path` also tells what was left out.

    The band's own description and metadata come first, then the file's acquisition date, its name, the
    name of its folder, and last the TIFF date tag. What is not recognised, or may mean two things, stays None.

    Raises
    ------
    InputError
        ``raster-unreadable`` naming the file, ``no-raster`` for a folder without imagery,
        ``folder-too-large``, ``cube-dimensions``, ``cube-calendar``.
    """
    return describe_with_notes(paths)[0]


def describe_with_notes(paths: Sequence[str]) -> tuple[tuple[StackBand, ...], tuple[str, ...]]:
    """The bands as :func:`describe` gives them, and sentences about what was left out of folders and products."""
    found = [describe_path(str(path)) for path in paths]
    bands, notes = harmonize_names([band for d in found for band in d.bands])
    return tuple(bands), tuple(dict.fromkeys([note for d in found for note in d.notes] + notes))


def describe_path(path: str) -> Description:
    """What one path stands for; raises as :func:`describe`."""
    expansion = expand(path)
    bands: list[StackBand] = []
    notes = list(expansion.notes)
    classes: list[str] = []
    for source in expansion.sources:
        if source.date and source.band:
            bands.append(StackBand(source.path, 1, source.date, source.band))
            continue
        found, said = _describe_source(source)
        notes += said
        if found is None:
            classes.append(file_name(source.path))
        else:
            bands += found
    name = file_name(path.rstrip("/\\"))
    if classes:
        what = "it shows classes" if len(classes) == 1 else "they show classes"
        notes.append(f"{name}: {listed(classes)} left out, as names or colours say that {what}.")
    if not bands:
        raise InputError("no-raster", f"{name} holds no imagery.", " ".join(notes))
    open_dates: list[tuple[str, tuple[str, ...]]] = []
    for place, own in groupby((b for b in bands if b.date is None), key=lambda b: b.path):
        dataset = open_raster(place)  # once, not for each of its bands, which may be thousands
        open_dates += [(place, choices) for b in own if (choices := _choices(dataset, b))]
    if open_dates:
        more = f", and {len(open_dates) - 1} more bands alike" if len(open_dates) > 1 else ""
        choices_told = " or ".join(open_dates[0][1])
        notes.append(f"{file_name(open_dates[0][0])} may be of {choices_told}{more}: give the date in the table.")
    bands, said = harmonize_names(bands)
    return Description(tuple(bands), tuple(notes + said))


def band_date_choices(band: StackBand) -> tuple[str, ...]:
    """The ISO dates between which the description of a band, or its file's name, leaves open which is meant."""
    return _choices(open_raster(band.path), band)


def _choices(dataset: Any, band: StackBand) -> tuple[str, ...]:
    described = dataset.GetRasterBand(band.index).GetDescription() if band.index <= dataset.RasterCount else ""
    return date_choices(described or "") or date_choices(_stem(band.path))


def _describe_source(source: Source) -> tuple[list[StackBand] | None, list[str]]:
    """The bands of a raster, None where it shows classes, and sentences about what is left out of it."""
    if is_cube(source.path):
        cube = describe_cube(source.path)
        if cube is not None:
            return cube
    dataset, inside = open_container(source.path)
    if inside:
        return _describe_inside(source.path, inside)
    bands = _bands_of(dataset, source.path)
    if not source.chosen and _shows_classes(dataset, bands, source.path):
        return None, []
    return bands, []


def _describe_inside(path: str, inside: Sequence[str]) -> tuple[list[StackBand], list[str]]:
    """The bands of the rasters in a container whose names are those of bands, as MODIS's HDF files have them."""
    named = {name: name.rsplit(":", 1)[-1].strip('"') for name in inside}
    known = {name: parse_band(parse_date(last)[1], free=False) for name, last in named.items()}
    if not any(known.values()):
        raise InputError(
            "raster-unreadable",
            f"{file_name(path)} is a container of {len(inside)} rasters, none of which has the name of a band.",
            f"Choose its subdatasets, such as {inside[0]}.",
        )
    date_in_name = parse_date(_stem(path))[0]
    bands: list[StackBand] = []
    for name, word in known.items():
        found = _bands_of(open_raster(name), name) if word else []
        bands += [
            replace(b, date=b.date or date_in_name, band=word if len(found) == 1 else b.band or word) for b in found
        ]
    left_out = [last for name, last in named.items() if not known[name]]
    return bands, [f"{file_name(path)}: {listed(left_out)} left out, as no band's name."] if left_out else []


def _bands_of(dataset: Any, path: str) -> list[StackBand]:
    """The bands of one open file."""
    metadata = _upper(dataset.GetMetadata() or {}) | _upper(dataset.GetMetadata("IMAGERY") or {})
    stem, folder = _stem(path), Path(path).parent.name
    date_of_file = _first_date(metadata, ACQUIRED) or _middle_of_range(metadata) or _date_of_place(path)
    if not date_of_file and not date_choices(stem):
        date_of_file = _first_date(metadata, WRITTEN)
    sensor = next((s for s in map(sensor_of, (stem, folder, *(metadata.get(key, "") for key in PLATFORMS))) if s), None)
    band_in_name = sensor_band_name(parse_band(parse_date(stem)[1], free=False), sensor)
    order = next((names.split() for pattern, names in ORDERS if re.search(pattern, stem, re.IGNORECASE)
                  and len(names.split()) == dataset.RasterCount), [])  # fmt: skip
    bands = []
    behind: dict[str, list[StackBand]] = {}
    for index in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(index)
        if band.GetColorInterpretation() == gdal.GCI_AlphaBand or order[index - 1 : index] == ["-"]:
            continue
        own = band.GetMetadata() or {}
        description = band.GetDescription() or ""
        date, rest = parse_date(description)
        name = sensor_band_name(parse_band(rest, free=True) or _first_name(own), sensor)
        name = name if not order or (name and standard_name(name)) else order[index - 1]
        date = date or _first_date(_upper(own), ACQUIRED)
        if not description:
            its_date, its_name = _behind(sources_of(dataset, index, path), behind)
            date, name = date or its_date, name or its_name
        if not date and not date_choices(description):
            date = date_of_file
        # A name in the file's name holds for one band only: in a file of many it would name them all alike.
        bands.append(StackBand(path, index, date, name or (band_in_name if dataset.RasterCount <= 2 else None)))
    if len(bands) > 1 and any(b.band is None for b in bands) and band_in_name and _one_per_date(bands):
        bands = [replace(b, band=b.band or band_in_name) for b in bands]
    return bands


def _behind(sources: Sequence[tuple[str, int]], known: dict[str, list[StackBand]]) -> tuple[str | None, str | None]:
    """Date and band of what a band of a VRT shows; each None where its files do not agree.

    ``known`` keeps the bands of files that were looked at.
    """
    dates, names = set(), set()
    for path, index in sources:
        if path not in known:
            try:
                known[path] = _bands_of(open_raster(path), path)
            except InputError:
                return None, None  # told by the first who reads the VRT
        found = next((band for band in known[path] if band.index == index), None)
        dates.add(found.date if found else None)
        names.add(found.band if found else None)
    return dates.pop() if len(dates) == 1 else None, names.pop() if len(names) == 1 else None


def _one_per_date(bands: Sequence[StackBand]) -> bool:
    """Whether every band has its own date: then a file ``NDVI.tif`` holds one index over time."""
    dates = [b.date for b in bands]
    return None not in dates and len(set(dates)) == len(dates)


def _shows_classes(dataset: Any, bands: Sequence[StackBand], path: str) -> bool:
    """Whether a raster with no known band shows classes, by its colours, its table of classes or its name."""
    if any(b.band and standard_name(b.band) for b in bands):
        return False
    words = {
        word for text in (_stem(path), *(b.band or "" for b in bands)) for word in re.split(r"[\W_]+", text.lower())
    }
    if words & CLASSES:
        return True
    band = dataset.GetRasterBand(1)
    table = band.GetDefaultRAT() if band.DataType in (gdal.GDT_Byte, gdal.GDT_UInt16, gdal.GDT_Int16) else None
    return dataset.RasterCount == 1 and bool(
        band.GetColorTable() or band.GetCategoryNames() or (table is not None and table.GetRowCount())
    )


def _stem(path: str) -> str:
    name = re.split(r"[\\/]", address_of(path) if "/vsicurl/" in path else path)[-1]
    name = re.sub(r"\.(?:zip|tar|tgz|gz)$", "", name, flags=re.IGNORECASE)
    return re.sub(r"\.(?:g?tiff?|jp2|img|vrt|nc4?|hdf\d?|h5|dat|bil|bsq|bip|asc)\b", "", name, flags=re.IGNORECASE)


def _date_of_place(path: str) -> str | None:
    """The date in the name of a file or, if it has none, of its folder or three of them.

    Archives are sorted as ``2021/5/1``; a product's folder goes before both.
    """
    safe = re.search(r"([^\\/]+)\.SAFE[\\/]", path, re.IGNORECASE)
    if safe and parse_date(safe.group(1))[0]:
        return parse_date(safe.group(1))[0]
    stem = _stem(path)
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
