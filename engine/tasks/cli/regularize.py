"""``croptransfer regularize``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ...imagery import describe
from ...imagery.sensors.spectral_indices import INDICES
from ...imagery.stack.writer import DATA_TYPES, INT16
from ...progress import Progress
from ...series.composites import METHODS
from ...series.periods import MONTH
from ...series.regular import ENDS, FILLS
from ..runs.regularization import run_regularization
from ..specs.quality_text import read_quality
from ..specs.regularization import AUTO, Regularization
from .stack_arguments import add_quality_option, comma_separated
from .terminal import show


def add_command(commands: Any) -> None:
    """Add ``croptransfer regularize`` to the subcommands of a parser."""
    command = commands.add_parser("regularize", help="write a stack as regular composites, gaps filled if wished")
    command.set_defaults(run=_regularize)
    command.add_argument("--stack", nargs="+", required=True, metavar="RASTER", help="files of the stack")
    command.add_argument("--output", required=True, metavar="FILE", help="the regular stack (.tif)")
    command.add_argument("--period", default="10", help=f"days of a period, or {MONTH} (default: %(default)s)")
    command.add_argument("--start", default="", metavar="YYYY-MM-DD", help="first date of the season")
    command.add_argument("--end", default="", metavar="YYYY-MM-DD", help="last date of the season")
    command.add_argument(
        "--method", choices=list(METHODS), default="median", help="how a period's observations become one"
    )
    command.add_argument(
        "--by", default="", metavar="NAME", help="band or index whose maximum --method max takes (default: NDVI)"
    )
    command.add_argument("--fill", choices=list(FILLS), default="none", help="how gaps are filled")
    command.add_argument(
        "--smoothness", type=float, metavar="LAMBDA", help="of --fill whittaker (default: keeps swings of two months)"
    )
    command.add_argument(
        "--ends", choices=list(ENDS), default="gap", help="what stands before the first and after the last observation"
    )
    command.add_argument(
        "--bands", type=comma_separated, default=(), metavar="NAMES", help="write these bands alone, such as B04,B08"
    )
    command.add_argument(
        "--indices",
        type=comma_separated,
        default=(),
        metavar="NAMES",
        help=f"write these besides; there are {', '.join(INDICES)}",
    )
    add_quality_option(command)
    command.add_argument(
        "--data-type",
        choices=[AUTO, *DATA_TYPES],
        default=AUTO,
        help=f"{INT16} holds values times 10000 (default: it, unless they do not fit)",
    )


def _regularize(options: argparse.Namespace, cancelled: Callable[[], bool]) -> None:
    names = ("output", "period", "start", "end", "method", "by", "fill", "smoothness", "ends", "bands", "indices")
    task = Regularization(
        stack=describe(options.stack),
        quality=read_quality(options.quality) if options.quality else None,
        data_type=options.data_type,
        **{name: getattr(options, name) for name in names},
    )
    result = run_regularization(task, Progress(show, cancelled))
    summary = result.summary
    dates = summary["dates"]
    print(f"{len(dates)} dates, {dates[0]} to {dates[-1]}, bands {', '.join(summary['bands'])}")
    print(f"observed {summary['observed']:.1%}, filled {summary['filled']:.1%}, gaps {summary['gaps']:.1%}")
    for role, path in result.outputs.items():
        print(f"{role}: {path}")
