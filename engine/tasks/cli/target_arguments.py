"""Options of the commands that map: one target or many of a list, and who does the tiles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from ...errors import InputError
from ...imagery.parcels.layer import PARCEL_METHODS
from ..protocol import EXIT_DONE, EXIT_FAULT
from ..runs.many_targets import BESIDE_MAP, read_targets, run_targets
from ..specs.job import Job
from .stack_arguments import add_reading_options

SWITCHES = {
    "--exact": "classify every pixel by the full model; otherwise large maps use a faster distilled model",
    "--resume": "resume an interrupted run of the same job",
    "--cog": "write Cloud Optimized GeoTIFFs",
}
"""Options without a value, and their help."""


def add_beside(command: argparse.ArgumentParser, option: str, what: str) -> None:
    """Add an output that takes a file name for one target, and none for many.

    Parameters
    ----------
    command : argparse.ArgumentParser
    option : str
    what : str
        What is written, for the help.
    """
    text = f"write the {what}; with --targets no name is given, and it is written beside each map"
    command.add_argument(option, nargs="?", const="", metavar="FILE", help=text)


def add_target_options(command: argparse.ArgumentParser) -> None:
    """Add the options of what is mapped, where, and by which processes.

    Parameters
    ----------
    command : argparse.ArgumentParser
    """
    command.add_argument("--target", nargs="+", metavar="RASTER", help="files of the target stack")
    command.add_argument("--output", metavar="FILE", help="the map (.tif, or .vrt over a folder of tiles)")
    add_beside(command, "--confidence", "confidence there (.tif, .vrt)")
    command.add_argument("--mask", metavar="LAYER", help="map only here: raster (not 0) or polygons")
    command.add_argument("--parcels", metavar="LAYER", help="classify each of these polygons once, not every pixel")
    command.add_argument("--parcel-layer", metavar="FILE", help="parcels with their crops (.gpkg; default: by the map)")
    reading = "classify the median of a parcel's pixels, or average over a set of them (default: median)"
    command.add_argument("--parcel-reading", choices=PARCEL_METHODS, help=reading)
    for option, text in SWITCHES.items():
        command.add_argument(option, action="store_true", default=None, help=text)
    command.add_argument("--memory", type=int, metavar="MB", help="for mapping (default: a quarter of the machine's)")
    add_reading_options(command)
    command.add_argument("--targets", metavar="LIST", help="file with one target a line, each mapped on its own")
    command.add_argument("--output-folder", metavar="FOLDER", help="where the maps of --targets are written, NAME.tif")
    command.add_argument("--dask", metavar="ADDRESS", help="map the tiles by the workers of this Dask scheduler")
    command.add_argument("--workers", type=int, metavar="N", help="map the tiles by N processes on this machine")


def require_target(options: argparse.Namespace, command: str) -> None:
    """Check that one target or a list of them is given.

    Parameters
    ----------
    options : argparse.Namespace
    command : str
        ``map`` or ``classify``.

    Raises
    ------
    InputError
        ``job``.
    """
    table = options.target_bands_from or (command == "classify" and options.bands_from)
    if not ((options.target or table) and options.output or options.targets):
        message = f"{command} needs --target and --output, or --targets and --output-folder"
        hint = f"See croptransfer {command} --help."
        raise InputError("job", message + (", or --job." if command == "map" else "."), hint)


def run_all(job: Job, options: argparse.Namespace, run_one: Callable[[Job], None]) -> int:
    """Run the job, or one like it for each target of a list.

    Parameters
    ----------
    job : Job
    options : argparse.Namespace
    run_one : callable
        Runs a job and shows its result.

    Returns
    -------
    int
        The exit code.
    """
    if not options.targets:
        for role in BESIDE_MAP:
            if getattr(job, role) == "":
                raise InputError(
                    "command", f"--{role} has no file name.", "Give one; only with --targets it is left out."
                )
        run_one(job)
        return EXIT_DONE
    if options.target or options.output or not options.output_folder:
        hint = "Give --targets and --output-folder without --target and --output."
        raise InputError("command", "Targets of a list are mapped into a folder.", hint)
    failed = run_targets(job, read_targets(options.targets), options.output_folder, run_one)
    for failure in failed:
        print(f"croptransfer: {failure}", file=sys.stderr)
    return EXIT_FAULT if failed else EXIT_DONE
