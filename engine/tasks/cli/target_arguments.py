"""Options of the commands that map: one target or many of a list, and who does the tiles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from ...errors import InputError
from ..protocol import EXIT_DONE, EXIT_FAULT
from ..runs.many_targets import BESIDE_MAP, read_targets, run_targets
from ..specs.job import Job


def add_beside(command: argparse.ArgumentParser, option: str, what: str) -> None:
    """Add an output that takes a file name for one target, and none for many."""
    text = f"write the {what}; with --targets no name is given, and it lies beside each map"
    command.add_argument(option, nargs="?", const="", metavar="FILE", help=text)


def add_cluster_options(command: argparse.ArgumentParser) -> None:
    """Add ``--targets`` with ``--output-folder``, ``--dask``, ``--workers`` and ``--cog``."""
    command.add_argument("--targets", metavar="LIST", help="file with one target a line, each mapped for itself")
    command.add_argument("--output-folder", metavar="FOLDER", help="where the maps of --targets are written, NAME.tif")
    command.add_argument("--dask", metavar="ADDRESS", help="map the tiles by the workers of this Dask scheduler")
    command.add_argument("--workers", type=int, metavar="N", help="map the tiles by N processes on this machine")
    command.add_argument("--cog", action="store_true", default=None, help="write Cloud Optimized GeoTIFFs")


def require_target(options: argparse.Namespace, command: str) -> None:
    """Raise InputError (``job``) where neither one target nor a list is given."""
    if not (options.target and options.output or options.targets):
        message = f"{command} needs --target and --output, or --targets and --output-folder"
        hint = f"See croptransfer {command} --help."
        raise InputError("job", message + (", or --job." if command == "map" else "."), hint)


def run_all(job: Job, options: argparse.Namespace, run_one: Callable[[Job], None]) -> int:
    """Run the job, or one like it for each target of a list; returns the exit code."""
    if not options.targets:
        for role in BESIDE_MAP:
            if getattr(job, role) == "":
                raise InputError("command", f"--{role} has no file name.", "Only with --targets none is given.")
        run_one(job)
        return EXIT_DONE
    if options.target or options.output or not options.output_folder:
        hint = "Give --targets and --output-folder without --target and --output."
        raise InputError("command", "The targets of a list are mapped into a folder.", hint)
    failed = run_targets(job, read_targets(options.targets), options.output_folder, run_one)
    for failure in failed:
        print(f"croptransfer: {failure}", file=sys.stderr)
    return EXIT_FAULT if failed else EXIT_DONE
