"""Predictions smoothed over each pixel's nearest neighbours in the embedding of the target.

Crops form clusters in the target even where the borders of the source model cross them (the idea of
neighbourhood clustering, Yang et al. 2021, arXiv:2110.04202).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

ROWS = 512


def nearest_neighbours(embedding: torch.Tensor, count: int, tick: Callable[[], None] = lambda: None) -> np.ndarray:
    """Nearest other rows by cosine.

    Parameters
    ----------
    embedding : Tensor (n, d)
        Embeddings.
    count : int
        Neighbours m of each row; fewer where n is small.
    tick : callable
        Called at every chunk; may raise to cancel.

    Returns
    -------
    ndarray (n, m) of int
        Indices.
    """
    unit = F.normalize(embedding.float(), dim=1)
    count = min(count, len(unit) - 1)
    found = []
    for start in range(0, len(unit), ROWS):
        tick()
        similarity = unit[start : start + ROWS] @ unit.T
        rows = torch.arange(len(similarity))
        similarity[rows, rows + start] = -2.0
        found.append(similarity.topk(count, dim=1).indices)
    return torch.cat(found).numpy()


def smooth_over_neighbours(
    probability: np.ndarray, neighbours: np.ndarray, share: float, rounds: int = 2
) -> np.ndarray:
    """Mix each prediction with the mean of its neighbours'.

    Parameters
    ----------
    probability : ndarray (n, k)
        Predictions.
    neighbours : ndarray (n, m) of int
        Indices of the neighbours.
    share : float
        Weight of the neighbours, 0 to 1.
    rounds : int
        How many times.

    Returns
    -------
    ndarray (n, k)
        Smoothed predictions.
    """
    smoothed = probability
    if neighbours.shape[1] == 0:
        return smoothed
    for _ in range(rounds):
        smoothed = (1 - share) * probability + share * smoothed[neighbours].mean(axis=1)
    return smoothed
