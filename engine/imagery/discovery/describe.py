"""Which date and band every raster band behind a path shows, without reading a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from ...errors import InputError, listed
from ..geo.gdal_io import file_name, open_container, open_raster
from ..geo.types import StackBand
from ..sensors.band_names import date_choices, parse_band, parse_date
from .auxiliary import leave_out_auxiliary
from .cubes import describe_cube, is_cube
from .day_or_dekad import settle_dates
from .mixed_sensors import harmonize_names
from .raster_bands import raster_bands, shows_classes, stem_of
from .scene_files import Source, expand


@dataclass(frozen=True)
class Description:
    """What one path shows."""

    bands: tuple[StackBand, ...]
    notes: tuple[str, ...]
    """Sentences about what is left out or ambiguous."""


def describe(paths: Sequence[str]) -> tuple[StackBand, ...]:
    """The date and band of every raster band behind the paths, in their order; alpha bands are left out.

    The band's own description and metadata come first, then the file's acquisition date, its name, the
    name of its folder, and last the TIFF date tag. What is not recognised, or may mean two things, stays None.

    Parameters
    ----------
    paths : sequence of str
        Each a raster, a folder, a scene or product as it was downloaded (also in a zip or tar), a cube, an address,
        or any name GDAL opens.

    Returns
    -------
    tuple of StackBand

    Raises
    ------
    InputError
        ``raster-unreadable`` naming the file, ``no-raster`` for a folder without imagery,
        ``folder-too-large``, ``cube-dimensions``, ``cube-calendar``.
    """
    return describe_with_notes(paths)[0]


def describe_with_notes(paths: Sequence[str]) -> tuple[tuple[StackBand, ...], tuple[str, ...]]:
    """The bands as :func:`describe` gives them, and what was left out of folders and products.

    Parameters
    ----------
    paths : sequence of str
        As in :func:`describe`.

    Returns
    -------
    bands : tuple of StackBand
    notes : tuple of str
        Sentences.

    Raises
    ------
    InputError
        As :func:`describe`.
    """
    found = [describe_path(str(path)) for path in paths]
    settled, date_notes = settle_dates([band for d in found for band in d.bands])
    bands, notes = harmonize_names(settled)
    return tuple(bands), tuple(dict.fromkeys([note for d in found for note in d.notes] + date_notes + notes))


def describe_path(path: str) -> Description:
    """What one path shows.

    Parameters
    ----------
    path : str
        As in :func:`describe`.

    Returns
    -------
    Description

    Raises
    ------
    InputError
        As :func:`describe`.
    """
    expansion = expand(path)
    bands: list[StackBand] = []
    notes = list(expansion.notes)
    classes: list[str] = []
    for source in expansion.sources:
        found, source_notes = _describe_source(source)
        notes += source_notes
        if found is None:
            classes.append(file_name(source.path))
        else:
            bands += found
    name = file_name(path.rstrip("/\\"))
    if not any(source.chosen for source in expansion.sources):
        bands, auxiliary_notes = leave_out_auxiliary(bands, name)
        notes += auxiliary_notes
    if classes:
        what = "it shows classes" if len(classes) == 1 else "they show classes"
        notes.append(f"{name}: {listed(classes)} left out, as names or colours say that {what}.")
    if not bands:
        raise InputError("no-raster", f"{name} holds no imagery.", " ".join(notes))
    bands, date_notes = settle_dates(bands)
    notes += [*date_notes, *_ambiguous_dates(bands)]
    bands, sensor_notes = harmonize_names(bands)
    return Description(tuple(bands), tuple(notes + sensor_notes))


def _ambiguous_dates(bands: Sequence[StackBand]) -> list[str]:
    """A sentence about the bands whose date may be one of several."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for path, undated in groupby((b for b in bands if b.date is None), key=lambda b: b.path):
        dataset = open_raster(path)  # once, not for each of its bands, which may be thousands
        found += [(path, choices) for band in undated if (choices := _date_choices(dataset, band))]
    if not found:
        return []
    path, choices = found[0]
    more = f", and {len(found) - 1} more bands are ambiguous too" if len(found) > 1 else ""
    return [f"The date of {file_name(path)} may be {' or '.join(choices)}{more}: set the date in the table."]


def band_date_choices(band: StackBand) -> tuple[str, ...]:
    """The dates of a band whose description, or whose file's name, is ambiguous.

    Parameters
    ----------
    band : StackBand

    Returns
    -------
    tuple of str
        ISO dates; empty where the date is not ambiguous.
    """
    return _date_choices(open_raster(band.path), band)


def _date_choices(dataset: Any, band: StackBand) -> tuple[str, ...]:
    description = dataset.GetRasterBand(band.index).GetDescription() if band.index <= dataset.RasterCount else ""
    return date_choices(description or "") or date_choices(stem_of(band.path))


def _describe_source(source: Source) -> tuple[list[StackBand] | None, list[str]]:
    """The bands of a raster, None where it shows classes, and sentences about what is left out of it."""
    if source.date and source.band:
        return [StackBand(source.path, 1, source.date, source.band)], []
    cube = describe_cube(source.path) if is_cube(source.path) else None
    if cube is not None:
        return cube
    dataset, inside = open_container(source.path)
    if inside:
        return _describe_container(source.path, inside)
    bands = raster_bands(dataset, source.path)
    return None if not source.chosen and shows_classes(dataset, bands, source.path) else bands, []


def _describe_container(path: str, inside: Sequence[str]) -> tuple[list[StackBand], list[str]]:
    """The bands of the rasters in a container whose names are those of bands, as in MODIS's HDF files."""
    last = {name: name.rsplit(":", 1)[-1].strip('"') for name in inside}
    known = {name: parse_band(parse_date(word)[1], free=False) for name, word in last.items()}
    if not any(known.values()):
        raise InputError(
            "raster-unreadable",
            f"{file_name(path)} is a container of {len(inside)} rasters, none of which has the name of a band.",
            f"Choose its subdatasets, such as {inside[0]}.",
        )
    date_in_name = parse_date(stem_of(path))[0]
    bands: list[StackBand] = []
    for name, word in known.items():
        found = raster_bands(open_raster(name), name) if word else []
        bands += [
            replace(b, date=b.date or date_in_name, band=word if len(found) == 1 else b.band or word) for b in found
        ]
    left_out = [last[name] for name, word in known.items() if not word]
    return bands, [f"{file_name(path)}: {listed(left_out)} left out, as no band's name."] if left_out else []
