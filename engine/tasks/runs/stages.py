"""Stages of a job and the share of the time that each takes."""

from __future__ import annotations

from ...imagery import Stack
from ...methods import METHODS
from ..specs.job import Job

READ_SOURCE, READ_TARGET, WRITE = "Reading the source", "Reading the target", "Writing the files"

EXACT_RATE, FAST_RATE, WRITE_RATE = 30_000.0, 150_000.0, 5e6
"""Pixels a second on two cores, by the network, by its student, and written: only the progress bar relies on it."""


def plan_stages(job: Job, stack: Stack, has_model: bool) -> dict[str, float]:
    """The stages of a job.

    Parameters
    ----------
    job : Job
    stack : Stack
        The target.
    has_model : bool
        Whether nothing has to be learned.

    Returns
    -------
    dict of str to float
        Rough seconds of each stage, in their order.
    """
    from ...mapping.classifier_plan import MIN_MAP_PIXELS
    from ...mapping.classifier_plan import STAGE as TRAIN
    from ...mapping.map_stack import STAGE as MAP

    pixels = stack.grid.width * stack.grid.height
    if job.exact or job.parcels or pixels < MIN_MAP_PIXELS:
        mapping = {MAP: 1 + pixels / EXACT_RATE}
    else:
        mapping = {TRAIN: 30.0, MAP: 1 + pixels / FAST_RATE}
    mapping[WRITE] = 2.0 + pixels / WRITE_RATE
    if has_model:
        return mapping
    learning = METHODS[job.method].stages
    unit = METHODS[job.method].seconds / sum(learning.values())
    return {READ_SOURCE: 3.0, READ_TARGET: 3.0, **{name: unit * share for name, share in learning.items()}, **mapping}
