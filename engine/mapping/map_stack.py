"""Classify every pixel of a stack, tile by tile, in memory that does not grow with the raster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import numpy as np

from ..errors import Cancelled
from ..imagery import MapWriter, Mask, Stack, Window
from ..imagery.maps.geotiff import NO_CONFIDENCE
from ..imagery.stack.decode import BufferCache
from ..models import TrainedModel
from ..models.device import core_count, one_thread
from ..models.student import DistilledClassifier
from ..progress import Progress
from .classify import Classifier, ModelClassifier, StudentClassifier, Tick
from .statistics import MapStatistics
from .tile_store import TileStore

STAGE = "Mapping the target"
CURVE_PIXELS = 20_000
"""Mapped pixels, about, from which the seasonal curves of the report are taken."""
POLL_SECONDS = 0.2
"""Time between two reports of progress."""


class TileMapper:
    """Reads, classifies and counts the tiles of one map; several threads may use it at the same time.

    A pixel outside the mask or without any complete observation becomes nodata, never a class.

    Parameters
    ----------
    stack : Stack
        The target.
    mask : Mask or None
        Where it is mapped; None for everywhere.
    classifier : Classifier
        Classifies the observed pixels.
    bands : tuple of str
        Bands that the classifier reads, in its order.
    classes : int
        Number of its classes.
    """

    def __init__(
        self, stack: Stack, mask: Mask | None, classifier: Classifier, bands: tuple[str, ...], classes: int
    ) -> None:
        self.stack, self.mask, self.classifier, self.bands, self.classes = stack, mask, classifier, bands, classes
        self._curve_interval = max(1, stack.grid.width * stack.grid.height // CURVE_PIXELS)
        self._thread = threading.local()
        self._mask_lock = threading.Lock()

    @staticmethod
    def for_model(
        model: TrainedModel, student: DistilledClassifier | None, stack: Stack, mask: Mask | None
    ) -> TileMapper:
        """Map with a model, and with its student where there is one.

        Parameters
        ----------
        model : TrainedModel
            The full model.
        student : DistilledClassifier or None
            Trained on the stack.
        stack, mask
            As in :class:`TileMapper`.
        """
        full = ModelClassifier(model, stack.day)
        classifier = full if student is None else StudentClassifier(student, full)
        return TileMapper(stack, mask, classifier, model.bands, len(model.classes))

    def map_tile(self, window: Window, tick: Tick) -> tuple[np.ndarray, np.ndarray, MapStatistics]:
        """Map one window.

        Parameters
        ----------
        window : Window
            Pixels of the stack.
        tick : callable
            Receives the number of pixels done since the last call.

        Returns
        -------
        classes, percent : ndarray (h, w) of uint8
            As in the map: 0 and 255 for nodata.
        statistics : MapStatistics
            The counts.

        Raises
        ------
        InputError
            From reading the stack, naming file and band.
        """
        # New memory comes from the system page by page and cleared, which takes as long as filling it.
        buffers = self._thread.__dict__.setdefault("buffers", BufferCache())
        inside = self._inside(window)
        classes, percent, statistics = self._empty_tile(inside)
        if not inside.any():
            tick(inside.size)
            return classes, percent, statistics
        series = self.stack.read(window, self.bands, buffers)
        observed = np.isfinite(series).all(axis=3).any(axis=2)
        mapped = inside & observed
        flat = series.reshape(-1, *series.shape[2:])
        pixels = flat if mapped.all() else flat[mapped.ravel()]
        tick(mapped.size - len(pixels))
        if not len(pixels):
            return classes, percent, statistics
        found = self.classifier.classify(pixels, tick)
        np.add.at(statistics.confidence, (found.best, found.percent), 1)
        classes[mapped] = found.best + 1
        percent[mapped] = found.percent
        sample, best = pixels[:: self._curve_interval], found.best[:: self._curve_interval]
        finite = np.isfinite(sample)
        np.add.at(statistics.sums, best, np.where(finite, sample, 0))
        np.add.at(statistics.seen, best, finite)
        statistics.unobserved = int((inside & ~observed).sum())
        statistics.checked, statistics.agreed, statistics.exact = found.checked, found.agreed, found.exact
        return classes, percent, statistics

    def _inside(self, window: Window) -> np.ndarray:
        if self.mask is None:
            return np.ones((window.height, window.width), bool)
        with self._mask_lock:  # its raster is open once
            return self.mask.read(window)

    def _empty_tile(self, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, MapStatistics]:
        """A tile in which nothing is mapped."""
        shape = (self.classes, len(self.stack.day), len(self.bands))
        confidence, seen = np.zeros((self.classes, 101), np.int64), np.zeros(shape, np.int64)
        statistics = MapStatistics(confidence, int((~inside).sum()), int(inside.sum()), np.zeros(shape), seen)
        return np.zeros(inside.shape, np.uint8), np.full(inside.shape, NO_CONFIDENCE, np.uint8), statistics


def map_tiles(mapper: TileMapper, store: TileStore, progress: Progress, threads: int = 0) -> None:
    """Map the tiles that the store lacks, several in parallel.

    Every thread reads, classifies and writes tiles of its own: while one waits for the disk the others compute.

    Parameters
    ----------
    mapper : TileMapper
        Maps a tile.
    store : TileStore
        Keeps it.
    progress : Progress
        Enters the stage ``STAGE``.
    threads : int, optional
        Number of threads; 0 for one a core.

    Raises
    ------
    Cancelled
        After a cancel, within the work of a thousand pixels.
    InputError
        From reading the stack or writing the store.
    """
    progress.stage(STAGE)
    done = store.finished()
    pixels = [window.width * window.height for window in store.windows]
    finished = sum(pixels[number] for number in done)
    lock, stop = threading.Lock(), threading.Event()

    def tick(count: int) -> None:
        nonlocal finished
        if stop.is_set():
            raise Cancelled()
        with lock:
            finished += count

    def work(number: int) -> None:
        tick(0)
        store.write(number, *mapper.map_tile(store.windows[number], tick))

    with one_thread(), ThreadPoolExecutor(threads or core_count()) as pool:
        waiting = {pool.submit(work, number) for number in range(len(pixels)) if number not in done}
        try:
            while waiting:
                ended, waiting = wait(waiting, POLL_SECONDS, FIRST_EXCEPTION)
                for future in ended:
                    future.result()
                progress.update(finished / sum(pixels))
        finally:
            # What waits is dropped; a tile in work ends at its next tick.
            stop.set()
            for future in waiting:
                future.cancel()


def join_tiles(store: TileStore, writer: MapWriter, progress: Progress) -> MapStatistics:
    """Write all tiles of a complete store into the map, in their order, and add up their counts.

    Parameters
    ----------
    store : TileStore
        With every tile finished.
    writer : MapWriter
        Of the map.
    progress : Progress
        Updated at every tile.

    Returns
    -------
    MapStatistics
        Of the whole map.
    """

    def written() -> Iterator[MapStatistics]:
        for number, window in enumerate(store.windows):
            progress.update(0.9 * number / len(store.windows))
            writer.write(window, *store.read(number))
            yield store.statistics(number)

    return MapStatistics.total(written())
