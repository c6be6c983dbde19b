"""Unfinished files: each output is written beside its place and renamed when the whole job is done."""

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
    """What writes files: a job or a comparison."""

    @property
    def id(self) -> str:
        """Marks its unfinished files."""

    @property
    def output(self) -> str:
        """Path of its main file."""

    def outputs(self) -> dict[str, str]:
        """All its files by role."""


def part_path(path: str | Path, job_id: str) -> Path:
    """The hidden sibling of ``path`` in which a job writes it; same folder, same suffix."""
    path = Path(path)
    return path.with_name(f".{path.stem}.{job_id}.part{path.suffix}")


def remove_parts(job: HasOutputs) -> None:
    """Delete whatever unfinished files of the job are left, sidecars included.

    A file that the job had moved aside when it was killed comes back. One that cannot be deleted yet
    (held open, on Windows) is left to the next call: it must not hide why the job ended.
    """
    paths = [Path(path) for path in job.outputs().values()]
    for path in paths:
        if _backup_path(path, job.id).exists() and not path.exists():
            for place in (path, *_sidecars(path)):
                if _backup_path(place, job.id).exists():
                    with contextlib.suppress(OSError):
                        os.replace(_backup_path(place, job.id), place)
    for folder in {path.parent for path in paths}:
        for left in _files_of(folder, job.id):
            with contextlib.suppress(OSError):
                # A search in a catalogue writes a folder.
                shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def publish_parts(job: HasOutputs, roles: Iterable[str]) -> dict[str, str]:
    """Rename the finished files of ``roles`` to their places; returns the paths by role.

    Either all of them arrive or none: earlier files are moved aside first and come back when one cannot
    be replaced. A sidecar goes with its file; a stale one of an earlier file is removed, since its
    statistics, table and overviews would belong to another map.

    Raises
    ------
    InputError
        ``output-in-use`` when a place is held by another program.
    """
    published = {role: Path(job.outputs()[role]) for role in roles}
    moved: list[tuple[Path, Path]] = []
    path = Path(job.output)
    try:
        for path in published.values():
            for place in (path, *_sidecars(path)):
                if place.exists():
                    _move(place, _backup_path(place, job.id), moved)
        for path in published.values():
            part = part_path(path, job.id)
            for new, place in zip((*_sidecars(part), part), (*_sidecars(path), path)):
                if new.exists() or new == part:
                    _move(new, place, moved)
    except OSError as fault:
        for new, place in reversed(moved):
            with contextlib.suppress(OSError):
                os.replace(place, new)
        raise InputError(
            "output-in-use",
            f"{path} cannot be replaced: {fault.strerror}.",
            "Close the program that holds it, or choose another name.",
        ) from fault
    return {role: str(path) for role, path in published.items()}


def _move(file: Path, place: Path, moved: list[tuple[Path, Path]]) -> None:
    os.replace(file, place)
    moved.append((file, place))


def _backup_path(path: Path, job_id: str) -> Path:
    """Where an earlier file waits until all new ones are in place."""
    return path.with_name(f".{path.name}.{job_id}.part.before")


def _sidecars(path: Path) -> list[Path]:
    """Files in which more is kept of another: of a raster its statistics, overviews and mask.

    Of a GeoPackage that is open somewhere what was not written into it yet, which must not be taken for that of a new
    one.
    """
    return [path.with_name(path.name + ending) for ending in SIDECARS]


def _files_of(folder: Path, job_id: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return [f for f in folder.iterdir() if f.name.startswith(".") and f".{job_id}.part" in f.name]
