"""Typical magnitudes of each band, by which two sets of series are seen to be in different units.

A scale, such as percent or bytes, multiplies the middle and the large values of a band by one factor. Snow, clouds or
another climate change one of the two only, or both by less: of the transfers between regions and years that this
project is measured on, none differs by a factor of 1.7. So both must differ by :data:`UNIT_FACTOR`, and reflectance of
one band alone by more: half a year of snow is blue and not short-wave infrared. Where values of a band are below zero
on one side and above it on the other, or are temperatures far apart, the factor may be smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import listed
from .series_set import SeriesSet

UNIT_FACTOR = 4.5
"""Magnitudes that differ by this factor are not in the same unit: a scale of 5, and what the places differ by."""
WIDE_FACTOR = 8.0
"""The same for :data:`WIDE` bands."""
WIDE = frozenset("LAI CIRE GCVI RVI CAB CWC NDMI LSWI NDWI MNDWI NBR NBR2 BSI PSRI NDTI NDSI GVMI".split())
"""Bands without a fixed range, or around zero: between a dry and a wet region they differ more than others."""
ALONE = 20.0
"""The factor for a band of reflectance where those together do not differ by :data:`TOGETHER`."""
TOGETHER = 3.0
FACTORS = {
    **dict.fromkeys(WIDE, WIDE_FACTOR),
    **dict.fromkeys(("DEM", "ELEVATION", "SLOPE"), np.inf),
    **dict.fromkeys(("RAIN", "PRECIPITATION"), 100.0),
    "ASPECT": 20.0,
}
"""The factor for bands that may differ more between two places, or by any factor."""
TEMPERATURES = frozenset("LST ST TIR TIR2 LWIR LWIR11 LWIR12 TEMPERATURE".split())
OTHERS = frozenset(FACTORS) | TEMPERATURES | frozenset("VV VH HH HV VVVH".split())
OTHERS |= frozenset("NDVI GNDVI EVI EVI2 SAVI OSAVI MSAVI NDRE FAPAR FCOVER".split())
"""Bands that are no reflectance."""
KELVIN = (200.0, 360.0)
"""Temperatures of the ground in Kelvin."""
APART = 45.0
"""Degrees between the middle temperatures of two seasons, beyond which they are in different units."""
UNIT_RANGE = 2.0
"""Reflectance, indices and linear radar power are up to about 1."""
SAMPLES = 2_000
"""Series that are enough for the magnitudes of a band."""
CAUSES = (
    (10.0, "times 10, or times 1000 where the other is times 10000"),
    (100.0, "percent, a scale of 0.01,"),
    (250.0, "bytes from 0 to 250 or 255, a scale of 0.004,"),
    (1000.0, "times 1000, a scale of 0.001,"),
    (5000.0, "times 5000, a scale of 0.0002,"),
    (10000.0, "times 10000, a scale of 0.0001,"),
    (36364.0, "the unscaled numbers of Landsat Collection 2"),
)
"""Factors by which values are stored."""
HALF = (1.93, 2.07)
"""Ratio of all bands where one side is times 5000 and was read as times 10000."""
SCALE = "scale"
ONE_SCALE = 3.0
"""Ratios of bands of one scale differ by this factor at most."""
NEAR = 1.6
"""A cause explains a ratio that is its factor, times or divided by this."""


@dataclass(frozen=True)
class Magnitude:
    """How large the values of a band typically are."""

    low: float
    """Tenth percentile."""
    middle: float
    """Median."""
    high: float
    """Ninetieth percentile."""
    typical: float
    """Median of the absolute values."""
    large: float
    """Ninetieth percentile of the absolute values."""


def magnitudes(series: SeriesSet) -> dict[str, Magnitude]:
    """The magnitudes of all bands of series.

    Parameters
    ----------
    series : SeriesSet

    Returns
    -------
    dict of str to Magnitude
        By band; without those that were never observed.
    """
    return magnitudes_of(series.values[:: max(1, len(series) // SAMPLES)], series.bands)


def magnitudes_of(values: np.ndarray, bands: Sequence[str]) -> dict[str, Magnitude]:
    """The magnitudes of bands of values.

    Parameters
    ----------
    values : ndarray of float, shape (n, t, c)
        NaN for gaps.
    bands : sequence of str
        Their c names.

    Returns
    -------
    dict of str to Magnitude
        By band; without those that were never observed.
    """
    found = {name: magnitude_of(values[:, :, number]) for number, name in enumerate(bands)}
    return {name: one for name, one in found.items() if one is not None}


def magnitude_of(values: np.ndarray) -> Magnitude | None:
    """The magnitude of values.

    Parameters
    ----------
    values : ndarray of float, any shape
        NaN for gaps.

    Returns
    -------
    Magnitude or None
        None where all are gaps.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, middle, high = map(float, np.percentile(finite, (10, 50, 90)))
    return Magnitude(low, middle, high, *map(float, np.percentile(np.abs(finite), (50, 90))))


def unit_warnings(
    one: Mapping[str, Magnitude],
    other: Mapping[str, Magnitude],
    names: tuple[str, str],
    hint: str,
    guessed: bool = False,
) -> list[str]:
    """Warnings about bands whose values are not in the same unit on both sides, such as percent and reflectance.

    Parameters
    ----------
    one, other : mapping of str to Magnitude
        By band, of both sides.
    names : tuple of str
        What the sides are called.
    hint : str
        A sentence: what can be done.
    guessed : bool, optional (default=False)
        Whether the scale of a side is a guess by the size of its numbers.

    Returns
    -------
    list of str
        A text for each cause.
    """
    groups: list[tuple[str, list[str]]] = []
    by_cause: dict[str, list[str]] = {}
    common = [band for band in one if band in other]
    together = _common_ratio(one, other)
    for band in common:
        cause = _cause(band, one[band], other[band], together)
        if cause:
            by_cause.setdefault(cause, []).append(band)
    scaled = {band: one[band].large / other[band].large for band in by_cause.pop(SCALE, [])}
    groups += [(_stored_as(ratio), bands) for ratio, bands in _by_ratio(scaled)] + list(by_cause.items())
    if guessed and not groups and _all_halved(one, other):
        groups.append(("a guessed scale that is wrong by 2, as times 5000 read as times 10000", common))
    warnings = []
    for cause, bands in groups:
        here, there = (", ".join(f"{_shown(side[band])}" for band in bands[:4]) for side in (one, other))
        warnings.append(
            f"The values of {listed(bands, 4)} are not in the same unit and scale: typically up to about {here} in "
            f"{names[0]} and {there} in {names[1]}. The likely cause: {cause}. {hint} Else the map is meaningless."
        )
    return warnings


def _by_ratio(ratios: Mapping[str, float]) -> list[tuple[float, list[str]]]:
    """Bands whose ratios are of one scale, within what the places differ by, with their middle ratio."""
    left, groups = dict(ratios), []
    while left:
        middle = sorted(left.values())[len(left) // 2]
        bands = [band for band, ratio in left.items() if 1 / ONE_SCALE < ratio / middle < ONE_SCALE]
        groups.append((middle, bands))
        left = {band: ratio for band, ratio in left.items() if band not in bands}
    return groups


def _stored_as(ratio: float) -> str:
    ratio = max(ratio, 1 / ratio)
    causes = [text for stored, text in CAUSES if stored / NEAR < ratio < stored * NEAR]
    return f"{' or '.join(causes) or 'another scale'} on one side"


def _shown(size: Magnitude) -> str:
    return f"{size.low if size.high < 0 else size.high:.3g}"


def _all_halved(one: Mapping[str, Magnitude], other: Mapping[str, Magnitude]) -> bool:
    """Whether all bands of one side are half as large as those of the other."""
    pairs = [(one[band], other[band]) for band in one if band in other]
    ratios = [(a.typical / b.typical, a.large / b.large) for a, b in pairs if min(b.typical, b.large) > 0]
    low, high = HALF
    return len(ratios) == len(pairs) > 0 and any(
        all(low < ratio**power < high for both in ratios for ratio in both if ratio > 0) for power in (1, -1)
    )


def _common_ratio(one: Mapping[str, Magnitude], other: Mapping[str, Magnitude]) -> float:
    """The middle ratio of the bands of reflectance, at least 1."""
    bands = [band for band in one if band in other and band.upper() not in OTHERS]
    pairs = [(one[band].large, other[band].large) for band in bands]
    ratios = [np.log(first / second) for first, second in pairs if min(first, second) > 0]
    return float(np.exp(abs(np.median(ratios)))) if ratios else 1.0


def _cause(band: str, one: Magnitude, other: Magnitude, together: float) -> str:
    """Why the values of a band are not in the same unit, or ``SCALE``; empty where they may be."""
    name = band.upper()
    factor = FACTORS.get(name, UNIT_FACTOR if name in OTHERS or together >= TOGETHER else ALONE)
    if np.isinf(factor):
        return ""
    large, small = (one, other) if one.large >= other.large else (other, one)
    if name in TEMPERATURES or KELVIN[0] < large.low < KELVIN[1]:
        cause = _temperature(large, small, name)
        if cause is not None:
            return cause
    if large.high < 0 < small.low or small.high < 0 < large.low:
        return _signs(*((large, small) if large.high < 0 else (small, large)))
    if small.typical <= 0 or large.large < factor * small.large or large.typical < factor * small.typical:
        return ""
    return "degrees on one side and radians on the other" if name == "ASPECT" else SCALE


def _temperature(large: Magnitude, small: Magnitude, name: str) -> str | None:
    """The cause where both sides are temperatures in degrees of some scale; None where one is not."""
    degrees = [side for side in (large, small) if -60 < side.low and side.high < KELVIN[1]]
    if len(degrees) < 2 or (name not in TEMPERATURES and small.high < UNIT_RANGE):
        return None
    if abs(large.middle - small.middle) < APART:
        return ""
    if KELVIN[0] < large.middle:
        return f"Kelvin against degrees {'Celsius' if small.middle < 45 else 'Fahrenheit'}"
    return "degrees Celsius against Fahrenheit"


def _signs(negative: Magnitude, positive: Magnitude) -> str:
    """The cause where one side is below zero and the other above; empty where both may be of one index near zero."""
    if negative.middle < -1:
        return "decibels (dB) against linear power or amplitude, or another scale or sign"
    near_zero = min(negative.typical, positive.typical) < 0.1 and max(negative.large, positive.large) < UNIT_RANGE
    return "" if near_zero else "another sign, or another formula of the index"


def to_json(sizes: Mapping[str, Magnitude]) -> dict[str, list[float]]:
    """Magnitudes as a model file holds them.

    Parameters
    ----------
    sizes : mapping of str to Magnitude
    """
    return {band: [float(f"{number:.6g}") for number in vars(one).values()] for band, one in sizes.items()}


def from_json(content: Mapping[str, Sequence[float]]) -> dict[str, Magnitude]:
    """Magnitudes from a model file; raises TypeError or ValueError where they are none.

    Parameters
    ----------
    content : mapping of str to sequence of float
        As of :func:`to_json`.
    """
    return {str(band): Magnitude(*map(float, numbers)) for band, numbers in content.items()}
