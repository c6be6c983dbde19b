"""A job from its inputs to its published files: resolve, learn, map, write, publish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import Cancelled, InputError, writing
from ...imagery import (
    MapMosaic,
    MapWriter,
    Mask,
    ParcelLayer,
    Stack,
    class_colors,
    make_cloud_optimized,
    sample_labels,
    sample_unlabelled,
    write_parcel_qml,
    write_qml,
)
from ...imagery.geo.layer_source import split_layer
from ...imagery.stack.raster_file import bounded_cache
from ...methods import fit
from ...progress import Progress
from ...series import Season, SeriesSet, describe_draw
from ...series.magnitudes import magnitudes, unit_warnings
from ...series.season_overlap import season_warnings
from ..checks.job import check
from ..cluster.dask_executor import require_cluster
from ..resolve.bands import ResolvedStack, resolve_source, resolve_target
from ..resolve.season import target_season
from ..resolve.series_file import read_source_series, series_name
from ..resolve.target import open_target
from ..specs.job import Job
from ..specs.limits import SAMPLES_PER_CLASS, TARGET_SAMPLES
from ..storage.lock import only_run
from ..storage.partial_outputs import part_path, publish_parts, remove_parts
from .map_job import MapRun
from .result import Result
from .stages import READ_SOURCE, READ_TARGET, WRITE, plan_stages
from .summary import facts, provenance, summarize

if TYPE_CHECKING:
    from ...mapping import MapStatistics
    from ...mapping.parcels import ParcelCounts
    from ...models import TrainedModel

MAX_CACHE_BYTES = 320 * 2**20
"""Memory of GDAL's blocks: those of a row of windows whose borders lie within blocks. Of the map, too, GDAL would keep
as much as a twentieth of the machine holds."""

UNIT_SAMPLES, UNIT_WINDOWS = 500, 4
"""Pixels and windows of a target that are read to compare its unit with that of a model."""
SET_SCALE = (
    "Set the scale of one side (--source-scale, --target-scale), or convert its rasters to the unit of the other."
)


@dataclass(frozen=True)
class _Inputs:
    """A job with its bands matched, before the target is opened."""

    job: Job
    map_run: MapRun
    progress: Progress
    model: TrainedModel | None
    """Given, or of the interrupted run; None where it has to be learned."""
    resumed: bool
    """Whether the model is that of an interrupted run."""
    source: SeriesSet | None
    """Labelled series of a series file; None where they come from labels, or are not needed."""
    side: ResolvedStack
    """The target as it is read."""
    season: Season
    notes: list[str]
    """What the user should know about bands and season."""


@dataclass(frozen=True)
class _Learned:
    """A job with its model and its opened target."""

    inputs: _Inputs
    model: TrainedModel
    source: SeriesSet | None
    """The labelled series, as far as the report shows them."""
    stack: Stack
    mask: Mask | None
    parcels: ParcelLayer | None
    without_sample: dict[str, int]
    """Labels of the source that gave no sample, by reason."""


@dataclass(frozen=True)
class _Mapped:
    """The finished map in its unfinished file."""

    writer: MapWriter
    statistics: MapStatistics
    counts: ParcelCounts | None
    """What came of the parcels; None for a map by pixels."""


def run(job: Job, progress: Progress, keep: Callable[[], bool] = lambda: False) -> Result:
    """Run a job; on any error or cancel no output of it stays, finished or not.

    Finished tiles stay in a hidden folder beside the map where something outside the job stopped it, so that it can be
    resumed.

    Parameters
    ----------
    job : Job
    progress : Progress
    keep : callable
        Called after a cancel: whether finished tiles stay.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        The first problem of :func:`check`, or one that only the pixels show; ``output-busy`` where another run writes
        the same map.
    Cancelled
        The user cancelled.
    """
    progress.update(0.0)
    for problem in check(job):
        raise problem
    require_cluster(job)
    with only_run(job.output, progress), bounded_cache(MAX_CACHE_BYTES):
        map_run = MapRun(job)
        try:
            result = _run(job, map_run, progress)
        except BaseException as fault:
            # Bad input would stop the next run, too.
            useful = fault.keeps_tiles if isinstance(fault, InputError) else True
            map_run.interrupted(keep() if isinstance(fault, Cancelled) else useful)
            raise
        finally:
            remove_parts(job)
        map_run.finished()
    return result


def _run(job: Job, map_run: MapRun, progress: Progress) -> Result:
    inputs = _resolve(job, map_run, progress)
    with open_target(job, inputs.side, inputs.season.start) as (stack, mask):
        learned = _learn(inputs, stack, mask)
        summary = _write_files(learned, _map(learned))
    published = publish_parts(job, job.outputs())
    progress.finish()
    # Only now the time of the last stage is known.
    return Result(published, {**summary, "seconds": dict(progress.seconds)})


def _resolve(job: Job, map_run: MapRun, progress: Progress) -> _Inputs:
    """The model where there is one, and the bands and season of the target."""
    from ...models import TrainedModel

    resumed = map_run.resume_model(progress)
    model = resumed or (TrainedModel.load(job.use_model) if job.use_model else None)
    source = None if model or not job.series else read_source_series(job, SAMPLES_PER_CLASS)
    known = model or source
    # A band the model does not read must not cost a date on which it is missing.
    side = resolve_target(job, known.bands if known else resolve_source(job)[1])
    season, notes = target_season(job, model.season if job.use_model and model else None, side.bands)
    return _Inputs(job, map_run, progress, model, resumed is not None, source, side, season, [*side.notes, *notes])


def _learn(inputs: _Inputs, stack: Stack, mask: Mask | None) -> _Learned:
    """Fit the method where there is no model yet."""
    job, progress, model, source = inputs.job, inputs.progress, inputs.model, inputs.source
    progress.plan(plan_stages(job, stack, model is not None))
    progress.warn_once(inputs.notes)
    if model is not None and job.use_model:
        span = np.array([model.calendar.first, model.calendar.last]) - model.shift_days
        sides = f"the model {Path(job.use_model).name}", f"the target {stack.name}"
        progress.warn_once(season_warnings(span, stack.day, sides, of_span=True))
    parcels = ParcelLayer(*split_layer(job.parcels)) if job.parcels else None
    without_sample: dict[str, int] = {}
    if model is None:
        progress.stage(READ_SOURCE)
        guessed = stack.guessed_scale
        if source is None:
            drawn = _sample_source(job, progress)
            source, guessed, without_sample = drawn.series, guessed or drawn.guessed_scale, drawn.without_sample
        progress.warn_once(describe_draw(source, SAMPLES_PER_CLASS, series_name(job)))
        progress.warn_once(season_warnings(source.day, stack.day, ("the source", f"the target {stack.name}")))
        progress.stage(READ_TARGET)
        target = sample_unlabelled(stack, mask, TARGET_SAMPLES, job.seed, progress)
        sides = "the source", f"the target {stack.name}"
        sizes = magnitudes(source), magnitudes(target)
        progress.warn_once(unit_warnings(*sizes, sides, SET_SCALE, guessed))
        model = fit(job.method, source, target.with_bands(source.bands), job.seed, progress, job.options)
        model = replace(model, season=inputs.season)
    elif inputs.resumed and job.report and not job.use_model:
        # The report shows the source beside the map.
        progress.stage(READ_SOURCE)
        source = read_source_series(job, SAMPLES_PER_CLASS) if job.series else _sample_source(job, progress).series
    elif job.use_model and model.magnitudes and not inputs.resumed:
        _compare_with_model(job, model, stack, mask, progress)
    progress.warn_once(stack.warnings)
    return _Learned(inputs, model, source, stack, mask, parcels, without_sample)


def _compare_with_model(job: Job, model: TrainedModel, stack: Stack, mask: Mask | None, progress: Progress) -> None:
    """Warn where the target is in another unit than the series that a given model was learned from."""
    try:
        some = sample_unlabelled(stack, mask, UNIT_SAMPLES, job.seed, progress, UNIT_WINDOWS)
    except InputError as fault:
        if fault.code != "raster-unreadable":
            raise
        return  # reported when the window is mapped, and all others are kept then
    sides = f"the model {Path(job.use_model or '').name}", f"the target {stack.name}"
    progress.warn_once(unit_warnings(model.magnitudes, magnitudes(some), sides, SET_SCALE, stack.guessed_scale))


def _map(learned: _Learned) -> _Mapped:
    """Classify the target, tile by tile or parcel by parcel, and write map and confidence."""
    # Imported here, because it brings torch, and QGIS imports this package.
    from ...mapping import ParcelMapping, map_parcels
    from ...mapping.memory import window_bytes

    inputs, model, stack, mask = learned.inputs, learned.model, learned.stack, learned.mask
    job, progress, map_run = inputs.job, inputs.progress, inputs.map_run
    parts = _parts(job)
    if learned.parcels is None:
        map_run.map(model, stack, mask, progress)
        progress.stage(WRITE)
    tags = provenance(job, model, stack, map_run.created)
    files = parts["map"], parts.get("confidence"), stack.grid, model.classes, class_colors(model.classes), tags
    writer = MapMosaic(parts["tiles"], *files) if "tiles" in parts else MapWriter(*files)
    counts = None
    try:
        if learned.parcels is None:
            statistics = map_run.join(writer, progress)
        else:
            how = job.parcel_reading, window_bytes(job.memory)
            layer = parts["parcels"], Path(job.outputs()["parcels"]).stem
            mapping = ParcelMapping(model, stack, mask, learned.parcels, *how, *layer)
            statistics, counts = map_parcels(mapping, writer, progress)
            progress.stage(WRITE)
        if not statistics.mapped:
            message = f"The target {stack.name} has no observed pixel to map."
            raise InputError("target-empty", message, "Check its nodata value and its mask.")
        if "tiles" in parts:
            map_run.move_tiles(parts["tiles"])
        writer.finish()
    finally:
        writer.close()
    return _Mapped(writer, statistics, counts)


def _write_files(learned: _Learned, mapped: _Mapped) -> dict[str, Any]:
    """Write what goes with the map: styles, model, report; returns the summary of the job."""
    from ...reports.map_report import FinishedMap, write_report

    inputs, model, stack = learned.inputs, learned.model, learned.stack
    job, progress, statistics, counts = inputs.job, inputs.progress, mapped.statistics, mapped.counts
    outputs, parts, colors = job.outputs(), _parts(job), class_colors(model.classes)
    if job.cog:
        for role, resampling in (("map", "NEAREST"), ("confidence", "AVERAGE")):
            if role in parts:
                make_cloud_optimized(parts[role], resampling)
    way = inputs.map_run.describe(statistics) if counts is None else counts.describe(job.parcel_reading)
    summary = summarize(job, model, stack, statistics, progress, way)
    summary["labels_without_sample"] = learned.without_sample
    with writing(outputs["style"]):
        write_qml(parts["style"], model.classes, colors, [bool(n) for n in statistics.pixels])
    if counts is not None:
        counts.add_to_summary(summary)
        with writing(outputs["parcel_style"]):
            present = [crop in counts.by_class for crop in range(len(colors))]
            others = counts.classified < counts.count
            write_parcel_qml(parts["parcel_style"], counts.crop_field, model.classes, colors, present, others)
    progress.update(0.9)
    if "model" in parts:
        with writing(outputs["model"]):
            model.save(parts["model"])
    if "report" in parts:
        lines = facts(job, model, stack, inputs.side, inputs.season, summary)
        finished = FinishedMap(parts["map"], model, learned.source, stack, statistics, colors, summary, lines)
        with writing(outputs["report"]):
            write_report(parts["report"], Path(job.output).stem, finished)
    if isinstance(mapped.writer, MapMosaic):
        with writing(outputs["map"]):
            mapped.writer.link_tiles(outputs["tiles"])
    return summary


def _parts(job: Job) -> dict[str, str]:
    return {role: str(part_path(path, job.id)) for role, path in job.outputs().items()}


@dataclass(frozen=True)
class _DrawnSource:
    """The labelled series of a stack."""

    series: SeriesSet
    guessed_scale: bool
    """Whether the scale of the stack is a guess."""
    without_sample: dict[str, int]
    """Labels that gave no sample, by reason."""


def _sample_source(job: Job, progress: Progress) -> _DrawnSource:
    if job.labels is None:
        raise ValueError("a job without labels or series file passed the check")
    side, wanted = resolve_source(job)
    with Stack(side.bands, "source", side.indices, job.quality) as stack:
        progress.warn_once(side.notes)
        series = sample_labels(job.labels, stack, job.seed, SAMPLES_PER_CLASS, progress)
        progress.warn_once(stack.warnings)
    series = series.with_bands([name for name in stack.bands if name in wanted])
    return _DrawnSource(series, stack.guessed_scale, dict(stack.labels_without_sample))
