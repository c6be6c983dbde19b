"""Many targets in one run: each is mapped by a job of its own, on the same cluster where there is one."""

from __future__ import annotations

import csv
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import InputError, describe_exception
from ...imagery import describe
from ..cluster.dask_executor import local_cluster, require_cluster
from ..specs.job import Job
from ..storage.checkpoint import unfinished_folders

BESIDE_MAP = {"confidence": "_confidence.tif", "model": ".safetensors", "report": ".html"}
"""What lies beside the map of a target when it is asked for, by the ends of the names."""
NO_CLUSTER = ("dask-address", "dask-lost", "dask-missing", "dask-version")
"""Problems that every further target would have as well."""
UNFIT = re.compile(r'[\\/:*?"<>|\x00-\x1f]')
"""Characters that the name of a file must not have on some system."""


@dataclass(frozen=True)
class Target:
    """One target of a list."""

    name: str
    """Stem of its map's file name."""
    paths: tuple[str, ...]
    """Its files or folders, as for ``--target``."""


def read_targets(path: str) -> list[Target]:
    """The targets of a list: one a line, empty lines and those that begin with ``#`` left out.

    A line is a file or folder, or several with ``;`` between, and may begin with ``name=``; else the target is called
    as the first of them without its ending. In a file that ends in ``.csv`` a line is ``name,files``.

    Raises
    ------
    InputError
        ``targets`` for a list that cannot be read, is empty, or names a target twice or as no file can be called.
    """
    name = Path(path).name
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError("targets", f"The list of targets {path} cannot be read: {fault}.") from fault
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    targets = list(map(_row, csv.reader(kept))) if name.lower().endswith(".csv") else list(map(_line, kept))
    if targets and [part.lower() for part in (targets[0].name, *targets[0].paths)] in HEADINGS:
        del targets[0]
    if not targets:
        raise InputError("targets", f"The list of targets {name} is empty.", "Write one target a line.")
    seen: set[str] = set()
    for target in targets:
        hint = "Write name=file with another name."
        if not target.paths or not target.name or UNFIT.search(target.name) or target.name.startswith("."):
            raise InputError(
                "targets", f"The list {name} has a target '{target.name}': no file can be called so.", hint
            )
        if os.path.normcase(target.name) in seen:
            raise InputError("targets", f"The list {name} has two targets called '{target.name}'.", hint)
        seen.add(os.path.normcase(target.name))
    return targets


HEADINGS = (["name", "files"], ["name", "target"], ["name", "path"])
"""First rows of a CSV file that are no target."""


def run_targets(job: Job, targets: Sequence[Target], folder: str, run_one: Callable[[Job], None]) -> list[str]:
    """Map every target by a job of its own; a target that fails does not keep the others from being mapped.

    Parameters
    ----------
    job : what they have in common. Confidence, model and report are made beside each map where the job has them, under
        whatever name. Where it resumes, finished maps are kept and unfinished ones gone on with.
    folder : where the maps are written, ``name.tif``; made where its parent is there.
    run_one : does one of the jobs and shows what came of it.

    Returns
    -------
    list of str
        What failed, a sentence a target.

    Raises
    ------
    InputError
        ``output-folder``; where the cluster fails.
    Cancelled
    """
    place = Path(folder)
    try:
        place.mkdir(exist_ok=True)
    except OSError as fault:
        message = f"The output folder {folder} cannot be made: {fault.strerror}."
        raise InputError("output-folder", message, "Choose another place.") from fault
    require_cluster(job)
    failed = []
    with ExitStack() as stack:
        if job.workers > 0:
            job = replace(job, dask=stack.enter_context(local_cluster(job.workers)), workers=0)
        for number, target in enumerate(targets, 1):
            output = place / f"{target.name}.tif"
            print(f"{target.name} ({number} of {len(targets)})", file=sys.stderr)
            if job.resume and output.exists() and not unfinished_folders(str(output)):
                print(f"{target.name}: its map is there already", file=sys.stderr)
                continue
            try:
                run_one(_job_of(job, target, output))
            except InputError as problem:
                if problem.code in NO_CLUSTER:
                    raise
                failed.append(f"{target.name}: {problem}")
            except Exception as fault:  # of one target: the others shall be mapped, and it is told
                traceback.print_exc()
                failed.append(f"{target.name}: {describe_exception(fault)[0]}")
    return failed


def _job_of(job: Job, target: Target, output: Path) -> Job:
    # Parcels with their crops lie beside each map by themselves.
    beside: dict[str, Any] = {"parcel_layer": None} | {
        role: str(output.with_name(target.name + ending))
        for role, ending in BESIDE_MAP.items()
        if getattr(job, role) is not None
    }
    # Each its own id: it marks the unfinished files.
    return replace(job, output=str(output), target=describe(list(target.paths)), id=Job("", ()).id, **beside)


def _line(line: str) -> Target:
    first, equals, rest = line.partition("=")
    if equals and not UNFIT.search(first) and not Path(line.split(";")[0].strip()).exists():
        return Target(first.strip(), _paths(rest))
    paths = _paths(line)
    return Target(_stem(paths[0]) if paths else "", paths)


def _row(row: Sequence[str]) -> Target:
    return Target(row[0].strip(), _paths(";".join(row[1:])))


def _paths(text: str) -> tuple[str, ...]:
    return tuple(path.strip() for path in text.split(";") if path.strip())


def _stem(path: str) -> str:
    place = Path(path.rstrip("/\\"))
    return place.name if place.is_dir() else place.stem
