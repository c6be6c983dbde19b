"""What the bands of different sensors have in common: a table of names by wavelength.

A *common name* is the lower-case name of a part of the spectrum, mostly as in the STAC extension ``eo``
(``red``, ``nir08``, ``swir16``). Words such as ``RED`` or ``SWIR1`` mean the same for every sensor. Numbers do not:
plain ones (``B04``) are Sentinel-2's, numbers behind a product's prefix (``SR_B4``) are that product's, and
where two products share the prefix the other bands of the stack decide, if they can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

COMMON: dict[str, tuple[int, str]] = {
    "coastal": (443, "COASTAL COASTAL_BLUE COASTALBLUE AEROSOL COASTAL_AEROSOL ULTRA_BLUE CB"),
    "blue": (490, "BLUE BLU"),
    "green05": (531, "GREEN_I GREENI GREEN05 GREEN1"),
    "green": (560, "GREEN GRN GREEN_II GREEN2"),
    "yellow": (610, "YELLOW"),
    "red": (665, "RED"),
    "rededge1": (705, "REDEDGE1 REDEDGE071 RED_EDGE_1 RED_EDGE1 RE1 REDEDGE RED_EDGE RE"),
    "rededge2": (740, "REDEDGE2 REDEDGE075 RED_EDGE_2 RED_EDGE2 RE2"),
    "rededge3": (783, "REDEDGE3 REDEDGE078 RED_EDGE_3 RED_EDGE3 RE3"),
    "nir": (833, "NIR NIR1 NIR_BROAD BNR"),
    "nir08": (865, "NIR08 NIR8A NIR_NARROW NARROW_NIR NIRN NNIR RE4 REDEDGE4 RED_EDGE_4 RED_EDGE4"),
    "nir09": (945, "NIR09 WATER_VAPOR WATERVAPOR WATER_VAPOUR WVP"),
    "nir12": (1240, "NIR12 SWIR12 SWIR_12"),
    "cirrus": (1375, "CIRRUS SWIR13"),
    "swir16": (1610, "SWIR16 SWIR_16 SWIR1 SWIR_1 SW1 SWIR"),
    "swir22": (2200, "SWIR22 SWIR_22 SWIR2 SWIR_2 SW2 MIR"),
    "lwir": (11000, "LWIR TIR THERMAL"),
    "lwir11": (10900, "LWIR11 TIR1 TIRS1"),
    "lwir12": (12000, "LWIR12 TIR2 TIRS2"),
    "pan": (590, "PAN PANCHROMATIC"),
}
"""Centre in nanometres and the words for it, in capitals. MIR is that of MOD13 (2.1 micrometres)."""


@dataclass(frozen=True)
class Numbering:
    """How one product numbers its bands."""

    title: str
    """The product."""
    prefix: str
    """Regular expression of what precedes the number."""
    bands: tuple[str, ...]
    """``number:common name``, the number without leading zeros."""


def _numbered(names: str, first: int = 1) -> tuple[str, ...]:
    """Bands numbered without a gap from ``first``; a dot skips one."""
    return tuple(f"{number}:{name}" for number, name in enumerate(names.split(), first) if name != ".")


NUMBERINGS = (
    Numbering(
        "Sentinel-2",
        "B",
        (
            *_numbered("coastal blue green red rededge1 rededge2 rededge3 nir nir09 cirrus swir16 swir22"),
            "8A:nir08",
            "9A:nir09",
        ),
    ),
    Numbering("CBERS-4 WFI", "B", _numbered("blue green red nir", 13)),
    Numbering("Landsat 8-9", "SR_B", _numbered("coastal blue green red nir08 swir16 swir22")),
    Numbering("Landsat 4-7", "SR_B", _numbered("blue green red nir08 swir16 . swir22")),
    Numbering("Landsat 8-9", "ST_B", ("10:lwir11",)),
    Numbering("Landsat 4-7", "ST_B", ("6:lwir",)),
    Numbering("MODIS", r"(?:SUR_REFL_B|NADIR_REFLECTANCE_BAND)", _numbered("red nir blue green nir12 swir16 swir22")),
)
"""Plain numbers are Sentinel-2's: the bands of Landsat and of HLS's Landsat half are given words when they are read.

Sources: ESA Sentinel-2 MSI user guide; USGS Landsat Collection 2 data dictionary; INPE CBERS-4 payload;
MODIS MOD09A1 and MCD43A4 user guides.
"""

NEAR = {"nir": "nir08", "nir08": "nir", "lwir": "lwir11", "lwir11": "lwir"}
"""The substitute where a stack has no band of the very wavelength: both see the plateau of the near infrared (or
both see heat)."""

LOOSE = {
    "NIR": ("nir", "nir08"),
    "RE": ("rededge1", "rededge2", "rededge3"),
    "REDEDGE": ("rededge1", "rededge2", "rededge3"),
    "RED_EDGE": ("rededge1", "rededge2", "rededge3"),
    "SWIR": ("swir16", "swir22"),
    "MIR": ("swir22", "swir16"),
    "TIR": ("lwir", "lwir11", "lwir12"),
}
"""Words that sensors use for more than one wavelength, the likeliest first."""

WORDS = {word: common for common, (_, words) in COMMON.items() for word in words.split()}


WAVELENGTH = re.compile(r"\(?(\d+(?:\.\d+)?)\s*(nanomet\w+|nm|micromet\w+|\u00b5m|um)\)?$", re.IGNORECASE)
"""A wavelength at the end of a description, as ENVI's headers give it to bands."""


def split_wavelength(text: str) -> tuple[str, str | None]:
    """What a description says before a wavelength, and the name of the part of the spectrum it is in.

    Parameters
    ----------
    text : str
        Such as ``665.0 Nanometers`` or ``red (0.665 Micrometers)``.

    Returns
    -------
    rest : str
        The text without the wavelength.
    name : str or None
        Such as ``RED``; None without a wavelength, or where no name is near.
    """
    found = WAVELENGTH.search(text.strip())
    if found is None:
        return text, None
    nanometres = float(found.group(1)) * (1 if found.group(2).lower().startswith("n") else 1000)
    centre, name = min((abs(middle - nanometres), name) for name, (middle, _) in COMMON.items() if name != "pan")
    near = centre <= max(12.0, 0.03 * nanometres)
    return text.strip()[: found.start()].strip(), name.upper() if near else None


def common_name(name: str) -> str | None:
    """The common name of one band by itself.

    ``SR_B4`` is red of Landsat 8 and near infrared of Landsat 7: by itself it has none, see :func:`common_names`.

    Parameters
    ----------
    name : str
        Of a band, in any case, such as ``b8``.

    Returns
    -------
    str or None
        Such as ``nir``; None where it has none or several.
    """
    return _only(_meanings(name))


def common_names(names: Iterable[str]) -> dict[str, str | None]:
    """The common names of the bands of one stack.

    Numbers that two products share are those of the one product that has all of them: beside ``SR_B6`` a
    ``SR_B4`` is Landsat 8's.

    Parameters
    ----------
    names : iterable of str
        Of its bands.

    Returns
    -------
    dict of str to (str or None)
        By name; None for one without a common name.
    """
    names = list(dict.fromkeys(names))
    meanings = {name: _meanings(name) for name in names}
    shared = [m for m in meanings.values() if len(set(m.values())) > 1]
    fitting = set.intersection(*map(set, shared)) if shared else set()
    # The temperature band has a number of its own in each product, and so distinguishes them.
    certain = {title for m in meanings.values() if len(m) == 1 for title in m if title in fitting}
    fitting = certain if len(certain) == 1 else fitting
    return {
        name: _only({title: c for title, c in m.items() if title in fitting} if len(set(m.values())) > 1 else m)
        for name, m in meanings.items()
    }


def possible_meanings(name: str) -> list[str]:
    """The meanings of a name that products share.

    Parameters
    ----------
    name : str
        Of a band.

    Returns
    -------
    list of str
        Such as ``Landsat 8-9: red``; empty for a name that is not ambiguous.
    """
    meanings = _meanings(name)
    return [f"{title}: {common}" for title, common in meanings.items()] if len(set(meanings.values())) > 1 else []


def _only(meanings: dict[str, str]) -> str | None:
    found = set(meanings.values())
    return found.pop() if len(found) == 1 else None


def _meanings(name: str) -> dict[str, str]:
    """The common name by the product that calls it ``name``; a word is every product's."""
    word = re.sub(r"[\s\-.]+", "_", name.strip().upper())
    if word in WORDS:
        return {"": WORDS[word]}
    found = {}
    for numbering in NUMBERINGS:
        match = re.fullmatch(numbering.prefix + r"0*(\d+A?)", word)
        common = dict(band.split(":") for band in numbering.bands).get(match.group(1)) if match else None
        if common:
            found[numbering.title] = common
    return found
