"""Classify parcels instead of pixels, each once, in memory that grows neither with the raster nor with the parcels."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..imagery import MapWriter, Mask, ParcelLayer, ParcelWriter, Stack, Window, pixel_hectares
from ..imagery.geo.rasterize import drawn_pixels
from ..imagery.parcels.layer import MEDIAN
from ..imagery.parcels.store import Decision, Parcel, ParcelStore, bounding_window, inner_point, intersection
from ..models import TrainedModel
from ..progress import Progress
from .choose import ask
from .map_stack import STAGE
from .parcel_counts import ParcelCounts
from .parcel_map import draw_parcels
from .parcel_sample import CLASSIFIED_PIXELS, Sample, take_sample
from .statistics import MapStatistics

WINDOW_BYTES = 128 * 2**20
"""Memory of the values of one window, at most."""
WINDOW_PIXELS = 512 * 512
"""Pixels of one window, at most."""
TILES_IN_WINDOW = 4
"""Of parcels whose middles lie in a tile of this part of a window, most fit into one window together."""
COLLECTED, DECIDED, DRAWN = 0.1, 0.85, 0.9
"""Fractions of the stage at which the parcels are read, decided about, and drawn."""


def map_parcels(
    model: TrainedModel,
    stack: Stack,
    source: ParcelLayer,
    mask: Mask | None,
    writer: MapWriter,
    progress: Progress,
    reading: str,
    most_bytes: int,
    path: str,
    name: str,
) -> tuple[MapStatistics, ParcelCounts]:
    """Decide about every parcel from its own pixels, draw the map, and write the parcels with their crops.

    A parcel has the pixels whose centre is inside it, or else the one its inner point falls in. Those outside the
    mask or never observed do not count; a parcel without any other gets no class. On the map every pixel of a parcel
    inside the mask shows its class, and where parcels overlap that of the later one.

    Parameters
    ----------
    reading : ``median``, to classify the median of the pixels by date and band, or ``set``, to average the
        probabilities of up to ``CLASSIFIED_PIXELS`` pixels.
    most_bytes : memory of the values of one window; more than ``WINDOW_BYTES`` makes nothing faster.
    path, name : file of the parcel layer to write, and the layer's name in it. A scratch file lies beside it
        meanwhile.

    Raises
    ------
    Cancelled
        Between two parcels.
    InputError
        ``parcels-geometry`` or ``parcels-no-overlap`` where there is no parcel to classify, and from reading the
        stack and writing files.
    """
    progress.stage(STAGE)
    depth = 4 * len(stack.dates) * len(model.bands)
    limit = max(1, min(WINDOW_PIXELS, min(most_bytes, WINDOW_BYTES) // depth))
    tiles = stack.tiles(max(1, limit // TILES_IN_WINDOW))
    with ParcelStore(str(Path(path).with_suffix(".sqlite")), stack.grid, tiles) as store:
        count, shapeless = _collect(source, store, progress)
        curves = _decide(model, stack, store, mask, reading, limit, progress)
        drawn = draw_parcels(store, mask, writer, len(model.classes), progress, (DECIDED, DRAWN))
        output = ParcelWriter(path, name, source, model.classes)
        try:
            _write(source, store, output, count, progress)
            output.finish()
        finally:
            output.close()
        across, skew, down, skew_down = (stack.grid.transform[i] for i in (1, 2, 5, 4))
        hectares = pixel_hectares(stack.grid) / abs(across * down - skew * skew_down)
        by_class = {crop: (number, area * hectares) for crop, (number, area) in store.by_class().items()}
        beside = count - shapeless - store.count
    counts = ParcelCounts(count, by_class, beside, shapeless, drawn.shared, output.crop_field)
    told = [*output.warnings, *counts.warnings()]
    if source.crs is None and stack.grid.crs:
        told.append(f"The parcel layer {source.name} has no CRS: that of the stack {stack.name} is taken.")
    for text in told:
        progress.warning(text)
    confidence = drawn.confidence
    return MapStatistics(confidence.sum(axis=1), confidence, drawn.outside, drawn.unobserved, curves), counts


def _collect(source: ParcelLayer, store: ParcelStore, progress: Progress) -> tuple[int, int]:
    """Put the parcels into the store; returns the number of features, and of those without a polygon."""
    expected = max(source.count(), 1)
    count = shapeless = 0
    for polygon, shape in source.shapes(store.grid):
        progress.update(COLLECTED * min(count / expected, 1.0))
        count += 1
        shapeless += not polygon
        if shape is not None:
            store.add(count, shape)
    if count == shapeless:
        raise source.no_polygons()
    if not store.count:
        raise source.no_overlap()
    store.finish()
    return count, shapeless


@dataclass(frozen=True)
class _Piece:
    """A window to read, with the parcels in it."""

    window: Window
    parcels: list[Parcel]
    last: bool
    """False for a part of a single parcel larger than a window of which more are to come."""


def _pieces(store: ParcelStore, limit: int) -> Iterator[_Piece]:
    for group in store.groups(limit):
        window = bounding_window([parcel.box for parcel in group])
        if window.width * window.height <= limit:
            yield _Piece(window, group, True)
            continue
        (parcel,) = group
        parts = [intersection(parcel.box, store.tiles[tile]) for tile in store.tiles_of(parcel.box)]
        parts = [part for part in parts if drawn_pixels(parcel.shape, store.grid, part).any()]
        if not parts:
            # A strip too narrow to hold the centre of a pixel.
            parcel = replace(parcel, shape=inner_point(parcel.shape))
            store.replace_shape(parcel)
            box = store.box_of(parcel.shape)
            parts = [] if box is None else [box]
        for part in parts:
            yield _Piece(part, [parcel], part is parts[-1])


def _decide(
    model: TrainedModel,
    stack: Stack,
    store: ParcelStore,
    mask: Mask | None,
    reading: str,
    limit: int,
    progress: Progress,
) -> np.ndarray:
    """Decide about all parcels; returns the (k, t, c) mean series of the pixels classified, by their parcel's class."""
    waiting: deque[_Piece] = deque()

    def windows() -> Iterator[Window]:
        for piece in _pieces(store, limit):
            waiting.append(piece)
            yield piece.window

    sums = np.zeros((len(model.classes), len(stack.day), len(model.bands)), np.float64)
    seen = np.zeros_like(sums)
    done = 0
    begun: Sample | None = None
    # One thread reads, for the cores are busy with classifying.
    for window, series in stack.read_ahead(windows(), model.bands):
        piece = waiting.popleft()
        usable = np.isfinite(series).all(axis=3).any(axis=2)
        if mask is not None:
            usable &= mask.read(window)
        batch = _Batch()
        for parcel in piece.parcels:
            progress.update(COLLECTED + (DECIDED - COLLECTED) * done / store.count)
            box = intersection(parcel.box, window)
            drawn = drawn_pixels(parcel.shape, store.grid, box)
            if not drawn.any():
                # Smaller than a pixel, or between the centres of several.
                parcel = replace(parcel, shape=inner_point(parcel.shape))
                store.replace_shape(parcel)
                drawn = drawn_pixels(parcel.shape, store.grid, box)
            sample = take_sample(drawn, box, window, series, usable)
            begun = sample if begun is None else begun.joined(sample)
            if piece.last:
                batch.add(parcel.number, begun, reading)
                begun = None
                done += 1
        if batch.numbers:
            decisions = batch.decide(model, stack.day, progress)
            store.add_decisions(decisions)
            batch.add_to(sums, seen, decisions)
    return np.divide(sums, seen, out=np.full_like(sums, np.nan), where=seen > 0).astype(np.float32)


class _Batch:
    """Parcels that are classified together."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._counts: list[int] = []
        self._medians: list[np.ndarray] = []
        self._pixels: list[np.ndarray] = []

    def add(self, number: int, sample: Sample, reading: str) -> None:
        """Add a parcel by its observed pixels; one without any stays undecided."""
        if not sample.count:
            return
        self.numbers.append(number)
        self._counts.append(sample.count)
        self._pixels.append(sample.series[:CLASSIFIED_PIXELS])
        if reading == MEDIAN:
            self._medians.append(sample.median())

    def decide(self, model: TrainedModel, day: np.ndarray, progress: Progress) -> list[Decision]:
        """The class of each parcel and how sure it is."""
        sizes = np.array([len(pixels) for pixels in self._pixels])
        starts = np.cumsum(sizes) - sizes
        alone = ask(model, np.concatenate(self._pixels), day, progress.check).astype(np.float64)
        if self._medians:
            whole = ask(model, np.stack(self._medians), day, progress.check).astype(np.float64)
        else:
            whole = np.add.reduceat(alone, starts, axis=0) / sizes[:, None]
        order = np.argsort(-whole, axis=1, kind="stable")
        agreeing = alone.argmax(axis=1) == np.repeat(order[:, 0], sizes)
        agreement = 100 * np.add.reduceat(agreeing.astype(np.int64), starts) / sizes
        decisions = []
        for position, number in enumerate(self.numbers):
            crop = int(order[position, 0])
            second = int(order[position, 1]) if whole.shape[1] > 1 else None
            decisions.append(
                Decision(
                    number=number,
                    crop=crop,
                    confidence=float(100 * whole[position, crop]),
                    second=second,
                    second_confidence=None if second is None else float(100 * whole[position, second]),
                    agreement=float(agreement[position]),
                    pixels=self._counts[position],
                )
            )
        return decisions

    def add_to(self, sums: np.ndarray, seen: np.ndarray, decisions: list[Decision]) -> None:
        """Add the pixels classified to the (k, t, c) sums and counts of their parcel's class."""
        crops = np.array([one.crop for one in decisions])
        for crop in np.unique(crops):
            series = np.concatenate([self._pixels[position] for position in np.flatnonzero(crops == crop)])
            sums[crop] += np.nansum(series, axis=0, dtype=np.float64)
            seen[crop] += np.isfinite(series).sum(axis=0)


def _write(source: ParcelLayer, store: ParcelStore, output: ParcelWriter, count: int, progress: Progress) -> None:
    """Write every feature of the layer with what was decided about it."""
    decisions = store.decisions()
    decision = next(decisions, None)
    for number, feature in enumerate(source.features(), 1):
        progress.update(DRAWN + (1 - DRAWN) * number / count)
        if decision is not None and decision.number == number:
            output.write(feature, decision)
            decision = next(decisions, None)
        else:
            output.write(feature, None)
