"""Compatibility of source and target: bands, dates, seasons and quality bands, computed on a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...engine.errors import InputError
from ...engine.imagery import StackBand
from ...engine.imagery.geo.geodesy import stack_latitude
from ...engine.imagery.sensors.band_matching import BandMatch, match_bands
from ...engine.imagery.sensors.quality_flags import data_band_names, data_bands, is_quality
from ...engine.imagery.sensors.spectral_indices import INDICES, computable, index_name
from ...engine.imagery.stack.validate import complete_dates
from ...engine.series import Season, read_latitude
from ...engine.series.season import day_of_year
from ...engine.series.series_set import align_years
from ...engine.tasks import Job
from ...engine.tasks.resolve.bands import resolve_source
from ...engine.tasks.resolve.season import degrees, target_season
from ..common.qt import tr
from ..stack.dates import is_date


@dataclass(frozen=True)
class SeriesFacts:
    """What a series file shows."""

    bands: tuple[str, ...]
    day: tuple[float, ...]
    """Days as in :class:`engine.series.SeriesSet`."""


@dataclass(frozen=True)
class DateRow:
    """The dates of one side on the calendar of the source."""

    day: tuple[float, ...] = ()
    """Days since 31 December before the source's first date, plus the shift of the season."""
    label: tuple[str, ...] = ()
    """The date of each day."""
    left_out: tuple[float, ...] = ()
    """Days of dates that lack a band."""


@dataclass(frozen=True)
class Compatibility:
    """What the form shows about a source and a target together."""

    match: BandMatch | None = None
    """None while a side has no band."""
    indices: tuple[str, ...] = ()
    """Indices that both sides can give."""
    source: DateRow = field(default_factory=DateRow)
    target: DateRow = field(default_factory=DateRow)
    shift_days: int = 0
    """Days by which the target's dates are shifted."""
    season: str = ""
    """A sentence on the seasons."""
    quality: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Quality bands found, and the roles they were found in."""


def compare_sides(job: Job, series: SeriesFacts | None) -> Compatibility:
    """Compare source and target of a job; ``series`` replaces the source stack. Opens a file of each."""
    found = _quality(job)
    there = data_band_names(job.source) if series is None else [index_name(name) or name for name in series.bands]
    names = data_band_names(job.target)
    match, usable = None, tuple(index for index in _indices(there) if not names or index in _indices(names))
    if there and names:
        more = [index for index in job.indices if index in usable]
        match = match_bands(list(dict.fromkeys([*there, *more])), names)
    used = {name for pair in match.pairs for name in (pair.inputs or (pair.target,))} if match else set(names)
    target = [band for band in data_bands(job.target) if band.band in used]
    source = DateRow(series.day) if series is not None else _row(_used_bands(job), 0, ())
    try:
        season, sentence = _season(job, target)
    except InputError as problem:
        season, sentence = Season(), str(problem)
    shift_days = season.days
    return Compatibility(match, usable, source, _row(target, shift_days, source.day), shift_days, sentence, found)


def _used_bands(job: Job) -> list[StackBand]:
    """The bands of the source stack that the model uses; all of them while that is undecided."""
    try:
        return data_bands(resolve_source(job)[0].used)
    except InputError:
        return data_bands(job.source)


def _indices(names: Sequence[str]) -> list[str]:
    """Indices that bands of these names give, or hold already."""
    return [index for index in INDICES if computable(index, names) or index in {index_name(name) for name in names}]


def _quality(job: Job) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for role, bands in ((tr("source"), job.source), (tr("target"), job.target)):
        for name in dict.fromkeys(str(band.band).upper() for band in bands if is_quality(band.band)):
            found.setdefault(name, []).append(role)
    return {name: tuple(roles) for name, roles in found.items()}


def _row(bands: Sequence[StackBand], shift_days: int, reference: Sequence[float]) -> DateRow:
    """Days of complete and of incomplete dates, moved by whole years next to ``reference``."""
    dated = [band for band in bands if is_date(band.date) and band.band]
    if not dated:
        return DateRow()
    kept, lacking = complete_dates(dated)
    dates = np.array(sorted([*kept, *lacking]), "datetime64[D]")
    new_year = dates[0].astype("datetime64[Y]").astype("datetime64[D]")
    day = (dates - new_year).astype(np.float32) + 1 + shift_days
    if len(reference):
        day = align_years(day, np.asarray(reference))
    of = dict(zip(map(str, dates), map(float, day)))
    return DateRow(tuple(of[date] for date in kept), kept, tuple(of[date] for date in lacking))


def _season(job: Job, target: Sequence[StackBand]) -> tuple[Season, str]:
    """The season of the target and a sentence on it; raises InputError as :func:`target_season`."""
    starts = job.source_season_start, job.target_season_start
    for start in filter(None, starts):
        day_of_year(start)
    if not target or not (job.source or job.series):
        return Season(), ""
    season, notes = target_season(job, None, target)
    if notes:
        return season, notes[0]
    if all(starts):
        return season, (
            tr("The target's dates are shifted by {days:+d} days so that both seasons start together.").format(
                days=season.days
            )
            if season.days
            else tr("Both seasons start on the same day of the year: no shift.")
        )
    here = read_latitude(job.series) if job.series else stack_latitude(job.source)
    there = season.latitude
    if here is None or there is None:
        return season, tr("Dates are compared by calendar day; the latitude of the source is unknown.")
    return season, tr("Source at {here}, target at {there}: dates are compared by calendar day.").format(
        here=degrees(here), there=degrees(there)
    )


def format_problem(problem: InputError) -> str:
    """The text of a problem with a hint that fits the dialog instead of the command line."""
    if problem.code == "bands-differ":
        hint = tr("Correct the band names in the tables, or untick the missing bands under 'Compatibility'.")
        return f"{problem.message} {hint}"
    return str(problem)
