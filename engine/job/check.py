"""Everything that can be known to be wrong with a job before it runs, in words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..alignment import METHODS
from ..errors import InputError
from ..imagery import label_problems, mask_problems, pair_problems, stack_problems, writable_problems
from ..imagery.stack import StackBand
from ..series import SeriesSet, read_series, require_source
from .job import Job
from .sources import split_layer

LARGEST_SEED = 2**32 - 1
"""What every random generator of the engine takes."""


def check(job: Job) -> list[InputError]:
    """All problems of the job, the ones to mend first in front; empty when it can run.

    Reads headers and labels, no pixel of a stack, and imports no torch: quick enough to follow a
    person who fills in a form.
    """
    source_problems, series = _source_problems(job)
    problems = [*source_problems, *stack_problems(job.target, "target")]
    if not 0 <= job.seed <= LARGEST_SEED:
        problems.append(InputError("seed", f"The seed is {job.seed}.", f"Choose a number from 0 to {LARGEST_SEED}."))
    if not problems:
        problems += _band_problems(job, series)
    if job.mask:
        problems += mask_problems(*split_layer(job.mask), job.target)
    return problems + _output_problems(job)


def read_source_series(job: Job) -> SeriesSet:
    """The labelled series of a job that learns from a series file; raises InputError."""
    part = dict(job.series_part)
    series = read_series(job.series or "", part, tuple(part.pop("classes", ())))
    require_source(series, f"the series file {Path(job.series or '').name}")
    return series


def _source_problems(job: Job) -> tuple[list[InputError], SeriesSet | None]:
    """What is wrong with the source, and the labelled series of a series file, which is read only here."""
    if job.series and not (job.use_model or job.labels or job.source) and job.method in METHODS:
        try:
            return [], read_source_series(job)
        except InputError as problem:
            return [problem], None
    return _layer_problems(job), None


def _layer_problems(job: Job) -> list[InputError]:
    if job.use_model:
        # Only the worker can read more of it: that takes torch.
        if Path(job.use_model).is_file():
            return []
        return [InputError("model-unreadable", f"There is no model file {job.use_model}.", "Choose another file.")]
    if job.method not in METHODS:
        known = ", ".join(METHODS)
        return [InputError("method", f"There is no method '{job.method}'.", f"Choose one of: {known}.")]
    if job.series:
        message = "Both a series file and a labelled layer with a source stack are given."
        return [InputError("two-sources", message, "Leave one of them out.")]
    if not job.labels and not job.source:
        hint = "Choose a labelled layer and its raster stack, or a series file."
        return [InputError("no-source", "There is no source to learn from.", hint)]
    if not job.labels:
        hint = "Choose the point or polygon layer that holds the crops of the source."
        return [InputError("no-labels", "The source stack has no labelled layer.", hint)]
    if not job.source:
        hint = "Choose the rasters that cover the labelled layer."
        return [InputError("no-source-stack", "The labelled layer has no source stack.", hint)]
    return stack_problems(job.source, "source") or label_problems(job.labels, job.source)


def require_bands(needed: Sequence[str], target: Sequence[StackBand], who: str) -> None:
    """Raise InputError (``bands-differ``) when the target stack lacks a band that ``who`` needs."""
    there = sorted({band.band for band in target if band.band})
    missing = [band for band in needed if band not in there]
    if missing:
        raise InputError(
            "bands-differ",
            f"{who} has the bands {', '.join(needed)}, but the target stack has no {', '.join(missing)}.",
            f"The target has {', '.join(there)}: correct the band names of its table.",
        )


def _band_problems(job: Job, series: SeriesSet | None) -> list[InputError]:
    if job.use_model:
        return []
    if series is None:
        return pair_problems(job.source, job.target)
    try:
        require_bands(series.bands, job.target, f"The series file {Path(job.series or '').name}")
    except InputError as problem:
        return [problem]
    return []


def _output_problems(job: Job) -> list[InputError]:
    if not job.output:
        return [InputError("no-output", "There is no place for the map.", "Choose a file whose name ends in .tif.")]
    outputs = job.outputs()
    problems: list[InputError] = []
    for role in ("map", "confidence"):
        path = outputs.get(role, ".tif")
        if not path.lower().endswith((".tif", ".tiff")):
            problems.append(
                InputError("output-format", f"The {role} {path} is not a GeoTIFF.", "Let its name end in .tif.")
            )
    taken: dict[str, str] = {}
    for role, path in outputs.items():
        spot = place(path)
        if spot in taken:
            message = f"The {role} and the {taken[spot]} are to be written to the same file {path}."
            problems.append(InputError("same-output", message, "Give each its own name."))
        taken[spot] = role
        problems += writable_problems(path)
    inputs = [band.path for band in (*job.source, *job.target)]
    inputs += [p for p in (job.series, job.use_model, job.mask, job.labels and job.labels.path) if p]
    read = {place(split_layer(path)[0]) for path in inputs}
    for spot, role in taken.items():
        if spot in read:
            hint = f"Choose another place for the {role}."
            problems.append(InputError("output-is-input", f"{outputs[role]} is an input of the job.", hint))
    return problems


def place(path: str) -> str:
    """The file behind a path, however the path is written: ``..``, links, and on Windows capitals."""
    return os.path.normcase(os.path.realpath(path))
