"""The command ``croptransfer``: map, classify, compare and extract at a terminal, and the worker behind QGIS."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from ... import __version__
from ...errors import Cancelled, InputError
from ...imagery import describe
from ...imagery.parcels.layer import PARCEL_METHODS
from ...methods import METHODS
from ...progress import Event, Progress
from .. import worker
from ..runs.comparison import run_comparison
from ..runs.job import run
from ..specs.comparison import Comparison
from ..specs.job import Job
from ..storage.checkpoint import unfinished_folder, unfinished_folders
from . import extract, regularize, search
from .label_arguments import add_label_options, label_layer
from .stack_arguments import add_band_options, add_reading_options, stack_fields
from .target_arguments import add_beside, add_cluster_options, require_target, run_all
from .terminal import show

MAPPING = ("exact", "memory", "resume", "parcels", "parcel_layer", "parcel_reading", "dask", "workers", "cog")
"""Options that become fields of a job as they are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 done, 1 fault, 2 bad input, 130 cancelled."""
    if extra := os.environ.get("CROPTRANSFER_PACKAGES"):
        # In front: torch's companions must be found before older ones of the system (Debian's sympy breaks
        # torch's optimisers). NumPy and GDAL are already imported, or are not in that folder.
        sys.path.insert(0, extra)
    cancelled: list[int] = []
    try:
        options = _parser().parse_args(arguments)
    except InputError as error:
        print(f"croptransfer: {error}", file=sys.stderr)
        return worker.EXIT_INPUT
    if options.run is not _worker:
        # The first Ctrl-C (or SIGTERM, as a cluster sends it) cancels at the next step and cleans up, the
        # second stops at once.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: _interrupt(cancelled))
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A crop's name must not end a finished job on a terminal or in a file of a smaller alphabet.
            sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return options.run(options, lambda: bool(cancelled)) or worker.EXIT_DONE
    except InputError as error:
        print(f"croptransfer: {error}", file=sys.stderr)
        return worker.EXIT_INPUT
    except (Cancelled, KeyboardInterrupt):
        print("croptransfer: cancelled, no map was written", file=sys.stderr)
        return worker.EXIT_CANCELLED
    except Exception as fault:  # the command's last line of defence: a fault, told as one
        traceback.print_exc()
        print("croptransfer:", worker.describe_exception(fault)[0], file=sys.stderr)
        return worker.EXIT_FAULT


class _Parser(argparse.ArgumentParser):
    """A parser that tells a wrong argument in one line, as the command tells every wrong input."""

    def error(self, message: str) -> NoReturn:
        raise InputError("command", f"{message[:1].upper()}{message[1:]}.", f"See {self.prog} --help.")


def _interrupt(cancelled: list[int]) -> None:
    if cancelled:
        raise KeyboardInterrupt
    cancelled.append(1)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="croptransfer", description="Map crops of an unlabelled target from a labelled source.")
    parser.add_argument("--version", action="version", version=f"croptransfer {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("map", help="learn from a source, adapt to a target stack, and map it")
    command.set_defaults(run=_map)
    command.add_argument("--job", metavar="FILE", help="a job as JSON; the other options change it")
    add_label_options(command)
    command.add_argument("--source", nargs="+", metavar="RASTER", help="files of the source stack")
    command.add_argument("--series", metavar="FILE", help="series file (.npz) instead of labels and source stack")
    command.add_argument("--region", nargs="+", help="only these regions of the series file")
    command.add_argument("--year", nargs="+", type=int, help="only these years of the series file")
    command.add_argument("--classes", nargs="+", metavar="CLASS", help="only these classes of the series file")
    add_band_options(command)
    command.add_argument("--method", choices=list(METHODS), help="method (default: ghca)")
    command.add_argument("--seed", type=int, help="seed of everything random (default: 0)")
    _add_option(command)
    add_beside(command, "--model", "trained model there (.safetensors)")
    add_beside(command, "--report", "report there (.html)")
    _add_target(command)

    command = commands.add_parser("classify", help="map a stack with a model trained before")
    command.set_defaults(run=_classify)
    command.add_argument("--model", required=True, metavar="FILE", help="model file (.safetensors)")
    add_beside(command, "--report", "report there (.html)")
    _add_target(command)

    command = commands.add_parser("compare", help="score methods on a target whose labels are known")
    command.set_defaults(run=_compare)
    command.add_argument("--source", metavar="FILE", help="series file of the source")
    command.add_argument("--target", metavar="FILE", help="series file of the target; its labels only score")
    command.add_argument("--splits", metavar="FILE", help="splits file that names the parts of series files")
    command.add_argument("--split", nargs="+", metavar="NAME", help="transfers of the splits file")
    command.add_argument(
        "--methods",
        default="source_only,ghca",
        metavar="NAMES",
        help=f"comma-separated, or all (default: %(default)s); there are {', '.join(METHODS)}",
    )
    command.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0 (default: %(default)s)")
    command.add_argument(
        "--oracle",
        default="rf",
        metavar="NAME",
        help="method that is cross-validated by block inside the target, or none (default: %(default)s)",
    )
    command.add_argument("--workers", type=int, default=0, help="runs at the same time (default: one a core)")
    _add_option(command)
    command.add_argument("--output", required=True, metavar="FILE", help="results (.json)")
    command.add_argument("--csv", metavar="FILE", help="table of the runs (default: beside the results)")
    command.add_argument("--report", metavar="FILE", help="page with pictures (default: beside the results)")

    extract.add_command(commands)
    regularize.add_command(commands)
    search.add_command(commands)

    command = commands.add_parser("worker", help="serve one job by JSON lines (for QGIS)")
    command.set_defaults(run=_worker)
    return parser


def _add_target(command: argparse.ArgumentParser) -> None:
    command.add_argument("--target", nargs="+", metavar="RASTER", help="files of the target stack")
    command.add_argument("--output", metavar="FILE", help="the map (.tif, or .vrt over a folder of tiles)")
    add_beside(command, "--confidence", "confidence there (.tif, .vrt)")
    command.add_argument("--mask", metavar="LAYER", help="map only here: raster (not 0) or polygons")
    command.add_argument(
        "--parcels", metavar="LAYER", help="classify each of these polygons once, instead of every pixel"
    )
    command.add_argument(
        "--parcel-layer",
        metavar="FILE",
        help="write the parcels with their crops there (.gpkg; default: beside the map)",
    )
    command.add_argument(
        "--parcel-reading",
        choices=PARCEL_METHODS,
        help="classify the median of a parcel's pixels, or average over a set of them (default: median)",
    )
    command.add_argument(
        "--exact",
        action="store_true",
        default=None,
        help="classify every pixel by the network itself, where a large map is otherwise left to a fast one",
    )
    command.add_argument(
        "--memory", type=int, metavar="MB", help="memory that mapping may use (default: a quarter of the machine's)"
    )
    command.add_argument(
        "--resume", action="store_true", default=None, help="go on from an interrupted run of the same job"
    )
    add_reading_options(command)
    add_cluster_options(command)


def _add_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting of the method that differs from its default, such as steps_scale=0.25 for a quick draft "
        'or \'class_shares={"maize": 0.6, "wheat": 0.4}\'; may be repeated',
    )


def _method_options(pairs: Sequence[str]) -> dict[str, Any]:
    """The settings of ``--option``; their values are JSON."""
    settings = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            settings[name] = json.loads(value)
        except ValueError as fault:
            raise InputError("option", f"--option {pair} is not NAME=VALUE with a JSON value: {fault}.") from fault
    return settings


def _map(options: argparse.Namespace, cancelled: Any) -> int:
    return run_all(_job_of(options), options, lambda job: _run(job, cancelled))


def _job_of(options: argparse.Namespace) -> Job:
    if options.job:
        try:
            # Its own id: two runs of one file must not touch each other's unfinished files.
            job = replace(Job.from_json(Path(options.job).read_text("utf-8")), id=Job("", ()).id)
        except (OSError, UnicodeDecodeError) as fault:
            raise InputError("job", f"The job file {options.job} cannot be read: {fault}.") from fault
    else:
        require_target(options, "map")
        job = Job(output=options.output or "", target=())
    plain = ("output", "series", "mask", "confidence", "model", "report", "method", "seed", *MAPPING)
    changes = _given(options, plain)
    for name in ("source", "target"):
        if getattr(options, name):
            changes[name] = describe(getattr(options, name))
    job = replace(job, **changes, **stack_fields(options))
    part = {key: getattr(options, key) for key in ("region", "year", "classes") if getattr(options, key)}
    if part:
        job = replace(job, series_part={**job.series_part, **part})
    if options.option:
        job = replace(job, options={**job.options, **_method_options(options.option)})
    return replace(job, labels=label_layer(options, job.labels))


def _classify(options: argparse.Namespace, cancelled: Any) -> int:
    require_target(options, "classify")
    job = Job(
        output=options.output or "",
        target=describe(options.target) if options.target else (),
        use_model=options.model,
        mask=options.mask,
        confidence=options.confidence,
        report=options.report,
        **stack_fields(options),
        **_given(options, MAPPING),
    )
    return run_all(job, options, lambda job: _run(job, cancelled))


def _given(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _run(job: Job, cancelled: Any) -> None:
    try:
        result = run(job, Progress(show, cancelled), keep=lambda: True)
    except BaseException as fault:
        refused = isinstance(fault, InputError) and fault.code == "resume-changed"
        if os.path.isdir(unfinished_folder(job)) or (job.resume and not refused and unfinished_folders(job.output)):
            print("croptransfer: finished tiles are kept, the same command with --resume goes on", file=sys.stderr)
        raise
    if told := result.summary.get("mapping"):
        print(told["way"], file=sys.stderr)
    for crop in result.summary["classes"]:
        area = "" if crop["hectares"] is None else f"{crop['hectares']:12,.1f} ha"
        parcels = f"  {crop['parcels']:,} parcels" if "parcels" in crop else ""
        print(f"{crop['name']:24} {crop['share']:6.1%} {area}  confidence {crop['confidence']:.0f} %{parcels}")
    for role, path in result.outputs.items():
        print(f"{role}: {path}")


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


def _compare(options: argparse.Namespace, cancelled: Any) -> int:
    if options.seeds < 1:
        raise InputError("seeds", f"--seeds is {options.seeds}.", "Give the number of runs, at least 1.")
    methods = list(METHODS) if options.methods == "all" else [name.strip() for name in options.methods.split(",")]
    comparison = Comparison(
        output=options.output,
        source=options.source,
        target=options.target,
        splits=options.splits,
        transfers=tuple(options.split or ()),
        methods=tuple(methods),
        seeds=tuple(range(options.seeds)),
        oracle="" if options.oracle == "none" else options.oracle,
        csv=options.csv,
        report=options.report,
        workers=options.workers,
        options=_method_options(options.option),
    )
    try:
        result = run_comparison(comparison, Progress(_show_run, cancelled))
    except (Cancelled, KeyboardInterrupt):
        print("croptransfer: the finished runs are kept, the same command goes on from them", file=sys.stderr)
        raise
    for sentence in result.summary["reading"]:
        print(sentence)
    for role, path in result.outputs.items():
        print(f"{role}: {path}")
    for failure in result.summary["failed"]:
        print(f"croptransfer: {failure}", file=sys.stderr)
    return worker.EXIT_FAULT if result.summary["failed"] else worker.EXIT_DONE


def _worker(options: argparse.Namespace, cancelled: Any) -> int:
    return worker.main()
