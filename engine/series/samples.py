"""How many samples a class needs, and the error when it has fewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .series_set import SeriesSet

MINIMUM_SAMPLES = 5
"""Observed samples that every class of a source needs."""


def few_samples(name: str, count: int, where: str, what: str = "observed pixels") -> InputError:
    """The error for class ``name`` with only ``count`` samples (``what`` they are) in ``where``."""
    return InputError(
        "few-samples",
        f"Class '{name}' has {count} {what} in {where}, at least {MINIMUM_SAMPLES} are needed.",
        "Add samples of it, merge it with another class, or leave it out.",
    )


def require_source(series: SeriesSet, where: str) -> None:
    """Raise InputError unless a model can be learnt from ``series``, called ``where`` in the message.

    Raises
    ------
    InputError
        ``no-labels``; ``one-class``; ``few-samples`` for the first class with fewer than
        ``MINIMUM_SAMPLES`` series that were observed at all.
    """
    if series.labels is None:
        raise InputError("no-labels", f"There are no labels in {where}.", "The source must be labelled.")
    count = np.bincount(series.labels[series.observed.any(axis=1)], minlength=len(series.classes))
    require_samples(count, series.classes, where)


def require_samples(count: np.ndarray, classes: Sequence[str], where: str) -> None:
    """As :func:`require_source`, of so many observed samples (k,) of each of the classes."""
    if (count > 0).sum() < 2:
        message = f"There are observed samples of fewer than two classes in {where}."
        raise InputError("one-class", message, "Add samples of other crops.")
    for name, number in zip(classes, count):
        if number < MINIMUM_SAMPLES:
            raise few_samples(name, int(number), where)


def describe_draw(series: SeriesSet, most: int, where: str) -> tuple[str, ...]:
    """A sentence on series that are a draw of at most ``most`` of each class of ``where``; none where they are all."""
    if series.population is None:
        return ()
    whole = int(series.population.sum())
    how = "at random" if series.group is None else "in turn from all its blocks"
    return (f"{len(series):,} of the {whole:,} series of {where} are used: at most {most:,} of a class, drawn {how}.",)
