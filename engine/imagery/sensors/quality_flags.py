"""Quality bands: what their numbers mean, and which observations they hide.

A quality band is no data: it says of every pixel and date whether the other bands of that date show the ground.
Hidden by default is what shows none of it, or not as it is: no data, saturated, cloud, what lies beside cloud
where the product says so, cloud shadow, thin cloud, and snow, which says nothing about a crop. Water, dark areas,
aerosol and "marginal" or "check other flags" stay, because whole seasons of the tropics are marked so.

Sources: Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD, and Level-2A ATBD (SCL, QA60); USGS
LSDS-1618 and LSDS-1619, Landsat Collection 2 Level 2 (QA_PIXEL); HLS User Guide 2.0, table 9 (FMASK); Zhu and
Woodcock 2012, doi:10.1016/j.rse.2011.10.028 (FMASK4); MODIS Vegetation Index User's Guide, collection 6.1, tables
4 and 5 (PIXEL_RELIABILITY, SUMMARY_QA, VI_QUALITY); MODIS Surface Reflectance User's Guide, collection 6.1, table 13
(STATE_QA); Planet, Usable Data Masks (UDM, UDM2); Sentinel Hub, s2cloudless (CLM).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Union

import numpy as np

from ...errors import InputError
from ..geo.types import StackBand

Choice = Mapping[str, Sequence[Union[int, str]]]
"""Hidden values of quality bands by the band's name: numbers of classes, or names of flags."""

CLASS = 0xFFFF
"""Mask of a meaning that is the whole number and not some of its bits."""


@dataclass(frozen=True)
class QualityValue:
    """One thing that a quality band can say."""

    value: int
    """The number of a class, or what the bits of ``mask`` hold."""
    name: str
    """For people; names the flag in a choice."""
    masked: bool = False
    """Whether it hides the observation by default."""
    mask: int = CLASS
    """The bits that are looked at."""


@dataclass(frozen=True)
class QualityBand:
    """One kind of quality band."""

    title: str
    """The product and the band, for people."""
    bits: bool
    """Whether it holds flags, of which several may be set; else every number is a class."""
    values: tuple[QualityValue, ...]
    """In the order of the product's own table."""


def _classes(title: str, masked: str, **names: str) -> QualityBand:
    """A band of classes; ``names`` are ``v8="cloud"``, ``m1`` is -1, ``masked`` the numbers as words."""
    numbers = {int(key[1:]) * (-1 if key[0] == "m" else 1): name for key, name in names.items()}
    chosen = {int(number) for number in masked.split()}
    return QualityBand(title, False, tuple(QualityValue(n, name, n in chosen) for n, name in numbers.items()))


def _flags(title: str, *rows: tuple[int, str, bool]) -> QualityBand:
    """A band of single bits: (bit, name, hidden by default)."""
    return QualityBand(title, True, tuple(QualityValue(1 << bit, name, hide, 1 << bit) for bit, name, hide in rows))


def _field(first: int, bits: int, what: str, names: str, masked: str = "") -> tuple[QualityValue, ...]:
    """The values of a field of several bits, ``names`` and ``masked`` as words; a dot leaves a value out."""
    mask = (1 << bits) - 1 << first
    return tuple(
        QualityValue(value << first, f"{name} {what}".replace("_", " "), name in masked.split(), mask)
        for value, name in enumerate(names.split())
        if name != "."
    )


def _with_fields(band: QualityBand, *fields: tuple[QualityValue, ...]) -> QualityBand:
    return QualityBand(band.title, True, band.values + tuple(m for field in fields for m in field))


CONFIDENCE = ". low medium high"

QUALITY: dict[str, QualityBand] = {
    "SCL": _classes(
        "Sentinel-2 scene classification",
        "0 1 3 8 9 10 11",
        v0="no data",
        v1="saturated or defective",
        v2="dark area or cast shadow",
        v3="cloud shadow",
        v4="vegetation",
        v5="not vegetated",
        v6="water",
        v7="unclassified",
        v8="cloud, medium probability",
        v9="cloud, high probability",
        v10="thin cirrus",
        v11="snow or ice",
    ),
    "QA60": _flags("Sentinel-2 cloud mask", (10, "cloud", True), (11, "cirrus", True)),
    "CLM": _classes("Sentinel-2 cloud mask of s2cloudless", "1 255", v0="clear", v1="cloud", v255="no data"),
    "QA_PIXEL": _with_fields(
        _flags(
            "Landsat Collection 2 pixel quality",
            (0, "fill", True),
            (1, "dilated cloud", True),
            (2, "cirrus", True),
            (3, "cloud", True),
            (4, "cloud shadow", True),
            (5, "snow", True),
            (6, "clear", False),
            (7, "water", False),
        ),
        _field(8, 2, "cloud confidence", CONFIDENCE),
        _field(10, 2, "cloud shadow confidence", CONFIDENCE),
        _field(12, 2, "snow confidence", CONFIDENCE),
        _field(14, 2, "cirrus confidence", CONFIDENCE),
    ),
    "FMASK": _with_fields(
        _flags(
            "HLS Fmask",
            (0, "cirrus", True),
            (1, "cloud", True),
            (2, "beside cloud or shadow", True),
            (3, "cloud shadow", True),
            (4, "snow or ice", True),
            (5, "water", False),
        ),
        _field(6, 2, "aerosol", "climatology low moderate high"),
    ),
    "FMASK4": _classes(
        "Fmask as the program itself writes it",
        "2 3 4 255",
        v0="clear land",
        v1="clear water",
        v2="cloud shadow",
        v3="snow",
        v4="cloud",
        v255="no data",
    ),
    "PIXEL_RELIABILITY": _classes(
        "MOD13 pixel reliability",
        # 255 is -1 as a file of unsigned bytes holds it.
        "-1 2 3 255",
        m1="no data",
        v0="good",
        v1="marginal",
        v2="snow or ice",
        v3="cloudy",
        v255="no data",
    ),
    "SUMMARY_QA": QualityBand(
        "MOD13 summary quality",
        False,
        tuple(
            QualityValue(value, name, value >= 2, 3)
            for value, name in enumerate(("good", "marginal", "snow or ice", "cloudy"))
        ),
    ),
    "VI_QUALITY": _with_fields(
        QualityBand(
            "MOD13 vegetation index quality",
            True,
            (
                QualityValue(0, "good", False, 3),
                QualityValue(1, "check other flags", False, 3),
                QualityValue(2, "most probably cloudy", True, 3),
                QualityValue(3, "not produced", True, 3),
                QualityValue(13 << 2, "too low to be useful", True, 15 << 2),
                QualityValue(14 << 2, "faulty data", True, 15 << 2),
                QualityValue(15 << 2, "not processed", True, 15 << 2),
                QualityValue(1 << 8, "beside cloud", False, 1 << 8),
                QualityValue(1 << 10, "mixed clouds", False, 1 << 10),
                QualityValue(1 << 14, "possible snow or ice", True, 1 << 14),
                QualityValue(1 << 15, "possible shadow", False, 1 << 15),
            ),
        ),
        _field(6, 2, "aerosol", "climatology low intermediate high"),
    ),
    "STATE_QA": QualityBand(
        "MOD09 state of the pixel",
        True,
        (
            QualityValue(0, "clear", False, 3),
            QualityValue(1, "cloudy", True, 3),
            QualityValue(2, "mixed clouds", True, 3),
            QualityValue(1 << 2, "cloud shadow", True, 1 << 2),
            *_field(8, 2, "cirrus", ". small average high", "high"),
            QualityValue(1 << 10, "cloud, internal algorithm", True, 1 << 10),
            QualityValue(1 << 12, "snow or ice", True, 1 << 12),
            QualityValue(1 << 13, "beside cloud", False, 1 << 13),
            QualityValue(1 << 15, "snow, internal algorithm", True, 1 << 15),
        ),
    ),
    "UDM": _flags(
        "PlanetScope unusable data mask (band 8 of a UDM2 file)",
        (0, "no data", True),
        (1, "cloud", True),
        *((bit, f"missing or suspect in band {bit - 1}", True) for bit in range(2, 8)),
    ),
    "UDM2": _classes("PlanetScope clear map (band 1 of a UDM2 file)", "0", v0="not clear", v1="clear"),
}
"""Every quality band that is understood, by its name in capitals."""


def is_quality(name: str | None) -> bool:
    """Whether a band's name is that of a quality band, however it is capitalised."""
    return bool(name) and str(name).upper() in QUALITY


def data_bands(bands: Sequence[StackBand]) -> list[StackBand]:
    """The raster bands that are no quality bands, in their order; those without a name are among them."""
    return [band for band in bands if not is_quality(band.band)]


def masked(name: str, stored: np.ndarray, choice: Choice | None = None) -> np.ndarray:
    """Which observations a quality band hides.

    Parameters
    ----------
    name : name of the quality band.
    stored : its numbers, whole; of a float array NaN counts as a gap and is hidden wherever anything is.
    choice : values hidden by band; None for the defaults. An empty one hides nothing; of a filled one, a band
        that it does not name keeps its defaults.

    Returns
    -------
    ndarray
        bool, of the shape of ``stored``.

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
    """Positions in ``QUALITY[name].values`` of what hides an observation; see :func:`masked`."""
    check_choice(choice)
    meanings = QUALITY[name.upper()].values
    if choice is None:
        return tuple(i for i, meaning in enumerate(meanings) if meaning.masked)
    own = {band.upper(): values for band, values in choice.items()}
    if choice and name.upper() not in own:
        return masked_values(name)
    return tuple(sorted({i for value in own.get(name.upper(), ()) for i in _positions(name.upper(), value)}))


def describe_masked(name: str, choice: Choice | None = None) -> str:
    """What hides an observation, as a list of names for people; empty when nothing does."""
    meanings = QUALITY[name.upper()].values
    return ", ".join(dict.fromkeys(meanings[i].name for i in masked_values(name, choice)))


def check_choice(choice: Choice | None) -> None:
    """Refuse a choice that no quality band understands.

    Raises
    ------
    InputError
        ``quality``, naming the band or the value and what there is.
    """
    for name, values in (choice or {}).items():
        if not is_quality(name):
            hint = f"Choose from: {', '.join(QUALITY)}."
            raise InputError("quality", f"There is no quality band '{name}'.", hint)
        if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
            message = f"The hidden values of the quality band {name} are {values!r}, not a list."
            raise InputError("quality", message, "Write a list, such as [8, 9].")
        band = QUALITY[name.upper()]
        for value in values:
            if not _positions(name.upper(), value):
                there = (m.name if band.bits else f"{m.value} {m.name}" for m in band.values)
                message = f"The quality band {name} has no value {value!r}."
                raise InputError("quality", message, f"Choose from: {'; '.join(there)}.")


def _positions(name: str, value: int | str) -> list[int]:
    """Where a value of a choice stands in the table: a class by number or name, a flag by name."""
    band = QUALITY[name]
    word = str(value).strip().casefold()
    return [
        i
        for i, meaning in enumerate(band.values)
        if word == meaning.name.casefold() or (not band.bits and word == str(meaning.value))
    ]


@lru_cache(maxsize=32)
def _table(name: str, wanted: tuple[int, ...]) -> np.ndarray:
    """(65536,) bool: whether each number, as 16 bits, is hidden."""
    numbers = np.arange(1 << 16)
    table = np.zeros(len(numbers), bool)
    for position in wanted:
        meaning = QUALITY[name].values[position]
        table |= numbers & meaning.mask == meaning.value & 0xFFFF
    return table
