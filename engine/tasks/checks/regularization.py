"""Checks of a regularization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError, problems_of
from ...imagery import StackBand, stack_problems
from ...imagery.sensors.quality_flags import check_choice, data_bands, is_quality
from ...imagery.sensors.spectral_indices import index_name, index_names, require_index
from ...imagery.stack.regularize import score_name
from ...imagery.stack.validate import complete_dates
from ...series.periods import season_periods
from ..specs.regularization import ROLE, Regularization
from ..specs.schema import setting_problems
from .outputs import output_problems


@dataclass(frozen=True)
class ResolvedBands:
    """What is read for a regularization."""

    bands: tuple[StackBand, ...]
    """Raster bands, quality bands among them."""
    computed: tuple[str, ...]
    """Indices to compute from them."""
    written: tuple[str, ...]
    """Names of the bands of the output."""


def check_regularization(task: Regularization) -> list[InputError]:
    """All problems of a regularization, the ones to solve first in front; reads no pixel and imports no torch.

    Parameters
    ----------
    task : Regularization
    """
    problems = setting_problems(task) + output_problems(task)
    try:
        check_choice(task.quality)
        reading = resolve_bands(task)
    except InputError as problem:
        return [*problems, problem]
    stack = stack_problems(reading.bands, ROLE)
    if stack:
        return [*stack, *problems]
    dates = complete_dates(reading.bands)[0]
    return [*problems, *problems_of(season_periods, dates, task.period, task.start, task.end)]


def resolve_bands(task: Regularization) -> ResolvedBands:
    """The bands to read; ``task`` as of :func:`check_regularization`.

    Raises
    ------
    InputError
        ``bands-differ``, ``index-bands`` for a wanted band that cannot be had.
    """
    there = tuple(dict.fromkeys(str(band.band) for band in data_bands(task.stack) if band.band))
    if not there:
        return ResolvedBands(task.stack, (), ())
    written = tuple(dict.fromkeys([*(_named(name, there) for name in task.bands or there), *index_names(task.indices)]))
    score = score_name(task.recipe, there)
    wanted = dict.fromkeys([*written, *([score] if score else [])])
    computed = tuple(name for name in wanted if name not in there)
    needed = {name for name in wanted if name in there}
    for index in computed:
        needed |= set(require_index(index, there, f"the {ROLE}").values())
    # A band that is not wanted must not cost a date on which it is missing, nor need a name.
    bands = [b for b in task.stack if is_quality(b.band) or b.band in needed or not (b.band or task.bands)]
    return ResolvedBands(tuple(bands), computed, written)


def _named(name: str, there: Sequence[str]) -> str:
    found = next((own for own in there if own.casefold() == name.casefold()), None) or index_name(name)
    if found is None:
        message = f"The {ROLE} has no band '{name}': it has {', '.join(there)}."
        raise InputError("bands-differ", message, "Choose from these, and from indices that can be computed from them.")
    return found
