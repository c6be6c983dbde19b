"""``croptransfer extract``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ...progress import Progress
from ..runs.extraction import run_extraction
from ..specs.extraction import Extraction
from ..specs.limits import SAMPLES_PER_CLASS
from .label_arguments import add_label_options, label_layer
from .stack_arguments import (
    add_bands_from,
    add_encoding_options,
    add_quality_option,
    encoding_of,
    stack_fields,
    stack_of,
)
from .terminal import show, show_outputs


def add_command(commands: Any) -> None:
    """Add the command to a parser; ``commands`` as of :func:`compare.add_command`."""
    command = commands.add_parser("extract", help="draw labelled series from stacks, join them, keep them in a file")
    command.set_defaults(run=_extract)
    add_label_options(command)
    command.add_argument("--source", nargs="+", metavar="RASTER", help="files of the source stack")
    add_quality_option(command)
    add_encoding_options(command, "source")
    add_bands_from(command, "source")
    join = "series files of other regions or years to join with it"
    command.add_argument("--join", nargs="+", default=[], metavar="FILE", help=join)
    command.add_argument("--output", required=True, metavar="FILE", help="the series file (.npz)")
    per_class = "most pixels of a class (default: %(default)s)"
    command.add_argument("--per-class", type=int, default=SAMPLES_PER_CLASS, help=per_class)
    command.add_argument("--seed", type=int, default=0, help="seed of the draw (default: %(default)s)")


def _extract(options: argparse.Namespace, cancelled: Callable[[], bool]) -> None:
    extraction = Extraction(
        output=options.output,
        labels=label_layer(options),
        source=stack_of(options, "source"),
        join=tuple(options.join),
        per_class=options.per_class,
        seed=options.seed,
        keep_spellings=bool(options.keep_spellings),
        encoding=encoding_of(options, "source"),
        **stack_fields(options),
    )
    result = run_extraction(extraction, Progress(show, cancelled))
    summary = result.summary
    for crop in summary["classes"]:
        print(f"{crop['name']:24} {crop['samples']:8,}")
    print(f"{summary['samples']:,} series of {summary['dates']} dates, bands {', '.join(summary['bands'])}")
    show_outputs(result)
