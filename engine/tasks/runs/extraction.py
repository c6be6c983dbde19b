"""Labelled series drawn from a stack once, joined with those of other regions and years, and kept in a file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...errors import listed, writing
from ...imagery import Stack, sample_labels
from ...imagery.labels.label_raster import is_label_raster
from ...progress import Progress
from ...series import MINIMUM_SAMPLES, Series, SeriesFile, write_series
from ...series.join import Joined, join_series
from ..checks.extraction import check_extraction
from ..resolve.bands import encoded
from ..specs.extraction import Extraction
from ..storage.partial_outputs import part_path, publish_parts, remove_parts
from .result import Result
from .stages import READ_SOURCE

READ_FILES, JOIN, WRITE = "Reading the series files", "Joining the series", "Writing the series"


def run_extraction(extraction: Extraction, progress: Progress) -> Result:
    """Run an extraction; on any error or cancel no file of it stays.

    Parameters
    ----------
    extraction : Extraction
    progress : Progress

    Returns
    -------
    Result
        Its ``summary``: ``samples``, ``classes`` (name and samples of each), ``dates``, ``bands``,
        ``labels_without_sample`` (labels by reason), ``warnings``, ``seconds``.

    Raises
    ------
    InputError
        The first problem of :func:`check_extraction`, or one that only the pixels or a series file show.
    Cancelled
        The user cancelled.
    """
    progress.update(0.0)
    for problem in check_extraction(extraction):
        raise problem
    try:
        with contextlib.ExitStack() as files:
            return _run(extraction, progress, files)
    finally:
        remove_parts(extraction)


def _run(extraction: Extraction, progress: Progress, files: contextlib.ExitStack) -> Result:
    stages = {READ_SOURCE: 8.0 if extraction.labels else 0.0, READ_FILES: 1.0 * len(extraction.join), WRITE: 2.0}
    progress.plan({name: weight for name, weight in stages.items() if weight})
    parts: list[Series] = []
    names: list[str] = []
    dates: tuple[str, ...] = ()
    without_sample: dict[str, int] = {}
    if extraction.labels:
        progress.stage(READ_SOURCE)
        with Stack(encoded(extraction.source, extraction.encoding), "source", quality=extraction.quality) as stack:
            draw = extraction.seed, extraction.per_class
            drawn = sample_labels(extraction.labels, stack, *draw, progress, partial=True)
            progress.warn_once(stack.warnings)
            without_sample = dict(stack.labels_without_sample)
            parts, names = [drawn], [f"the stack {stack.name}"]
            # The dates of the stack are those of the file only while its days are plain days of its calendar.
            dates = () if extraction.join else stack.dates
    if extraction.join:
        progress.stage(READ_FILES)
        for number, path in enumerate(extraction.join):
            progress.update(number / len(extraction.join))
            parts.append(files.enter_context(SeriesFile(path)))
            names.append(f"the series file {Path(path).name}")
        progress.part(JOIN)
    # Files are read while the joined one is written, so that no more than a block of any is in memory.
    series = join_series(parts, names, progress.warning, progress.check, extraction.keep_spellings)
    series = _without_rare_classes(series, extraction, progress.warning)
    progress.stage(WRITE)
    with writing(extraction.output):
        write_series(part_path(extraction.output, extraction.id), series, dates)
    progress.update(0.9)
    published = publish_parts(extraction, ["series"])
    progress.finish()
    samples = np.bincount(series.labels, minlength=len(series.classes))
    summary = {
        "samples": len(series),
        "classes": [{"name": name, "samples": int(count)} for name, count in zip(series.classes, samples)],
        "dates": len(series.day),
        "bands": list(series.bands),
        "labels_without_sample": without_sample,
        "warnings": list(progress.warnings),
        "seconds": dict(progress.seconds),
    }
    return Result(published, summary)


def _without_rare_classes(series: Joined, extraction: Extraction, warn: Callable[[str], None]) -> Joined:
    """Warn of classes with too few samples; those of a raster are left out, to others the user may add."""
    samples = np.bincount(series.labels, minlength=len(series.classes))
    few = [f"{name} ({count})" for name, count in zip(series.classes, samples) if count < MINIMUM_SAMPLES]
    enough = [name for name, count in zip(series.classes, samples) if count >= MINIMUM_SAMPLES]
    shown = listed(few, 10)
    if few and enough and extraction.labels and is_label_raster(extraction.labels):
        warn(f"Classes with fewer than {MINIMUM_SAMPLES} samples are left out: {shown}.")
        series = series.with_classes(enough)
    elif few:
        warn(
            f"Classes with fewer than {MINIMUM_SAMPLES} samples cannot be learned: {shown}. "
            "Join the file with others that have them, or leave them out by a class table."
        )
    if len(series.classes) < 2:
        warn(f"The series have the single class {series.classes[0]}. Join them with others before learning from them.")
    return series
