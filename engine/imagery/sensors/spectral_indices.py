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
    of: Callable[..., np.ndarray]
    """The same; its parameters are the common names it needs."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Common names of the bands it needs."""
        return tuple(inspect.signature(self.of).parameters)


INDICES: dict[str, Index] = {
    "NDVI": Index("(nir - red) / (nir + red)", lambda nir, red: (nir - red) / (nir + red)),
    "GNDVI": Index("(nir - green) / (nir + green)", lambda nir, green: (nir - green) / (nir + green)),
    "EVI": Index(
        "2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)",
        lambda nir, red, blue: 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1),
    ),
    "EVI2": Index(
        "2.5 * (nir - red) / (nir + 2.4 * red + 1)", lambda nir, red: 2.5 * (nir - red) / (nir + 2.4 * red + 1)
    ),
    "SAVI": Index("1.5 * (nir - red) / (nir + red + 0.5)", lambda nir, red: 1.5 * (nir - red) / (nir + red + 0.5)),
    "OSAVI": Index("(nir - red) / (nir + red + 0.16)", lambda nir, red: (nir - red) / (nir + red + 0.16)),
    "MSAVI": Index(
        "(2 * nir + 1 - sqrt((2 * nir + 1) ** 2 - 8 * (nir - red))) / 2",
        lambda nir, red: (2 * nir + 1 - np.sqrt((2 * nir + 1) ** 2 - 8 * (nir - red))) / 2,
    ),
    "NDWI": Index("(green - nir) / (green + nir)", lambda green, nir: (green - nir) / (green + nir)),
    "MNDWI": Index("(green - swir16) / (green + swir16)", lambda green, swir16: (green - swir16) / (green + swir16)),
    "NDMI": Index("(nir - swir16) / (nir + swir16)", lambda nir, swir16: (nir - swir16) / (nir + swir16)),
    "LSWI": Index("(nir - swir16) / (nir + swir16)", lambda nir, swir16: (nir - swir16) / (nir + swir16)),
    "NBR": Index("(nir - swir22) / (nir + swir22)", lambda nir, swir22: (nir - swir22) / (nir + swir22)),
    "NBR2": Index(
        "(swir16 - swir22) / (swir16 + swir22)", lambda swir16, swir22: (swir16 - swir22) / (swir16 + swir22)
    ),
    "NDRE": Index("(nir - rededge1) / (nir + rededge1)", lambda nir, rededge1: (nir - rededge1) / (nir + rededge1)),
    "CIRE": Index("rededge3 / rededge1 - 1", lambda rededge3, rededge1: rededge3 / rededge1 - 1),
    "GCVI": Index("nir / green - 1", lambda nir, green: nir / green - 1),
    "PSRI": Index("(red - blue) / rededge2", lambda red, blue, rededge2: (red - blue) / rededge2),
    "BSI": Index(
        "(swir16 + red - nir - blue) / (swir16 + red + nir + blue)",
        lambda swir16, red, nir, blue: (swir16 + red - nir - blue) / (swir16 + red + nir + blue),
    ),
}
"""Every index that can be computed, by its name in capitals."""


def index_name(name: str) -> str | None:
    """The key of an index however it is capitalised, or None for another name."""
    key = name.strip().upper()
    key = "NDVI" if key == "NDV" else key
    return key if key in INDICES else None


def index_names(names: Iterable[str]) -> tuple[str, ...]:
    """The keys of indices, each once; raises InputError (``index``) naming one that is not known."""
    found = []
    for name in names:
        key = index_name(name)
        if key is None:
            raise InputError("index", f"There is no index '{name}'.", f"Choose from: {', '.join(INDICES)}.")
        found.append(key)
    return tuple(dict.fromkeys(found))


def bands_of_index(index: str, names: Iterable[str]) -> dict[str, str] | None:
    """Which of a stack's bands give each common name of the formula; None where one is not there.

    A band of the very wavelength is taken before a near one (B08 before B8A for ``nir``), and of several the first.
    """
    there: dict[str, str] = {}
    for name, common in common_names(names).items():
        if common:
            there.setdefault(common, name)
    found = {}
    for common in INDICES[index].bands:
        serving = there.get(common) or there.get(NEAR.get(common, ""))
        if serving is None:
            return None
        found[common] = serving
    return found


def computable(index: str, names: Iterable[str]) -> bool:
    """Whether an index can be computed from bands of these names (of any sensor)."""
    key = index_name(index)
    return key is not None and bands_of_index(key, names) is not None


def compute(index: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The index of reflectances.

    Parameters
    ----------
    index : key of :data:`INDICES`.
    values : arrays of one shape by common name, reflectance 0 to 1, NaN for no observation.

    Returns
    -------
    ndarray
        float32 of that shape; NaN where a value is missing, the divisor is 0 or a root has no value.
    """
    formula = INDICES[index]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result = formula.of(**{name: np.asarray(values[name], np.float32) for name in formula.bands})
    return np.where(np.isfinite(result), result, np.nan).astype(np.float32)


def add_indices(series: SeriesSet, indices: Sequence[str], where: str = "the series") -> SeriesSet:
    """``series`` with the named indices behind its bands; one that it holds already is left as it is.

    Raises
    ------
    InputError
        ``index`` for an unknown index, ``index-bands`` for one whose bands are not there, naming ``where``.
    """
    for index in index_names(indices):
        if index in series.bands:
            continue
        of = require_index(index, series.bands, where)
        values = compute(index, {common: series.values[:, :, series.bands.index(n)] for common, n in of.items()})
        both = np.concatenate([series.values, values[:, :, None]], axis=2)
        series = replace(series, values=both, bands=(*series.bands, index))
    return series


def require_index(index: str, names: Sequence[str], where: str) -> dict[str, str]:
    """:func:`bands_of_index`; raises InputError (``index-bands``) naming what ``where`` would need and what it has."""
    of = bands_of_index(index, names)
    if of is None:
        raise InputError(
            "index-bands",
            f"{index} cannot be computed from {where}: it needs {', '.join(INDICES[index].bands)}, "
            f"and there are only {', '.join(names)}.",
            "Correct the band names, or leave the index out.",
        )
    return of
