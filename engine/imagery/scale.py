"""Physical values from stored numbers: scale and offset of every raster band, decided alike for source and target.

How it is decided, for each raster band:

1. scale and offset in the file's metadata (a scale of 10 or more is a divisor, as MODIS HDF files store it);
2. known products by name: Landsat Collection 2 surface reflectance, Sentinel-2 Level 2A from baseline 04.00;
3. otherwise by size: reflectance and most indices lie between -1 and 2, so a stack whose typical large value
   is above 100 holds them times 10000 and is divided by that, float files as well. Byte files are left as
   they are: 8-bit products follow no common factor. Bands that are no reflectance (radar, temperature,
   terrain) are left as they are.

The third rule looks at the whole stack and not at one band: a dark band alone would be taken for unscaled.
Both sides of a transfer go through the same rule, so a target in UInt16 times 10000 meets a source in
float 0-1 in the same unit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

FACTOR = 10000.0
"""Reflectance and indices are commonly stored as integers times this."""
LARGE = 100.0
"""Typical large value of a stack from which on it cannot be reflectance or an index as such."""
DIVISOR = 10.0
"""A scale in the metadata at or above this divides."""
NOT_REFLECTANCE = frozenset("VV VH HH HV VVVH LST ST TIR DEM ELEVATION SLOPE ASPECT TEMPERATURE RAIN".split())
"""Bands that rule 3 leaves as they are."""
PRODUCTS = (
    (r"L[COTE]0[4-9]_L2S[PR]_\d{6}_\d{8}_\d{8}_02_T\d.*SR_B\d", 2.75e-5, -0.2),
    (r"MSIL2A_\d{8}T\d{6}_N(?:0[4-9]|[1-8]\d)\d{2}_", 1e-4, -0.1),
)
"""Name of a product, its scale and its offset (USGS LSDS-1619; ESA processing baseline 04.00)."""

FILLS = (
    (r"L[COTE]0[4-9]_L2S[PR]_\d{6}_\d{8}_\d{8}_02_T\d.*SR_B\d", 0.0),
    (r"MSIL2A_\d{8}T\d{6}_N\d{4}_", 0.0),
    (r"\bM[OY]D13[A-Z]\d", -3000.0),
)
"""Name of a product and the number that means no observation, where files often do not say so."""


def fill_of(path: str) -> float | None:
    """The number that a known product stores for no observation, or None."""
    return next((number for pattern, number in FILLS if re.search(pattern, path)), None)


def declared(band: Any, path: str) -> tuple[float, float] | None:
    """Scale and offset of a GDAL band by its metadata or its product's name, or None when neither says."""
    scale, offset = band.GetScale(), band.GetOffset()
    if (scale is not None and scale not in (0.0, 1.0)) or offset:
        scale = 1.0 if not scale else float(scale)
        if scale >= DIVISOR:
            return 1 / scale, float(offset or 0.0)
        return scale, float(offset or 0.0)
    for pattern, factor, shift in PRODUCTS:
        if re.search(pattern, path):
            return factor, shift
    return None


def by_size(samples: Sequence[np.ndarray]) -> float:
    """Factor of the bands of a stack that say nothing, from sampled values of each; 1 or 1/10000."""
    large = [float(np.percentile(np.abs(values), 98)) for values in samples if len(values)]
    return 1 / FACTOR if large and max(large) > LARGE else 1.0
