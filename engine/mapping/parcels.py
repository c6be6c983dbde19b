"""Classify parcels instead of pixels, each once, in memory that grows neither with the raster nor with the parcels."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..imagery import MapWriter, Mask, ParcelLayer, ParcelWriter, Stack, Window, pixel_hectares
from ..imagery.geo.rasterize import drawn_pixels
from ..imagery.geo.windows import bounding_window, intersection
from ..imagery.parcels.layer import MEDIAN
from ..imagery.parcels.store import Decision, Parcel, ParcelStore, inner_point
from ..imagery.stack.reader import WINDOW_BYTES, WINDOW_PIXELS
from ..models import TrainedModel
from ..progress import Progress
from .classifier_plan import predict_parallel
from .map_stack import STAGE
from .parcel_counts import ParcelCounts
from .parcel_map import draw_parcels
from .parcel_sample import Sample, take_sample
from .statistics import MapStatistics

TILES_IN_WINDOW = 4
"""Of parcels whose middles are in a tile of this part of a window, most fit into one window together."""
COLLECTED, CLASSIFIED, DRAWN = 0.1, 0.85, 0.9
"""Fractions of the stage at which the parcels are read, classified and drawn."""


@dataclass(frozen=True)
class ParcelMapping:
    """Which parcels are mapped, and how."""

    model: TrainedModel
    """Classifies the pixels."""
    stack: Stack
    """The target."""
    mask: Mask | None
    """Which of its pixels count; None for all."""
    layer: ParcelLayer
    """The parcels."""
    reading: str
    """``median``: classify the median of a parcel's pixels by date and band; ``set``: average the probabilities of up
    to ``parcel_sample.CLASSIFIED_PIXELS`` pixels."""
    window_bytes: int
    """Memory of the values of one window; more than ``WINDOW_BYTES`` makes nothing faster."""
    path: str
    """File of the parcel layer to write; a scratch file is beside it meanwhile."""
    name: str
    """Name of the layer in it."""

    @property
    def window_pixels(self) -> int:
        """Pixels of one window, at most."""
        depth = 4 * len(self.stack.dates) * len(self.model.bands)
        return max(1, min(WINDOW_PIXELS, min(self.window_bytes, WINDOW_BYTES) // depth))


def map_parcels(mapping: ParcelMapping, writer: MapWriter, progress: Progress) -> tuple[MapStatistics, ParcelCounts]:
    """Classify every parcel by its own pixels, draw the map, and write the parcels with their crops.

    A parcel has the pixels whose centre is inside it, or else the one its inner point falls in. Those outside the
    mask or never observed do not count; a parcel without any other gets no class. On the map every pixel of a parcel
    inside the mask shows its class, and where parcels overlap that of the later one.

    Parameters
    ----------
    mapping : ParcelMapping
        Model, target and parcels.
    writer : MapWriter
        Of the map.
    progress : Progress
        Enters the stage of mapping; receives the warnings.

    Returns
    -------
    statistics : MapStatistics
        Of the pixels.
    counts : ParcelCounts
        Of the parcels.

    Raises
    ------
    Cancelled
        Between two parcels.
    InputError
        ``parcels-geometry`` or ``parcels-no-overlap`` where there is no parcel to classify, and from reading the
        stack and writing files.
    """
    progress.stage(STAGE)
    model, grid, layer = mapping.model, mapping.stack.grid, mapping.layer
    tiles = mapping.stack.tiles(max(1, mapping.window_pixels // TILES_IN_WINDOW))
    with ParcelStore(str(Path(mapping.path).with_suffix(".sqlite")), grid, tiles) as store:
        count, without_polygon = _collect(layer, store, progress)
        statistics = _classify(mapping, store, progress)
        shared = draw_parcels(store, mapping.mask, writer, statistics, progress, (CLASSIFIED, DRAWN))
        output = ParcelWriter(mapping.path, mapping.name, layer, model.classes)
        try:
            _write(layer, store, output, count, progress)
            output.finish()
        finally:
            output.close()
        across, skew, down, skew_down = (grid.transform[i] for i in (1, 2, 5, 4))
        hectares = pixel_hectares(grid) / abs(across * down - skew * skew_down)
        by_class = {crop: (number, area * hectares) for crop, (number, area) in store.by_class().items()}
        outside = count - without_polygon - store.count
    counts = ParcelCounts(count, by_class, outside, without_polygon, shared, output.crop_field)
    for text in (*output.warnings, *counts.warnings()):
        progress.warning(text)
    if layer.crs is None and grid.crs:
        progress.warning(f"The parcel layer {layer.name} has no CRS: that of the stack {mapping.stack.name} is used.")
    return statistics, counts


def _collect(layer: ParcelLayer, store: ParcelStore, progress: Progress) -> tuple[int, int]:
    """Put the parcels into the store; returns the number of features, and of those without a polygon."""
    expected = max(layer.count(), 1)
    count = without_polygon = 0
    for polygon, shape in layer.shapes(store.grid):
        progress.update(COLLECTED * min(count / expected, 1.0))
        count += 1
        without_polygon += not polygon
        if shape is not None:
            store.add(count, shape)
    if count == without_polygon:
        raise layer.no_polygons()
    if not store.count:
        raise layer.no_overlap(store.grid)
    store.finish()
    return count, without_polygon


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
            parcel = _as_point(parcel, store)
            box = store.box_of(parcel.shape)
            parts = [] if box is None else [box]
        for part in parts:
            yield _Piece(part, [parcel], part is parts[-1])


def _as_point(parcel: Parcel, store: ParcelStore) -> Parcel:
    """The parcel as a point inside it, in the store too: one that holds no centre of a pixel."""
    parcel = replace(parcel, shape=inner_point(parcel.shape))
    store.replace_shape(parcel)
    return parcel


def _classify(mapping: ParcelMapping, store: ParcelStore, progress: Progress) -> MapStatistics:
    """Classify all parcels; the statistics hold the values of the pixels classified, by their parcel's class."""
    model, stack, mask = mapping.model, mapping.stack, mapping.mask
    waiting: deque[_Piece] = deque()

    def windows() -> Iterator[Window]:
        for piece in _pieces(store, mapping.window_pixels):
            waiting.append(piece)
            yield piece.window

    classes = len(model.classes)
    sums = np.zeros((classes, len(stack.day), len(model.bands)))
    statistics = MapStatistics(np.zeros((classes, 101), np.int64), 0, 0, sums, np.zeros_like(sums))
    done = 0
    partial: Sample | None = None
    # One thread reads, for the cores are busy with classifying.
    for window, series in stack.read_ahead(windows(), model.bands):
        piece = waiting.popleft()
        usable = np.isfinite(series).all(axis=3).any(axis=2)
        if mask is not None:
            usable &= mask.read(window)
        samples: dict[int, Sample] = {}
        for parcel in piece.parcels:
            progress.update(COLLECTED + (CLASSIFIED - COLLECTED) * done / store.count)
            sample = take_sample(*_pixels_of(parcel, window, store), window, series, usable)
            partial = sample if partial is None else partial.merge(sample)
            if piece.last:
                if partial.count:
                    samples[parcel.number] = partial
                partial = None
                done += 1
        if samples:
            decisions = _decide(mapping, samples, progress)
            store.add_decisions(decisions)
            _add_values(samples, decisions, statistics)
    return statistics


def _pixels_of(parcel: Parcel, window: Window, store: ParcelStore) -> tuple[np.ndarray, Window]:
    """The pixels (h, w) bool of a parcel in a part of the window, and that part."""
    box = intersection(parcel.box, window)
    drawn = drawn_pixels(parcel.shape, store.grid, box)
    if not drawn.any():
        # Smaller than a pixel, or between the centres of several.
        drawn = drawn_pixels(_as_point(parcel, store).shape, store.grid, box)
    return drawn, box


def _decide(mapping: ParcelMapping, samples: dict[int, Sample], progress: Progress) -> list[Decision]:
    """The class of each parcel, by its number, and its confidence."""

    def predict(series: np.ndarray) -> np.ndarray:
        return predict_parallel(mapping.model, series, mapping.stack.day, progress.check).astype(np.float64)

    sizes = np.array([len(sample.first) for sample in samples.values()])
    starts = np.cumsum(sizes) - sizes
    pixels = predict(np.concatenate([sample.first for sample in samples.values()]))
    if mapping.reading == MEDIAN:
        parcels = predict(np.stack([sample.median() for sample in samples.values()]))
    else:
        parcels = np.add.reduceat(pixels, starts, axis=0) / sizes[:, None]
    order = np.argsort(-parcels, axis=1, kind="stable")[:, :2]
    percents = 100 * np.take_along_axis(parcels, order, axis=1)
    agreeing = pixels.argmax(axis=1) == np.repeat(order[:, 0], sizes)
    agreement = 100 * np.add.reduceat(agreeing.astype(np.int64), starts) / sizes
    decisions = []
    for position, (number, sample) in enumerate(samples.items()):
        crop, *second = order[position].tolist()
        confidence, *other = percents[position].tolist()
        # A model of one class has no second one.
        next_best = (second[0], other[0]) if second else (None, None)
        agreed = float(agreement[position])
        decisions.append(Decision(number, crop, confidence, next_best[0], next_best[1], agreed, sample.count))
    return decisions


def _add_values(samples: dict[int, Sample], decisions: list[Decision], statistics: MapStatistics) -> None:
    """Add the values of the pixels classified to those of their parcel's class."""
    crops = np.array([one.crop for one in decisions])
    first = [sample.first for sample in samples.values()]
    for crop in np.unique(crops):
        series = np.concatenate([first[position] for position in np.flatnonzero(crops == crop)])
        statistics.sums[crop] += np.nansum(series, axis=0, dtype=np.float64)
        statistics.seen[crop] += np.isfinite(series).sum(axis=0)


def _write(layer: ParcelLayer, store: ParcelStore, output: ParcelWriter, count: int, progress: Progress) -> None:
    """Write every feature of the layer with its decision, where it has one."""
    decisions = store.decisions()
    decision = next(decisions, None)
    for number, feature in enumerate(layer.features(), 1):
        progress.update(DRAWN + (1 - DRAWN) * number / count)
        if decision is not None and decision.number == number:
            output.write(feature, decision)
            decision = next(decisions, None)
        else:
            output.write(feature, None)
