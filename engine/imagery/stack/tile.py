"""The files of a stack that show one place, read window by window on the grid of one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geo.grid import same_grid
from ..geo.resample import Resampler
from ..geo.types import Window
from .decode import BandEncoding, BufferCache, fill_series
from .quality_file import QualityFile
from .raster_file import FileBand, RasterFile
from .scaling import StackScale
from .tiling import finest

ZERO_IS_GAP_FROM = 3
"""Number of bands from which on 0 in all of them at once means no observation."""


@dataclass(frozen=True)
class _FilePlanes:
    """The bands of one file that a window takes."""

    file: RasterFile
    resampler: Resampler | None
    """None for a file on the tile's grid."""
    bands: list[FileBand]
    columns: list[int]
    """Which column of the (h * w, t * c) values each band fills."""


class Tile:
    """Files that show one place as one series; a stack has one tile, or several that it joins.

    Parameters
    ----------
    files : sequence of RasterFile
        With bands or indices; not empty, and none has the same band and date as another.
    names : sequence of str
        Names of all bands of the stack.
    dates : int
        Number of dates of the stack; what no file of the tile shows is a gap.
    scale : StackScale
        What the numbers of the stack mean.

    Attributes
    ----------
    dates : int
    base : RasterFile
        The file whose grid is the tile's: the first, or that of the first date with the smallest pixels.
    grid : Grid
    block_size : tuple of int
        Columns and rows of the files' blocks.
    warped : list of RasterFile
        Files on other grids, which are resampled to this one.
    quality : list of QualityFile
        To be filled by the stack.
    """

    def __init__(self, files: Sequence[RasterFile], names: Sequence[str], dates: int, scale: StackScale) -> None:
        self._files, self._names, self.dates, self._scale = files, names, dates, scale
        date = files[0].bands[0].date
        self.base = finest([file for file in files if file.bands[0].date == date], lambda file: file.grid)
        self.grid = self.base.grid
        self._resamplers = [None if same_grid(self.grid, f.grid) else Resampler(self.grid, f.grid) for f in files]
        self.warped = [file for file, resampler in zip(files, self._resamplers) if resampler]
        sizes = Counter(file.block_size for file, resampler in zip(files, self._resamplers) if not resampler)
        self.block_size = sizes.most_common(1)[0][0]
        self.quality: list[QualityFile] = []

    def read(self, window: Window, names: Sequence[str], memory: BufferCache) -> np.ndarray:
        """Read stored bands in a window of the tile.

        Parameters
        ----------
        window : Window
            On ``grid``.
        names : sequence of str
            Names of stored bands.
        memory : BufferCache
            Holds the result until the next window is read into it.

        Returns
        -------
        ndarray of float32, shape (h, w, t, c)
            NaN for gaps.

        Raises
        ------
        InputError
            ``raster-unreadable``, naming the file and the band.
        """
        wanted = self._wanted(names)
        depth = self.dates * len(names)
        values = memory.array("values", (window.pixels, depth), np.float32)
        if sum(len(planes.bands) for planes in wanted if planes.resampler is None) < depth:
            values.fill(np.nan)
        cube = values.reshape(*window.shape, depth)
        for dtype in dict.fromkeys(planes.file.dtype for planes in wanted if planes.resampler is None):
            group = [planes for planes in wanted if planes.resampler is None and planes.file.dtype == dtype]
            self._read_group(window, group, values, memory)
            for planes in group:
                planes.file.hide(cube, window, planes.bands, planes.columns)
        for planes in wanted:
            located = planes.resampler.locate(window) if planes.resampler else None
            if planes.resampler is not None and located is not None:
                scaling = [self._scale.of(band) for band in planes.bands]
                read = planes.file.read(located.part, planes.bands, scaling)
                cube[:, :, planes.columns] = planes.resampler.bilinear(read, *located)
        series = values.reshape(*window.shape, self.dates, len(names))
        self._make_gaps(window, series)
        return series

    def _wanted(self, names: Sequence[str]) -> list[_FilePlanes]:
        """The bands to read, file by file, each file's in the order of their columns."""
        position = {self._names.index(name): number for number, name in enumerate(names)}
        found = []
        for file, resampler in zip(self._files, self._resamplers):
            of_column = {b.date * len(names) + position[b.band]: b for b in file.bands if b.band in position}
            columns = sorted(of_column)
            if columns:
                found.append(_FilePlanes(file, resampler, [of_column[column] for column in columns], columns))
        return found

    def _read_group(
        self, window: Window, group: Sequence[_FilePlanes], values: np.ndarray, memory: BufferCache
    ) -> None:
        """Fill the columns of (h * w, k) values that files of one data type hold on the tile's grid."""
        order = sorted(column for planes in group for column in planes.columns)
        rank = {column: position for position, column in enumerate(order)}
        stored = memory.array("planes", (len(order), *window.shape), group[0].file.dtype)
        encodings = [BandEncoding((), 1.0, 0.0)] * len(order)
        for planes in group:
            ranks = [rank[column] for column in planes.columns]
            for position, band in zip(ranks, planes.bands):
                encodings[position] = BandEncoding(band.nodata, *self._scale.of(band))
            if ranks == list(range(ranks[0], ranks[0] + len(ranks))):
                planes.file.read_planes(window, planes.bands, stored[ranks[0] : ranks[0] + len(ranks)])
            else:
                own = np.empty((len(ranks), *window.shape), stored.dtype)
                planes.file.read_planes(window, planes.bands, own)
                stored[ranks] = own
        fill_series(stored.reshape(len(order), -1), encodings, values, order)

    def _make_gaps(self, window: Window, series: np.ndarray) -> None:
        """Make gaps in (h, w, t, c) where all bands are 0, and of what the quality bands hide."""
        if series.shape[3] >= ZERO_IS_GAP_FROM:
            series[_all_zero(series)] = np.nan
        if self.quality:
            gaps = np.zeros(series.shape[:3], bool)
            for quality in self.quality:
                quality.hide(window, gaps)
            series[gaps] = np.nan


def _all_zero(values: np.ndarray) -> np.ndarray:
    """(h, w, t) bool: where every band is 0, as programs write what they masked when no nodata value is set."""
    zero = values[..., 0] == 0
    for band in range(1, values.shape[3]):
        if not zero.any():
            break
        zero &= values[..., band] == 0
    return zero
