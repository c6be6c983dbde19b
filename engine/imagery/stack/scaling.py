"""Scale and offset of every raster band of one stack: what the files say, else by the size of the numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from osgeo import gdal

from ..geo.windows import sample_window
from ..sensors.product_scaling import FACTOR, NOT_REFLECTANCE, guess_scale, offset_warnings
from .raster_file import FileBand, RasterFile

SAMPLE_SIDE = 64
SAMPLE_BANDS = 3
"""Raster bands of each name that are read to decide the scale."""


class StackScale:
    """Decides the scale of a stack's raster bands; reads a few small windows of those that declare none.

    Parameters
    ----------
    files : sequence of RasterFile
        The files of the stack.
    names : sequence of str
        Band names of the stack.
    """

    def __init__(self, files: Sequence[RasterFile], names: Sequence[str]) -> None:
        self._names = names
        self._bands = [(file, band) for file in files for band in file.bands]
        self._factor = {kind: guess_scale(samples) for kind, samples in self._samples().items()}

    def of(self, band: FileBand) -> tuple[float, float]:
        """Scale and offset of a raster band.

        Parameters
        ----------
        band : FileBand
        """
        scale, offset = self._found(band)
        given = band.given.offset if band.given else None
        return scale, offset if given is None else given

    def _found(self, band: FileBand) -> tuple[float, float]:
        if band.stored.scaling is not None:
            return band.stored.scaling
        factor = self._factor.get(band.data_type, 1.0) if self._by_size(band) else 1.0
        return band.stored.product if band.stored.product and factor != 1 else (factor, 0.0)

    def warnings(self, role: str, name: str) -> list[str]:
        """Sentences about what was decided for the user.

        Parameters
        ----------
        role : str
            ``source`` or ``target``.
        name : str
            Of the stack.
        """
        divided = any(self.of(band) == (1 / FACTOR, 0.0) for _, band in self._bands if self._by_size(band))
        sentence = f"The {role} stack {name} declares no scale: its values are divided by {FACTOR:.0f}."
        offsets = {
            file.path: (self.of(band)[1], band.stored.offset_guessed)
            for file, band in self._bands
            if band.stored.sentinel_2
        }
        return [sentence] * divided + offset_warnings(role, offsets)

    def _by_size(self, band: FileBand) -> bool:
        known = band.stored.scaling is not None or band.data_type == gdal.GDT_Byte
        return not known and self._names[band.band].upper() not in NOT_REFLECTANCE

    def _samples(self) -> dict[int, list[np.ndarray]]:
        """Stored numbers of a few windows, for each data type that has raster bands without a scale."""
        wanted: dict[tuple[int, int], list[tuple[RasterFile, FileBand]]] = {}
        for file, band in self._bands:
            if self._by_size(band):
                wanted.setdefault((band.data_type, band.band), []).append((file, band))
        samples: dict[int, list[np.ndarray]] = {}
        for (kind, _), bands in wanted.items():
            spread = np.unique(np.linspace(0, len(bands) - 1, SAMPLE_BANDS + 2)[1:-1].round().astype(int))
            samples.setdefault(kind, []).append(np.concatenate([_sample(*bands[position]) for position in spread]))
        return samples


def _sample(file: RasterFile, band: FileBand) -> np.ndarray:
    """Stored numbers of a raster band from the middle and the quarters of its file, at least where there are any."""
    found: list[np.ndarray] = []
    for across, down in ((2, 2), (1, 1), (3, 3), (1, 3), (3, 1), (0, 2), (4, 2), (2, 0), (2, 4)):
        stored = file.read(sample_window(file.grid, SAMPLE_SIDE, across, down), [band], [(1.0, 0.0)])
        found.append(stored[np.isfinite(stored) & (stored != 0)])
        if sum(map(len, found)) >= SAMPLE_SIDE * SAMPLE_SIDE // 4:
            break
    return np.concatenate(found).astype(np.float64)
