"""The files of a stack that show one place, read window by window on the grid of one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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


class Tile:
    """Files that show one place as one series; a stack has one tile, or several that it joins.

    Parameters
    ----------
    files : files with bands or indices; not empty, and none has the same band and date as another.
    names : names of all bands of the stack.
    dates : number of dates of the stack; what no file of the tile shows is a gap.
    scale : what the numbers of the stack mean.

    Attributes
    ----------
    dates : number of dates of the stack
    base : the file whose grid is the tile's: the first, or that of the first date with the smallest pixels.
    grid : Grid
    block_size : (width, height) of the files' blocks
    warped : files on other grids: they are brought onto this one
    quality : list of QualityFile, to be filled by the stack
    """

    def __init__(self, files: Sequence[RasterFile], names: Sequence[str], dates: int, scale: StackScale) -> None:
        self._files, self._names, self.dates, self._scale = files, names, dates, scale
        self.base = _base(files)
        self.grid = self.base.grid
        self._resamplers = [None if same_grid(self.grid, f.grid) else Resampler(self.grid, f.grid) for f in files]
        self.warped = [file for file, resampler in zip(files, self._resamplers) if resampler]
        self.block_size = Counter(
            f.block_size for f, resampler in zip(files, self._resamplers) if not resampler
        ).most_common(1)[0][0]
        self.quality: list[QualityFile] = []

    def read(self, window: Window, names: Sequence[str], memory: BufferCache) -> np.ndarray:
        """(h, w, t, c) float32 of stored bands in a window of the tile's grid, NaN for gaps.

        Raises
        ------
        InputError
            ``raster-unreadable``, naming the file and the band.
        """
        where = {self._names.index(name): position for position, name in enumerate(names)}
        size, depth = window.height * window.width, self.dates * len(names)
        aside: list[tuple[RasterFile, Resampler, list[FileBand], list[int]]] = []
        planes_of: dict[np.dtype, list[tuple[RasterFile, list[FileBand], list[int]]]] = {}
        filled = 0
        for file, resampler in zip(self._files, self._resamplers):
            wanted = [band for band in file.bands if band.band in where]
            wanted.sort(key=lambda band: (band.date, where[band.band]))
            columns = [band.date * len(names) + where[band.band] for band in wanted]
            if wanted and resampler is not None:
                aside.append((file, resampler, wanted, columns))
            elif wanted:
                planes_of.setdefault(file.dtype, []).append((file, wanted, columns))
                filled += len(wanted)
        values = memory.array("values", (size, depth), np.float32)
        if filled < depth:
            values.fill(np.nan)
        cube = values.reshape(window.height, window.width, depth)
        for dtype, files in planes_of.items():
            count = sum(len(wanted) for _, wanted, _ in files)
            planes = memory.array("planes", (count, window.height, window.width), dtype)
            self._read_planes(window, files, planes, values)
            for file, wanted, columns in files:
                file.hide(cube, window, wanted, columns)
        for file, other_grid, wanted, columns in aside:
            across, down = other_grid.positions(window)
            part = other_grid.source_window(across, down)
            if part is not None:
                read = file.read(part, wanted, [self._scale.of(band) for band in wanted])
                cube[:, :, columns] = other_grid.bilinear(read, part, across, down)
        series = values.reshape(window.height, window.width, self.dates, len(names))
        if len(names) >= ZERO_IS_GAP_FROM:
            series[_all_zero(series)] = np.nan
        if self.quality:
            gaps = np.zeros(series.shape[:3], bool)
            for quality in self.quality:
                quality.hide(window, gaps)
            series[gaps] = np.nan
        return series

    def _read_planes(
        self,
        window: Window,
        files: Sequence[tuple[RasterFile, list[FileBand], list[int]]],
        planes: np.ndarray,
        values: np.ndarray,
    ) -> None:
        """Fill the columns of (h * w, k) values that files on the tile's grid hold as (b, h, w) planes of one type."""
        order = sorted(column for _, _, columns in files for column in columns)
        rank = {column: position for position, column in enumerate(order)}
        encodings = [BandEncoding(None, 1.0, 0.0)] * len(order)
        for file, wanted, columns in files:
            ranks = [rank[column] for column in columns]
            for position, band in zip(ranks, wanted):
                encodings[position] = BandEncoding(band.nodata, *self._scale.of(band))
            if ranks == list(range(ranks[0], ranks[0] + len(ranks))):
                file.read_planes(window, wanted, planes[ranks[0] : ranks[0] + len(ranks)])
            else:
                own = np.empty((len(ranks), *planes.shape[1:]), planes.dtype)
                file.read_planes(window, wanted, own)
                planes[ranks] = own
        fill_series(planes.reshape(len(order), -1), encodings, values, order)


def _base(files: Sequence[RasterFile]) -> RasterFile:
    """The file on whose grid the tile lies."""
    date = files[0].bands[0].date
    return finest([file for file in files if file.bands[0].date == date], lambda file: file.grid)


def _all_zero(values: np.ndarray) -> np.ndarray:
    """(h, w, t) bool: where every band is 0, as programs write what they masked when no nodata value is set."""
    zero = values[..., 0] == 0
    for band in range(1, values.shape[3]):
        if not zero.any():
            break
        zero &= values[..., band] == 0
    return zero
