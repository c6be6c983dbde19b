"""``croptransfer compare``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from ...errors import Cancelled, InputError
from ...methods import METHODS
from ...progress import Event, Progress
from ..protocol import EXIT_DONE, EXIT_FAULT
from ..runs.comparison import run_comparison
from ..specs.comparison import Comparison
from .method_arguments import add_method_options, method_options
from .terminal import show, show_outputs

SAME = ("output", "source", "target", "splits", "csv", "report", "workers")
"""Options that become fields of a comparison as they are."""


def add_command(commands: Any) -> None:
    """Add the command to the subcommands of a parser.

    Parameters
    ----------
    commands : argparse subparsers
    """
    command = commands.add_parser("compare", help="score methods on a target whose labels are known")
    command.set_defaults(run=_compare)
    command.add_argument("--source", metavar="FILE", help="series file of the source")
    command.add_argument("--target", metavar="FILE", help="series file of the target; its labels only score")
    command.add_argument("--splits", metavar="FILE", help="splits file that names the parts of series files")
    command.add_argument("--split", nargs="+", metavar="NAME", help="transfers of the splits file")
    known = f"comma-separated, or all (default: %(default)s); known are {', '.join(METHODS)}"
    command.add_argument("--methods", default="source_only,ghca", metavar="NAMES", help=known)
    command.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0 (default: %(default)s)")
    oracle = "method that is cross-validated by block inside the target, or none (default: %(default)s)"
    command.add_argument("--oracle", default="rf", metavar="NAME", help=oracle)
    command.add_argument("--workers", type=int, default=0, help="runs at the same time (default: one a core)")
    add_method_options(command)
    command.add_argument("--output", required=True, metavar="FILE", help="results (.json)")
    command.add_argument("--csv", metavar="FILE", help="table of the runs (default: beside the results)")
    command.add_argument("--report", metavar="FILE", help="page with pictures (default: beside the results)")


def _compare(options: argparse.Namespace, cancelled: Callable[[], bool]) -> int:
    if options.seeds < 1:
        raise InputError("seeds", f"--seeds is {options.seeds}.", "Give the number of runs, at least 1.")
    methods = list(METHODS) if options.methods == "all" else [name.strip() for name in options.methods.split(",")]
    comparison = Comparison(
        transfers=tuple(options.split or ()),
        methods=tuple(methods),
        seeds=tuple(range(options.seeds)),
        oracle="" if options.oracle == "none" else options.oracle,
        options=method_options(options.option),
        **{name: getattr(options, name) for name in SAME},
    )
    try:
        result = run_comparison(comparison, Progress(_show_run, cancelled))
    except (Cancelled, KeyboardInterrupt):
        print("croptransfer: the finished runs are kept, the same command continues from them", file=sys.stderr)
        raise
    for sentence in result.summary["reading"]:
        print(sentence)
    show_outputs(result)
    for failure in result.summary["failed"]:
        print(f"croptransfer: {failure}", file=sys.stderr)
    return EXIT_FAULT if result.summary["failed"] else EXIT_DONE


def _show_run(event: Event) -> None:
    """One line a finished run, instead of a line a stage."""
    if event["event"] == "metric":
        run = event["value"]
        scores = "no figures" if run["oa"] is None else f"OA {run['oa']:.3f}, macro-F1 {run['macro_f1']:.3f}"
        seconds = "" if run["fit_seconds"] is None else f", fitted in {run['fit_seconds']:.0f} s"
        event = {"event": "stage", "name": f"{run['transfer']} {run['method']} seed {run['seed']}: {scores}{seconds}"}
    elif event["event"] == "stage":
        return
    show(event)
