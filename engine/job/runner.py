"""Does a job from its inputs to its published files."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..alignment import METHODS, fit
from ..errors import InputError
from ..imagery import (
    MapWriter,
    Mask,
    Stack,
    StackBand,
    class_colors,
    pixel_hectares,
    sample_labels,
    sample_unlabelled,
    write_qml,
)
from ..imagery.scale import scale_warnings
from ..progress import Progress
from ..series import Season, SeriesSet, told_draw
from .bands import Side, source_side, target_side
from .check import check, read_source_series, series_name
from .job import Job
from .parts import part_path, publish_parts, remove_parts
from .season import target_season
from .sources import split_layer

READ_SOURCE, READ_TARGET, WRITE = "Reading the source", "Reading the target", "Writing the files"
MAP = "Mapping the target"

SAMPLES_PER_CLASS = 2_000
"""Source pixels or series of one class that are read at most: more teach a model of this size nothing new."""
TARGET_SAMPLES = 5_000
"""Target pixels the alignment sees at most."""
PIXELS_PER_SECOND = 15_000.0
"""What mapping took on two cores: only the progress bar relies on it."""


@dataclass(frozen=True)
class Result:
    """What a finished job leaves behind."""

    outputs: dict[str, str]
    """Written files by role: map, style, confidence, model, report."""
    summary: dict[str, Any]
    """Figures for people, JSON-ready: classes with pixels, area and confidence, method, warnings."""


def run(job: Job, progress: Progress) -> Result:
    """Do the job; on any error or cancel no file of it stays, finished or not.

    Raises
    ------
    InputError
        The first problem of :func:`check`, or one that only the pixels show.
    Cancelled
        The user cancelled.
    """
    progress.update(0.0)
    problems = check(job)
    if problems:
        raise problems[0]
    try:
        return _run(job, progress)
    finally:
        remove_parts(job)


def _run(job: Job, progress: Progress) -> Result:
    # Imported here, because they bring torch, and QGIS imports this package.
    from ..mapping import map_stack
    from ..models import TrainedModel
    from ..trust.report import write_report

    model = TrainedModel.load(job.use_model) if job.use_model else None
    source = None if model or not job.series else read_source_series(job, SAMPLES_PER_CLASS)
    known = model or source
    # A band the model does not read must not cost a date on which it is missing.
    side = target_side(job, known.bands if known else source_side(job)[1])
    season, decided = target_season(job, model.season if model else None, side.bands)
    with Stack(side.bands, "target", side.indices, job.quality, season.start) as stack:
        progress.plan(_stages(job, stack))
        _tell(progress, [*side.told, *decided])
        mask = Mask(*split_layer(job.mask), stack.grid) if job.mask else None
        if model is None:
            progress.stage(READ_SOURCE)
            if source is None:
                source = _sample_source(job, progress)
            _tell(progress, told_draw(source, SAMPLES_PER_CLASS, series_name(job)))
            progress.stage(READ_TARGET)
            target = sample_unlabelled(stack, mask, TARGET_SAMPLES, job.seed, progress)
            _tell(progress, scale_warnings(source, target))
            model = fit(job.method, source, target.with_bands(source.bands), job.seed, progress, job.options)
            model = replace(model, season=season)
        _tell(progress, stack.warnings)

        outputs = job.outputs()
        part = {role: str(part_path(path, job.id)) for role, path in outputs.items()}
        colors = class_colors(model.classes)
        writer = MapWriter(
            part["map"], part.get("confidence"), stack.grid, model.classes, colors, _provenance(job, model, stack)
        )
        try:
            statistics = map_stack(model, stack, mask, writer, progress)
            progress.stage(WRITE)
            if not statistics.mapped:
                raise InputError(
                    "target-empty",
                    f"The target {stack.name} has no observed pixel to map.",
                    "Check its nodata value and its mask.",
                )
            writer.finish()
        finally:
            writer.close()
        summary = _summary(job, model, stack, statistics, progress)
        with writing(outputs["style"]):
            write_qml(part["style"], model.classes, colors, [bool(n) for n in statistics.pixels])
        progress.update(0.5)
        if "model" in part:
            with writing(outputs["model"]):
                model.save(part["model"])
        if "report" in part:
            facts = _facts(job, model, stack, side, season, summary)
            title = Path(job.output).stem
            files = part["report"], part["map"]
            with writing(outputs["report"]):
                write_report(files[0], title, model, source, stack, statistics, colors, summary, files[1], facts)
    progress.update(0.9)
    published = publish_parts(job, outputs)
    progress.finish()
    # Only now the time of the last stage is known.
    summary["seconds"] = dict(progress.seconds)
    return Result(published, summary)


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Tell a full disk or a lost network drive as a problem of the file that was being written."""
    try:
        yield
    except OSError as fault:
        raise InputError(
            "output-unwritable",
            f"{path} cannot be written: {fault.strerror or fault}.",
            "Check the free space and the rights of its folder.",
        ) from fault


def _stages(job: Job, stack: Stack) -> dict[str, float]:
    """The stages of the job with a rough guess of the seconds each takes."""
    mapping = {MAP: 1 + stack.grid.width * stack.grid.height / PIXELS_PER_SECOND, WRITE: 2.0}
    if job.use_model:
        return mapping
    learning = METHODS[job.method].stages
    unit = METHODS[job.method].seconds / sum(learning.values())
    return {READ_SOURCE: 3.0, READ_TARGET: 3.0, **{name: unit * share for name, share in learning.items()}, **mapping}


def _sample_source(job: Job, progress: Progress) -> SeriesSet:
    if job.labels is None:
        raise ValueError("a job without labels or series file passed the check")
    side, wanted = source_side(job)
    with Stack(side.bands, "source", side.indices, job.quality) as stack:
        _tell(progress, side.told)
        series = sample_labels(job.labels, stack, job.seed, SAMPLES_PER_CLASS, progress)
        _tell(progress, stack.warnings)
    return series.with_bands([name for name in stack.bands if name in wanted])


def _tell(progress: Progress, warnings: Iterable[str]) -> None:
    for text in warnings:
        if text not in progress.warnings:
            progress.warning(text)


def _provenance(job: Job, model: Any, stack: Stack) -> dict[str, str]:
    """Tags of the map: which model of which method made it, from what, when, with which version."""
    if job.use_model:
        source = job.use_model
    elif job.labels:
        rasters = _files(job.source)
        source = "; ".join([f"{job.labels.path} ({job.labels.field})", *rasters])
    else:
        source = " ".join([job.series or "", *_part_of_series(job)])
    tags = {
        "CROPTRANSFER_VERSION": __version__,
        "CROPTRANSFER_MODEL": model.model_id,
        "CROPTRANSFER_METHOD": model.method,
        "CROPTRANSFER_SEED": str(model.seed),
        "CROPTRANSFER_SOURCE": source,
        "CROPTRANSFER_TARGET": "; ".join(_files(job.target)),
        "CROPTRANSFER_TARGET_DATES": f"{stack.dates[0]}/{stack.dates[-1]}",
        "CROPTRANSFER_SHIFT_DAYS": f"{model.shift_days:g}",
        "CROPTRANSFER_CREATED": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    if job.mask:
        tags["CROPTRANSFER_MASK"] = job.mask
    return tags


def _files(bands: Iterable[StackBand]) -> list[str]:
    return list(dict.fromkeys(band.path for band in bands))


def _part_of_series(job: Job) -> list[str]:
    """What of the series file was used, such as ``year 2015, 2016``; empty for all of it."""
    part = ["{} {}".format(key, ", ".join(map(str, values))) for key, values in job.series_part.items()]
    return [f"({'; '.join(part)})"] if part else []


def _facts(job: Job, model: Any, stack: Stack, side: Side, season: Season, summary: dict[str, Any]) -> dict[str, str]:
    """The last table of the report: what went in, what the method decided, how long it took."""
    facts = {
        "Method": f"{_title(model.method)} (seed {model.seed})",
        "Target": ", ".join(Path(path).name for path in _files(job.target)),
    }
    if job.series:
        facts["Source"] = " ".join([Path(job.series).name, *_part_of_series(job)])
    elif job.labels:
        rasters = ", ".join(Path(path).name for path in _files(job.source))
        facts["Source"] = f"{Path(job.labels.path).name}, field {job.labels.field}; {rasters}"
    else:
        facts["Model"] = Path(job.use_model or "").name
    if job.mask:
        facts["Mask"] = Path(job.mask).name
    facts["Bands"] = ", ".join(model.bands)
    if side.told:
        facts["Bands of the target"] = " ".join(side.told)
    if season.days:
        facts["Season of the target"] = f"its {season.start} is read as 01-01 of the source ({season.days:+d} days)"
    facts["Target dates"] = ", ".join(stack.dates)
    facts["Shift of the season"] = (
        f"{model.shift_days:+.0f} days, added to the target's dates to meet the source's calendar"
        if model.shift_days
        else "none"
    )
    if statistics := model.summary.get("statistics"):
        own = "the target's own statistics, matched to its class shares"
        facts["Standardisation"] = own if statistics == "matched" else "the statistics of the source"
    if rounds := model.summary.get("pseudo_labels"):
        accepted = ", ".join(f"{sum(one['accepted'].values()):,}" for one in rounds)
        facts["Pseudo-labels accepted"] = f"{accepted} (round by round)"
    if vetoes := model.summary.get("vetoes"):
        facts["Vetoes"] = " ".join(vetoes)
    facts["Time"] = ", ".join(f"{name.lower()} {seconds:.0f} s" for name, seconds in summary["seconds"].items())
    facts["Made by"] = f"Crop Transfer {__version__}, model {model.model_id}"
    return facts


def _title(method: str) -> str:
    """Name for people of a method; its key where a newer version wrote the model."""
    return METHODS[method].title if method in METHODS else method


def _summary(job: Job, model: Any, stack: Stack, statistics: Any, progress: Progress) -> dict[str, Any]:
    hectares = pixel_hectares(stack.grid)
    classes = []
    for index, name in enumerate(model.classes):
        pixels = int(statistics.pixels[index])
        by_percent = statistics.confidence[index]
        classes.append(
            {
                "name": name,
                "value": index + 1,
                "pixels": pixels,
                "hectares": round(pixels * hectares, 4) if np.isfinite(hectares) else None,
                "share": pixels / statistics.mapped,
                "confidence": float((by_percent * np.arange(101)).sum() / max(pixels, 1)),
            }
        )
    return {
        "method": model.method,
        "seed": model.seed,
        "model_id": model.model_id,
        "classes": classes,
        "mapped_pixels": statistics.mapped,
        "unobserved_pixels": statistics.unobserved,
        "outside_pixels": statistics.outside,
        "shift_days": model.shift_days,
        "model": model.summary,
        "warnings": list(progress.warnings),
        "seconds": dict(progress.seconds),
    }
