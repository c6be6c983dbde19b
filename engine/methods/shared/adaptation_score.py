"""A score, without target labels, of how well a preprocessing of the target fits the source models.

Two figures: the class-share-weighted MK-MMD of the embeddings, which is least where the domains agree, and the
inception score of the predictions, which is greatest there (that of TimeMatch, Nyborg et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...estimation.class_shares import adjust_to_shares, estimate_class_shares
from .mmd import kernel, mean_squared_distance


@dataclass(frozen=True)
class AdaptationScore:
    """Score of one preprocessing of the target."""

    discrepancy: float
    """Class-share-weighted squared MK-MMD of the embeddings."""
    inception: float
    """Mutual information of pixel and class, in shares of log k."""
    shares: np.ndarray
    """(k,) class shares estimated under it."""

    @staticmethod
    def mean_of(scores: Sequence[AdaptationScore]) -> AdaptationScore:
        """Mean over source models: of the logarithms of both figures, and of the class shares.

        Parameters
        ----------
        scores : sequence of AdaptationScore
            One of each model.

        Returns
        -------
        AdaptationScore
            The mean.
        """
        discrepancy, inception = (
            float(np.exp(np.mean([np.log(getattr(one, name)) for one in scores])))
            for name in ("discrepancy", "inception")
        )
        return AdaptationScore(discrepancy, inception, np.mean([one.shares for one in scores], axis=0))

    @property
    def score(self) -> float:
        """Both figures in one; greater is better."""
        return float(np.log(self.inception) - np.log(self.discrepancy))


def inception_score(probability: np.ndarray) -> float:
    """Mutual information of pixel and class: the entropy of the mean prediction less the mean entropy.

    In shares of log k, 0 to 1; ``probability`` as of :func:`expected_shares`.
    """
    p = np.maximum(probability.astype(np.float64), 1e-12)
    mean = p.mean(axis=0)
    return float((-(mean * np.log(mean)).sum() + (p * np.log(p)).sum(axis=1).mean()) / np.log(p.shape[1]))


def score_adaptation(
    source_embedding: torch.Tensor, source_labels: np.ndarray, target_embedding: torch.Tensor, probability: np.ndarray
) -> AdaptationScore:
    """Score one preprocessing of the target.

    Parameters
    ----------
    source_embedding : Tensor (m, d)
        Embeddings of source series.
    source_labels : ndarray (m,) of int
        Their classes.
    target_embedding : Tensor (n, d)
        Embeddings of target series.
    probability : ndarray (n, k)
        Their calibrated predictions by a class-balanced classifier.

    Returns
    -------
    AdaptationScore
        Discrepancy, inception score and estimated class shares.
    """
    k = probability.shape[1]
    shares = estimate_class_shares(probability)
    a = (shares / np.maximum(np.bincount(source_labels, minlength=k), 1))[source_labels]
    weight = torch.as_tensor(a / a.sum(), dtype=target_embedding.dtype)
    scale = mean_squared_distance(
        source_embedding
    )  # of the source alone: the scale must not change with the preprocessing
    within_source = weight @ kernel(source_embedding, source_embedding, scale) @ weight
    within_target = kernel(target_embedding, target_embedding, scale).mean()
    across = (kernel(target_embedding, source_embedding, scale) @ weight).mean()
    discrepancy = max(float(within_source + within_target - 2 * across), 1e-6)
    return AdaptationScore(discrepancy, max(inception_score(adjust_to_shares(probability, shares)), 1e-6), shares)
