"""The quality bands of one file of a stack, read as what they hide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name
from ..geo.grid import grid_of, same_grid
from ..geo.resample import Resampler
from ..geo.types import Grid, StackBand, Window
from ..sensors.product_scaling import INTEGERS
from ..sensors.quality_flags import Choice, masked


class QualityFile:
    """The quality bands of one raster file.

    Parameters
    ----------
    path : the file.
    bands : its quality bands of dates of the stack.
    dates : dates of the stack.
    grid : grid of the stack; the nearest pixel counts where the file is on another.
    choice : what is hidden, see :func:`.quality_flags.masked`.
    opened : gives the open dataset of a path.
    """

    def __init__(
        self,
        path: str,
        bands: Sequence[StackBand],
        dates: Sequence[str],
        grid: Grid,
        choice: Choice | None,
        opened: Callable[[str], Any],
    ) -> None:
        self.path = path
        self._choice, self._opened = choice, opened
        self._bands = [(band.index, dates.index(str(band.date)), str(band.band)) for band in bands]
        own = grid_of(opened(path), path)
        self._resampler = None if same_grid(grid, own) else Resampler(grid, own)

    def hide(self, window: Window, gaps: np.ndarray) -> None:
        """Mark in (h, w, t) bool what these bands hide in a window of the stack.

        Raises
        ------
        InputError
            ``raster-unreadable``, naming the band.
        """
        column = row = None
        part: Window | None = window
        if self._resampler is not None:
            column, row = self._resampler.positions(window)
            part = self._resampler.source_window(column, row)
        if part is None:
            return
        for index, date, name in self._bands:
            marked = masked(name, self._stored(index, part), self._choice)
            if self._resampler is not None and column is not None and row is not None:
                marked = self._resampler.nearest(marked, part, column, row)
            gaps[:, :, date] |= marked

    def _stored(self, index: int, part: Window) -> np.ndarray:
        band = self._opened(self.path).GetRasterBand(index)
        whole = band.DataType in INTEGERS
        kind = gdal.GDT_Int32 if whole else gdal.GDT_Float64
        place = (part.column, part.row, part.width, part.height)
        data, fault = call_gdal(lambda: band.ReadRaster(*place, buf_type=kind))
        if data is None:
            raise InputError(
                "raster-unreadable",
                f"The quality band {index} of the raster {file_name(self.path)} cannot be read: {fault}.",
                "The file may be cut off or damaged: fetch or export it again.",
            )
        return np.frombuffer(data, np.int32 if whole else np.float64).reshape(part.height, part.width)
