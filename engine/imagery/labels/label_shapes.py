"""The points and polygons of a label layer in the coordinates of a stack."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...errors import InputError, listed
from ..geo.crs import crs_of, transformation
from ..geo.grid import box_intersects
from ..geo.rasterize import single_parts, transform_shape, usable_shape
from ..geo.shapes import Shapes
from ..geo.types import Grid
from .inner_buffer import buffer_inward
from .label_layer import LabelLayer, LabelReader, no_overlap_error, sorted_classes


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


def read_shapes(labels: LabelLayer, grid: Grid, stack_name: str, min_classes: int = 2) -> LabelledShapes:
    """The features of a label layer on a grid, reprojected to its CRS, made valid, less their borders.

    Parameters
    ----------
    labels : LabelLayer
    grid : Grid
        Of the stack.
    stack_name : str
        For messages.
    min_classes : int, optional
        Number of classes that the layer must have.

    Raises
    ------
    InputError
        As :func:`.label_layer.layer_problems` finds them, and ``no-overlap`` and ``inner-buffer``.
    """
    reader = LabelReader(labels)
    counts = reader.counts()
    mapped = reader.require_classes(counts, min_classes)
    classes = sorted_classes(mapped)
    warnings = list(reader.warnings)
    if reader.crs is None:
        warnings.append(f"The layer {reader.name} has no CRS: that of the stack {stack_name} is used.")
    change = transformation(reader.crs, crs_of(grid.crs))
    index = {name: number for number, name in enumerate(classes)}
    shapes, class_of, lines, near = Shapes(), [], 0, 0
    reader.restrict_to(grid)
    for name, geometry in reader.features():
        near += 1
        shape = usable_shape(geometry)
        if shape is None:
            lines += 1
        elif transform_shape(shape, change):
            # Single parts: a crop dissolved into one feature still has as many fields as it has parts.
            for part in single_parts(shape):
                if box_intersects(part.GetEnvelope(), grid):
                    shapes.append(part)
                    class_of.append(index[name])
    for count, what in (
        (counts.missing, f"'{labels.field}'"),
        (lines, "a point or polygon"),
        (reader.without_geometry, "a geometry"),
    ):
        if count:
            features = "1 feature" if count == 1 else f"{count:,} features"
            warnings.append(f"Left out of the layer {reader.name}: {features} without {what}.")
    if not len(shapes):
        without = lines == near > 0 or reader.without_geometry == sum(mapped.values())
        raise reader.no_geometry() if without else no_overlap_error(reader.name, stack_name)
    found = LabelledShapes(shapes, class_of, classes, tuple(warnings))
    return _without_borders(found, labels.inner_buffer, reader.name, grid) if labels.inner_buffer else found


def _without_borders(found: LabelledShapes, distance: float, layer: str, grid: Grid) -> LabelledShapes:
    """The shapes less what is within ``distance`` metres of a polygon's border."""
    inner = buffer_inward(list(found.shapes), distance, grid)
    left = [number for number, shape in enumerate(inner) if shape is not None]
    nothing = f"an inner buffer of {distance:g} m leaves nothing"
    if not left:
        message = f"A{nothing[1:]} of the polygons of the layer {layer}."
        hint = "Give a smaller one: the narrowest field must be more than twice as wide."
        raise InputError("inner-buffer", message, hint)
    warnings = list(found.warnings)
    gone = len(inner) - len(left)
    if gone:
        polygons = "1 polygon is" if gone == 1 else f"{gone:,} polygons are"
        warnings.append(f"{polygons} left out of the layer {layer}: {nothing}.")
    class_of = [found.class_of[number] for number in left]
    return LabelledShapes(Shapes(inner[number] for number in left), class_of, found.classes, tuple(warnings))


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
