"""Labels of either kind, vector or raster: what is wrong with them before a stack is read."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...errors import InputError
from ..geo.types import StackBand
from .label_layer import LabelLayer, layer_problems
from .label_raster import is_label_raster, raster_problems


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
