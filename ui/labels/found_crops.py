"""The crops of labels, counted on a thread, and their text."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from qgis.core import QgsVectorLayer

from ...engine.errors import InputError
from ...engine.imagery.geo.types import StackBand
from ...engine.imagery.labels.label_preview import name_columns, preview_labels
from ...engine.tasks import LabelLayer
from ..common.qt import RED, tr

SHOWN = 12
"""Most crops listed by name."""
LIKELY_FIELDS = ("crop", "label", "class", "culture", "kultur", "lc", "type")
"""Parts of the names of crop fields, the likeliest first."""


@dataclass(frozen=True)
class CropCounts:
    """The crops of the labels."""

    counts: Counter[str]
    """By the name in the data."""
    unit: str = "{count}"
    """Format of a count."""
    columns: tuple[str, ...] = ()
    """Columns of a raster's attribute table that may name its classes."""


def count_raster_classes(labels: LabelLayer, stack: Sequence[StackBand]) -> CropCounts:
    """The classes of a label raster within the stack; raises InputError."""
    columns = name_columns(labels.path)
    try:
        preview = preview_labels(labels, stack)
    except InputError as problem:
        if problem.code != "class-column":
            raise
        # The form must offer the columns before one can be chosen.
        return CropCounts(Counter(), columns=columns)
    unit = tr("{count} px") if preview.complete else tr("about {count} px")
    return CropCounts(preview.counts, unit, columns)


def format_crops(counts: Counter[str], unit: str, minimum: int) -> str:
    """Crops with their counts as rich text; red for fewer than ``minimum``."""
    shown = [
        f"{html.escape(name, quote=False)} ({_marked(count, minimum, unit)})"
        for name, count in counts.most_common(SHOWN)
    ]
    more = len(counts) - SHOWN
    if more > 0:
        shown.append(tr("and {count} more").format(count=more))
    return ", ".join(shown) or tr("none; the field is empty")


def warning(text: str) -> str:
    """A text as rich text in red."""
    return f'<span style="color:{RED}">{html.escape(text, quote=False)}</span>'


def likely_field(layer: QgsVectorLayer) -> str:
    """The field whose name is likeliest for crops; empty for none."""
    names = {field.name().lower(): field.name() for field in layer.fields()}
    for word in LIKELY_FIELDS:
        for lower, name in names.items():
            if word in lower:
                return name
    return ""


def _marked(count: int, minimum: int, unit: str) -> str:
    text = unit.format(count=f"{count:,}" if count >= 10_000 else count)
    return text if count >= minimum else f'<span style="color:{RED}">{text}</span>'
