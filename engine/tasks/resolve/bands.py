"""Bands of source and target: which are read, under which names, and what is computed from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError, listed
from ...imagery import StackBand
from ...imagery.geo.gdal_io import file_name
from ...imagery.geo.types import Encoding
from ...imagery.sensors.band_matching import (
    COMPUTED,
    MAX_LISTED,
    SAME_NAME,
    BandMatch,
    adapt_target,
    match_bands,
    require_match,
)
from ...imagery.sensors.quality_flags import data_band_names, is_quality
from ...imagery.sensors.spectral_indices import add_indices, index_name, index_names
from ...series import SeriesSet
from ..specs.job import Job

LONGEST_HEADER = 2**24
"""Bytes of a model file's header at most: a longer one is not ours."""


@dataclass(frozen=True)
class ResolvedStack:
    """One stack of a job as it is read."""

    bands: tuple[StackBand, ...]
    """Raster bands under the names that the model knows them by, and the quality bands."""
    indices: tuple[str, ...]
    """Indices to compute from them."""
    used: tuple[StackBand, ...]
    """The same raster bands under their own names."""
    notes: tuple[str, ...]
    """Sentences about the bands that are not found by their name, and about those left out."""


def resolve_source(job: Job) -> tuple[ResolvedStack, tuple[str, ...]]:
    """The source stack as it is read, and the bands and indices to learn from.

    Parameters
    ----------
    job : Job

    Returns
    -------
    ResolvedStack
    tuple of str

    Raises
    ------
    InputError
        ``bands-differ`` for a band that the source does not have, ``index``.
    """
    there = data_band_names(job.source)
    wanted = _wanted(job, there)
    match = match_bands(wanted, there)
    _require(wanted, [pair.source for pair in match.pairs if pair.how in (SAME_NAME, COMPUTED)], there, "source stack")
    notes = [pair.describe("source") for pair in match.pairs if pair.how == COMPUTED]
    return _side(encoded(job.source, job.source_encoding), match, notes), wanted


def source_series(job: Job, series: SeriesSet) -> SeriesSet:
    """The bands and indices of a series file that a job learns from; ``job`` as of :func:`resolve_source`.

    Parameters
    ----------
    series : SeriesSet
        All of the file.

    Raises
    ------
    InputError
        As :func:`resolve_source`, and ``index-bands``.
    """
    where = f"series file {Path(job.series or '').name}"
    keys = tuple(index_name(name) or name for name in series.bands)
    series = replace(series, bands=keys) if len(set(keys)) == len(keys) else series
    wanted = _wanted(job, series.bands)
    computed = [name for name in wanted if name not in series.bands and index_name(name)]
    _require(wanted, [*series.bands, *computed], series.bands, where)
    more = add_indices(series, computed, f"the {where}")
    return more if more.bands == wanted else more.with_bands(wanted)


def resolve_target(job: Job, wanted: Sequence[str]) -> ResolvedStack:
    """The target stack as it is read.

    Parameters
    ----------
    job : Job
    wanted : sequence of str
        Bands and indices of the model.

    Returns
    -------
    ResolvedStack

    Raises
    ------
    InputError
        ``bands-differ``, naming what is missing, what the target has and what can be done.
    """
    if job.use_model:
        who, hint = f"The model {Path(job.use_model).name}", ""
    else:
        who = f"The series file {Path(job.series).name}" if job.series else "The source"
        hint = ", or learn from less of the source (bands: {shared})"
    match = require_match(wanted, data_band_names(job.target), who, hint)
    notes = match.messages()
    if match.left_out:
        notes.append(
            f"Bands of the target that the source does not have are left out: {listed(match.left_out, MAX_LISTED)}."
        )
    unnamed = [f"band {b.index} of {file_name(b.path)}" for b in job.target if not b.band]
    if unnamed:
        notes.append(f"Bands of the target without a name are left out: {listed(unnamed)}.")
    return _side(encoded(job.target, job.target_encoding), match, notes)


def model_bands(path: str) -> tuple[str, ...]:
    """The bands of a model file, read without torch; empty where only the worker can report what is wrong with it.

    Parameters
    ----------
    path : str
    """
    try:
        with Path(path).open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), LONGEST_HEADER)))
        return tuple(map(str, json.loads(header["__metadata__"]["model"])["bands"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def encoded(bands: Sequence[StackBand], encoding: Encoding | None) -> tuple[StackBand, ...]:
    """The bands of a stack with the encoding of the whole stack; what a band says itself goes before it.

    Parameters
    ----------
    bands : sequence of StackBand
    encoding : Encoding or None
    """
    if encoding is None:
        return tuple(bands)
    return tuple(
        band if is_quality(band.band) else replace(band, encoding=(band.encoding or Encoding()).over(encoding))
        for band in bands
    )


def _wanted(job: Job, there: Sequence[str]) -> tuple[str, ...]:
    names = [index_name(name) or name for name in job.bands or there]
    return tuple(dict.fromkeys([*names, *index_names(job.indices)]))


def _require(wanted: Sequence[str], found: Sequence[str], there: Sequence[str], where: str) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        message = f"The {where} has no {listed(missing, MAX_LISTED)}, only {listed(there, MAX_LISTED)}."
        hint = "Choose from these bands and from indices that can be computed from them."
        raise InputError("bands-differ", message, hint)


def _side(bands: Sequence[StackBand], match: BandMatch, notes: Sequence[str]) -> ResolvedStack:
    adapted, indices = adapt_target(bands, match)
    names = {name for pair in match.pairs for name in (pair.inputs or (pair.target,))}
    used = tuple(band for band in bands if band.band in names)
    quality = tuple(band for band in bands if is_quality(band.band))
    return ResolvedStack((*adapted, *quality), indices, (*used, *quality), tuple(notes))
