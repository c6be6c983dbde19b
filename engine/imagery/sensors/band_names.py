"""Dates and band names in band descriptions, file names and metadata.

The ways to write a date are in :mod:`.date_patterns`, the names of bands in the tables here. Where a text can mean
several dates, none is taken: :func:`date_choices` lists them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from .date_patterns import DATE_PATTERNS

KNOWN_BANDS = tuple(
    """
    B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12 B13 B14 B15 B16
    COASTAL BLUE BLU GREEN_I GREEN GRN YELLOW RED REDEDGE RE RE1 RE2 RE3 RE4 BNR NIR NIR1 NIR2 NIR08 NIR09 CIRRUS
    SWIR SWIR1 SW1 SWIR16 SWIR2 SW2 SWIR22 SWIR3 MIR TIR TIR2 PAN
    SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B6 SR_B7 ST_B6 ST_B10
    NADIR_REFLECTANCE_BAND1 NADIR_REFLECTANCE_BAND2 NADIR_REFLECTANCE_BAND3 NADIR_REFLECTANCE_BAND4
    NADIR_REFLECTANCE_BAND5 NADIR_REFLECTANCE_BAND6 NADIR_REFLECTANCE_BAND7
    SUR_REFL_B01 SUR_REFL_B02 SUR_REFL_B03 SUR_REFL_B04 SUR_REFL_B05 SUR_REFL_B06 SUR_REFL_B07
    NDVI NDV EVI EVI2 SAVI MSAVI OSAVI NDWI MNDWI NDMI NDRE NDTI NDSI LSWI NBR NBR2 GNDVI LAI FAPAR FCOVER GCVI CIRE
    GVMI PSRI BSI PPI
    VV VH HH HV VVVH RVI LST DEM
    SCL QA_PIXEL FMASK FMASK4 QA60 CLM PIXEL_RELIABILITY SUMMARY_QA VI_QUALITY STATE_QA UDM UDM2
    QAI CMASK DATAMASK MG2 MAJA_CLM CLOUD
    """.split()
)
"""Names of bands, indices and quality bands that are recognised among other words, in capitals and in their usual
order."""

WITH_UNDERSCORE = re.compile(
    r"(?:(?<=_)|(?<![^\W_]))(?:" + "|".join(name for name in KNOWN_BANDS if "_" in name) + r")(?![^\W_])", re.IGNORECASE
)
"""Known names with an underscore inside, as whole words."""

PHRASES = (
    (r"(?<![a-z\d])(S[RT])[\s_.-]?B(?:AND)?[\s_.-]?0?(\d{1,2})(?!\d)", r"\1_B\2"),
    (r"sur_refl_b(\d{2})(?:_\d)?(?!\d)", r"SUR_REFL_B\1"),
    (r"cloud[\s_]?(?:confidence|prob(?:ability)?|cover(?:age)?|percentage|fraction)", "CLOUDINESS"),  # in percent
    (r"(?:quality[\s_])?scene[\s_]classification(?:[\s_]map)?", "SCL"),
    (r"(?<=_)CLM(?=_R[12](?!\d))", "MAJA_CLM"),
    (r"(?<=S2AGRI_L3B_)S(NDVI|LAI|FAPAR|FCOVER)(?:MONO)?(?![a-z])", r"\1"),
    (r"pixel[\s_]reliability", "PIXEL_RELIABILITY"),
    (r"summary[\s_]?qa", "SUMMARY_QA"),
    (r"sur_refl_state(?:_\d+m)?|state[\s_]?(?:qa|1km|500m)(?:_1)?", "STATE_QA"),
    (r"vi[\s_]quality|detailed[\s_]?qa", "VI_QUALITY"),
    (r"qa[\s_]pixel", "QA_PIXEL"),
    (r"coastal[\s_](?:blue|aerosol)", "COASTAL"),
    (r"green[\s_]i(?![a-z\d])", "GREEN_I"),
    (r"nadir[\s_]reflectance[\s_]band(\d)(?!\d)", r"NADIR_REFLECTANCE_BAND\1"),
    (r"(?<![a-z\d])(LC8_30(?:_\d+[DM])?_STK[\w ]*?_)band(\d{1,2})(?!\d)", r"\1B\2"),
    (r"(?<=_)band(1[3-6])(?![a-z\d])", r"B\1"),  # CBERS-4; other sensors' files count from Band 1 without meaning it
    (r"red[\s_]edge(?![\s_]?\d)", "REDEDGE"),
    (r"red[\s_]?edge[\s_]?([1-4])(?!\d)", r"RE\1"),
)
"""Names of more than one word, and the one word that is recognised."""

IGNORED_WORDS = re.compile(
    r"""^(?: S2[ABCD]? | S1[ABCD]? | SEN2[ABL]? | SENTINEL\d?[ABCD]? | MSI | MSIL[12][AC] | IW | GRDH? | 1SDV | OPER
    | L[COTEM]?0?\d | LND?0?\d | LANDSAT\d? | L1C | L2[AC]? | L[12][A-Z]{2} | T[12] | RT
    | TERRA | AQUA | MODIS | M[OYC]D\d+[A-Z]\d | H\d{2}V\d{2} | A | CB4A? | CBERS4A? | STK | 16D
    | HLS | [LS]30 | V\d+ | DOY | AID\d+
    | SR | ST | TOA | BOA | N0\d{3} | R\d{3} | T\d{2}[A-Z]{3} | \d+K?M | \d+
    | \d{8}T\d{6}Z? | T\d{6}Z? | CENTRAL | WAVELENGTH | NM | \d+NM
    | BAND | MEAN | MEDIAN | COMPOSITE | REFLECTANCE | SURFACE | DAYS? )$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Words beside a band's name that say nothing about which band it is."""

PLACEHOLDER = r"(?:(?:gdal )?(?:band|layer|raster)(?: number)?)?[\s_-]*\d*|S(?:EN)?2[A-DL]|LND0\d|LN[DM]LG|S1[A-D]I[AD]"
"""What a description without a name looks like, as ``Band 3``, or the satellite behind FORCE's dates."""


@dataclass(frozen=True)
class Sensor:
    """A family of products whose band numbers mean other wavelengths than Sentinel-2's."""

    title: str
    """The sensor."""
    pattern: str
    """Regular expression of the products' names and of what their metadata call the platform."""
    names: str
    """``number:name`` of every band, the number without leading zeros."""


SENSORS = (
    Sensor(
        "Landsat 8 and 9, and their half of HLS",
        r"(?<![a-z\d])(?:L[CO]0[89]_|L[CO]8\d{6}|LC8_30_|HLS[._]L30|LANDSAT[_ ]?[89](?!\d))",
        "1:COASTAL 2:BLUE 3:GREEN 4:RED 5:NIR08 6:SWIR16 7:SWIR22 8:PAN 9:CIRRUS 10:TIR 11:TIR2",
    ),
    Sensor(
        "Landsat 4, 5 and 7",
        r"(?<![a-z\d])(?:L[ET]0[457]_|L[ET][457]\d{6}|LANDSAT[_ ]?[457](?!\d))",
        "1:BLUE 2:GREEN 3:RED 4:NIR08 5:SWIR16 6:TIR 7:SWIR22 8:PAN",
    ),
)
"""Sentinel-2 keeps its numbers; the other half of HLS (S30) has the same."""

NUMBERED = re.compile(r"(?:S[RT]_)?B0?(\d{1,2})", re.IGNORECASE)
"""A band's number as Landsat's products write it."""


def sensor_of(text: str) -> Sensor | None:
    """The sensor of a product, if its band numbers differ from Sentinel-2's.

    Parameters
    ----------
    text : str
        The product's name, a path, or what metadata call the platform.

    Returns
    -------
    Sensor or None
    """
    return next((s for s in SENSORS if re.search(s.pattern, text, re.IGNORECASE)), None)


def sensor_band_name(name: str | None, sensor: Sensor | None) -> str | None:
    """The name that a numbered band has in every sensor.

    Parameters
    ----------
    name : str or None
        Such as ``SR_B5``.
    sensor : Sensor or None
        As :func:`sensor_of` gives it.

    Returns
    -------
    str or None
        Such as ``NIR08`` for ``SR_B5`` of Landsat 8; ``name`` itself where the sensor does not number it.
    """
    match = NUMBERED.fullmatch(name or "")
    if sensor is None or match is None:
        return name
    return dict(pair.split(":") for pair in sensor.names.split()).get(match.group(1), name)


def parse_date(text: str) -> tuple[str | None, str]:
    """Find the date in a text.

    Parameters
    ----------
    text : str
        Band description, file name without its suffix, or metadata value.

    Returns
    -------
    date : str or None
        ISO date; None when there is none, or more than one.
    rest : str
        The text without its dates.
    """
    dates, rest = _dates(text)
    return (dates[0], rest) if len(dates) == 1 else (None, rest if dates else text)


def date_choices(text: str) -> tuple[str, ...]:
    """The dates of an ambiguous text; a product's own pattern settles it, and a day goes before a month.

    Parameters
    ----------
    text : str
        As in :func:`parse_date`.

    Returns
    -------
    tuple of str
        ISO dates, ascending; empty where the text is not ambiguous.
    """
    dates, _ = _dates(text)
    return dates if len(dates) > 1 else ()


def _dates(text: str) -> tuple[tuple[str, ...], str]:
    """All dates of the surest rank that ``text`` may mean, and the text without them."""
    if not any(character.isdigit() for character in text):
        return (), text  # at once: there may be ten thousand bands
    rest, rank = unicodedata.normalize("NFC", text), None
    found: set[str] = set()
    for kind in DATE_PATTERNS:
        if rank is not None and kind.rank > rank:
            break
        for match in list(re.finditer(kind.pattern, rest, re.IGNORECASE)):
            try:
                read = kind.read(*match.groups())
            except ValueError:
                continue
            dates = read if isinstance(read, tuple) else (read,)
            if not dates:
                continue
            rank = kind.rank
            found |= {date.isoformat() for date in dates}
            # Blanked and not cut out, so that positions stay and separate words do not join.
            rest = rest[: match.start()] + " " * (match.end() - match.start()) + rest[match.end() :]
    return tuple(sorted(found)), re.sub(r" {2,}", " ", rest) if found else text


def parse_band(rest: str, free: bool) -> str | None:
    """The band's name in what is left of a text once its date is taken out.

    Parameters
    ----------
    rest : str
        Text without its date.
    free : bool
        Whether any name is accepted, as in a band description; in a file name only a known one is.

    Returns
    -------
    str or None
        A known name in capitals with two digits (``b8`` is ``B08``), else the text itself where it
        is ``free`` and more than a number.
    """
    plain = rest
    for phrase, word in PHRASES:
        plain = re.sub(phrase, word, plain, flags=re.IGNORECASE)
    words = [word for part in re.split(r"[\s.,;:/()\[\]-]+", plain) for word in _words(part)]
    known = [name for name in map(standard_name, words) if name]
    beside = [word for word in words if not standard_name(word) and not IGNORED_WORDS.match(word)]
    if len(set(known)) == 1 and (not free or not beside):
        return known[0]
    if not free:
        return None
    name = re.sub(r"^[\s_.,;:-]+|[\s_.,;:-]+$", "", re.sub(r"\s+", " ", rest))
    return None if re.fullmatch(PLACEHOLDER, name, re.IGNORECASE) else name


def _words(part: str) -> list[str]:
    """The words of a text joined by underscores; known names with an underscore stay in one piece."""
    return (
        WITH_UNDERSCORE.sub(lambda name: name.group().replace("_", "\0"), part)
        .replace("_", " ")
        .replace("\0", "_")
        .split()
    )


def standard_name(word: str) -> str | None:
    """A known band's name in its one spelling.

    Parameters
    ----------
    word : str
        In any case, such as ``b8``.

    Returns
    -------
    str or None
        Such as ``B08``; None for another word.
    """
    name = word.upper()
    short = re.fullmatch(r"B(\d)", name)
    name = f"B0{short.group(1)}" if short else name
    return name if name in KNOWN_BANDS else None


def band_order(names: Iterable[str]) -> tuple[str, ...]:
    """The names in one fixed order, however the files that hold them are named or sorted.

    Parameters
    ----------
    names : iterable of str
    """
    position = {name: number for number, name in enumerate(KNOWN_BANDS)}
    return tuple(sorted(names, key=lambda name: (position.get(name, len(position)), name)))
