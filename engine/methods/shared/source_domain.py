"""The labelled source, prepared for training: standardised, on its calendar, with a part held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...models.standardise import Statistics, band_statistics
from ...models.trained import Calendar
from ...series import SeriesSet, regular_days
from .sampling import BalancedSampler, split_source, stratified_sample
from .tensors import SeriesTensors, make_tensors

MAX_HELD_OUT = 1000
MAX_SAMPLED = 3000
"""The cost of a fit must not grow with the number of source samples."""


@dataclass(frozen=True)
class SourceDomain:
    """The prepared source, from which every method starts."""

    tensors: SeriesTensors
    """All its series."""
    labels: np.ndarray
    """(n,) class indices."""
    train: np.ndarray
    """Indices of the training part."""
    held_out: np.ndarray
    """Indices held out, at most ``MAX_HELD_OUT`` of them."""
    sample: np.ndarray
    """At most ``MAX_SAMPLED`` of the training part, for statistics that are computed repeatedly."""
    shares: np.ndarray
    """(k,) class shares of the population that the source was drawn from."""
    calendar: Calendar
    """Its season."""
    statistics: Statistics
    """Class-balanced statistics that standardise it."""
    grid: np.ndarray | None = None
    """(g,) days to which it is interpolated; None where it keeps its dates."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.shares)

    def validation(self) -> tuple[SeriesTensors, np.ndarray]:
        """Held-out series and labels; the training series where the source is too small to hold any out."""
        index = self.held_out if len(self.held_out) else self.sample
        return self.tensors.take(index), self.labels[index]


class SourceSampler:
    """Draws class-balanced batches of the training part of the source.

    Parameters
    ----------
    domain : SourceDomain
        The source.
    generator : torch.Generator
        Random numbers.
    """

    def __init__(self, domain: SourceDomain, generator: torch.Generator) -> None:
        self._sampler = BalancedSampler(domain.labels[domain.train], domain.classes, generator)
        self._train = torch.from_numpy(domain.train)
        self._labels = torch.from_numpy(domain.labels).to(domain.tensors.values.device)

    def draw(self, size: int) -> tuple[Tensor, Tensor]:
        """Draw with replacement.

        Parameters
        ----------
        size : int
            Series in the batch.

        Returns
        -------
        tuple of Tensor (size,) of int64
            Indices of the series and their classes.
        """
        index = self._train[self._sampler.draw(size)]
        return index, self._labels[index]


def prepare_source(
    source: SeriesSet, held_out: float, seed: int, device: torch.device, on_grid: bool = False
) -> SourceDomain:
    """Standardise the source, put it on its own calendar and hold out a share of it for validation.

    Parameters
    ----------
    source : SeriesSet
        Labelled series.
    held_out : float
        Share to hold out, 0 to 1.
    seed : int
        Seed of the split.
    device : torch.device
        Where to put the series.
    on_grid : bool
        Interpolate to a regular grid of days over the season.

    Returns
    -------
    SourceDomain
        The prepared source.

    Raises
    ------
    ValueError
        Where the source has no labels.
    """
    if source.labels is None:
        raise ValueError("the source has no labels")
    k = len(source.classes)
    balance = balanced_weights(source.labels, k)
    statistics = band_statistics(source.values, balance)
    gap = float(np.median(np.diff(source.day))) if len(source.day) > 1 else 0.0
    calendar = Calendar(float(source.day[0]), float(source.day[-1]), max(16.0, gap))
    rng = np.random.default_rng(seed)
    train, validation = split_source(source.labels, source.group, held_out, rng)
    validation = stratified_sample(validation, source.labels, MAX_HELD_OUT, rng)
    sample = stratified_sample(train, source.labels, MAX_SAMPLED, rng)
    grid = regular_days(source.day) if on_grid else None
    tensors = make_tensors(source.values, source.day, statistics, calendar, device, grid)
    return SourceDomain(
        tensors, source.labels, train, validation, sample, source.class_shares, calendar, statistics, grid
    )


def balanced_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return weights (n,) with a sum of one that give every class the same total.

    ``labels`` and ``classes`` as of :class:`BalancedSampler`.
    """
    weight = 1.0 / np.bincount(labels, minlength=classes)[labels]
    return weight / weight.sum()
