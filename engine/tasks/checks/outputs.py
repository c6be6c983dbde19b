"""Checks of the files that a task writes."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ...errors import InputError
from ...imagery import writable_problems
from ..specs.job import Job
from ..specs.layer_path import split_layer


def _output_problems(job: Job) -> list[InputError]:
    if not job.output:
        return [InputError("no-output", "There is no place for the map.", "Choose a file whose name ends in .tif.")]
    outputs = job.outputs()
    tiled = "tiles" in outputs
    problems: list[InputError] = []
    for role in ("map", "confidence"):
        path = outputs.get(role, "")
        if tiled and path and not path.lower().endswith(".vrt"):
            message = f"The {role} {path} is not a VRT as the map is."
            problems.append(InputError("output-format", message, "Let the names of both end in .vrt, or in .tif."))
        elif not tiled and path and not path.lower().endswith((".tif", ".tiff")):
            problems.append(
                InputError("output-format", f"The {role} {path} is not a GeoTIFF.", "Let its name end in .tif.")
            )
    if tiled and job.parcels:
        message = f"The map {job.output} is a VRT, and parcels are mapped into one file."
        problems.append(InputError("output-format", message, "Let its name end in .tif."))
    if tiled and job.cog:
        message = f"The map {job.output} is a VRT, and no Cloud Optimized GeoTIFF can be made of it."
        problems.append(InputError("output-format", message, "Let its name end in .tif."))
    if not outputs.get("parcels", ".gpkg").lower().endswith(".gpkg"):
        message = f"The parcel layer {outputs['parcels']} is not a GeoPackage."
        problems.append(InputError("output-format", message, "Let its name end in .gpkg."))
    taken: dict[str, str] = {}
    for role, path in outputs.items():
        spot = canonical_path(path)
        if spot in taken:
            both = f"{_told(role)} and the {_told(taken[spot])}"
            message = f"The {both} are to be written to the same file {path}."
            problems.append(InputError("same-output", message, "Give each its own name."))
        taken[spot] = role
        problems += _tiles_problems(path) if role == "tiles" else writable_problems(path)
    inputs = [band.path for band in (*job.source, *job.target)]
    inputs += [p for p in (job.series, job.use_model, job.mask, job.parcels, job.labels and job.labels.path) if p]
    read = {canonical_path(split_layer(path)[0]) for path in inputs}
    for spot, role in taken.items():
        if spot in read:
            hint = f"Choose another place for the {_told(role)}."
            problems.append(InputError("output-is-input", f"{outputs[role]} is an input of the job.", hint))
    return problems


def _tiles_problems(path: str) -> list[InputError]:
    """Why the folder of the tiles cannot be replaced: only tiles of an earlier map may be in it."""
    folder = Path(path)
    if not folder.exists():
        return []
    own = re.compile(r"tile_\d{7}\.tif(\.aux\.xml|\.ovr)?")
    foreign = [] if not folder.is_dir() else sorted(one.name for one in folder.iterdir() if not own.fullmatch(one.name))
    if folder.is_dir() and not foreign:
        return []
    told = f"has other files in it, such as {foreign[0]}" if foreign else "is a file"
    return [InputError("output-folder", f"The folder of the tiles, {folder}, {told}.", "Name the map otherwise.")]


def _told(role: str) -> str:
    return role.replace("_", " ")


def canonical_path(path: str) -> str:
    """The file behind a path, however the path is written: ``..``, links, and on Windows capitals."""
    return os.path.normcase(os.path.realpath(path))
