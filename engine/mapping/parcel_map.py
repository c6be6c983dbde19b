"""The map of parcels that were decided about: every pixel of a parcel shows its class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..imagery import MapWriter, Mask
from ..imagery.geo.grid import window_transform
from ..imagery.geo.rasterize import burn
from ..imagery.parcels.store import ParcelStore
from ..progress import Progress
from .map_stack import NO_CONFIDENCE


@dataclass
class Drawn:
    """What was drawn, counted."""

    confidence: np.ndarray
    """(k, 101) int64: pixels by class and confidence in whole percent."""
    outside: int = 0
    """Pixels outside the mask or outside all parcels."""
    unobserved: int = 0
    """Pixels inside the mask and a parcel, but only such that have no class."""
    shared: int = 0
    """Pixels inside the mask that lie in several parcels."""


def draw_parcels(
    store: ParcelStore,
    mask: Mask | None,
    writer: MapWriter,
    classes: int,
    progress: Progress,
    fractions: tuple[float, float],
) -> Drawn:
    """Write the map and its confidence, tile by tile; ``fractions`` of the stage are where it begins and ends."""
    drawn = Drawn(np.zeros((classes, 101), np.int64))
    begin, end = fractions
    for number, window in enumerate(store.tiles):
        progress.update(begin + (end - begin) * number / len(store.tiles))
        shape = window.height, window.width
        class_plane, percent_plane = np.zeros(shape, np.uint8), np.full(shape, NO_CONFIDENCE, np.uint8)
        parcels_here = np.zeros(shape, np.int32)
        transform = window_transform(store.grid, window)
        for part in store.touching(number):
            progress.check()
            parcels_here += burn([one.shape for one, _, _ in part], [1] * len(part), window, transform, add=True)
            decided = [(one.shape, crop, percent) for one, crop, percent in part if crop is not None]
            if not decided:
                continue
            shapes, crops, percents = zip(*decided)
            # Where parcels overlap, the later one is drawn over the earlier.
            which = burn(shapes, range(1, len(shapes) + 1), window, transform)
            here = which > 0
            class_plane[here] = np.array(crops, np.uint8)[which[here] - 1] + 1
            percent_plane[here] = np.rint(percents).astype(np.uint8)[which[here] - 1]
        inside = parcels_here > 0
        if mask is not None and inside.any():
            inside &= mask.read(window)
        class_plane[~inside], percent_plane[~inside] = 0, NO_CONFIDENCE
        mapped = class_plane > 0
        drawn.outside += int((~inside).sum())
        drawn.unobserved += int((inside & ~mapped).sum())
        drawn.shared += int((inside & (parcels_here > 1)).sum())
        if mapped.any():
            # What is never written reads as nodata.
            np.add.at(drawn.confidence, (class_plane[mapped] - 1, percent_plane[mapped]), 1)
            writer.write(window, class_plane, percent_plane)
    return drawn
