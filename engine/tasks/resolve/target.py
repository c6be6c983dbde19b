"""The target of a job opened for reading, by the job itself and by every worker of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...imagery import Mask, Stack
from ...imagery.geo.layer_source import split_layer
from ..specs.job import Job
from .bands import ResolvedStack


@contextmanager
def open_target(job: Job, side: ResolvedStack, season_start: str) -> Iterator[tuple[Stack, Mask | None]]:
    """The target stack and the mask of a job; the files are closed at the end of the block.

    Parameters
    ----------
    job : Job
    side : ResolvedStack
        The target's bands as they are read.
    season_start : str
        Month and day (``MM-DD``) that counts as day 1.

    Yields
    ------
    Stack
    Mask or None

    Raises
    ------
    InputError
        As :class:`Stack` and :class:`Mask`.
    """
    with Stack(side.bands, "target", side.indices, job.quality, season_start) as stack:
        yield stack, Mask(*split_layer(job.mask), stack.grid) if job.mask else None
