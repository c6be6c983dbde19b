"""Does a job from its inputs to its published files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ...errors import Cancelled, InputError, writing
from ...imagery import (
    MapMosaic,
    MapWriter,
    ParcelLayer,
    Stack,
    class_colors,
    make_cloud_optimized,
    sample_labels,
    sample_unlabelled,
    write_parcel_qml,
    write_qml,
)
from ...imagery.sensors.product_scaling import scale_warnings
from ...imagery.stack.raster_file import bounded_cache
from ...methods import fit
from ...progress import Progress
from ...series import SeriesSet, describe_draw
from ..checks.job import check, read_source_series, series_name
from ..cluster.dask_executor import require_cluster
from ..resolve.bands import resolve_source, resolve_target
from ..resolve.season import target_season
from ..resolve.target import open_target
from ..specs.job import Job
from ..specs.layer_path import split_layer
from ..specs.limits import SAMPLES_PER_CLASS, TARGET_SAMPLES
from ..storage.lock import only_run
from ..storage.partial_outputs import part_path, publish_parts, remove_parts
from .map_job import MapRun
from .result import Result
from .stages import READ_SOURCE, READ_TARGET, WRITE, _stages
from .summary import facts, provenance, summary

MOST_CACHE = 320 * 2**20
"""Memory of GDAL's blocks: those of a row of windows whose borders lie within blocks. Of the map, too, GDAL would keep
as much as a twentieth of the machine holds."""


def run(job: Job, progress: Progress, keep: Callable[[], bool] = lambda: False) -> Result:
    """Do the job; on any error or cancel no output of it stays, finished or not.

    Tiles that are finished stay in a hidden folder beside the map where something outside the job ended it, so that
    it can go on from there.

    Parameters
    ----------
    keep : asked after a cancel: whether finished tiles shall stay.

    Raises
    ------
    InputError
        The first problem of :func:`check`, or one that only the pixels show; ``output-busy`` where another run writes
        the same map.
    Cancelled
        The user cancelled.
    """
    progress.update(0.0)
    problems = check(job)
    if problems:
        raise problems[0]
    require_cluster(job)
    with only_run(job.output, progress), bounded_cache(MOST_CACHE):
        mapping = MapRun(job)
        try:
            result = _run(job, mapping, progress)
        except BaseException as fault:
            # Bad input would stop the next run, too.
            useful = fault.keeps_tiles if isinstance(fault, InputError) else True
            mapping.interrupted(keep() if isinstance(fault, Cancelled) else useful)
            raise
        finally:
            remove_parts(job)
        mapping.finished()
    return result


def _run(job: Job, mapping: MapRun, progress: Progress) -> Result:
    # Imported here, because they bring torch, and QGIS imports this package.
    from ...mapping import map_parcels
    from ...mapping.memory import window_bytes
    from ...models import TrainedModel
    from ...reports.map_report import write_report

    resumed = mapping.resume_model(progress)
    model = resumed or (TrainedModel.load(job.use_model) if job.use_model else None)
    source = None if model or not job.series else read_source_series(job, SAMPLES_PER_CLASS)
    known = model or source
    # A band the model does not read must not cost a date on which it is missing.
    side = resolve_target(job, known.bands if known else resolve_source(job)[1])
    season, decided = target_season(job, model.season if job.use_model and model else None, side.bands)
    with open_target(job, side, season.start) as (stack, mask):
        progress.plan(_stages(job, stack, model is not None))
        _tell(progress, [*side.notes, *decided])
        parcels = ParcelLayer(*split_layer(job.parcels)) if job.parcels else None
        if model is None:
            progress.stage(READ_SOURCE)
            if source is None:
                source = _sample_source(job, progress)
            _tell(progress, describe_draw(source, SAMPLES_PER_CLASS, series_name(job)))
            progress.stage(READ_TARGET)
            target = sample_unlabelled(stack, mask, TARGET_SAMPLES, job.seed, progress)
            _tell(progress, scale_warnings(source, target))
            model = fit(job.method, source, target.with_bands(source.bands), job.seed, progress, job.options)
            model = replace(model, season=season)
        elif resumed and job.report and not job.use_model:
            # The report shows the source beside the map.
            progress.stage(READ_SOURCE)
            source = read_source_series(job, SAMPLES_PER_CLASS) if job.series else _sample_source(job, progress)
        _tell(progress, stack.warnings)

        outputs = job.outputs()
        part = {role: str(part_path(path, job.id)) for role, path in outputs.items()}
        colors = class_colors(model.classes)
        counts = None
        if parcels is None:
            mapping.map(model, stack, mask, progress)
            progress.stage(WRITE)
        tags = provenance(job, model, stack, mapping.created)
        files = part["map"], part.get("confidence"), stack.grid, model.classes, colors, tags
        writer = MapMosaic(*files, part["tiles"]) if "tiles" in part else MapWriter(*files)
        try:
            if parcels is None:
                statistics = mapping.join(writer, progress)
            else:
                how = job.parcel_reading, window_bytes(job.memory)
                place = part["parcels"], Path(outputs["parcels"]).stem
                statistics, counts = map_parcels(model, stack, parcels, mask, writer, progress, *how, *place)
                progress.stage(WRITE)
            if not statistics.mapped:
                raise InputError(
                    "target-empty",
                    f"The target {stack.name} has no observed pixel to map.",
                    "Check its nodata value and its mask.",
                )
            if "tiles" in part:
                mapping.give_tiles(part["tiles"])
            writer.finish()
        finally:
            writer.close()
        if job.cog:
            for role, resampling in (("map", "NEAREST"), ("confidence", "AVERAGE")):
                if role in part:
                    make_cloud_optimized(part[role], resampling)
        way = mapping.told(statistics) if counts is None else counts.told(job.parcel_reading)
        report = summary(job, model, stack, statistics, progress, way)
        with writing(outputs["style"]):
            write_qml(part["style"], model.classes, colors, [bool(n) for n in statistics.pixels])
        if counts is not None:
            counts.add_to(report)
            with writing(outputs["parcel_style"]):
                present = [crop in counts.by_class for crop in range(len(colors))]
                others = counts.classified < counts.count
                write_parcel_qml(part["parcel_style"], counts.crop_field, model.classes, colors, present, others)
        progress.update(0.9)
        if "model" in part:
            with writing(outputs["model"]):
                model.save(part["model"])
        if "report" in part:
            lines = facts(job, model, stack, side, season, report)
            title = Path(job.output).stem
            page, picture = part["report"], part["map"]
            with writing(outputs["report"]):
                write_report(page, title, model, source, stack, statistics, colors, report, picture, lines)
        if isinstance(writer, MapMosaic):
            with writing(outputs["map"]):
                writer.link_tiles(outputs["tiles"])
    published = publish_parts(job, outputs)
    progress.finish()
    # Only now the time of the last stage is known.
    report["seconds"] = dict(progress.seconds)
    return Result(published, report)


def _sample_source(job: Job, progress: Progress) -> SeriesSet:
    if job.labels is None:
        raise ValueError("a job without labels or series file passed the check")
    side, wanted = resolve_source(job)
    with Stack(side.bands, "source", side.indices, job.quality) as stack:
        _tell(progress, side.notes)
        series = sample_labels(job.labels, stack, job.seed, SAMPLES_PER_CLASS, progress)
        _tell(progress, stack.warnings)
    return series.with_bands([name for name in stack.bands if name in wanted])


def _tell(progress: Progress, warnings: Iterable[str]) -> None:
    for text in warnings:
        if text not in progress.warnings:
            progress.warning(text)
