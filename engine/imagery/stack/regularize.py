"""A stack brought to regular periods: composites, gaps filled, written once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...progress import Progress
from ...series.composites import compose
from ...series.periods import Periods, middle_distance
from ...series.regular import fill_gaps
from ...series.whittaker import default_smoothness
from ..geo.types import Window
from ..geo.windows import cut_windows, sample_window
from ..sensors.product_scaling import NOT_REFLECTANCE
from ..sensors.spectral_indices import INDICES, index_name
from .reader import Stack
from .writer import FLOAT32, INT16, LARGEST, StackWriter

PIXELS = 4096
"""Pixels made regular at a time: their series stay in the processor's cache, and a cancel is noticed."""
WINDOW_BYTES = 32 * 2**20
"""Memory of the series of one window, about; two are held at once, and the regular series of one."""
USUAL_INDEX = "NDVI"
"""The index whose maximum is taken unless another is named."""
SAMPLE_SIDE = 64
RARELY = 99.9
"""Percentile of the magnitudes that has to fit into whole numbers."""


@dataclass(frozen=True)
class Recipe:
    """How a period's observations become one, and what is done about gaps."""

    method: str = "median"
    """Key of ``engine.series.composites.METHODS``."""
    by: str = ""
    """Band or index whose maximum ``max`` takes; empty: NDVI, or the only band."""
    fill: str = "none"
    """Key of ``engine.series.regular.FILLS``."""
    smoothness: float | None = None
    """Lambda of ``whittaker``, above 0, in steps of one period; None: what keeps swings of two months."""
    ends: str = "gap"
    """Key of ``engine.series.regular.ENDS``."""


@dataclass(frozen=True)
class Coverage:
    """How full a regular stack is, as shares (0 to 1) of its pixels times periods."""

    observed: float
    """With an observation in the period."""
    filled: float
    """Without one, and filled."""

    @property
    def gaps(self) -> float:
        """Still without a value."""
        return max(0.0, 1 - self.observed - self.filled)


def score_name(recipe: Recipe, bands: Sequence[str]) -> str:
    """The band or index whose maximum a recipe takes of a stack; empty where it takes none.

    Parameters
    ----------
    recipe : Recipe
    bands : sequence of str
        Bands and indices of the stack.

    Raises
    ------
    InputError
        ``index`` for a name that is neither.
    """
    if recipe.method != "max":
        return ""
    wanted = recipe.by or (USUAL_INDEX if len(bands) > 1 else bands[0])
    if wanted in bands:
        return wanted
    index = index_name(wanted)
    if index is None:
        raise InputError(
            "index",
            f"'{wanted}', whose maximum is wanted, is neither a band of the stack nor an index.",
            f"Choose from its bands ({', '.join(bands)}) or the indices {', '.join(INDICES)}.",
        )
    return index


def regularize(
    stack: Stack, bands: Sequence[str], periods: Periods, recipe: Recipe, writer: StackWriter, progress: Progress
) -> Coverage:
    """Write the regular series of a stack, window by window.

    An observation counts where every one of the bands was observed. The next window is read while this one is made.

    Parameters
    ----------
    stack : Stack
    bands : sequence of str
        Names of its bands and indices that are written.
    periods : Periods
    recipe : Recipe
    writer : StackWriter
        Of as many dates as periods.
    progress : Progress

    Returns
    -------
    Coverage

    Raises
    ------
    Cancelled
        Between two pieces of a window.
    InputError
        From reading, or ``stack-unwritable``.
    """
    regularizer = _Regularizer(stack, bands, periods, recipe)
    observed = filled = done = 0
    pixels = stack.grid.width * stack.grid.height
    windows = _windows(stack, len(regularizer.names), writer.block)
    for window, values in stack.read_ahead(windows, regularizer.names):
        series = values.reshape(-1, *values.shape[2:])
        regular = np.empty((len(periods), len(bands), len(series)), np.float32)
        for start in range(0, len(series), PIXELS):
            progress.update((done + start) / pixels)
            part = slice(start, start + PIXELS)
            complete, seen = regularizer.apply(series[part])
            regular[:, :, part] = np.moveaxis(complete, 0, 2)
            observed += int(seen.sum())
            filled += int((np.isfinite(complete[:, :, 0]) & ~seen).sum())
        writer.write(window, np.moveaxis(regular, 2, 0))
        done += len(series)
    return Coverage(observed / (pixels * len(periods)), filled / (pixels * len(periods)))


def fitting_type(stack: Stack, bands: Sequence[str]) -> str:
    """The smaller data type that holds a stack's values: whole numbers times 10000 for reflectance and most indices.

    Decided by the names of the bands and by a few samples of their values.

    Parameters
    ----------
    stack : Stack
    bands : sequence of str
        Names of its bands and indices.

    Returns
    -------
    str
        ``int16`` or ``float32``.
    """
    if any(name.upper() in NOT_REFLECTANCE for name in bands):
        return FLOAT32
    for across, down in ((2, 2), (1, 3), (3, 1)):
        values = np.abs(stack.read(sample_window(stack.grid, SAMPLE_SIDE, across, down), bands))
        for position in range(len(bands)):
            seen = values[..., position][np.isfinite(values[..., position])]
            if len(seen) and np.percentile(seen, RARELY) * 1e4 > LARGEST:
                return FLOAT32
    return INT16


class _Regularizer:
    """Turns the series of pixels into regular ones."""

    def __init__(self, stack: Stack, bands: Sequence[str], periods: Periods, recipe: Recipe) -> None:
        self._recipe, self._periods, self._count = recipe, periods, len(bands)
        self._score = score_name(recipe, stack.bands)
        self.names = tuple(dict.fromkeys([*bands, *([self._score] if self._score else [])]))
        """What is read: the bands wanted, then what only the maximum needs."""
        self._day = periods.step * np.arange(len(periods), dtype=np.float32)
        self._distance = middle_distance(stack.dates, periods)
        self._smoothness = recipe.smoothness or default_smoothness(periods.step)

    def apply(self, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, g, c) float32 regular series, and (n, g) bool where a period had an observation, of (n, t, bands)."""
        observed = np.isfinite(series).all(axis=2)
        recipe, period_of_date = self._recipe, self._periods.period_of_date
        wanted = series[:, :, : self._count]
        composites = compose(wanted, observed, period_of_date, len(self._periods), recipe.method, self._scores(series))
        seen = np.isfinite(composites[:, :, 0])
        filled = fill_gaps(composites, seen, self._day, recipe.fill, self._smoothness, recipe.ends)
        return filled, seen

    def _scores(self, series: np.ndarray) -> np.ndarray | None:
        if self._recipe.method == "nearest":
            return -self._distance
        return series[:, :, self.names.index(self._score)] if self._score else None


def _windows(stack: Stack, bands: int, block: int) -> list[Window]:
    """Windows of whole blocks of the output, those that share blocks of the input next to each other."""
    pixels = max(block * block, WINDOW_BYTES // (4 * len(stack.dates) * bands))
    first = stack.tiles(pixels)[0]
    height = max(block, first.height // block * block)
    width = max(block, min(first.width, pixels // height) // block * block)
    windows = cut_windows(stack.grid, width, height)
    across, down = stack.block_size
    return sorted(windows, key=lambda w: (w.row // down, w.column // across, w.row, w.column))
