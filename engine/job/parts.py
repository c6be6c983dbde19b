"""Unfinished files: each output is written beside its place and renamed when the whole job is done."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from .job import Job


def part_path(path: str | Path, job_id: str) -> Path:
    """The hidden sibling of ``path`` in which a job writes it; same folder, same suffix."""
    path = Path(path)
    return path.with_name(f".{path.stem}.{job_id}.part{path.suffix}")


def remove_parts(job: Job) -> None:
    """Delete whatever unfinished files of the job are left, sidecars included."""
    for folder in {Path(path).parent for path in job.outputs().values()}:
        for left in _files_of(folder, job.id):
            left.unlink(missing_ok=True)


def publish_parts(job: Job, roles: Iterable[str]) -> dict[str, str]:
    """Rename the finished files of ``roles`` to their places; returns the paths by role.

    A sidecar (``.aux.xml``) goes with its file; a stale one of an earlier file is removed, since
    its statistics and table would belong to another map.

    Raises
    ------
    InputError
        ``output-in-use`` when a place is held by another program.
    """
    published = {}
    for role in roles:
        path = Path(job.outputs()[role])
        part = part_path(path, job.id)
        try:
            path.with_name(path.name + ".aux.xml").unlink(missing_ok=True)
            sidecar = part.with_name(part.name + ".aux.xml")
            if sidecar.exists():
                os.replace(sidecar, path.with_name(path.name + ".aux.xml"))
            os.replace(part, path)
        except OSError as fault:
            raise InputError(
                "output-in-use",
                f"{path} cannot be replaced: {fault.strerror}.",
                "Close the program that holds it, or choose another name.",
            ) from fault
        published[role] = str(path)
    return published


def _files_of(folder: Path, job_id: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return [f for f in folder.iterdir() if f.name.startswith(".") and f".{job_id}.part" in f.name]
