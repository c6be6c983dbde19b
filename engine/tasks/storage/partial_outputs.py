"""Unfinished files: each output is written under a hidden name beside its own and renamed when the task is done."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from ...errors import InputError

SIDECARS = (".aux.xml", ".ovr", ".msk", "-wal", "-shm", "-journal")


class HasOutputs(Protocol):
    """What writes files: any task."""

    @property
    def id(self) -> str:
        """Marks its unfinished files."""

    @property
    def output(self) -> str:
        """Path of its main file."""

    def outputs(self) -> dict[str, str]:
        """All its files by role."""


def part_path(path: str | Path, job_id: str) -> Path:
    """The hidden file in which a task writes an output.

    Parameters
    ----------
    path : str or Path
        Of the output.
    job_id : str

    Returns
    -------
    Path
        In the same folder, with the same suffix.
    """
    path = Path(path)
    return path.with_name(f".{path.stem}.{job_id}.part{path.suffix}")


def remove_parts(job: HasOutputs) -> None:
    """Delete the unfinished files of a task, sidecars included.

    A file that the task had moved aside when it was killed comes back. One that cannot be deleted yet (held open, on
    Windows) is left to the next call: it must not hide why the task ended.

    Parameters
    ----------
    job : HasOutputs
    """
    paths = [Path(path) for path in job.outputs().values()]
    for path in paths:
        if _backup_path(path, job.id).exists() and not path.exists():
            for file in (path, *_sidecars(path)):
                with contextlib.suppress(OSError):
                    os.replace(_backup_path(file, job.id), file)
    for folder in {path.parent for path in paths}:
        for left in _files_of(folder, job.id):
            with contextlib.suppress(OSError):
                # A search writes a folder.
                shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def publish_parts(job: HasOutputs, roles: Iterable[str]) -> dict[str, str]:
    """Rename the finished files of a task to their own names, all or none.

    Earlier files are moved aside first and come back when one cannot be replaced. A sidecar goes with its file; one of
    an earlier file is removed, since its statistics, table and overviews belong to another map.

    Parameters
    ----------
    job : HasOutputs
    roles : iterable of str
        Which of its outputs.

    Returns
    -------
    dict
        Paths by role.

    Raises
    ------
    InputError
        ``output-in-use`` where another program holds a file.
    """
    published = {role: Path(job.outputs()[role]) for role in roles}
    moved: list[tuple[Path, Path]] = []
    path = Path(job.output)
    try:
        for path in published.values():
            # A folder has no sidecars: what is named so beside it is the user's.
            for file in (path, *([] if part_path(path, job.id).is_dir() else _sidecars(path))):
                if file.exists():
                    _move(file, _backup_path(file, job.id), moved)
        for path in published.values():
            part = part_path(path, job.id)
            for new, final in zip((*_sidecars(part), part), (*_sidecars(path), path)):
                if new.exists() or new == part:
                    _move(new, final, moved)
    except OSError as fault:
        for before, after in reversed(moved):
            with contextlib.suppress(OSError):
                os.replace(after, before)
        message = f"{path} cannot be replaced: {fault.strerror}."
        hint = "Close the program that holds it, or choose another name."
        raise InputError("output-in-use", message, hint) from fault
    return {role: str(path) for role, path in published.items()}


def _move(file: Path, to: Path, moved: list[tuple[Path, Path]]) -> None:
    os.replace(file, to)
    moved.append((file, to))


def _backup_path(path: Path, job_id: str) -> Path:
    """Where an earlier file waits until all new ones are in place."""
    return path.with_name(f".{path.name}.{job_id}.part.before")


def _sidecars(path: Path) -> list[Path]:
    """Files that belong to another one: of a raster its statistics, overviews and mask.

    Of a GeoPackage that is open somewhere what was not written into it yet, which must not be taken for that of a new
    one.
    """
    return [path.with_name(path.name + ending) for ending in SIDECARS]


def _files_of(folder: Path, job_id: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return [f for f in folder.iterdir() if f.name.startswith(".") and f".{job_id}.part" in f.name]
