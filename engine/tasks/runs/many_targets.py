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
from ..specs.schema import new_id
from ..storage.checkpoint import unfinished_folders

BESIDE_MAP = {"confidence": "_confidence.tif", "model": ".safetensors", "report": ".html"}
"""What is written beside the map of a target where it is wanted: role and end of the name."""
NO_CLUSTER = ("dask-address", "dask-lost", "dask-missing", "dask-version")
"""Problems that every further target would have as well."""
FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]')
"""Characters that file names must not have on some system."""


@dataclass(frozen=True)
class Target:
    """One target of a list."""

    name: str
    """Stem of its map's file name."""
    paths: tuple[str, ...]
    """Its files or folders, as for ``--target``."""


def read_targets(path: str) -> list[Target]:
    """Read a list of targets: one a line, empty lines and those that begin with ``#`` left out.

    A line is a file or folder, or several with ``;`` between, and may begin with ``name=``; otherwise the target is
    named after the first of them without its ending. In a file that ends in ``.csv`` a line is ``name,files``.

    Parameters
    ----------
    path : str

    Returns
    -------
    list of Target

    Raises
    ------
    InputError
        ``targets`` for a list that cannot be read, is empty, names a target twice or uses a name that no file can have.
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
        if not target.paths or not target.name or FORBIDDEN.search(target.name) or target.name.startswith("."):
            raise InputError(
                "targets", f"The list {name} has a target '{target.name}', which no file name can hold.", hint
            )
        if os.path.normcase(target.name) in seen:
            raise InputError("targets", f"The list {name} has two targets called '{target.name}'.", hint)
        seen.add(os.path.normcase(target.name))
    return targets


HEADINGS = (["name", "files"], ["name", "target"], ["name", "path"])
"""First rows of a CSV file that are no target."""


def run_targets(job: Job, targets: Sequence[Target], folder: str, run_one: Callable[[Job], None]) -> list[str]:
    """Map every target by a job of its own; where one fails, the others are still mapped.

    Parameters
    ----------
    job : Job
        What they have in common. Confidence, model and report are made beside each map where the job has them, under
        whatever name. Where it resumes, finished maps are kept and unfinished ones resumed.
    targets : sequence of Target
    folder : str
        Where the maps are written, ``name.tif``; made where its parent exists.
    run_one : callable
        Runs one of the jobs and shows its result.

    Returns
    -------
    list of str
        What failed, a sentence a target.

    Raises
    ------
    InputError
        ``output-folder``; where the cluster fails.
    Cancelled
        The user cancelled.
    """
    try:
        Path(folder).mkdir(exist_ok=True)
    except OSError as fault:
        message = f"Cannot create the output folder {folder}: {fault.strerror}."
        raise InputError("output-folder", message, "Choose another folder.") from fault
    require_cluster(job)
    failed = []
    with ExitStack() as stack:
        if job.workers > 0:
            job = replace(job, dask=stack.enter_context(local_cluster(job.workers)), workers=0)
        for number, target in enumerate(targets, 1):
            output = Path(folder) / f"{target.name}.tif"
            print(f"{target.name} ({number} of {len(targets)})", file=sys.stderr)
            if job.resume and output.exists() and not unfinished_folders(str(output)):
                print(f"{target.name}: its map exists already", file=sys.stderr)
                continue
            try:
                run_one(_job_of(job, target, output))
            except InputError as problem:
                if problem.code in NO_CLUSTER:
                    raise
                failed.append(f"{target.name}: {problem}")
            except Exception as fault:  # of one target: the others are still mapped
                traceback.print_exc()
                failed.append(f"{target.name}: {describe_exception(fault)[0]}")
    return failed


def _job_of(job: Job, target: Target, output: Path) -> Job:
    # Parcels with their crops are written beside each map anyway.
    beside: dict[str, Any] = {"parcel_layer": None} | {
        role: str(output.with_name(target.name + ending))
        for role, ending in BESIDE_MAP.items()
        if getattr(job, role) is not None
    }
    # Each its own id: it marks the unfinished files.
    return replace(job, output=str(output), target=describe(list(target.paths)), id=new_id(), **beside)


def _line(line: str) -> Target:
    first, equals, rest = line.partition("=")
    if equals and not FORBIDDEN.search(first) and not Path(line.split(";")[0].strip()).exists():
        return Target(first.strip(), _paths(rest))
    paths = _paths(line)
    return Target(_stem(paths[0]) if paths else "", paths)


def _row(row: Sequence[str]) -> Target:
    return Target(row[0].strip(), _paths(";".join(row[1:])))


def _paths(text: str) -> tuple[str, ...]:
    return tuple(path.strip() for path in text.split(";") if path.strip())


def _stem(path: str) -> str:
    target = Path(path.rstrip("/\\"))
    return target.name if target.is_dir() else target.stem
