"""The map of classified parcels: every pixel of a parcel shows its class."""

from __future__ import annotations

import numpy as np

from ..imagery import MapWriter, Mask
from ..imagery.geo.grid import window_transform
from ..imagery.geo.rasterize import burn
from ..imagery.maps.geotiff import NO_CONFIDENCE
from ..imagery.parcels.store import ParcelStore
from ..progress import Progress
from .statistics import MapStatistics


def draw_parcels(
    store: ParcelStore,
    mask: Mask | None,
    writer: MapWriter,
    statistics: MapStatistics,
    progress: Progress,
    fractions: tuple[float, float],
) -> int:
    """Write the map and its confidence, tile by tile.

    Parameters
    ----------
    store : ParcelStore
        With all decisions.
    mask : Mask or None
        Where the map has pixels; None for everywhere.
    writer : MapWriter
        Of the map.
    statistics : MapStatistics
        Receives the counts; unobserved are pixels that are only in parcels without a class.
    progress : Progress
        Updated at every tile.
    fractions : tuple of float
        Fractions of the stage at which drawing starts and ends.

    Returns
    -------
    int
        Pixels inside the mask that are in several parcels.
    """
    start, end = fractions
    shared = 0
    for number, window in enumerate(store.tiles):
        progress.update(start + (end - start) * number / len(store.tiles))
        class_plane, percent_plane, parcels_here = _draw_tile(store, number, progress)
        inside = parcels_here > 0
        if mask is not None and inside.any():
            inside &= mask.read(window)
        class_plane[~inside], percent_plane[~inside] = 0, NO_CONFIDENCE
        mapped = class_plane > 0
        statistics.outside += int((~inside).sum())
        statistics.unobserved += int((inside & ~mapped).sum())
        shared += int((inside & (parcels_here > 1)).sum())
        if mapped.any():
            # What is never written reads as nodata.
            np.add.at(statistics.confidence, (class_plane[mapped] - 1, percent_plane[mapped]), 1)
            writer.write(window, class_plane, percent_plane)
    return shared


def _draw_tile(store: ParcelStore, number: int, progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes and confidence (h, w) uint8 of a tile, and the number of parcels at each pixel (h, w) int32."""
    window = store.tiles[number]
    shape, transform = (window.height, window.width), window_transform(store.grid, window)
    class_plane, percent_plane = np.zeros(shape, np.uint8), np.full(shape, NO_CONFIDENCE, np.uint8)
    parcels_here = np.zeros(shape, np.int32)
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
    return class_plane, percent_plane, parcels_here
