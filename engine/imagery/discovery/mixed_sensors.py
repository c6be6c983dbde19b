"""Scenes of several sensors in one stack, as both halves of HLS or Landsat 7 among Landsat 8, under the same names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...errors import listed
from ..geo.types import StackBand
from ..sensors.band_names import sensor_of
from ..sensors.quality_flags import data_bands, is_quality
from ..sensors.wavelengths import common_names
from .scene_files import scene_of

SENTINEL_2 = "Sentinel-2 and its half of HLS"


def harmonize_names(bands: Sequence[StackBand]) -> tuple[list[StackBand], list[str]]:
    """Name bands by wavelength where scenes of several sensors name or have others.

    Bands that one of the sensors lacks are left out, since a date without a band would be. Where two sensors passed
    on one day, the scene of one is used. A stack with other files than known scenes stays as it is.

    Parameters
    ----------
    bands : sequence of StackBand

    Returns
    -------
    bands : list of StackBand
    notes : list of str
        Sentences about the decisions.
    """
    sensor = {b.path: _sensor(b.path) for b in data_bands(bands)}
    names: dict[str, list[str]] = {}
    for band in data_bands(bands):
        names.setdefault(sensor[band.path], []).append(str(band.band))
    if len(names) < 2 or "" in names or len({frozenset(own) for own in names.values()}) == 1:
        return list(bands), []
    common = {title: common_names(own) for title, own in names.items()}
    shared = set.intersection(*({c for c in own.values() if c} for own in common.values()))
    if not shared:
        return list(bands), []
    kept, left_out = [], set()
    for band in bands:
        wavelength = None if is_quality(band.band) else common[sensor[band.path]][str(band.band)]
        if is_quality(band.band):
            kept.append(band)
        elif wavelength in shared:
            kept.append(replace(band, band=str(wavelength).upper()))
        else:
            left_out.add(str(band.band))
    kept, double = _one_a_day(kept)
    without = f"; {listed(sorted(left_out))} left out, as not all have them" if left_out else ""
    notes = [f"Scenes of several sensors ({listed(sorted(names))}): bands are named by wavelength{without}."]
    if double:
        notes.append(f"On {len(double)} days two sensors saw the same tile, such as {double[0]}: one of them is used.")
    return kept, notes


def _one_a_day(bands: Sequence[StackBand]) -> tuple[list[StackBand], list[str]]:
    """The bands without those of a second sensor of the same tile and date, and the dates that had one."""
    seen: dict[tuple[str | None, str], str] = {}
    for band in bands:
        seen.setdefault((band.date, _tile(band.path)), _sensor(band.path))
    first = [seen[band.date, _tile(band.path)] == _sensor(band.path) for band in bands]
    kept = [band for band, taken in zip(bands, first) if taken]
    return kept, sorted({str(band.date) for band, taken in zip(bands, first) if not taken})


def _tile(path: str) -> str:
    """The tile of Sentinel-2's tiling that a path names; empty where it names none."""
    found = re.findall(r"(?<![A-Z0-9])T\d{2}[A-Z]{3}(?![A-Z0-9])", path)
    return found[-1] if found else ""


def _sensor(path: str) -> str:
    """The sensor whose names the bands of a scene's file have; empty for other files."""
    if scene_of(path) is None:
        return ""
    found = sensor_of(re.split(r"[\\/]", path)[-1])
    return found.title if found else SENTINEL_2
