"""``croptransfer map`` and ``croptransfer classify``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ...errors import InputError
from ...methods import METHODS
from ...progress import Progress
from ...text_files import read_text_file
from ..runs.job import run
from ..specs.job import Job
from ..specs.schema import new_id
from ..storage.checkpoint import unfinished_folder, unfinished_folders
from .label_arguments import add_label_options, label_layer
from .method_arguments import add_method_options, method_options
from .stack_arguments import (
    add_band_options,
    add_bands_from,
    add_encoding_options,
    encoding_fields,
    stack_fields,
    stack_of,
)
from .target_arguments import add_beside, add_target_options, require_target, run_all
from .terminal import show, show_outputs

MAPPING = ("exact", "memory", "resume", "parcels", "parcel_layer", "parcel_reading", "dask", "workers", "cog")
"""Options that become fields of a job as they are."""


def add_commands(commands: Any) -> None:
    """Add both commands to a parser; ``commands`` as of :func:`compare.add_command`."""
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
    add_encoding_options(command, "source", "target")
    add_bands_from(command, "source", "target")
    command.add_argument("--method", choices=list(METHODS), help="method (default: ghca)")
    command.add_argument("--seed", type=int, help="seed of everything random (default: 0)")
    add_method_options(command)
    add_beside(command, "--model", "trained model there (.safetensors)")
    add_beside(command, "--report", "report there (.html)")
    add_target_options(command)

    command = commands.add_parser("classify", help="map a stack with a model trained before")
    command.set_defaults(run=_classify)
    command.add_argument("--model", required=True, metavar="FILE", help="model file (.safetensors)")
    add_beside(command, "--report", "report there (.html)")
    add_encoding_options(command, "target")
    add_bands_from(command, "target")
    add_target_options(command)


def _map(options: argparse.Namespace, cancelled: Callable[[], bool]) -> int:
    return run_all(_job_of(options), options, lambda job: _run(job, cancelled))


def _job_of(options: argparse.Namespace) -> Job:
    if options.job:
        try:
            # Its own id: two runs of one file must not touch each other's unfinished files.
            job = replace(Job.from_json(read_text_file(options.job)), id=new_id())
        except (OSError, ValueError) as fault:
            raise InputError("job", f"The job file {options.job} cannot be read: {fault}.") from fault
    else:
        require_target(options, "map")
        job = Job(output=options.output or "", target=())
    changes = _given(options, ("output", "series", "mask", "confidence", "model", "report", "method", "seed", *MAPPING))
    for name in ("source", "target"):
        if found := stack_of(options, name, only=False):
            changes[name] = found
    job = replace(job, **changes, **stack_fields(options), **encoding_fields(options))
    part = {key: getattr(options, key) for key in ("region", "year", "classes") if getattr(options, key)}
    if part:
        job = replace(job, series_part={**job.series_part, **part})
    if options.option:
        job = replace(job, options={**job.options, **method_options(options.option)})
    return replace(job, labels=label_layer(options, job.labels))


def _classify(options: argparse.Namespace, cancelled: Callable[[], bool]) -> int:
    require_target(options, "classify")
    target = stack_of(options, "target")
    fields = {
        **_given(options, ("mask", "confidence", "report", *MAPPING)),
        **stack_fields(options),
        **encoding_fields(options),
    }
    job = Job(options.output or "", target, use_model=options.model, **fields)
    return run_all(job, options, lambda job: _run(job, cancelled))


def _given(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _run(job: Job, cancelled: Callable[[], bool]) -> None:
    try:
        result = run(job, Progress(show, cancelled), keep=lambda: True)
    except BaseException as fault:
        refused = isinstance(fault, InputError) and fault.code == "resume-changed"
        if os.path.isdir(unfinished_folder(job)) or (job.resume and not refused and unfinished_folders(job.output)):
            print("croptransfer: finished tiles are kept, the same command with --resume continues", file=sys.stderr)
        raise
    if mapping := result.summary.get("mapping"):
        print(mapping["way"], file=sys.stderr)
    for crop in result.summary["classes"]:
        area = "" if crop["hectares"] is None else f"{crop['hectares']:12,.1f} ha"
        parcels = f"  {crop['parcels']:,} parcels" if "parcels" in crop else ""
        print(f"{crop['name']:24} {crop['share']:6.1%} {area}  confidence {crop['confidence']:.0f} %{parcels}")
    show_outputs(result)
