"""Options of the commands that read labels, and the label layer they describe."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ...errors import InputError
from ...imagery import LabelLayer
from ...imagery.geo.layer_source import split_layer
from ...imagery.labels.class_table import read_class_table
from ...imagery.labels.label_raster import is_label_raster


def add_label_options(command: argparse.ArgumentParser) -> None:
    """Add ``--labels`` and what goes with it.

    Parameters
    ----------
    command : argparse.ArgumentParser
    """
    labels = "points or polygons (FILE or 'FILE|layername=NAME'), or a raster of classes"
    command.add_argument("--labels", metavar="LAYER", help=labels)
    field = "field of the labels that holds the crop; of a raster, the column of its attribute table with the names"
    command.add_argument("--class-field", metavar="FIELD", help=field)
    command.add_argument("--where", metavar="SQL", help="use only these features of the labels")
    buffer = "leave out pixels this close to the border of a polygon, or of a class in a raster"
    command.add_argument("--inner-buffer", type=float, metavar="METRES", help=buffer)
    command.add_argument("--per-polygon", type=int, metavar="N", help="take at most this many pixels of a polygon")
    table = "rename and merge classes, or leave them out (NAME=), all others by *=; or a CSV file with two columns"
    command.add_argument("--class-table", nargs="+", default=[], metavar="NAME=NEW", help=table)
    spellings = "keep spellings of one class (Maize, maize) as classes of their own"
    command.add_argument("--keep-spellings", action="store_true", default=None, help=spellings)


def label_layer(options: argparse.Namespace, known: LabelLayer | None = None) -> LabelLayer | None:
    """The labels that the options describe.

    Parameters
    ----------
    options : argparse.Namespace
    known : LabelLayer, optional
        Labels of a job file, which the options change.

    Returns
    -------
    LabelLayer or None
        None where there are neither.

    Raises
    ------
    InputError
        ``class-field``, ``class-table``, ``vector-unreadable`` for a class table in a file, ``no-labels`` for
        options of labels without any.
    """
    labels = known
    if options.labels:
        labels = LabelLayer(*split_layer(options.labels), options.class_field or "", options.where or "")
        if not labels.field and not is_label_raster(labels):
            raise InputError("class-field", "--labels needs --class-field.", "Name the field that holds the crop.")
    given = {name: getattr(options, name) for name in ("inner_buffer", "per_polygon", "keep_spellings")}
    changes = {name: value for name, value in given.items() if value is not None}
    if labels is None and getattr(options, "join", None):
        changes.pop("keep_spellings", None)
    if options.class_table:
        changes["classes"] = read_class_table(options.class_table)
    if changes and labels is None:
        option = next(iter(changes)).replace("classes", "class_table").replace("_", "-")
        raise InputError("no-labels", f"--{option} needs --labels.", "Name the layer or raster that holds the crops.")
    return replace(labels, **changes) if labels else None
