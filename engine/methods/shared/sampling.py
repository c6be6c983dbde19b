"""Samples and batches in which small classes are not lost."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class BalancedSampler:
    """Draws batches with all classes equally often; the cost is independent of the number of samples.

    Parameters
    ----------
    labels : ndarray (n,) of int
        Class indices.
    classes : int
        Number of classes.
    generator : torch.Generator
        Random numbers.
    """

    def __init__(self, labels: np.ndarray, classes: int, generator: torch.Generator) -> None:
        self._order = torch.from_numpy(np.argsort(labels, kind="stable"))
        count = np.bincount(labels, minlength=classes)
        self._count = torch.from_numpy(count)
        self._start = torch.from_numpy(np.cumsum(count) - count)
        self._present = torch.from_numpy(np.flatnonzero(count))
        self._generator = generator

    def draw(self, size: int) -> Tensor:
        """Draw indices (size,) with replacement; every class with a sample occurs equally often, plus or minus one.

        Parameters
        ----------
        size : int
            How many.
        """
        turn = torch.randperm(len(self._present), generator=self._generator)
        drawn = self._present[turn][torch.arange(size) % len(turn)]
        within = (torch.rand(size, generator=self._generator) * self._count[drawn]).long()
        return self._order[self._start[drawn] + torch.minimum(within, self._count[drawn] - 1)]


def split_source(
    labels: np.ndarray, group: np.ndarray | None, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split samples into training and validation, by spatial group where groups are known.

    Every class keeps at least three quarters of its samples, and never fewer than four, for training. Whole groups go
    to validation while one of their classes still lacks samples there.

    Parameters
    ----------
    labels : ndarray (n,) of int
        Class indices.
    group : ndarray (n,), optional
        Group of each sample, such as a spatial block or a field.
    share : float
        Share for validation, 0 to 1.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    tuple of ndarray of int
        Indices for training and for validation.
    """
    n = len(labels)
    count = np.bincount(labels)
    wanted = np.floor(share * count)
    limit = np.minimum(np.floor(0.25 * count), np.maximum(count - 4, 0))
    if group is None or len(np.unique(group)) < 2 * len(count):
        group = np.arange(n)
    held = np.zeros(n, bool)
    taken = np.zeros(len(count))
    groups, inverse = np.unique(group, return_inverse=True)
    members = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    for g in rng.permutation(len(groups)):
        adds = np.bincount(labels[members[g]], minlength=len(count))
        useful = (adds > 0) & (taken < wanted)
        if useful.any() and (taken + adds <= limit)[adds > 0].all():
            held[members[g]] = True
            taken += adds
    return np.flatnonzero(~held), np.flatnonzero(held)


def stratified_sample(index: np.ndarray, labels: np.ndarray, maximum: int, rng: np.random.Generator) -> np.ndarray:
    """Sample that takes from no class while that has less than its equal part.

    Parameters
    ----------
    index : ndarray of int
        Samples to choose from.
    labels : ndarray (n,) of int
        Class indices of all samples.
    maximum : int
        Size of the sample at most.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    ndarray of int
        Some of ``index``, in order.
    """
    if len(index) <= maximum:
        return index
    own = labels[index]
    per_class = max(1, maximum // len(np.unique(own)))
    return np.sort(np.concatenate([rng.permutation(index[own == c])[:per_class] for c in np.unique(own)]))
