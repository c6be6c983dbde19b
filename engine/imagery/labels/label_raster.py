"""Rasters as labels, such as a national crop map: the class of each pixel of a stack, read window by window."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from osgeo import gdal

from ...errors import InputError
from ..geo.crs import crs_of
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, open_raster
from ..geo.geodesy import pixel_metres
from ..geo.grid import grid_of, overlaps, same_grid
from ..geo.placement import grid_extent
from ..geo.resample import Resampler
from ..geo.types import Grid, StackBand, Window
from ..geo.windows import read_valid
from ..stack.tiling import stack_grid
from .class_names import class_names
from .class_table import ClassRules, mapped_class, require_known
from .label_layer import MAX_CLASSES, LabelLayer, no_overlap_error
from .table import is_table

SMALL_TYPES, SMALLEST_TOO_LARGE = (gdal.GDT_Byte, gdal.GDT_UInt16), 65536
WHOLE_TYPES = (gdal.GDT_Byte, gdal.GDT_UInt16, gdal.GDT_Int16, gdal.GDT_UInt32, gdal.GDT_Int32)
STRETCH = 1.002
"""A pixel of 10 m is so much longer or shorter on the ground: three of them are within 30 m all the same."""
FINER = 2.0
"""How many times finer a label raster is than the stack before a warning explains what that means."""


def is_label_raster(labels: LabelLayer) -> bool:
    """Whether the labels are a raster: GDAL reads it as one, and as no layer.

    Parameters
    ----------
    labels : LabelLayer
    """
    # GDAL takes some tables of coordinates for rasters.
    if labels.layer or is_table(labels.path):
        return False
    vector, _ = call_gdal(lambda: gdal.OpenEx(labels.path, gdal.OF_VECTOR))
    if vector is not None and vector.GetLayerCount():
        return False
    raster, _ = call_gdal(lambda: gdal.OpenEx(labels.path, gdal.OF_RASTER))
    return raster is not None and bool(raster.RasterCount or raster.GetSubDatasets())


class LabelRaster:
    """A classified raster as labels on the grid of a stack; each pixel of the stack takes the nearest value.

    Value 0 and nodata are no class, unless the class table names them.

    Parameters
    ----------
    labels : LabelLayer
    grid : Grid
        Of the stack.
    stack_name : str
        For messages.

    Attributes
    ----------
    classes : tuple of str
        Names found so far, in the order of their index; all of them once every window was read.
    warnings : list of str
        Sentences about what was decided for the user.

    Raises
    ------
    InputError
        ``raster-unreadable``, ``label-raster``, ``field-missing``, ``class-column``, ``class-unknown``,
        ``bad-filter`` or ``no-overlap``, naming the file.
    """

    def __init__(self, labels: LabelLayer, grid: Grid, stack_name: str) -> None:
        self.labels = labels
        self.name = file_name(labels.path)
        self._dataset = open_raster(labels.path)
        if self._dataset.RasterCount > 1:
            message = f"The label raster {self.name} has {self._dataset.RasterCount} bands, labels are one band."
            hint = f"Name the band with the classes like vrt://{labels.path}?bands=1, or save it as a file of its own."
            raise InputError("label-raster", message, hint)
        if labels.where:
            hint = "Leave classes out by the class table instead."
            raise InputError("bad-filter", f"The label raster {self.name} has no features to filter.", hint)
        self._band = self._dataset.GetRasterBand(1)
        self.grid, self.own = grid, grid_of(self._dataset, labels.path)
        found = class_names(self._band, labels.path, labels.field)
        self.names, self.warnings = found.names, list(found.warnings)
        if self.names:
            known = [*self.names.values(), *self._unnamed_in_table()]
            require_known(labels.classes, known, f"the label raster {self.name}")
        if not self.own.crs and grid.crs:
            self.warnings.append(f"The label raster {self.name} has no CRS: that of the stack {stack_name} is used.")
        if not overlaps(grid, self.own):
            raise no_overlap_error(self.name, stack_name, grid_extent(self.own), crs_of(self.own.crs), grid)
        self._rules = ClassRules(labels.classes, dict.fromkeys(self.names.values(), 0), labels.keep_spellings)
        self.warnings += self._rules.warnings(f"the label raster {self.name}")
        self._resampler = None if same_grid(grid, self.own) else Resampler(grid, self.own)
        self._index: dict[int, int] = {}
        self._kept: dict[str, int] = {}
        self._numbered: set[int] = set()
        self._warn_if_finer(stack_name)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that are kept."""
        return tuple(self._kept)

    @property
    def without_name(self) -> list[int]:
        """Values found that have no name though others have."""
        return sorted(self._numbered)

    def tile_side(self, largest: int, pixels: int) -> int:
        """Side of squares of the stack in pixels that take a certain number of pixels of the raster.

        Parameters
        ----------
        largest : int
            Maximum side.
        pixels : int
            Pixels of the raster, about.
        """
        stack, raster = self._sides()
        return max(1, min(largest, int(math.sqrt(pixels) / max(stack / raster, 1e-6))))

    def read(self, window: Window) -> np.ndarray:
        """Read the classes of a window; pixels within the inner buffer of another class have none.

        Parameters
        ----------
        window : Window
            On the grid of the stack.

        Returns
        -------
        ndarray of int32, shape (h, w)
            Index into ``classes``; -1 for none.
        """
        if self._resampler is None:
            return self._pure(window)
        located = self._resampler.locate(window)
        if located is None:
            return np.full(window.shape, -1, np.int32)
        # Resampling gives 0 where there is nothing.
        return self._resampler.nearest(self._pure(located.part) + 1, *located) - 1

    def _pure(self, part: Window) -> np.ndarray:
        """(h, w) int32 classes of a window of the raster itself, -1 near other classes."""
        if not self.labels.inner_buffer:
            return self._classes_of(part)
        distance = self.labels.inner_buffer * STRETCH
        across, down = pixel_metres(self.own, part, self.own.crs or self.grid.crs)
        margin_x, margin_y = math.floor(distance / across), math.floor(distance / down)
        left, top = max(part.column - margin_x, 0), max(part.row - margin_y, 0)
        right = min(part.column + part.width + margin_x, self.own.width)
        bottom = min(part.row + part.height + margin_y, self.own.height)
        found = self._classes_of(Window(left, top, right - left, bottom - top))
        kept = np.where(inside_classes(found, distance / across, distance / down), found, np.int32(-1))
        return kept[part.row - top :, part.column - left :][: part.height, : part.width]

    def _classes_of(self, part: Window) -> np.ndarray:
        values, fault = read_valid(self._band, part)
        if values is None:
            message = f"The label raster {self.name} cannot be read: {fault}."
            raise InputError("raster-unreadable", message, "It may be damaged.")
        values = np.where(np.isfinite(values), values, 0)
        if self._band.DataType in SMALL_TYPES:
            # Looked up rather than sorted: several times as fast.
            small = values.astype(np.int32)
            table = np.full(SMALLEST_TOO_LARGE, -1, np.int32)
            for value in np.flatnonzero(np.bincount(small.ravel())):
                table[value] = self._class_index(int(value))
            return table[small]
        found, position = np.unique(values, return_inverse=True)
        if self._band.DataType not in WHOLE_TYPES and (found != np.rint(found)).any():
            broken = found[found != np.rint(found)][0]
            message = f"The label raster {self.name} holds {broken:g}, which is no class."
            hint = "Choose a raster of whole numbers, or a point or polygon layer."
            raise InputError("label-raster", message, hint)
        index = np.array([self._class_index(int(value)) for value in found], np.int32)
        return index[position.reshape(values.shape)]

    def _class_index(self, value: int) -> int:
        """Index of the class that a value becomes, -1 for none; a new class gets the next one."""
        if value in self._index:
            return self._index[value]
        name = self.names.get(value, str(value))
        listed = name in self.labels.classes
        wanted = self._rules.of(name) if value in self.names else mapped_class(name, self.labels.classes)
        if value == 0 and not listed:
            wanted = ""
        elif wanted and value not in self.names and self.names and not listed:
            self._numbered.add(value)
        index = self._kept.setdefault(wanted, len(self._kept)) if wanted else -1
        if len(self._kept) > MAX_CLASSES:
            message = f"The label raster {self.name} has more than {MAX_CLASSES} classes, as many as a map holds."
            raise InputError("many-classes", message, "Merge classes by a class table, or leave some out.")
        self._index[value] = index
        return index

    def _unnamed_in_table(self) -> list[str]:
        """Numbers in the class table: values without a name in the attribute table may occur all the same."""
        return [name for name in self.labels.classes if name.lstrip("-").isdigit() and int(name) not in self.names]

    def _warn_if_finer(self, stack_name: str) -> None:
        stack, raster = self._sides()
        if stack > FINER * raster and not self.labels.inner_buffer:
            self.warnings.append(
                f"The label raster {self.name} has pixels of {raster:.0f} m, the stack {stack_name} of {stack:.0f} m: "
                "each takes the class in its middle. An inner buffer leaves out those that hold several."
            )

    def _sides(self) -> tuple[float, float]:
        """Metres of a pixel's side in the middle of the stack and of the raster."""
        crs = self.own.crs or self.grid.crs
        middles = [(grid, Window(grid.width // 2, grid.height // 2, 1, 1)) for grid in (self.grid, self.own)]
        stack, raster = (math.sqrt(math.prod(pixel_metres(grid, window, grid.crs or crs))) for grid, window in middles)
        return stack, raster


def inside_classes(classes: np.ndarray, across: float, down: float) -> np.ndarray:
    """Find pixels around which all pixels within an ellipse have their class; beyond the edge nothing counts.

    Parameters
    ----------
    classes : ndarray of int32, shape (h, w)
    across, down : float
        Half axes of the ellipse in columns and rows.

    Returns
    -------
    ndarray of bool, shape (h, w)
    """
    height, width = classes.shape
    column = np.broadcast_to(np.arange(width), classes.shape)
    differs = classes[:, 1:] != classes[:, :-1]
    first, end = np.zeros(classes.shape, int), np.full(classes.shape, width)
    first[:, 1:], end[:, :-1] = np.where(differs, column[:, 1:], 0), np.where(differs, column[:, 1:], width)
    first = np.maximum.accumulate(first, axis=1)
    end = np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1]
    # Pixels of the same class on both sides in the row; endless at the edges.
    run = np.minimum(np.where(first > 0, column - first, width), np.where(end < width, end - 1 - column, width))
    same = np.ones(classes.shape, bool)
    rows = min(int(down + 1e-9), height - 1)
    for step in range(-rows, rows + 1):
        half = int(across * math.sqrt(max(0.0, 1 - (step / down) ** 2)) + 1e-9) if step else int(across + 1e-9)
        here, there = slice(max(0, -step), height - max(0, step)), slice(max(0, step), height - max(0, -step))
        same[here] &= (classes[here] == classes[there]) & (run[there] >= half)
    return same


def raster_problems(labels: LabelLayer, source_bands: Sequence[StackBand]) -> list[InputError]:
    """Find what makes a label raster unusable with a source stack; reads no pixel of either.

    Parameters
    ----------
    labels : LabelLayer
    source_bands : sequence of StackBand
        Empty to check the labels alone.
    """
    try:
        open_label_raster(labels, source_bands)
    except InputError as problem:
        return [problem]
    return []


def open_label_raster(labels: LabelLayer, source_bands: Sequence[StackBand]) -> LabelRaster:
    """A label raster on the grid of a stack; without one, on its own.

    Parameters
    ----------
    labels : LabelLayer
    source_bands : sequence of StackBand
        Of the stack; may be empty.
    """
    path = source_bands[0].path if source_bands else labels.path
    grid = stack_grid(source_bands) if source_bands else grid_of(open_raster(path), path)
    return LabelRaster(labels, grid, file_name(path))
