"""The points and polygons of a label layer in the coordinates of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import InputError, listed
from ..geo.grid import box_intersects
from ..geo.placement import Placement
from ..geo.rasterize import single_parts, usable_shape
from ..geo.shapes import Shapes
from ..geo.types import Grid
from .inner_buffer import buffer_inward
from .label_layer import LabelLayer, LabelReader, no_overlap_error, sorted_classes
from .lost_labels import BUFFERED, NO_CLASS, NO_GEOMETRY, NO_SHAPE, OUTSIDE, LostLabels


@dataclass(frozen=True)
class LabelledShapes:
    """The features of a label layer, in the coordinates of a stack."""

    shapes: Shapes
    """Points and polygons."""
    class_of: list[int]
    """Index into ``classes`` of each shape."""
    classes: tuple[str, ...]
    """Class names: integers by their value, texts by name."""
    warnings: tuple[str, ...]
    """Sentences about what was decided for the user."""
    lost: LostLabels
    """Labels that are left out, by reason."""


def read_shapes(
    labels: LabelLayer, grid: Grid, dates: Sequence[str], stack_name: str, min_classes: int = 2
) -> LabelledShapes:
    """The features of a label layer on a grid, reprojected to its CRS, made valid, less their borders.

    Parameters
    ----------
    labels : LabelLayer
    grid : Grid
        Of the stack.
    dates : sequence of str
        ISO dates of the stack: labels of another year are left out.
    stack_name : str
        For messages.
    min_classes : int, optional
        Number of classes that the layer must have.

    Raises
    ------
    InputError
        As :func:`.validate.layer_problems` finds them, and ``no-overlap`` and ``inner-buffer``.
    """
    reader = LabelReader(labels)
    counts = reader.counts()
    mapped = reader.require_classes(counts, min_classes)
    classes = sorted_classes(mapped)
    years = reader.require_years(dates)
    warnings = list(reader.warnings)
    if reader.crs is None:
        warnings.append(f"The layer {reader.name} has no CRS: that of the stack {stack_name} is used.")
    placement = Placement(reader.crs, grid)
    index = {name: number for number, name in enumerate(classes)}
    shapes, class_of, lines, near, beside = Shapes(), [], 0, 0, 0
    reader.restrict_to(grid)
    for name, geometry in reader.features():
        near += 1
        shape = usable_shape(geometry)
        if shape is None:
            lines += 1
        else:
            # Single parts: a crop dissolved into one feature still has as many fields as it has parts.
            parts = single_parts(shape) if placement.place(shape) else []
            inside = [part for part in parts if box_intersects(part.GetEnvelope(), grid)]
            beside += not inside
            for part in inside:
                shapes.append(part)
                class_of.append(index[name])
    features = sum(mapped.values())
    if not len(shapes):
        if lines == near > 0 or reader.without_geometry == features:
            raise reader.no_geometry()
        if years and reader.other_year:
            message = f"All {reader.other_year:,} labels of {reader.name} on the stack {stack_name} are {years.reason}."
            raise InputError("no-overlap", message, f"Use labels of its year, or {years.hint}.")
        raise no_overlap_error(reader.name, stack_name, reader.extent(), reader.crs, grid)
    lost = LostLabels()
    lost[NO_CLASS.format(field=labels.field)] = counts.missing
    lost[NO_SHAPE] = lines
    lost[NO_GEOMETRY] = reader.without_geometry
    lost[OUTSIDE] = beside + max(0, features - reader.without_geometry - near - reader.other_year)
    if years and reader.other_year:
        lost[years.reason] = reader.other_year
    found = LabelledShapes(shapes, class_of, classes, tuple(warnings), lost)
    return _without_borders(found, labels.inner_buffer, reader.name, grid) if labels.inner_buffer else found


def _without_borders(found: LabelledShapes, distance: float, layer: str, grid: Grid) -> LabelledShapes:
    """The shapes less what is within ``distance`` metres of a polygon's border."""
    inner = buffer_inward(list(found.shapes), distance, grid)
    left = [number for number, shape in enumerate(inner) if shape is not None]
    if not left:
        message = f"An inner buffer of {distance:g} m leaves nothing of the polygons of the layer {layer}."
        hint = "Give a smaller one: the narrowest field must be more than twice as wide."
        raise InputError("inner-buffer", message, hint)
    found.lost[BUFFERED.format(distance=distance)] = len(inner) - len(left)
    return replace(
        found, shapes=Shapes(inner[number] for number in left), class_of=[found.class_of[number] for number in left]
    )


def keep_present_classes(shapes: LabelledShapes, layer: str, stack_name: str, min_classes: int) -> LabelledShapes:
    """Leave out classes without a feature on the stack, as when a country's layer meets one scene.

    Parameters
    ----------
    shapes : LabelledShapes
    layer, stack_name : str
        For messages.
    min_classes : int
        Number of classes needed.

    Raises
    ------
    InputError
        ``one-class``.
    """
    here = sorted(set(shapes.class_of))
    if len(here) < min_classes:
        message = f"On the stack {stack_name} the layer {layer} has the single class '{shapes.classes[here[0]]}'."
        raise InputError("one-class", message, "A map needs at least two classes.")
    absent = [name for index, name in enumerate(shapes.classes) if index not in here]
    if not absent:
        return shapes
    warning = f"Classes of the layer {layer} without a feature on the stack are left out: {listed(absent)}."
    position = {old: new for new, old in enumerate(here)}
    return replace(
        shapes,
        class_of=[position[index] for index in shapes.class_of],
        classes=tuple(shapes.classes[index] for index in here),
        warnings=(*shapes.warnings, warning),
    )
