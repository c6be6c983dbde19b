"""Checks of a job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError, problems_of
from ...imagery import label_problems, mask_problems, parcel_problems, stack_problems
from ...imagery.geo.layer_source import split_layer
from ...imagery.sensors.quality_flags import check_choice
from ...methods import METHODS
from ...series.season import day_of_year
from ..resolve.bands import model_bands, resolve_source, resolve_target
from ..resolve.series_file import series_bands
from ..specs.job import Job
from ..specs.schema import setting_problems
from .outputs import output_problems


def check(job: Job) -> list[InputError]:
    """All problems of a job, the ones to solve first in front.

    Reads headers and labels, no pixel of a stack, and imports no torch: fast enough to follow a person who fills in a
    form.

    Parameters
    ----------
    job : Job

    Returns
    -------
    list of InputError
        Empty when it can run.
    """
    wanted, problems = _source(job)
    problems += _setting_problems(job) + _target_problems(job, wanted) + setting_problems(job)
    if job.mask:
        problems += mask_problems(*split_layer(job.mask), job.target)
    return problems + _parcel_problems(job) + output_problems(job)


def _source(job: Job) -> tuple[tuple[str, ...], list[InputError]]:
    """The bands that the target must have, empty where they are not known, and what is wrong with the source."""
    if job.series and not (job.use_model or job.labels or job.source) and job.method in METHODS:
        try:
            return series_bands(job), []
        except InputError as problem:
            return (), [problem]
    problems = _layer_problems(job)
    if problems:
        return (), problems
    return (model_bands(job.use_model), []) if job.use_model else (resolve_source(job)[1], [])


def _layer_problems(job: Job) -> list[InputError]:
    if job.use_model:
        # Only the worker can read more of it: that takes torch.
        if Path(job.use_model).is_file():
            return _given_with_a_model(job)
        message = f"The model file {job.use_model} does not exist."
        return [InputError("model-unreadable", message, "Choose another file.")]
    if job.method not in METHODS:
        known = ", ".join(METHODS)
        return [InputError("method", f"Unknown method '{job.method}'.", f"Choose one of: {known}.")]
    if job.series:
        message = "Both a series file and labels with a source stack are given."
        return [InputError("two-sources", message, "Leave one of them out.")]
    if not job.labels and not job.source:
        hint = "Choose a labelled layer and its raster stack, or a series file."
        return [InputError("no-source", "No source is given to learn from.", hint)]
    if not job.labels:
        hint = "Choose the point or polygon layer that holds the crops of the source."
        return [InputError("no-labels", "The source stack has no labelled layer.", hint)]
    if not job.source:
        hint = "Choose the rasters that cover the labelled layer."
        return [InputError("no-source-stack", "The labelled layer has no source stack.", hint)]
    # Where only some bands of a source are wanted, the others need no check.
    problems = [] if job.bands else stack_problems(job.source, "source")
    if problems:
        return problems
    try:
        side, _ = resolve_source(job)
    except InputError as problem:
        return [problem]
    return stack_problems(side.used, "source") or label_problems(job.labels, job.source)


def _given_with_a_model(job: Job) -> list[InputError]:
    given = [name for name in ("bands", "indices") if getattr(job, name)]
    if not given:
        return []
    message = f"A model is given together with {' and '.join(given)}: the model decides which bands are read."
    return [InputError("bands-differ", message, "Leave them out.")]


def _target_problems(job: Job, wanted: Sequence[str]) -> list[InputError]:
    """Problems of the target's bands that are used, or of all its bands where the wanted ones are not known."""
    if not wanted or not job.target:
        return stack_problems(job.target, "target")
    try:
        side = resolve_target(job, wanted)
    except InputError as problem:
        unnamed = [p for p in stack_problems(job.target, "target") if p.code in ("no-band", "no-stack")]
        return [*unnamed, problem]
    return stack_problems(side.used, "target")


def _setting_problems(job: Job) -> list[InputError]:
    problems = []
    if job.workers > 0 and job.dask:
        message = f"Both {job.workers} workers on this machine and the Dask scheduler {job.dask} are given."
        problems.append(InputError("workers", message, "Leave one of them out."))
    if job.parcels and (job.workers or job.dask):
        message = "Parcels are classified in one process: a cluster maps pixel by pixel only."
        problems.append(InputError("workers", message, "Leave out the workers, or the parcels."))
    problems += problems_of(check_choice, job.quality)
    starts = [start for start in (job.source_season_start, job.target_season_start) if start]
    for start in starts:
        problems += problems_of(day_of_year, start)
    # A model may know when the season of its source starts.
    if len(starts) == 1 and not (job.use_model and job.target_season_start):
        one, other = ("source", "target") if job.source_season_start else ("target", "source")
        message = f"The start of the {one}'s season is given, but not that of the {other}'s."
        problems.append(InputError("season-start", message, "Give both, as month and day (MM-DD), or neither."))
    return problems


def _parcel_problems(job: Job) -> list[InputError]:
    if job.parcels:
        return parcel_problems(*split_layer(job.parcels), job.target)
    if job.parcel_layer:
        message = f"The parcel layer {job.parcel_layer} has no parcels to write."
        return [InputError("no-parcels", message, "Give the polygon layer that holds them.")]
    return []
