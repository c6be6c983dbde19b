"""Checks of the files that a task writes: one table says for every kind of task what they are."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import InputError
from ...imagery import writable_problems
from ...imagery.geo.layer_source import split_layer
from ..specs.comparison import Comparison
from ..specs.extraction import Extraction
from ..specs.job import Job
from ..specs.regularization import Regularization
from ..specs.search import Search

SEARCH_TABLE = "search.json"
"""File of a search's folder that says what was searched for and found; its presence marks the folder as ours."""


class Format(NamedTuple):
    """A file format."""

    title: str
    endings: tuple[str, ...]


TIFF = Format("a GeoTIFF", (".tif", ".tiff"))
VRT = Format("a VRT", (".vrt",))
NPZ = Format("a NumPy archive", (".npz",))
GPKG = Format("a GeoPackage", (".gpkg",))


class _Outputs(NamedTuple):
    """What one kind of task writes and reads."""

    main: str
    """What its main file is called in messages."""
    formats: dict[str, Format]
    """Formats that the names of its files must have, by role; other files may have any name."""
    inputs: Callable[[Any], Iterable[str | None]]
    """Paths of the files it reads; None for one that is not given."""
    missing: str = "output-format"
    """Code of the error where the main file is not set."""


_TABLE = {
    Job: _Outputs(
        "map",
        {"map": TIFF, "confidence": TIFF, "parcels": GPKG},
        lambda job: [
            *(band.path for band in (*job.source, *job.target)),
            *(job.series, job.use_model, job.mask, job.parcels, job.labels and job.labels.path),
        ],
        "no-output",
    ),
    Comparison: _Outputs("results", {}, lambda task: [task.source, task.target, task.splits], "no-output"),
    Extraction: _Outputs(
        "series file",
        {"series": NPZ},
        lambda task: [*(band.path for band in task.source), *task.join, task.labels and task.labels.path],
    ),
    Regularization: _Outputs("regular stack", {"stack": TIFF}, lambda task: [band.path for band in task.stack]),
}


def output_problems(task: Job | Comparison | Extraction | Regularization | Search) -> list[InputError]:
    """Check the files that a task writes: their formats, folders and permissions, and that they differ.

    Parameters
    ----------
    task : Job, Comparison, Extraction, Regularization or Search

    Returns
    -------
    list of InputError
        ``no-output``, ``output-format``, ``same-output``, ``output-is-input``, ``output-folder``; empty where the
        files can be written.
    """
    if isinstance(task, Search):
        return _search_folder_problems(Path(task.output).absolute()) if task.output else []
    main, formats, inputs, missing = _TABLE[type(task)]
    if not task.output:
        return [InputError(missing, f"No output file is set for the {main}.", "Choose where it is written.")]
    outputs = task.outputs()
    problems = _tiled_problems(task) if isinstance(task, Job) and "tiles" in outputs else []
    for role, (title, endings) in formats.items():
        if "tiles" in outputs and role in ("map", "confidence"):
            title, endings = VRT
        if not outputs.get(role, endings[0]).lower().endswith(endings):
            hint = f"Let its name end in {endings[0]}."
            problems.append(InputError("output-format", f"The {_title(role)} {outputs[role]} is not {title}.", hint))
    if problems and not isinstance(task, Job):
        return problems
    role_of: dict[str, str] = {}
    for role, path in outputs.items():
        if other := role_of.get(canonical_path(path)):
            message = f"The {_title(role)} and the {_title(other)} have the same file {path}."
            problems.append(InputError("same-output", message, "Give each its own name."))
        role_of[canonical_path(path)] = role
        problems += _tiles_problems(Path(path)) if role == "tiles" else writable_problems(path)
    read = {canonical_path(split_layer(path)[0]) for path in inputs(task) if path}
    for path, role in role_of.items():
        if path in read:
            message = f"{outputs[role]} is an input of the {type(task).__name__.lower()}."
            problems.append(InputError("output-is-input", message, f"Choose another file for the {_title(role)}."))
    return problems


def canonical_path(path: str) -> str:
    """The file behind a path, however the path is written.

    Parameters
    ----------
    path : str
        With ``..``, links, and on Windows capitals.

    Returns
    -------
    str
        The same for all paths of a file.
    """
    return os.path.normcase(os.path.realpath(path))


def _title(role: str) -> str:
    return role.replace("_", " ")


def _tiled_problems(job: Job) -> list[InputError]:
    """What cannot be had of a map in tiles."""
    refused = {"parcels are mapped into one file": job.parcels, "it cannot become a Cloud Optimized GeoTIFF": job.cog}
    hint = "Let its name end in .tif."
    return [
        InputError("output-format", f"The map {job.output} is a VRT, and {why}.", hint)
        for why, wanted in refused.items()
        if wanted
    ]


def _tiles_problems(folder: Path) -> list[InputError]:
    """Why the folder of the tiles cannot be replaced: only tiles of an earlier map may be in it."""
    own = re.compile(r"tile_\d{7}\.tif(\.aux\.xml|\.ovr)?")
    return _folder_problems(folder, lambda name: bool(own.fullmatch(name)), "Choose another name for the map.")


def _search_folder_problems(folder: Path) -> list[InputError]:
    """Why the folder of a search cannot be replaced: it must be new, empty or of an earlier search."""
    own = {SEARCH_TABLE}
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        own |= set(json.loads((folder / SEARCH_TABLE).read_text("utf-8"))["files"])
    # QGIS and GDAL put statistics beside a raster that was opened.
    problems = _folder_problems(
        folder, lambda name: name in own or name.endswith(".aux.xml"), "Choose a new or empty folder."
    )
    if problems:
        return problems
    if not folder.parent.is_dir():
        message = f"The folder {folder.parent} does not exist."
        return [InputError("output-folder", message, "Create it or choose another.")]
    if not os.access(folder.parent, os.W_OK):
        return [InputError("output-folder", f"The folder {folder.parent} cannot be written to.", "Choose another.")]
    return []


def _folder_problems(folder: Path, is_own: Callable[[str], bool], hint: str) -> list[InputError]:
    """``output-folder`` where a folder that is to be replaced is a file or has files that are not ours."""
    if folder.is_dir():
        foreign = sorted(one.name for one in folder.iterdir() if not is_own(one.name))
        if not foreign:
            return []
        message = f"The folder {folder} contains other files, such as {foreign[0]}."
    elif folder.exists():
        message = f"{folder} is a file, not a folder."
    else:
        return []
    return [InputError("output-folder", message, hint)]
