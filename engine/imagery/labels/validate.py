"""Labels of either kind, vector or raster: what is wrong with them before a stack is read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from osgeo import ogr

from ...errors import InputError
from ...series import MINIMUM_SAMPLES, few_samples
from ..geo.gdal_io import file_name
from ..geo.grid import extent_intersects
from ..geo.types import StackBand
from ..stack.tiling import stack_grid
from .label_layer import LabelLayer, LabelReader, no_overlap_error, sorted_classes
from .label_raster import is_label_raster, raster_problems

QUICK_FEATURES = 100_000
"""Features that the quick check reads."""


def label_problems(labels: LabelLayer, source_bands: Sequence[StackBand], min_classes: int = 2) -> list[InputError]:
    """Find what makes labels unusable with a source stack; reads no pixel of the stack.

    Parameters
    ----------
    labels : LabelLayer
    source_bands : sequence of StackBand
        Empty to check the labels alone.
    min_classes : int, optional (default=2)
        Number of classes needed: 1 where the labels are one part of several.
    """
    problems = setting_problems(labels)
    if problems:
        return problems
    if is_label_raster(labels):
        return raster_problems(labels, source_bands)
    return layer_problems(labels, source_bands, min_classes)


def setting_problems(labels: LabelLayer) -> list[InputError]:
    """What is wrong with the numbers given with the labels.

    Parameters
    ----------
    labels : LabelLayer
    """
    if not (math.isfinite(labels.inner_buffer) and labels.inner_buffer >= 0):
        message = f"The inner buffer of the labels is {labels.inner_buffer:g} m."
        return [InputError("inner-buffer", message, "Give a distance in metres, 0 for none.")]
    if labels.per_polygon < 0:
        message = f"The maximum number of pixels per polygon is {labels.per_polygon}."
        return [InputError("per-polygon", message, "Give a number of pixels, 0 for no limit.")]
    return []


def layer_problems(labels: LabelLayer, source_bands: Sequence[StackBand], min_classes: int = 2) -> list[InputError]:
    """Find what makes a vector layer unusable with a source stack; reads no pixel of the stack.

    Parameters
    ----------
    labels : LabelLayer
    source_bands : sequence of StackBand
        Empty to check the layer alone.
    min_classes : int, optional
        Number of classes needed.
    """
    try:
        reader = LabelReader(labels)
        counts = reader.counts(QUICK_FEATURES)
        if counts.complete:
            mapped = reader.require_classes(counts, min_classes)
            problem = _few_points(reader, mapped) if min_classes > 1 else None
            if problem:
                return [problem]
        extent = reader.extent() if source_bands else None
        if extent is not None and not extent_intersects(extent, reader.crs, stack_grid(source_bands)):
            grid = stack_grid(source_bands)
            return [no_overlap_error(reader.name, file_name(source_bands[0].path), extent, reader.crs, grid)]
    except InputError as problem:
        return [problem]
    return []


def _few_points(reader: LabelReader, counts: Counter[str]) -> InputError | None:
    # A polygon may hold many pixels, a point only one.
    if ogr.GT_Flatten(reader.layer.GetGeomType()) != ogr.wkbPoint:
        return None
    few = [name for name in sorted_classes(counts) if counts[name] < MINIMUM_SAMPLES]
    return few_samples(few[0], counts[few[0]], f"the layer {reader.name}", "points") if few else None
