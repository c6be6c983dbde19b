"""Vegetation, water and soil indices computed from reflectance (0 to 1), by formula.

| index | what it shows | source of the formula |
|---|---|---|
| NDVI | green vegetation | Rouse et al. 1974, Third ERTS-1 Symposium |
| GNDVI | chlorophyll | Gitelson et al. 1996, doi:10.1016/S0034-4257(96)00072-7 |
| EVI | dense vegetation | Huete et al. 2002, doi:10.1016/S0034-4257(02)00096-2 |
| EVI2 | the same without blue | Jiang et al. 2008, doi:10.1016/j.rse.2008.06.006 |
| SAVI | vegetation over bare soil | Huete 1988, doi:10.1016/0034-4257(88)90106-X (L = 0.5) |
| OSAVI | the same, optimised | Rondeaux et al. 1996, doi:10.1016/0034-4257(95)00186-7 (without the factor 1.16) |
| MSAVI | the same without a constant | Qi et al. 1994, doi:10.1016/0034-4257(94)90134-1 (MSAVI2) |
| NDWI | open water | McFeeters 1996, doi:10.1080/01431169608948714; Gao's NDWI of leaf water is NDMI here |
| MNDWI | open water among buildings | Xu 2006, doi:10.1080/01431160600589179 |
| NDMI | leaf water | Gao 1996, doi:10.1016/S0034-4257(96)00067-3, with the band at 1.6 micrometres |
| LSWI | the same under its other name | Xiao et al. 2004, doi:10.1016/j.rse.2003.11.008 |
| NBR | burnt ground | Key and Benson 2006, USDA RMRS-GTR-164-CD |
| NBR2 | dry residue | van Deventer et al. 1997, PE&RS 63(1) 87-93 |
| NDRE | chlorophyll late in the season | Barnes et al. 2000, Fifth Int. Conf. on Precision Agriculture |
| CIRE | chlorophyll | Gitelson et al. 2003, doi:10.1078/0176-1617-00887 |
| GCVI | chlorophyll, by green | Gitelson et al. 2003, doi:10.1029/2002GL016450 |
| PSRI | ripening | Merzlyak et al. 1999, doi:10.1034/j.1399-3054.1999.106119.x |
| BSI | bare soil | Rikimaru et al. 2002, Tropical Ecology 43(1) 39-47 |
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from ...series import SeriesSet
from .wavelengths import NEAR, common_names


@dataclass(frozen=True)
class Index:
    """A formula over bands by their common names."""

    formula: str
    """As people write it."""
    bands: tuple[str, ...]
    """Common names of the bands it needs."""
    function: Callable[..., np.ndarray]
    """The formula as a function of these bands, in their order."""


def _formula(text: str, function: Callable[..., np.ndarray]) -> Index:
    """An index whose function names its bands."""
    return Index(text, tuple(inspect.signature(function).parameters), function)


def _difference(one: str, other: str) -> Index:
    """A normalised difference of two bands."""
    return Index(f"({one} - {other}) / ({one} + {other})", (one, other), lambda a, b: (a - b) / (a + b))


INDICES: dict[str, Index] = {
    "NDVI": _difference("nir", "red"),
    "GNDVI": _difference("nir", "green"),
    "EVI": _formula(
        "2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)",
        lambda nir, red, blue: 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1),
    ),
    "EVI2": _formula(
        "2.5 * (nir - red) / (nir + 2.4 * red + 1)", lambda nir, red: 2.5 * (nir - red) / (nir + 2.4 * red + 1)
    ),
    "SAVI": _formula("1.5 * (nir - red) / (nir + red + 0.5)", lambda nir, red: 1.5 * (nir - red) / (nir + red + 0.5)),
    "OSAVI": _formula("(nir - red) / (nir + red + 0.16)", lambda nir, red: (nir - red) / (nir + red + 0.16)),
    "MSAVI": _formula(
        "(2 * nir + 1 - sqrt((2 * nir + 1) ** 2 - 8 * (nir - red))) / 2",
        lambda nir, red: (2 * nir + 1 - np.sqrt((2 * nir + 1) ** 2 - 8 * (nir - red))) / 2,
    ),
    "NDWI": _difference("green", "nir"),
    "MNDWI": _difference("green", "swir16"),
    "NDMI": _difference("nir", "swir16"),
    "LSWI": _difference("nir", "swir16"),
    "NBR": _difference("nir", "swir22"),
    "NBR2": _difference("swir16", "swir22"),
    "NDRE": _difference("nir", "rededge1"),
    "CIRE": _formula("rededge3 / rededge1 - 1", lambda rededge3, rededge1: rededge3 / rededge1 - 1),
    "GCVI": _formula("nir / green - 1", lambda nir, green: nir / green - 1),
    "PSRI": _formula("(red - blue) / rededge2", lambda red, blue, rededge2: (red - blue) / rededge2),
    "BSI": _formula(
        "(swir16 + red - nir - blue) / (swir16 + red + nir + blue)",
        lambda swir16, red, nir, blue: (swir16 + red - nir - blue) / (swir16 + red + nir + blue),
    ),
}
"""Every index that can be computed, by its name in capitals."""


def index_name(name: str) -> str | None:
    """The key of an index in :data:`INDICES`.

    Parameters
    ----------
    name : str
        In any case.

    Returns
    -------
    str or None
        None for another name.
    """
    key = name.strip().upper()
    key = "NDVI" if key == "NDV" else key
    return key if key in INDICES else None


def index_names(names: Iterable[str]) -> tuple[str, ...]:
    """The keys of indices in :data:`INDICES`, each once.

    Parameters
    ----------
    names : iterable of str
        In any case.

    Raises
    ------
    InputError
        ``index``, naming one that is not known.
    """
    found = []
    for name in names:
        key = index_name(name)
        if key is None:
            raise InputError("index", f"Unknown index '{name}'.", f"Choose from: {', '.join(INDICES)}.")
        found.append(key)
    return tuple(dict.fromkeys(found))


def bands_of_index(index: str, names: Iterable[str]) -> dict[str, str] | None:
    """The bands of a stack from which an index is computed.

    A band of the very wavelength is taken before a near one (B08 before B8A for ``nir``), and of several the first.

    Parameters
    ----------
    index : str
        Key of :data:`INDICES`.
    names : iterable of str
        Of the stack's bands.

    Returns
    -------
    dict of str to str, or None
        Name of the band by common name in the formula; None where one is missing.
    """
    by_common: dict[str, str] = {}
    for name, common in common_names(names).items():
        by_common.setdefault(common or "", name)
    by_common.pop("", None)
    found = {common: by_common.get(common) or by_common.get(NEAR.get(common, "")) for common in INDICES[index].bands}
    return {common: name for common, name in found.items() if name} if all(found.values()) else None


def computable(index: str, names: Iterable[str]) -> bool:
    """Whether an index can be computed.

    Parameters
    ----------
    index : str
        Its name, in any case.
    names : iterable of str
        Of the bands, of any sensor.
    """
    key = index_name(index)
    return key is not None and bands_of_index(key, names) is not None


def compute(index: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The index of reflectances.

    Parameters
    ----------
    index : str
        Key of :data:`INDICES`.
    values : mapping of str to ndarray, all of one shape
        Reflectance 0 to 1 by common name; NaN for no observation.

    Returns
    -------
    ndarray of float32, that shape
        NaN where a value is missing, the divisor is 0 or a root has no value.
    """
    formula = INDICES[index]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result = formula.function(*(np.asarray(values[name], np.float32) for name in formula.bands))
    return np.where(np.isfinite(result), result, np.nan).astype(np.float32)


def add_indices(series: SeriesSet, indices: Sequence[str], where: str = "the series") -> SeriesSet:
    """Compute indices and append them to the bands of series; one that they hold already stays as it is.

    Parameters
    ----------
    series : SeriesSet
        Reflectance 0 to 1.
    indices : sequence of str
        Names, in any case.
    where : str, optional (default="the series")
        What has the series, for messages.

    Returns
    -------
    SeriesSet

    Raises
    ------
    InputError
        ``index`` for an unknown index, ``index-bands`` for one whose bands are missing, naming ``where``.
    """
    for index in index_names(indices):
        if index in series.bands:
            continue
        inputs = require_index(index, series.bands, where)
        values = compute(index, {common: series.values[:, :, series.bands.index(n)] for common, n in inputs.items()})
        both = np.concatenate([series.values, values[:, :, None]], axis=2)
        series = replace(series, values=both, bands=(*series.bands, index))
    return series


def require_index(index: str, names: Sequence[str], where: str) -> dict[str, str]:
    """:func:`bands_of_index` of a stack that must have them.

    Parameters
    ----------
    index : str
        Key of :data:`INDICES`.
    names : sequence of str
        Of the stack's bands.
    where : str
        The stack, for the message.

    Raises
    ------
    InputError
        ``index-bands``, naming the bands of the formula and of the stack.
    """
    inputs = bands_of_index(index, names)
    if inputs is None:
        raise InputError(
            "index-bands",
            f"{index} cannot be computed from {where}: it needs {', '.join(INDICES[index].bands)}, "
            f"but has only {', '.join(names)}.",
            "Correct the band names, or leave the index out.",
        )
    return inputs
