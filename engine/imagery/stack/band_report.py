"""What is recognised of every raster band of a stack, and what is uncertain, whether or not the stack can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import listed
from ..discovery.describe import band_date_choices
from ..geo.types import NO_NODATA, StackBand, Window
from ..sensors.quality_flags import data_bands, describe_masked, is_quality
from ..sensors.spectral_indices import index_name
from .fill import hide_fill
from .raster_file import FileBand, OpenFiles, RasterFile
from .scaling import StackScale

UNDATED, UNNAMED = "1972-01-01", "unnamed"
"""Stand for what is not recognised while files are read."""
SIDE = 32
PLACES = ((2, 2), (0, 0), (4, 4))
"""Side of the squares that are read of each file, and their places in quarters of it."""
RADAR = frozenset("VV VH HH HV VVVH".split())
HEAT = frozenset("LST ST TIR TIR2 LWIR LWIR11 LWIR12 ST_B6 ST_B10 TEMPERATURE".split())


@dataclass(frozen=True)
class BandRow:
    """One raster band."""

    band: StackBand
    unit: str
    """What its values are: reflectance, index, dB, power, K, class or value."""
    scale: float | None
    """Value = stored number * scale + offset; None for a quality band."""
    offset: float | None
    nodata: str
    """Stored numbers that mean no observation, with blanks between; ``none`` without."""
    observed: float
    """Share of the sampled pixels that were observed, 0 to 1."""
    note: str
    """What is uncertain or was decided; empty where nothing is."""


def report_bands(bands: Sequence[StackBand], role: str = "stack") -> tuple[list[BandRow], list[str]]:
    """Describe raster bands from their metadata and a few small windows.

    Parameters
    ----------
    bands : sequence of StackBand
        As recognised; dates and names may be missing.
    role : str, optional
        What the stack is called in the warnings.

    Returns
    -------
    rows : list of BandRow
        In the order of the bands.
    warnings : list of str
        Sentences about scale, offset and fill.

    Raises
    ------
    InputError
        ``raster-unreadable``, ``no-georeference``.
    """
    data = [replace(b, date=b.date or UNDATED, band=b.band or UNNAMED) for b in data_bands(bands)]
    quality = [replace(b, date=b.date or UNDATED) for b in bands if is_quality(b.band)]
    opened = OpenFiles()
    try:
        files, scale, warnings = _read(data, role, opened)
        masks, _, _ = _read(quality, role, opened, with_scale=False)
        found: dict[tuple[str, int], tuple[RasterFile, FileBand, np.ndarray]] = {}
        for file in [*files, *masks]:
            scaling = [scale.of(band) if scale and file in files else (1.0, 0.0) for band in file.bands]
            places = PLACES[:1] if "/vsicurl/" in file.path else PLACES
            read = [file.read(_window(file, *place), file.bands, scaling) for place in places]
            values = np.concatenate([part.reshape(-1, len(file.bands)) for part in read])
            for position, band in enumerate(file.bands):
                found[file.path, band.index] = (file, band, values[:, position])
        return [_row(band, *found[band.path, band.index][1:], scale) for band in bands], warnings
    finally:
        opened.close()


def _read(
    bands: Sequence[StackBand], role: str, opened: OpenFiles, with_scale: bool = True
) -> tuple[list[RasterFile], StackScale | None, list[str]]:
    if not bands:
        return [], None, []
    dates = sorted({str(band.date) for band in bands})
    names = list(dict.fromkeys(str(band.band) for band in bands))
    by_path: dict[str, list[StackBand]] = {}
    for band in bands:
        by_path.setdefault(band.path, []).append(band)
    files = [RasterFile(path, own, dates, names, opened) for path, own in by_path.items()]
    if not with_scale:
        return files, None, []
    fills = hide_fill(files, names)
    scale = StackScale(files, names, dates)
    return files, scale, [*(fill.describe(role) for fill in fills), *scale.warnings(role, "here")]


def _window(file: RasterFile, across: int, down: int) -> Window:
    width, height = min(SIDE, file.grid.width), min(SIDE, file.grid.height)
    return Window((file.grid.width - width) * across // 4, (file.grid.height - height) * down // 4, width, height)


def _row(band: StackBand, own: FileBand, values: np.ndarray, scale: StackScale | None) -> BandRow:
    seen = values[np.isfinite(values)]
    observed = len(seen) / len(values)
    notes = _notes(band)
    if is_quality(band.band) or scale is None:
        hidden = describe_masked(str(band.band))
        return BandRow(band, "class", None, None, "", observed, "; ".join([*notes, f"masks {hidden}"]))
    factor, offset = scale.of(own)
    if own.stored.scaling is None and (factor, offset) != (1.0, 0.0):
        notes.append("the scale is a guess by the size of the numbers")
    nodata = " ".join(f"{value:.17g}" for value in own.nodata) or NO_NODATA
    return BandRow(band, _unit(str(band.band), seen), factor, offset, nodata, observed, "; ".join(notes))


def _notes(band: StackBand) -> list[str]:
    notes = []
    if not band.date:
        choices = band_date_choices(band)
        notes.append(f"the date may be {' or '.join(choices)}: write one" if choices else "no date: write YYYY-MM-DD")
    if not band.band:
        notes.append(f"no band name: write one, such as {listed(['B04', 'B08', 'NDVI'])}")
    return notes


def _unit(name: str, seen: np.ndarray) -> str:
    middle = float(np.median(seen)) if len(seen) else 0.0
    if name.upper() in RADAR:
        return "dB" if middle < 0 else "power"
    if name.upper() in HEAT:
        return "K" if middle > 150 else "\u00b0C"
    if index_name(name):
        return "index"
    return "reflectance" if -0.2 <= middle <= 2 else "value"
