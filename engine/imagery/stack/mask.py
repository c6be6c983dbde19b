"""Which pixels of a target are mapped: a raster that is not 0 there, or polygons around them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from osgeo import gdal, ogr

from ...errors import InputError
from ..geo.crs import crs_of, crs_of_layer, transformation
from ..geo.file_state import file_state
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, next_feature, open_vector
from ..geo.grid import box_intersects, grid_of, overlaps, same_grid, window_transform
from ..geo.rasterize import burn, usable_shape
from ..geo.resample import Resampler
from ..geo.types import Grid, StackBand, Window
from .tiling import stack_grid


class Mask:
    """A mask on the grid of a target.

    Parameters
    ----------
    path : raster (mapped where its first band is neither 0 nor nodata; nearest pixel where its grid is
        another) or polygon layer (mapped where the pixel's centre is inside).
    layer : name of the layer in ``path``; empty for the raster, or the first layer.
    grid : grid of the target.

    Raises
    ------
    InputError
        ``mask-unreadable``, ``mask-geometry`` or ``mask-no-overlap``, naming the file.
    """

    def __init__(self, path: str, layer: str, grid: Grid) -> None:
        self.path, self.grid = path, grid
        self.name = layer or file_name(path)
        self._raster: Any = None
        self._shapes: list[Any] = []
        self._boxes = np.empty((0, 4))
        raster = _raster_of(path, layer)
        if raster is not None:
            self._raster = raster
            own = grid_of(raster, path)
            self._resampler = None if same_grid(grid, own) else Resampler(grid, own)
            if not overlaps(grid, own):
                raise self._beside()
        else:
            self._read_polygons(path, layer)

    def read(self, window: Window) -> np.ndarray:
        """(h, w) bool: which pixels of a window of the target are to be mapped."""
        if self._raster is not None:
            return self._read_raster(window)
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (window.width, window.height)
        transform = window_transform(self.grid, window)
        x = transform[0] + corners[:, 0] * transform[1] + corners[:, 1] * transform[2]
        y = transform[3] + corners[:, 0] * transform[4] + corners[:, 1] * transform[5]
        left, right, low, high = self._boxes.T
        near = np.flatnonzero((left <= x.max()) & (right >= x.min()) & (low <= y.max()) & (high >= y.min()))
        if not len(near):
            return np.zeros((window.height, window.width), bool)
        return burn([self._shapes[i] for i in near], [1] * len(near), window, transform) > 0

    def _read_raster(self, window: Window) -> np.ndarray:
        if self._resampler is None:
            return self._marked(window)
        column, row = self._resampler.positions(window)
        part = self._resampler.source_window(column, row)
        if part is None:
            return np.zeros((window.height, window.width), bool)
        return self._resampler.nearest(self._marked(part), part, column, row)

    def _marked(self, part: Window) -> np.ndarray:
        """(h, w) bool of a window of the mask's own grid."""
        band = self._raster.GetRasterBand(1)
        place = (part.column, part.row, part.width, part.height)
        data, fault = call_gdal(lambda: band.ReadRaster(*place, buf_type=gdal.GDT_Float64))
        hidden, mask_fault = call_gdal(lambda: band.GetMaskBand().ReadRaster(*place, buf_type=gdal.GDT_Byte))
        if data is None or hidden is None:
            raise InputError("mask-unreadable", f"The mask {self.name} cannot be read: {fault or mask_fault}.")
        values = np.frombuffer(data, np.float64).reshape(part.height, part.width)
        shown = np.frombuffer(hidden, np.uint8).reshape(part.height, part.width) != 0
        return shown & (values != 0) & np.isfinite(values)

    def _read_polygons(self, path: str, layer: str) -> None:
        try:
            dataset, found = open_vector(path, layer)
        except InputError as problem:
            message = problem.message.replace("The vector layer", "The mask")
            raise InputError("mask-unreadable", message, "Choose a raster or a polygon layer.") from problem
        change = transformation(crs_of_layer(found), crs_of(self.grid.crs))
        polygons = 0
        boxes = []
        while True:
            feature, fault = next_feature(found)
            if fault:
                message = f"The mask {self.name} cannot be read to its end: {fault}."
                raise InputError("mask-unreadable", message, "It may be damaged: export it again.")
            if feature is None:
                break
            geometry = feature.GetGeometryRef()
            shape = None if geometry is None or geometry.IsEmpty() else usable_shape(geometry)
            if shape is None or ogr.GT_Flatten(shape.GetGeometryType()) in (ogr.wkbPoint, ogr.wkbMultiPoint):
                continue
            polygons += 1
            if change is not None and any(call_gdal(lambda shape=shape: shape.Transform(change))):  # type: ignore[misc]
                continue
            box = shape.GetEnvelope()
            if box_intersects(box, self.grid):
                self._shapes.append(shape)
                boxes.append(box)
        if not polygons:
            raise InputError(
                "mask-geometry", f"The mask {self.name} has no polygons.", "Choose a polygon layer or a raster."
            )
        if not boxes:
            raise self._beside()
        self._boxes = np.array(boxes)

    def _beside(self) -> InputError:
        return InputError(
            "mask-no-overlap",
            f"The mask {self.name} does not overlap the target.",
            "Choose a mask of the same place, and check its CRS.",
        )


def mask_state(path: str, layer: str) -> list[Any]:
    """What tells whether a mask is still the one it was, JSON-ready.

    Of a raster its name, size and time; of polygons a digest of themselves: QGIS hands on copies of layers under other
    names, and touches a GeoPackage by opening it.
    """
    if _raster_of(path, layer) is not None:
        return [path, *(file_state(path) or [])]
    dataset, found = open_vector(path, layer)
    crs = crs_of_layer(found)
    digest = hashlib.sha256((crs.ExportToWkt() if crs is not None else "").encode())
    while (feature := next_feature(found)[0]) is not None:
        geometry = feature.GetGeometryRef()
        digest.update(b"" if geometry is None else bytes(geometry.ExportToIsoWkb()))
    del found, dataset
    return [digest.hexdigest()]


def _raster_of(path: str, layer: str) -> Any:
    """The dataset of a mask that is a raster; None for polygons and for what cannot be opened."""
    raster = None if layer else call_gdal(lambda: gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_READONLY))[0]
    return raster if raster is not None and raster.RasterCount else None


def mask_problems(path: str, layer: str, target_bands: Sequence[StackBand]) -> list[InputError]:
    """What keeps a mask from being used with a target; empty when nothing does or the target is unreadable."""
    if not target_bands:
        return []
    try:
        grid = stack_grid(target_bands)
    except InputError:
        # The target's own problem, told by stack_problems.
        return []
    try:
        Mask(path, layer, grid)
    except InputError as problem:
        return [problem]
    return []
