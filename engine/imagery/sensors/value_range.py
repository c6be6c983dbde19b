"""What the size of stored numbers says of their scale, and whether a scale gives possible values.

Reflectance and most indices are between -1 and 2, and seasons with crops have a typical large value of the near
infrared above 0.11 and of a vegetation index above 0.1. So numbers up to some thousands are values times 10000, and
those of such a band that stay below 1020 are values times 1000. From 100 to 255 they may be bytes of several scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .wavelengths import common_name

FACTOR = 10000.0
"""Reflectance and indices are commonly stored as integers times this."""
THOUSAND = 1000.0
SHARE, RARE = 98.0, 99.9
"""Percentiles of the typical large value, and of that of a field in a desert."""
LARGE = 100.0
"""Typical large value of a stack from which on it cannot be reflectance or an index as such."""
BYTE = 255.0
THOUSANDS = 1020.0
"""Typical large value of a bright band times 1000, at most."""
HIGHEST_INDEX = 12000.0
"""Typical large value of an index times 10000, at most."""
VEGETATION = frozenset("NDVI GNDVI EVI EVI2 SAVI OSAVI MSAVI FAPAR".split())
"""Indices between 0.1 and 1 where anything grows."""
INDICES = VEGETATION | frozenset("NDWI MNDWI NDMI LSWI NBR NBR2 NDRE PSRI BSI FCOVER NDTI NDSI GVMI".split())
"""Indices between -1 and 1."""
BRIGHT = ("rededge2", "rededge3", "nir", "nir08")
LANDSAT = (2.75e-5, -0.2)
LANDSAT_NUMBERS = (6800.0, 45000.0)
"""Reflectance of Landsat Collection 2 as it is stored, from -0.01 to 1.04."""
TINY = 0.002
"""Typical large value that reflectance or an index does not stay below."""
POSSIBLE = (-0.2, 2.0)
"""Median of reflectance."""
BELOW_ZERO = -0.05
"""Median of the reflectance of a product that is known by its name, at least."""
INDEX_LIMIT = 1.2
"""Median of the absolute values of an index, at most."""


@dataclass(frozen=True)
class SizeScale:
    """The scale of bands that declare none."""

    scale: float
    offset: float = 0.0
    note: str = ""
    """A sentence about what is unusual; empty where nothing is."""


def is_bounded_index(name: str) -> bool:
    """Whether a band is an index between -1 and 1.

    Parameters
    ----------
    name : str
    """
    return name.upper() in INDICES


def is_reflectance(name: str) -> bool:
    """Whether a band is reflectance by its name.

    Parameters
    ----------
    name : str
    """
    common = common_name(name)
    return name.upper().startswith("SR_B") or (common is not None and not common.startswith("lwir"))


def scale_of_reflectance(samples: Mapping[str, np.ndarray], share: float = SHARE) -> SizeScale:
    """Scale of the bands of a stack that declare none and are no bounded indices, from their size.

    All of them together: a dark band alone would be taken for unscaled.

    Parameters
    ----------
    samples : mapping of str to ndarray
        Stored numbers by band, without gaps.
    share : float, optional
        Percentile of the numbers that is their typical large value.

    Returns
    -------
    SizeScale
    """
    large = _large(samples, share)
    if not large or max(large.values()) <= LARGE:
        return SizeScale(1.0)
    lowest = [float(np.percentile(samples[name], 2)) for name in large]
    if len(large) > 1 and min(lowest) >= LANDSAT_NUMBERS[0] and max(large.values()) <= LANDSAT_NUMBERS[1]:
        note = "all its values are above 6800, as those of Landsat Collection 2 are: its scale of 0.0000275 and offset "
        return SizeScale(*LANDSAT, note + "of -0.2 are used")
    middle = float(np.median(np.concatenate([samples[name] for name in large]))) / FACTOR
    if not POSSIBLE[0] <= middle <= POSSIBLE[1]:
        note = f"divided by 10000 the middle of its values would be {middle:.2g}: they are used as they are"
        return SizeScale(1.0, note=note)
    bright = [size for name, size in large.items() if common_name(name) in BRIGHT]
    return _by_bright(max(bright), "its near infrared") if bright else SizeScale(1 / FACTOR)


def scale_of_indices(samples: Mapping[str, np.ndarray], share: float = SHARE) -> SizeScale:
    """Scale of the bounded indices of a stack that declare none.

    ``samples`` and ``share`` as of :func:`scale_of_reflectance`.
    """
    large = _large(samples, share)
    if not large or max(large.values()) <= LARGE:
        return SizeScale(1.0)
    if max(large.values()) > HIGHEST_INDEX:
        return SizeScale(1.0, note="divided by 10000 its indices would be above 1: its values are used as they are")
    vegetation = [size for name, size in large.items() if name.upper() in VEGETATION]
    return _by_bright(max(vegetation), "its vegetation index") if vegetation else SizeScale(1 / FACTOR)


def _large(samples: Mapping[str, np.ndarray], share: float = SHARE) -> dict[str, float]:
    return {name: float(np.percentile(np.abs(values), share)) for name, values in samples.items() if len(values)}


def _by_bright(large: float, what: str) -> SizeScale:
    if large <= BYTE:
        note = f"{what} is up to about {large:.0f}, which may be bytes of any scale: its values are used as they are"
        return SizeScale(1.0, note=note)
    if large <= THOUSANDS:
        return SizeScale(1 / THOUSAND, note=f"{what} is up to about {large:.0f}: its values are divided by 1000")
    return SizeScale(1 / FACTOR)


def impossible(samples: Mapping[str, np.ndarray], scaling: tuple[float, float], lowest: float = POSSIBLE[0]) -> str:
    """Whether a scale and offset give impossible reflectance or indices.

    Parameters
    ----------
    samples : mapping of str to ndarray
        Stored numbers by band, without gaps.
    scaling : (float, float)
        Scale and offset.
    lowest : float, optional
        Median of reflectance, at least.

    Returns
    -------
    str
        The bands and their median; empty where the values are possible.
    """
    found = {name: values * scaling[0] + scaling[1] for name, values in samples.items() if len(values)}
    if not found:
        return ""
    # Without the offset, which hides numbers that were made too small.
    size = abs(scaling[0]) * max(_large(samples).values())
    for index in (False, True):
        of_kind = {name: values for name, values in found.items() if is_bounded_index(name) == index}
        if not of_kind:
            continue
        together = np.concatenate(list(of_kind.values()))
        middle = float(np.median(together))
        wrong = float(np.median(np.abs(together))) > INDEX_LIMIT if index else not lowest <= middle <= POSSIBLE[1]
        if wrong or size < TINY:
            return f"a median of {', '.join(of_kind)} of {middle:.3g}"
    return ""
