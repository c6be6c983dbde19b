"""Quality bands: what their numbers mean, and which observations they mask.

A quality band is no data: it says of every pixel and date whether the other bands of that date show the ground.
Masked by default is what does not show it, or not as it is: no data, saturated, cloud, the surroundings of cloud
where the product has a flag for them, cloud shadow, thin cloud, and snow, which says nothing about a crop. Water,
dark areas, aerosol and "marginal" or "check other flags" stay, because whole seasons of the tropics are marked so.

Sources: Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD, and Level-2A ATBD (SCL, QA60); USGS
LSDS-1618 and LSDS-1619, Landsat Collection 2 Level 2 (QA_PIXEL); HLS User Guide 2.0, table 9 (FMASK); Zhu and
Woodcock 2012, doi:10.1016/j.rse.2011.10.028 (FMASK4); MODIS Vegetation Index User's Guide, collection 6.1, tables
4 and 5 (PIXEL_RELIABILITY, SUMMARY_QA, VI_QUALITY); MODIS Surface Reflectance User's Guide, collection 6.1, table 13
(STATE_QA); Planet, Usable Data Masks (UDM, UDM2); Sentinel Hub, s2cloudless (CLM) and dataMask; FORCE documentation,
level 2 quality bits (QAI); Brazil Data Cube, products (CLOUD, CMASK); Theia, MAJA product format (MG2, CLM).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Union

import numpy as np

from ...errors import InputError
from ..geo.types import StackBand

Choice = Mapping[str, Sequence[Union[int, str]]]
"""Masked values of quality bands by the band's name: numbers of classes, or names of flags."""

CLASS = 0xFFFF
"""Mask of a value that is the whole number and not some of its bits."""


@dataclass(frozen=True)
class QualityValue:
    """One value of a quality band, or one of its flags."""

    value: int
    """The number of a class, or what the bits of ``mask`` hold."""
    name: str
    """For people; names the flag in a choice."""
    masked: bool = False
    """Whether it masks the observation by default."""
    mask: int = CLASS
    """The bits that are compared."""


@dataclass(frozen=True)
class QualityBand:
    """One kind of quality band."""

    title: str
    """The product and the band, for people."""
    bits: bool
    """Whether it holds flags, of which several may be set; else every number is a class."""
    values: tuple[QualityValue, ...]
    """In the order of the product's own table."""


def _field(first: int, width: int, rows: str) -> tuple[QualityValue, ...]:
    """Values of the bits from ``first`` on: ``number name``, a star behind those that mask; semicolons between."""
    mask = (1 << width) - 1 << first if width else CLASS
    parts = (row.strip().partition(" ") for row in rows.split(";"))
    return tuple(
        QualityValue(int(number) << first, name.rstrip("*"), name.endswith("*"), mask) for number, _, name in parts
    )


def _classes(title: str, rows: str) -> QualityBand:
    """A band whose numbers are classes; rows as in :func:`_field`."""
    return QualityBand(title, False, _field(0, 0, rows))


def _bits(rows: str) -> tuple[QualityValue, ...]:
    """Flags of one bit each, by the number of the bit; rows as in :func:`_field`."""
    return tuple(replace(flag, value=1 << flag.value, mask=1 << flag.value) for flag in _classes("", rows).values)


def _confidence(first: int, what: str) -> tuple[QualityValue, ...]:
    return _field(first, 2, "; ".join(f"{n} {word} {what} confidence" for n, word in enumerate(CONFIDENCE, 1)))


CONFIDENCE = ("low", "medium", "high")

QUALITY: dict[str, QualityBand] = {
    "SCL": _classes(
        "Sentinel-2 scene classification",
        "0 no data*; 1 saturated or defective*; 2 dark area or cast shadow; 3 cloud shadow*; 4 vegetation; "
        "5 not vegetated; 6 water; 7 unclassified; 8 cloud, medium probability*; 9 cloud, high probability*; "
        "10 thin cirrus*; 11 snow or ice*",
    ),
    "QA60": QualityBand("Sentinel-2 cloud mask", True, _bits("10 cloud*; 11 cirrus*")),
    "CLM": _classes("Sentinel-2 cloud mask of s2cloudless", "0 clear; 1 cloud*; 255 no data*"),
    "QA_PIXEL": QualityBand(
        "Landsat Collection 2 pixel quality",
        True,
        (
            *_bits("0 fill*; 1 dilated cloud*; 2 cirrus*; 3 cloud*; 4 cloud shadow*; 5 snow*; 6 clear; 7 water"),
            *_confidence(8, "cloud"),
            *_confidence(10, "cloud shadow"),
            *_confidence(12, "snow"),
            *_confidence(14, "cirrus"),
        ),
    ),
    "FMASK": QualityBand(
        "HLS Fmask",
        True,
        (
            *_bits("0 cirrus*; 1 cloud*; 2 beside cloud or shadow*; 3 cloud shadow*; 4 snow or ice*; 5 water"),
            *_field(6, 2, "0 climatology aerosol; 1 low aerosol; 2 moderate aerosol; 3 high aerosol"),
        ),
    ),
    "FMASK4": _classes(
        "Fmask as the program itself writes it",
        "0 clear land; 1 clear water; 2 cloud shadow*; 3 snow*; 4 cloud*; 255 no data*",
    ),
    "PIXEL_RELIABILITY": _classes(
        "MOD13 pixel reliability",
        # 255 is -1 as a file of unsigned bytes holds it.
        "-1 no data*; 0 good; 1 marginal; 2 snow or ice*; 3 cloudy*; 255 no data*",
    ),
    "SUMMARY_QA": QualityBand(
        "MOD13 summary quality", False, _field(0, 2, "0 good; 1 marginal; 2 snow or ice*; 3 cloudy*")
    ),
    "VI_QUALITY": QualityBand(
        "MOD13 vegetation index quality",
        True,
        (
            *_field(0, 2, "0 good; 1 check other flags; 2 most probably cloudy*; 3 not produced*"),
            *_field(2, 4, "13 too low to be useful*; 14 faulty data*; 15 not processed*"),
            *_bits("8 beside cloud; 10 mixed clouds; 14 possible snow or ice*; 15 possible shadow"),
            *_field(6, 2, "0 climatology aerosol; 1 low aerosol; 2 intermediate aerosol; 3 high aerosol"),
        ),
    ),
    "STATE_QA": QualityBand(
        "MOD09 state of the pixel",
        True,
        (
            *_field(0, 2, "0 clear; 1 cloudy*; 2 mixed clouds*"),
            *_bits("2 cloud shadow*"),
            *_field(8, 2, "1 small cirrus; 2 average cirrus; 3 high cirrus*"),
            *_bits("10 cloud, internal algorithm*; 12 snow or ice*; 13 beside cloud; 15 snow, internal algorithm*"),
        ),
    ),
    "UDM": QualityBand(
        "PlanetScope unusable data mask (band 8 of a UDM2 file)",
        True,
        _bits("0 no data*; 1 cloud*; " + "; ".join(f"{n} missing or suspect in band {n - 1}*" for n in range(2, 8))),
    ),
    "QAI": QualityBand(
        "FORCE quality assurance information",
        True,
        (
            *_bits("0 no data*"),
            *_field(1, 2, "1 buffered cloud*; 2 opaque cloud*; 3 cirrus*"),
            *_bits("3 cloud shadow*; 4 snow*; 5 water"),
            *_field(6, 2, "1 interpolated aerosol; 2 high aerosol; 3 aerosol fill"),
            *_bits("8 subzero; 9 saturated*; 10 low sun"),
            *_field(11, 2, "1 medium illumination; 2 poor illumination; 3 shaded"),
            *_bits("13 sloped; 14 water vapour fill"),
        ),
    ),
    "CLOUD": _classes(
        "cloud band of sits and the Brazil Data Cube (Sentinel-2 scene classification)",
        "0 no data*; 1 saturated or defective*; 2 dark area or cast shadow; 3 cloud shadow*; 4 vegetation; "
        "5 not vegetated; 6 water; 7 unclassified; 8 cloud, medium probability*; 9 cloud, high probability*; "
        "10 thin cirrus*; 11 snow or ice*; 255 no data*",
    ),
    "CMASK": _classes("CBERS-4 cloud mask of the Brazil Data Cube", "0 no data*; 127 clear; 255 cloud*"),
    "DATAMASK": _classes("Sentinel Hub data mask", "0 no data*; 1 data"),
    "MG2": QualityBand(
        "Theia geophysical mask of MAJA",
        True,
        _bits(
            "0 water; 1 cloud*; 2 snow*; 3 cloud shadow*; 4 relief shadow; 5 hidden by relief*; 6 low sun*; "
            "7 tangent sun*"
        ),
    ),
    "MAJA_CLM": QualityBand(
        "Theia cloud mask of MAJA (CLM)",
        True,
        _bits(
            "0 cloud or shadow, thinnest clouds excepted*; 1 cloud*; 2 cloud by one date; 3 cloud by several dates; "
            "4 thinnest cloud; 5 cloud shadow*; 6 shadow of a cloud beyond the image*; 7 high cloud"
        ),
    ),
    "UDM2": _classes("PlanetScope clear map (band 1 of a UDM2 file)", "0 not clear*; 1 clear"),
}
"""Every quality band that is understood, by its name in capitals."""


def is_quality(name: str | None) -> bool:
    """Whether a band is a quality band.

    Parameters
    ----------
    name : str or None
        Of the band, in any case.
    """
    return bool(name) and str(name).upper() in QUALITY


def data_bands(bands: Sequence[StackBand]) -> list[StackBand]:
    """The bands that are no quality bands, in their order; those without a name are among them.

    Parameters
    ----------
    bands : sequence of StackBand
    """
    return [band for band in bands if not is_quality(band.band)]


def data_band_names(bands: Sequence[StackBand]) -> list[str]:
    """Return the names of the recognised bands that are not quality bands, each once.

    Parameters
    ----------
    bands : sequence of StackBand
        A stack.
    """
    return list(dict.fromkeys(str(band.band) for band in data_bands(bands) if band.band))


def masked(name: str, stored: np.ndarray, choice: Choice | None = None) -> np.ndarray:
    """Which observations a quality band masks.

    Parameters
    ----------
    name : str
        Of the quality band.
    stored : ndarray
        Its whole numbers; in a float array NaN is a gap, which is masked wherever anything is.
    choice : mapping of str to sequence, optional
        Masked values by band; None for the defaults. An empty mapping masks nothing; in a filled one, a band
        that it does not name keeps its defaults.

    Returns
    -------
    ndarray of bool, the shape of ``stored``

    Raises
    ------
    InputError
        As :func:`check_choice`.
    """
    wanted = masked_values(name, choice)
    if not wanted:
        return np.zeros(np.shape(stored), bool)
    numbers = np.asarray(stored)
    if numbers.dtype.kind != "f":
        return _table(name.upper(), wanted)[numbers.astype(np.uint16)]
    gap = ~np.isfinite(numbers)
    whole = np.where(gap, 0, numbers).astype(np.int64).astype(np.uint16)
    return _table(name.upper(), wanted)[whole] | gap


def masked_values(name: str, choice: Choice | None = None) -> tuple[int, ...]:
    """The values that mask an observation.

    Parameters
    ----------
    name : str
        Of the quality band.
    choice : mapping of str to sequence, optional
        As in :func:`masked`.

    Returns
    -------
    tuple of int
        Positions in ``QUALITY[name].values``.

    Raises
    ------
    InputError
        As :func:`check_choice`.
    """
    check_choice(choice)
    meanings = QUALITY[name.upper()].values
    if choice is None:
        return tuple(i for i, meaning in enumerate(meanings) if meaning.masked)
    own = {band.upper(): values for band, values in choice.items()}
    if choice and name.upper() not in own:
        return masked_values(name)
    return tuple(sorted({i for value in own.get(name.upper(), ()) for i in _positions(name.upper(), value)}))


def describe_masked(name: str, choice: Choice | None = None) -> str:
    """What masks an observation, as text for people.

    Parameters
    ----------
    name : str
        Of the quality band.
    choice : mapping of str to sequence, optional
        As in :func:`masked`.

    Returns
    -------
    str
        Names with commas between; empty when nothing masks.
    """
    meanings = QUALITY[name.upper()].values
    return ", ".join(dict.fromkeys(meanings[i].name for i in masked_values(name, choice)))


def check_choice(choice: Choice | None) -> None:
    """Refuse a choice with unknown bands or values.

    Parameters
    ----------
    choice : mapping of str to sequence, optional
        As in :func:`masked`.

    Raises
    ------
    InputError
        ``quality``, naming the band or the value and the known ones.
    """
    for name, values in (choice or {}).items():
        if not is_quality(name):
            hint = f"Choose from: {', '.join(QUALITY)}."
            raise InputError("quality", f"There is no quality band '{name}'.", hint)
        if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
            message = f"The masked values of the quality band {name} are {values!r}, not a list."
            raise InputError("quality", message, "Write a list, such as [8, 9].")
        band = QUALITY[name.upper()]
        for value in values:
            if not _positions(name.upper(), value):
                there = (m.name if band.bits else f"{m.value} {m.name}" for m in band.values)
                message = f"The quality band {name} has no value {value!r}."
                raise InputError("quality", message, f"Choose from: {'; '.join(there)}.")


def _positions(name: str, value: int | str) -> list[int]:
    """Positions of a value of a choice in the table: a class by number or name, a flag by name."""
    band = QUALITY[name]
    word = str(value).strip().casefold()
    return [
        i
        for i, meaning in enumerate(band.values)
        if word == meaning.name.casefold() or (not band.bits and word == str(meaning.value))
    ]


@lru_cache(maxsize=32)
def _table(name: str, wanted: tuple[int, ...]) -> np.ndarray:
    """(65536,) bool: whether each number, as 16 bits, is masked."""
    numbers = np.arange(1 << 16)
    table = np.zeros(len(numbers), bool)
    for position in wanted:
        meaning = QUALITY[name].values[position]
        table |= numbers & meaning.mask == meaning.value & 0xFFFF
    return table
