"""``croptransfer regularize``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ...imagery.stack.writer import DATA_TYPES, INT16
from ...progress import Progress
from ...series.composites import METHODS
from ...series.periods import MONTH
from ...series.regular import ENDS, FILLS
from ..runs.regularization import run_regularization
from ..specs.regularization import AUTO, Regularization
from .stack_arguments import (
    add_band_options,
    add_bands_from,
    add_encoding_options,
    add_quality_option,
    encoding_of,
    stack_fields,
    stack_of,
)
from .terminal import show, show_outputs

SAME = ("output", "period", "start", "end", "method", "by", "fill", "smoothness", "ends", "data_type")
"""Options that become fields of a regularization as they are."""


def add_command(commands: Any) -> None:
    """Add the command to a parser; ``commands`` as of :func:`compare.add_command`."""
    command = commands.add_parser("regularize", help="write a stack as regular composites, with gaps filled on request")
    command.set_defaults(run=_regularize)
    command.add_argument("--stack", nargs="+", metavar="RASTER", help="files of the stack")
    command.add_argument("--output", required=True, metavar="FILE", help="the regular stack (.tif)")
    command.add_argument("--period", default="10", help=f"days of a period, or {MONTH} (default: %(default)s)")
    command.add_argument("--start", default="", metavar="YYYY-MM-DD", help="first date of the season")
    command.add_argument("--end", default="", metavar="YYYY-MM-DD", help="last date of the season")
    command.add_argument("--method", choices=METHODS, default="median", help="how observations of a period become one")
    command.add_argument("--by", default="", metavar="NAME", help="band or index for --method max (default: NDVI)")
    command.add_argument("--fill", choices=FILLS, default="none", help="how gaps are filled")
    smoothness = "of --fill whittaker (default: keeps swings of two months)"
    command.add_argument("--smoothness", type=float, metavar="LAMBDA", help=smoothness)
    command.add_argument("--ends", choices=ENDS, default="gap", help="value before the first and after the last date")
    add_band_options(command, "write")
    add_quality_option(command)
    add_encoding_options(command)
    add_bands_from(command)
    data_type = f"{INT16} holds values times 10000 (default: it, unless they do not fit)"
    command.add_argument("--data-type", choices=[AUTO, *DATA_TYPES], default=AUTO, help=data_type)


def _regularize(options: argparse.Namespace, cancelled: Callable[[], bool]) -> None:
    plain = {name: getattr(options, name) for name in SAME}
    task = Regularization(
        stack=stack_of(options, "stack"), encoding=encoding_of(options), **plain, **stack_fields(options)
    )
    result = run_regularization(task, Progress(show, cancelled))
    summary = result.summary
    dates = summary["dates"]
    print(f"{len(dates)} dates, {dates[0]} to {dates[-1]}, bands {', '.join(summary['bands'])}")
    print(f"observed {summary['observed']:.1%}, filled {summary['filled']:.1%}, gaps {summary['gaps']:.1%}")
    show_outputs(result)
