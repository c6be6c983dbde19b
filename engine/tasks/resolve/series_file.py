"""The series file that a job learns from."""

from __future__ import annotations

from pathlib import Path

from ...series import SeriesFile, SeriesSet, require_samples, require_source
from ..specs.job import Job
from .bands import source_series


def read_source_series(job: Job, max_per_class: int) -> SeriesSet:
    """The labelled series of a job that learns from a series file.

    Parameters
    ----------
    job : Job
    max_per_class : int
        Of a larger class that many are drawn.

    Returns
    -------
    SeriesSet
        With the bands to learn from.

    Raises
    ------
    InputError
        From reading the file and choosing its bands.
    """
    with _series_file(job) as file:
        series = file.read(max_per_class, job.seed)
    require_source(series, series_name(job))
    return source_series(job, series)


def series_name(job: Job) -> str:
    """Return what the series file of a job is called in messages; ``job`` as of :func:`read_source_series`."""
    return f"the series file {Path(job.series or '').name}"


def _series_file(job: Job) -> SeriesFile:
    part = dict(job.series_part)
    return SeriesFile(job.series or "", part, tuple(part.pop("classes", ())))


def series_bands(job: Job) -> tuple[str, ...]:
    """The bands that a job learns from a series file, of which no value is read.

    ``job`` as of :func:`read_source_series`, which raises the same.
    """
    with _series_file(job) as file:
        outline = file.outline()
        if outline.labels is None:
            require_source(outline, series_name(job))
        require_samples(file.counts, file.classes, series_name(job))
    return source_series(job, outline).bands
