"""Which pixels of a target are mapped: a raster that is not 0 there, or polygons around them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from osgeo import gdal

from ...errors import InputError
from ..geo.crs import crs_of_layer
from ..geo.file_state import file_state
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, next_feature, open_vector, read_features
from ..geo.grid import box_intersects, grid_of, overlaps, same_grid, to_map, window_transform
from ..geo.layer_source import parse_part
from ..geo.placement import Placement, placement_hint
from ..geo.rasterize import burn, polygon_of
from ..geo.resample import Resampler
from ..geo.types import Grid, StackBand, Window
from ..geo.windows import read_valid
from .tiling import readable_grid


class Mask:
    """A mask on the grid of a target.

    Parameters
    ----------
    path : str
        Raster (mapped where its first band is neither 0 nor nodata; the nearest pixel where its grid is another) or
        polygon layer (mapped where the pixel's centre is inside).
    layer : str
        Name of the layer in ``path``; empty for the raster, or the first layer.
    grid : Grid
        Of the target.

    Raises
    ------
    InputError
        ``mask-unreadable``, ``mask-geometry`` or ``mask-no-overlap``, naming the file.
    """

    def __init__(self, path: str, layer: str, grid: Grid) -> None:
        self.path, self.grid = path, grid
        self.name = parse_part(layer).name or file_name(path)
        self._shapes: list[Any] = []
        self._boxes = np.empty((0, 4))
        self._raster = _open_raster_mask(path, layer)
        if self._raster is None:
            self._read_polygons(path, layer)
            return
        own = grid_of(self._raster, path)
        self._resampler = None if same_grid(grid, own) else Resampler(grid, own)
        if not overlaps(grid, own):
            raise self._no_overlap()

    def read(self, window: Window) -> np.ndarray:
        """Read which pixels are to be mapped.

        Parameters
        ----------
        window : Window
            On the grid of the target.

        Returns
        -------
        ndarray of bool, shape (h, w)
        """
        if self._raster is not None:
            return self._read_raster(window)
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (window.width, window.height)
        transform = window_transform(self.grid, window)
        x, y = to_map(transform, corners[:, 0], corners[:, 1])
        left, right, low, high = self._boxes.T
        near = np.flatnonzero((left <= x.max()) & (right >= x.min()) & (low <= y.max()) & (high >= y.min()))
        if not len(near):
            return np.zeros(window.shape, bool)
        return burn([self._shapes[i] for i in near], [1] * len(near), window, transform) > 0

    def _read_raster(self, window: Window) -> np.ndarray:
        if self._resampler is None:
            return self._marked(window)
        located = self._resampler.locate(window)
        if located is None:
            return np.zeros(window.shape, bool)
        return self._resampler.nearest(self._marked(located.part), *located)

    def _marked(self, part: Window) -> np.ndarray:
        """(h, w) bool of a window of the mask's own grid."""
        values, fault = read_valid(self._raster.GetRasterBand(1), part)
        if values is None:
            raise InputError("mask-unreadable", f"The mask {self.name} cannot be read: {fault}.")
        return np.isfinite(values) & (values != 0)

    def _read_polygons(self, path: str, layer: str) -> None:
        try:
            dataset, found = open_vector(path, layer)
        except InputError as problem:
            message = problem.message.replace("The vector layer", "The mask")
            raise InputError("mask-unreadable", message, "Choose a raster or a polygon layer.") from problem
        placement = Placement(crs_of_layer(found), self.grid)
        polygons = 0
        boxes = []
        for feature in read_features(found, self._unreadable):
            shape = polygon_of(feature.GetGeometryRef())
            polygons += shape is not None
            if shape is not None and placement.place(shape) and box_intersects(shape.GetEnvelope(), self.grid):
                self._shapes.append(shape)
                boxes.append(shape.GetEnvelope())
        if not polygons:
            raise InputError(
                "mask-geometry", f"The mask {self.name} has no polygons.", "Choose a polygon layer or a raster."
            )
        if not boxes:
            extent, _ = call_gdal(lambda: found.GetExtent(True, can_return_null=True))
            raise self._no_overlap(placement_hint(extent, crs_of_layer(found), self.grid))
        self._boxes = np.array(boxes)

    def _unreadable(self, fault: str) -> InputError:
        message = f"The mask {self.name} cannot be read to its end: {fault}."
        return InputError("mask-unreadable", message, "It may be damaged: export it again.")

    def _no_overlap(self, hint: str = "") -> InputError:
        return InputError(
            "mask-no-overlap",
            f"The mask {self.name} does not overlap the target.",
            hint or "Choose a mask of the same place, and check its CRS.",
        )


def mask_state(path: str, layer: str) -> list[Any]:
    """What changes when a mask changes.

    Of a raster its name, size and time; of polygons a digest of themselves: QGIS hands over copies of layers under
    other names, and touches a GeoPackage by opening it.

    Parameters
    ----------
    path, layer : str
        As of :class:`Mask`.

    Returns
    -------
    list
        JSON-ready.
    """
    if _open_raster_mask(path, layer) is not None:
        return [path, *(file_state(path) or [])]
    dataset, found = open_vector(path, layer)
    crs = crs_of_layer(found)
    digest = hashlib.sha256((crs.ExportToWkt() if crs is not None else "").encode())
    while (feature := next_feature(found)[0]) is not None:
        geometry = feature.GetGeometryRef()
        digest.update(b"" if geometry is None else bytes(geometry.ExportToIsoWkb()))
    del found, dataset
    return [digest.hexdigest()]


def _open_raster_mask(path: str, layer: str) -> Any:
    """The dataset of a mask that is a raster; None for polygons and for what cannot be opened."""
    raster = None if layer else call_gdal(lambda: gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_READONLY))[0]
    return raster if raster is not None and raster.RasterCount else None


def mask_problems(path: str, layer: str, target_bands: Sequence[StackBand]) -> list[InputError]:
    """Find what makes a mask unusable with a target.

    Parameters
    ----------
    path, layer : str
        As of :class:`Mask`.
    target_bands : sequence of StackBand

    Returns
    -------
    list of InputError
        Empty when nothing does, or when the target itself is unreadable.
    """
    grid = readable_grid(target_bands)
    if grid is None:
        return []
    try:
        Mask(path, layer, grid)
    except InputError as problem:
        return [problem]
    return []
