"""Classify every pixel of a stack, window by window, in memory that does not grow with the raster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..imagery import MapWriter, Mask, Stack
from ..models import TrainedModel
from ..models.device import core_count, one_thread
from ..progress import Progress

STAGE = "Mapping the target"
NO_CONFIDENCE = 255
PIXELS_AT_ONCE = 1024
"""Pixels between two looks at cancel: well below a second on one slow core."""
CURVE_PIXELS = 20_000
"""Mapped pixels, about, from which the seasonal curves of the report are taken."""


@dataclass(frozen=True)
class MapStatistics:
    """What was mapped, counted while it was written."""

    pixels: np.ndarray
    """(k,) int64: mapped pixels of each class."""
    confidence: np.ndarray
    """(k, 101) int64: mapped pixels by class and confidence in whole percent."""
    outside: int
    """Pixels outside the mask."""
    unobserved: int
    """Pixels inside the mask without a single clear observation: nodata in the map."""
    curves: np.ndarray
    """(k, t, c) float32: mean series of the pixels of each class, NaN where there is none."""

    @property
    def mapped(self) -> int:
        """Number of pixels that got a class."""
        return int(self.pixels.sum())


def map_stack(
    model: TrainedModel, stack: Stack, mask: Mask | None, writer: MapWriter, progress: Progress
) -> MapStatistics:
    """Write the class and confidence of every observed pixel of ``stack`` inside ``mask``.

    A pixel outside the mask or without any complete observation becomes nodata, never a class. The
    next window is read while the current one is classified.

    Raises
    ------
    Cancelled
        Between two pieces of a window.
    InputError
        From reading the stack, naming file and band.
    """
    progress.stage(STAGE)
    classes = len(model.classes)
    confidence = np.zeros((classes, 101), np.int64)
    outside = unobserved = 0
    sums = np.zeros((classes, len(stack.day), len(model.bands)), np.float64)
    seen = np.zeros_like(sums)
    windows = stack.windows()
    every = max(1, stack.grid.width * stack.grid.height // CURVE_PIXELS)
    # One thread reads, for the cores are busy with classifying.
    for number, (window, series) in enumerate(stack.read_ahead(windows, model.bands)):
        progress.update(number / len(windows))
        inside = np.ones(series.shape[:2], bool) if mask is None else mask.read(window)
        observed = np.isfinite(series).all(axis=3).any(axis=2)
        wanted = inside & observed
        outside += int((~inside).sum())
        unobserved += int((inside & ~observed).sum())
        class_plane = np.zeros(wanted.shape, np.uint8)
        percent_plane = np.full(wanted.shape, NO_CONFIDENCE, np.uint8)
        pixels = series[wanted]
        if len(pixels):
            best, percent = _classify(model, pixels, stack.day, progress, number, len(windows))
            np.add.at(confidence, (best, percent), 1)
            class_plane[wanted] = best + 1
            percent_plane[wanted] = percent
            finite = np.isfinite(pixels[::every])
            np.add.at(sums, best[::every], np.where(finite, pixels[::every], 0))
            np.add.at(seen, best[::every], finite)
        writer.write(window, class_plane, percent_plane)
    curves = np.divide(sums, seen, out=np.full_like(sums, np.nan), where=seen > 0).astype(np.float32)
    return MapStatistics(confidence.sum(axis=1), confidence, outside, unobserved, curves)


def _classify(
    model: TrainedModel, pixels: np.ndarray, day: np.ndarray, progress: Progress, window: int, windows: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) class index and (n,) whole percent of confidence, in pieces side by side on the cores."""
    best, percent = np.empty(len(pixels), np.int64), np.empty(len(pixels), np.int64)

    def classify(start: int) -> int:
        part = slice(start, start + PIXELS_AT_ONCE)
        probability = model.predict_proba(pixels[part], day)
        best[part] = probability.argmax(axis=1)
        percent[part] = np.rint(100 * probability.max(axis=1))
        return start

    pool = ThreadPoolExecutor(core_count())
    try:
        with one_thread():
            for start in pool.map(classify, range(0, len(pixels), PIXELS_AT_ONCE)):
                progress.update((window + start / len(pixels)) / windows)
    finally:
        # After a cancel the pieces that wait are dropped, those at work are short.
        pool.shutdown(cancel_futures=True)
    return best, percent
