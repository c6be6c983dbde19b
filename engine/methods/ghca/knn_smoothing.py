"""Predictions smoothed over each pixel's nearest neighbours in the embedding of the target.

Crops form clusters in the target even where the source model draws its borders through them (the idea of
neighbourhood clustering, Yang et al. 2021, arXiv:2110.04202).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

ROWS = 512


def nearest_neighbours(embedding: torch.Tensor, count: int, tick: Callable[[], None] = lambda: None) -> np.ndarray:
    """Indices (n, count) of the nearest other rows of embedding (n, d) by cosine; fewer where n is small."""
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
    """Mix each prediction (n, k) with the mean of its neighbours' (n, m), ``rounds`` times.

    ``share`` is the weight of the neighbours, 0 to 1.
    """
    smoothed = probability
    if neighbours.shape[1] == 0:
        return smoothed
    for _ in range(rounds):
        smoothed = (1 - share) * probability + share * smoothed[neighbours].mean(axis=1)
    return smoothed
