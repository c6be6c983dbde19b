"""How many samples a class needs, and the error when it has fewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .series_set import SeriesSet

MINIMUM_SAMPLES = 5
"""Observed samples that every class of a source needs."""


def few_samples(name: str, count: int, where: str, what: str = "observed pixels", why: str = "") -> InputError:
    """Return the error for a class with too few samples.

    Parameters
    ----------
    name : str
        Name of the class.
    count : int
        Samples that it has.
    where : str
        What they are in, for the message.
    what : str
        What the samples are.
    why : str
        A further sentence.

    Returns
    -------
    InputError
        With the code ``few-samples``.
    """
    return InputError(
        "few-samples",
        f"Class '{name}' has {count} {what} in {where}, at least {MINIMUM_SAMPLES} are needed.{why}",
        "Add samples of it, merge it with another class, or leave it out.",
    )


def require_source(series: SeriesSet, where: str) -> None:
    """Check that a model can be learnt from the series.

    Parameters
    ----------
    series : SeriesSet
        The source.
    where : str
        What it is called in messages.

    Raises
    ------
    InputError
        ``no-labels``; ``one-class``; ``few-samples`` for the first class with fewer than ``MINIMUM_SAMPLES`` series
        that were observed at all.
    """
    if series.labels is None:
        raise InputError("no-labels", f"There are no labels in {where}.", "The source must be labelled.")
    count = np.bincount(series.labels[series.observed.any(axis=1)], minlength=len(series.classes))
    require_samples(count, series.classes, where)


def require_samples(count: np.ndarray, classes: Sequence[str], where: str) -> None:
    """Check that the classes have enough samples to learn from.

    Parameters
    ----------
    count : (k,) int64
        Observed samples of each class.
    classes : sequence of str
        Names of the classes.
    where : str
        What they are in, for messages.

    Raises
    ------
    InputError
        ``one-class`` or ``few-samples``.
    """
    if (count > 0).sum() < 2:
        message = f"There are observed samples of fewer than two classes in {where}."
        raise InputError("one-class", message, "Add samples of other crops.")
    for name, number in zip(classes, count):
        if number < MINIMUM_SAMPLES:
            raise few_samples(name, int(number), where)


def describe_draw(series: SeriesSet, most: int, where: str) -> tuple[str, ...]:
    """Say that series are a random draw.

    Parameters
    ----------
    series : SeriesSet
        Series that may be a draw.
    most : int
        Most series of a class in the draw.
    where : str
        What was drawn from.

    Returns
    -------
    tuple of str
        One sentence; none where the series are complete.
    """
    if series.population is None:
        return ()
    whole = int(series.population.sum())
    how = "at random" if series.group is None else "in turn from all its blocks"
    return (f"{len(series):,} of the {whole:,} series of {where} are used: at most {most:,} of a class, drawn {how}.",)
