"""How the days of a target are counted: from the season starts that are given, or by hemisphere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...imagery import StackBand
from ...imagery.geo.geodesy import stack_latitude
from ...series import Season, read_latitude
from ...series.season import HALF_YEAR, opposite
from ..specs.job import Job


def target_season(job: Job, adapted: Season | None, target: Sequence[StackBand]) -> tuple[Season, list[str]]:
    """The season of the target.

    Parameters
    ----------
    job : Job
    adapted : Season or None
        Season of the stack that a given model was adapted to; None for a model that is to be learned.
    target : sequence of StackBand
        Raster bands that are read of the target.

    Returns
    -------
    Season
    list of str
        Sentences about what was decided for the user.

    Raises
    ------
    InputError
        ``season-start`` where only the target's start is given and the model does not know the source's.
    """
    latitude = stack_latitude(target)
    known = Season(latitude=_source_latitude(job)) if adapted is None else adapted
    if job.target_season_start:
        season = known.of_start(job.target_season_start, job.source_season_start)
        return replace(season, latitude=latitude), []
    if not opposite(known.latitude, latitude):
        return known.for_latitude(latitude), []
    where = "The source is" if adapted is None else "The model was adapted to a target"
    return known.for_latitude(latitude), [
        f"{where} at {degrees(known.latitude)} and the target at {degrees(latitude)}: the target's days are shifted "
        f"by half a year ({HALF_YEAR} days) to the season of the source. Give the season starts of source and target "
        "to change that, the same one twice to shift nothing."
    ]


def _source_latitude(job: Job) -> float | None:
    if job.series:
        return read_latitude(job.series, {key: value for key, value in job.series_part.items() if key != "classes"})
    return stack_latitude(job.source)


def degrees(latitude: float | None) -> str:
    """Return a latitude for people, such as ``47° N``.

    Parameters
    ----------
    latitude : float or None
        Degrees north; None counts as 0.
    """
    return f"{abs(latitude or 0.0):.0f}° {'S' if (latitude or 0.0) < 0 else 'N'}"
