"""The interrupted run of a job: where it lies, whether it is still that of this job, and how it is forgotten.

A run of a job keeps beside its map a folder with its model, its finished tiles and a journal, which says what decides
the map: the settings, and size and time of every file that goes in. It is gone when the map is there.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import InputError
from ...imagery.geo.file_state import file_state
from ...imagery.stack.mask import mask_state
from ..specs.job import Job
from ..specs.layer_path import split_layer
from .partial_outputs import HasOutputs

JOURNAL = "journal.json"
BESIDE = ("output", "confidence", "model", "report", "memory", "resume", "dask", "workers", "cog", "id")
"""Fields of a job that do not decide the classes of its map."""
ENDING = ".tiles"


def unfinished_folder(job: HasOutputs) -> Path:
    """Where a run of the job keeps what is finished."""
    output = Path(job.output)
    return output.with_name(f".{output.name}.{job.id}{ENDING}")


def unfinished_folders(output: str) -> list[Path]:
    """Folders of interrupted runs, and of one at work, that were to write ``output``; the newest first."""
    place = Path(output)
    if not place.parent.is_dir():
        return []
    start = f".{place.name}."
    found = [f for f in place.parent.iterdir() if f.name.startswith(start) and f.name.endswith(ENDING)]
    # Between them stands the id of a job, which has no dot: else the folder is that of another map.
    found = [f for f in found if f.name[len(start) : -len(ENDING)].isalnum()]
    return sorted((f for f in found if (f / JOURNAL).is_file()), key=lambda f: -(f / JOURNAL).stat().st_mtime_ns)


def fingerprint(job: Job) -> dict[str, Any]:
    """What decides the classes of the map of a job, JSON-ready: its settings, and the state of its input files."""
    settings = {key: value for key, value in asdict(job).items() if key not in BESIDE}
    if settings["labels"]:
        # QGIS hands on copies of layers under other names; the model that was learnt from them is there.
        settings["labels"] = {key: settings["labels"][key] for key in ("field", "classes")}
    if job.mask:
        settings["mask"] = mask_state(*split_layer(job.mask))
    return {"version": __version__, "settings": settings, "files": {path: file_state(path) for path in _inputs(job)}}


def check_unchanged(job: Job, now: Mapping[str, Any], journal: Mapping[str, Any]) -> None:
    """Raise InputError (``resume-changed``) where a setting or an input is not what it was in an interrupted run.

    ``now`` : what :func:`fingerprint` gives for the job.
    """
    hint = "Put back what was, or start anew without resuming."
    if journal.get("version") != now["version"]:
        raise InputError(
            "resume-changed",
            f"The interrupted run of {Path(job.output).name} was made by version {journal.get('version')}.",
            "Start anew without resuming.",
        )
    before: Mapping[str, Any] = journal.get("files", {})
    for path, state in now["files"].items():
        if path in before and before[path] != state:
            raise InputError(
                "resume-changed", f"{path} has changed since the interrupted run of {Path(job.output).name}.", hint
            )
    for name, value in now["settings"].items():
        if journal.get("settings", {}).get(name) != _plain(value):
            raise InputError(
                "resume-changed", f"The interrupted run of {Path(job.output).name} had another '{name}'.", hint
            )


def delete_runs(folders: Iterable[Path]) -> None:
    """Delete folders of runs; what is held open stays, for the next call."""
    for folder in folders:
        with contextlib.suppress(OSError):
            (folder / JOURNAL).unlink()  # first: what is left without it is never gone on with
        shutil.rmtree(folder, ignore_errors=True)


def _inputs(job: Job) -> list[str]:
    paths = [band.path for band in (*job.target, *job.source)]
    paths += [path for path in (job.series, job.use_model) if path]
    return list(dict.fromkeys(paths))


def _plain(value: Any) -> Any:
    """A value as JSON gives it back: tuples become lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
