"""How source and target fit: bands, dates, seasons and quality bands of both, worked out on a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...engine.errors import InputError
from ...engine.imagery import StackBand
from ...engine.imagery.geo.geodesy import stack_latitude
from ...engine.imagery.sensors.band_matching import BandMatch, match_bands
from ...engine.imagery.sensors.quality_flags import data_bands, is_quality
from ...engine.imagery.sensors.spectral_indices import INDICES, computable, index_name
from ...engine.imagery.stack.validate import complete_dates
from ...engine.series import Season, read_latitude
from ...engine.series.season import day_of_year
from ...engine.series.series_set import align_years
from ...engine.tasks import Job
from ...engine.tasks.resolve.bands import source_side
from ...engine.tasks.resolve.season import target_season
from ..common.qt import tr
from ..stack.dates import is_date


@dataclass(frozen=True)
class SeriesFacts:
    """What a series file shows."""

    bands: tuple[str, ...]
    day: tuple[float, ...]
    """Days as in :class:`engine.series.SeriesSet`."""


@dataclass(frozen=True)
class Row:
    """The dates of one side on the calendar of the source."""

    day: tuple[float, ...] = ()
    """Days since 31 December before the source's first date, plus what the season was moved by."""
    label: tuple[str, ...] = ()
    """The date of each day."""
    left_out: tuple[float, ...] = ()
    """Days of dates that lack a band."""


@dataclass(frozen=True)
class Fit:
    """What is shown of a source and a target together."""

    match: BandMatch | None = None
    """None while a side has no band."""
    indices: tuple[str, ...] = ()
    """Indices that both sides can give."""
    source: Row = field(default_factory=Row)
    target: Row = field(default_factory=Row)
    moved: int = 0
    """Days by which the target is moved to be compared."""
    season: str = ""
    """A sentence on the seasons."""
    quality: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Quality bands found, and the roles they were found in."""


def fit_of(job: Job, series: SeriesFacts | None) -> Fit:
    """Work out the fit of a job's two sides, whatever of them is there; opens a file of each.

    Parameters
    ----------
    job : its two sides, the bands and indices that are learnt from, and its season starts.
    series : of a job with a series file.
    """
    found = _quality(job)
    there = _names(job.source) if series is None else [index_name(name) or name for name in series.bands]
    names = _names(job.target)
    match, usable = None, tuple(index for index in _indices(there) if not names or index in _indices(names))
    if there and names:
        more = [index for index in job.indices if index in usable]
        match = match_bands(list(dict.fromkeys([*there, *more])), names)
    used = {name for pair in match.pairs for name in (pair.inputs or (pair.target,))} if match else set(names)
    target = [band for band in data_bands(job.target) if band.band in used]
    source = Row(series.day) if series is not None else _row(_learnt_from(job), 0, ())
    try:
        season, sentence = _season(job, target)
    except InputError as problem:
        season, sentence = Season(), str(problem)
    moved = season.days
    return Fit(match, usable, source, _row(target, moved, source.day), moved, sentence, found)


def _learnt_from(job: Job) -> list[StackBand]:
    """The bands of the source stack that are read; all of them while that is not clear."""
    try:
        return data_bands(source_side(job)[0].used)
    except InputError:
        return data_bands(job.source)


def _names(bands: Sequence[StackBand]) -> list[str]:
    return list(dict.fromkeys(str(band.band) for band in data_bands(bands) if band.band))


def _indices(names: Sequence[str]) -> list[str]:
    """Indices that bands of these names give, or hold already."""
    return [index for index in INDICES if computable(index, names) or index in {index_name(name) for name in names}]


def _quality(job: Job) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for role, bands in ((tr("source"), job.source), (tr("target"), job.target)):
        for name in dict.fromkeys(str(band.band).upper() for band in bands if is_quality(band.band)):
            found.setdefault(name, []).append(role)
    return {name: tuple(roles) for name, roles in found.items()}


def _row(bands: Sequence[StackBand], moved: int, reference: Sequence[float]) -> Row:
    """Days of the dates that have all bands and of the others, as near as whole years let them to ``reference``."""
    dated = [band for band in bands if is_date(band.date) and band.band]
    if not dated:
        return Row()
    kept, lacking = complete_dates(dated)
    dates = np.array(sorted([*kept, *lacking]), "datetime64[D]")
    new_year = dates[0].astype("datetime64[Y]").astype("datetime64[D]")
    day = (dates - new_year).astype(np.float32) + 1 + moved
    if len(reference):
        day = align_years(day, np.asarray(reference))
    of = dict(zip(map(str, dates), map(float, day)))
    return Row(tuple(of[date] for date in kept), kept, tuple(of[date] for date in lacking))


def _season(job: Job, target: Sequence[StackBand]) -> tuple[Season, str]:
    """The season of the target and a sentence on it; raises InputError as :func:`target_season`."""
    starts = job.source_season_start, job.target_season_start
    for start in filter(None, starts):
        day_of_year(start)
    if not target or not (job.source or job.series):
        return Season(), ""
    season, told = target_season(job, None, target)
    if told:
        return season, told[0]
    if all(starts):
        return season, (
            tr("The target's dates are moved by {days:+d} days, so that both seasons start together.").format(
                days=season.days
            )
            if season.days
            else tr("Both seasons start on the same day of the year: nothing is moved.")
        )
    here, there = _latitude(job), season.latitude
    if here is None or there is None:
        return season, tr("Dates are compared by the calendar; where the source lies is not known.")
    return season, tr("Source at {here}, target at {there}: dates are compared by the calendar.").format(
        here=_degrees(here), there=_degrees(there)
    )


def _latitude(job: Job) -> float | None:
    return read_latitude(job.series) if job.series else stack_latitude(job.source)


def _degrees(latitude: float) -> str:
    return f"{abs(latitude):.0f}° {'S' if latitude < 0 else 'N'}"


def told(problem: InputError) -> str:
    """A problem as the dialog tells it, whose form has other ways out than a command has."""
    if problem.code == "bands-differ":
        hint = tr("Correct the names of the bands in the tables, or untick what is missing under 'How they fit'.")
        return f"{problem.message} {hint}"
    return str(problem)
