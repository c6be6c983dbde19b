"""Scale and offset of every raster band of one stack: what the files say, else by the size of the numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from osgeo import gdal

from ..geo.types import Window
from ..sensors.product_scaling import FACTOR, NOT_REFLECTANCE, guess_scale, offset_warnings
from .raster_file import FileBand, RasterFile

SAMPLE_SIDE = 64
SAMPLE_BANDS = 3
"""Raster bands of each name that are looked at to decide the scale."""


class StackScale:
    """Decides the scale of a stack's raster bands; reads a few small windows of those that say nothing.

    Parameters
    ----------
    files : the files of the stack.
    names : band names of the stack.
    """

    def __init__(self, files: Sequence[RasterFile], names: Sequence[str]) -> None:
        self._files, self._names = files, names
        self._factor = {kind: guess_scale(samples) for kind, samples in self._samples().items()}

    def of(self, band: FileBand) -> tuple[float, float]:
        """Scale and offset of a raster band."""
        if band.stored.scaling is not None:
            return band.stored.scaling
        factor = self._factor.get(band.data_type, 1.0) if self._by_size(band) else 1.0
        return band.stored.product if band.stored.product and factor != 1 else (factor, 0.0)

    def warnings(self, role: str, name: str) -> list[str]:
        """Sentences about what was decided for the user."""
        told = []
        if any(self.of(band) == (1 / FACTOR, 0.0) for f in self._files for band in f.bands if self._by_size(band)):
            told.append(
                f"The {role} stack {name} holds values times {FACTOR:.0f} without saying so: they are divided by it."
            )
        offsets = {
            file.path: (self.of(band)[1], band.stored.offset_guessed)
            for file in self._files
            for band in file.bands
            if band.stored.sentinel_2
        }
        return told + offset_warnings(role, offsets)

    def _by_size(self, band: FileBand) -> bool:
        known = band.stored.scaling is not None or band.data_type == gdal.GDT_Byte
        return not known and self._names[band.band].upper() not in NOT_REFLECTANCE

    def _samples(self) -> dict[int, list[np.ndarray]]:
        """Stored numbers of a few places, for each data type that has raster bands without a scale."""
        wanted: dict[tuple[int, int], list[tuple[RasterFile, FileBand]]] = {}
        for file in self._files:
            for band in file.bands:
                if self._by_size(band):
                    wanted.setdefault((band.data_type, band.band), []).append((file, band))
        samples: dict[int, list[np.ndarray]] = {}
        for (kind, _), places in wanted.items():
            spread = np.unique(np.linspace(0, len(places) - 1, SAMPLE_BANDS + 2)[1:-1].round().astype(int))
            found = [_sample(*places[position]) for position in spread]
            samples.setdefault(kind, []).append(np.concatenate(found))
        return samples


def _sample(file: RasterFile, band: FileBand) -> np.ndarray:
    """Stored numbers of a raster band from the middle and the quarters of its file, at least where there are any."""
    width, height = min(SAMPLE_SIDE, file.grid.width), min(SAMPLE_SIDE, file.grid.height)
    found: list[np.ndarray] = []
    for across, down in ((2, 2), (1, 1), (3, 3), (1, 3), (3, 1), (0, 2), (4, 2), (2, 0), (2, 4)):
        window = Window((file.grid.width - width) * across // 4, (file.grid.height - height) * down // 4, width, height)
        stored = file.read(window, [band], [(1.0, 0.0)])
        found.append(stored[np.isfinite(stored) & (stored != 0)])
        if sum(map(len, found)) >= SAMPLE_SIDE * SAMPLE_SIDE // 4:
            break
    return np.concatenate(found).astype(np.float64)
