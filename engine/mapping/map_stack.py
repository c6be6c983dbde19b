"""Classify every pixel of a stack, tile by tile, in memory that does not grow with the raster."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import numpy as np

from ..errors import Cancelled
from ..imagery import MapWriter, Mask, Stack, Window
from ..imagery.stack.decode import BufferCache
from ..models import TrainedModel
from ..models.device import core_count, one_thread
from ..models.student import DistilledClassifier
from ..progress import Progress
from .classify import Classifier, Exact, Fast, Tick
from .statistics import MapStatistics, TileStatistics
from .tile_store import TileStore

STAGE = "Mapping the target"
NO_CONFIDENCE = 255
CURVE_PIXELS = 20_000
"""Mapped pixels, about, from which the seasonal curves of the report are taken."""
LOOK = 0.2
"""Seconds between two looks at how far the threads are."""


class TileMapper:
    """Does the tiles of one map: reads, classifies and counts them; several threads may use it at the same time.

    A pixel outside the mask or without any complete observation becomes nodata, never a class.

    Parameters
    ----------
    stack : the target. ``mask``: where it is mapped; None for everywhere.
    bands : bands the classifier reads, in its order.
    classes : number of its classes.
    """

    def __init__(
        self, stack: Stack, mask: Mask | None, classifier: Classifier, bands: tuple[str, ...], classes: int
    ) -> None:
        self.stack, self.mask, self.classifier, self.bands, self.classes = stack, mask, classifier, bands, classes
        self._every = max(1, stack.grid.width * stack.grid.height // CURVE_PIXELS)
        self._own = threading.local()
        self._one_mask = threading.Lock()

    @staticmethod
    def of(model: TrainedModel, student: DistilledClassifier | None, stack: Stack, mask: Mask | None) -> TileMapper:
        """The tiles of a model's map, done by its student where there is one."""
        exact = Exact(model, stack.day)
        classifier = exact if student is None else Fast(student, exact)
        return TileMapper(stack, mask, classifier, model.bands, len(model.classes))

    def do(self, window: Window, tick: Tick) -> tuple[np.ndarray, np.ndarray, TileStatistics]:
        """Classes and confidence (h, w) uint8 of a window, and what was counted.

        Raises
        ------
        InputError
            From reading the stack, naming file and band.
        """
        # The system gives new memory page by page and cleared, which takes as long as filling it.
        memory = self._own.__dict__.setdefault("memory", BufferCache())
        inside = self._inside(window)
        if not inside.any():
            tick(inside.size)
            return self._nothing(inside)
        series = self.stack.read(window, self.bands, memory)
        observed = np.isfinite(series).all(axis=3).any(axis=2)
        wanted = inside & observed
        flat = series.reshape(-1, *series.shape[2:])
        pixels = flat if wanted.all() else flat[wanted.ravel()]
        tick(wanted.size - len(pixels))
        classes, percents, statistics = self._nothing(inside)
        if not len(pixels):
            return classes, percents, statistics
        found = self.classifier.classify(pixels, tick)
        np.add.at(statistics.confidence, (found.best, found.percent), 1)
        classes[wanted] = found.best + 1
        percents[wanted] = found.percent
        sample, best = pixels[:: self._every], found.best[:: self._every]
        finite = np.isfinite(sample)
        np.add.at(statistics.sums, best, np.where(finite, sample, 0))
        np.add.at(statistics.seen, best, finite)
        unobserved = int((inside & ~observed).sum())
        return (
            classes,
            percents,
            TileStatistics(
                statistics.confidence,
                statistics.outside,
                unobserved,
                statistics.sums,
                statistics.seen,
                found.checked,
                found.agreed,
                found.exact,
            ),
        )

    def _inside(self, window: Window) -> np.ndarray:
        if self.mask is None:
            return np.ones((window.height, window.width), bool)
        with self._one_mask:  # its raster is open once
            return self.mask.read(window)

    def _nothing(self, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, TileStatistics]:
        """A tile in which nothing is mapped."""
        shape = (self.classes, len(self.stack.day), len(self.bands))
        outside, unobserved = int((~inside).sum()), int(inside.sum())
        empty = TileStatistics(
            np.zeros((self.classes, 101), np.int64), outside, unobserved, np.zeros(shape), np.zeros(shape, np.int64)
        )
        return np.zeros(inside.shape, np.uint8), np.full(inside.shape, NO_CONFIDENCE, np.uint8), empty


def map_tiles(mapper: TileMapper, store: TileStore, progress: Progress, threads: int = 0) -> None:
    """Do the tiles that the store lacks, several side by side.

    Every thread reads, classifies and writes tiles of its own: while one waits for the disk the others compute.

    Parameters
    ----------
    threads : how many; 0 for one a core.

    Raises
    ------
    Cancelled
        Within the work of a thousand pixels.
    InputError
        From reading the stack or writing the store.
    """
    progress.stage(STAGE)
    done = store.done()
    missing = [number for number in range(len(store.windows)) if number not in done]
    total = sum(window.width * window.height for window in store.windows)
    finished = sum(store.windows[n].width * store.windows[n].height for n in done)
    lock, stop = threading.Lock(), threading.Event()

    def tick(pixels: int) -> None:
        nonlocal finished
        if stop.is_set():
            raise Cancelled()
        with lock:
            finished += pixels

    def do(number: int) -> None:
        tick(0)
        store.write(number, *mapper.do(store.windows[number], tick))

    with one_thread(), ThreadPoolExecutor(threads or core_count()) as pool:
        waiting = {pool.submit(do, number) for number in missing}
        try:
            while waiting:
                ended, waiting = wait(waiting, LOOK, FIRST_EXCEPTION)
                for future in ended:
                    future.result()
                progress.update(finished / total)
        finally:
            # What waits is dropped; what is at work ends at its next tick.
            stop.set()
            for future in waiting:
                future.cancel()


def join_tiles(store: TileStore, writer: MapWriter, progress: Progress) -> MapStatistics:
    """Write all tiles of a whole store into the map, in their order, and add up their counts."""

    def counted() -> Iterable[TileStatistics]:
        for number, window in enumerate(store.windows):
            progress.update(0.9 * number / len(store.windows))
            writer.write(window, *store.read(number))
            yield store.statistics(number)

    return MapStatistics.of(counted())
