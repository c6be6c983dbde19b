"""The interrupted run of a job: its folder, whether it can be resumed, and its deletion.

While a job runs, a hidden folder beside its map holds the model, the finished tiles and a journal of what decides the
map: the settings, and size and time of every input file. It is deleted when the map is published.
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
from ...imagery.geo.layer_source import split_layer
from ...imagery.stack.mask import mask_state
from ..specs.job import Job
from .partial_outputs import HasOutputs

JOURNAL = "journal.json"
NOT_DECISIVE = ("output", "confidence", "model", "report", "memory", "resume", "dask", "workers", "cog", "id")
"""Fields of a job that do not decide the classes of its map."""
ENDING = ".tiles"


def unfinished_folder(job: HasOutputs) -> Path:
    """The folder in which a run of a job keeps what is finished: beside the map, hidden; it need not exist.

    Parameters
    ----------
    job : HasOutputs
    """
    output = Path(job.output)
    return output.with_name(f".{output.name}.{job.id}{ENDING}")


def unfinished_folders(output: str) -> list[Path]:
    """The folders of runs that were to write a map, interrupted or still at work, the newest first.

    ``output`` as of :func:`lock_path`.
    """
    path = Path(output)
    if not path.parent.is_dir():
        return []
    start = f".{path.name}."
    found = [f for f in path.parent.iterdir() if f.name.startswith(start) and f.name.endswith(ENDING)]
    # Between them is the id of a job, which has no dot: else the folder is that of another map.
    found = [f for f in found if f.name[len(start) : -len(ENDING)].isalnum()]
    return sorted((f for f in found if (f / JOURNAL).is_file()), key=lambda f: -(f / JOURNAL).stat().st_mtime_ns)


def fingerprint(job: Job) -> dict[str, Any]:
    """What decides the classes of the map of a job: version of the engine, settings, state of inputs.

    Parameters
    ----------
    job : Job
    """
    settings = {key: value for key, value in asdict(job).items() if key not in NOT_DECISIVE}
    if settings["labels"]:
        # QGIS passes copies of layers under other names; the model already holds what was learned from them.
        settings["labels"] = {key: settings["labels"][key] for key in ("field", "classes")}
    if job.mask:
        settings["mask"] = mask_state(*split_layer(job.mask))
    return {"version": __version__, "settings": settings, "files": {path: file_state(path) for path in _inputs(job)}}


def check_unchanged(job: Job, now: Mapping[str, Any], journal: Mapping[str, Any]) -> None:
    """Compare a job with its interrupted run.

    Parameters
    ----------
    job : Job
    now : Mapping
        :func:`fingerprint` of the job.
    journal : Mapping
        Journal of the interrupted run.

    Raises
    ------
    InputError
        ``resume-changed``, naming the setting or input file that differs.
    """
    run = f"The interrupted run of {Path(job.output).name}"
    hint = "Restore it, or start over without resuming."
    if journal.get("version") != now["version"]:
        message = f"{run} was made by version {journal.get('version')}."
        raise InputError("resume-changed", message, "Start over without resuming.")
    files, settings = journal.get("files", {}), journal.get("settings", {})
    for path, state in now["files"].items():
        if path in files and files[path] != state:
            raise InputError("resume-changed", f"{path} has changed since {run[0].lower()}{run[1:]}.", hint)
    for name, value in now["settings"].items():
        if settings.get(name) != _plain(value):
            raise InputError("resume-changed", f"{run} had another '{name}'.", hint)


def delete_runs(folders: Iterable[Path]) -> None:
    """Delete folders of runs; a file that another program holds open stays until the next call.

    Parameters
    ----------
    folders : iterable of Path
    """
    for folder in folders:
        with contextlib.suppress(OSError):
            (folder / JOURNAL).unlink()  # first: a folder without it is never resumed
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
