"""The quality bands of one file of a stack, read as what they hide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..geo.grid import grid_of, same_grid
from ..geo.resample import Resampler
from ..geo.types import Grid, StackBand, Window
from ..geo.windows import read_window
from ..sensors.product_scaling import INTEGERS
from ..sensors.quality_flags import Choice, masked
from .raster_file import unreadable_error


class QualityFile:
    """The quality bands of one raster file.

    Parameters
    ----------
    path : str
    bands : sequence of StackBand
        Its quality bands of dates of the stack.
    dates : sequence of str
        Dates of the stack.
    grid : Grid
        Of the stack; the nearest pixel counts where the file is on another.
    choice : mapping or None
        What is hidden, see :func:`.quality_flags.masked`.
    opened : callable
        Gives the open dataset of a path.
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
        """Mark what these bands hide in a window of the stack.

        Parameters
        ----------
        window : Window
            On the grid of the stack.
        gaps : ndarray of bool, shape (h, w, t)
            Becomes True where a pixel is hidden.

        Raises
        ------
        InputError
            ``raster-unreadable``, naming the band.
        """
        located = None if self._resampler is None else self._resampler.locate(window)
        if self._resampler is not None and located is None:
            return
        for index, date, name in self._bands:
            hidden = masked(name, self._stored(index, located.part if located else window), self._choice)
            if self._resampler is not None and located is not None:
                hidden = self._resampler.nearest(hidden, *located)
            gaps[:, :, date] |= hidden

    def _stored(self, index: int, part: Window) -> np.ndarray:
        band = self._opened(self.path).GetRasterBand(index)
        numbers, fault = read_window(band, part, np.int32 if band.DataType in INTEGERS else np.float64)
        if numbers is None:
            raise unreadable_error(f"The quality band {index}", self.path, fault)
        return numbers
