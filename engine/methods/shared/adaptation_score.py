"""What the source models' answers say for one way to read the target, without its labels.

Two kinds of evidence: the class-share-weighted MK-MMD of the embeddings, which is least, and the inception score of the
predictions, which is greatest, where the domains agree (the second is that of TimeMatch, Nyborg et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .class_shares import adjust_to_shares, estimate_class_shares
from .mmd import kernel, mean_squared_distance


@dataclass(frozen=True)
class AdaptationScore:
    """What speaks for one way to read the target."""

    discrepancy: float
    """Class-share-weighted squared MK-MMD of the embeddings."""
    inception: float
    """Mutual information of pixel and class, in shares of log k."""
    shares: np.ndarray
    """(k,) class shares estimated under it."""

    @staticmethod
    def mean_of(single: Sequence[AdaptationScore]) -> AdaptationScore:
        """The evidence of several source models together: means of the logarithms, and of the class shares."""
        discrepancy, inception = (
            float(np.exp(np.mean([np.log(getattr(one, name)) for one in single])))
            for name in ("discrepancy", "inception")
        )
        return AdaptationScore(discrepancy, inception, np.mean([one.shares for one in single], axis=0))

    @property
    def score(self) -> float:
        """Both kinds of evidence in one figure; greater is better."""
        return float(np.log(self.inception) - np.log(self.discrepancy))


def inception_score(probability: np.ndarray) -> float:
    """Mutual information of pixel and class, from predictions (n, k), in shares of log k, 0 to 1.

    It is the entropy of the mean prediction less the mean entropy.
    """
    p = np.maximum(probability.astype(np.float64), 1e-12)
    mean = p.mean(axis=0)
    return float((-(mean * np.log(mean)).sum() + (p * np.log(p)).sum(axis=1).mean()) / np.log(p.shape[1]))


def score_adaptation(
    source_embedding: torch.Tensor, source_labels: np.ndarray, target_embedding: torch.Tensor, probability: np.ndarray
) -> AdaptationScore:
    """SourceEnsemble one way to read the target.

    Parameters
    ----------
    source_embedding : (m, d), ``source_labels`` (m,).
    target_embedding : (n, d), ``probability`` (n, k) calibrated, of a class-balanced classifier.
    """
    k = probability.shape[1]
    shares = estimate_class_shares(probability)
    count = np.bincount(source_labels, minlength=k)
    a = (shares / np.maximum(count, 1))[source_labels]
    weight = torch.as_tensor(a / a.sum(), dtype=target_embedding.dtype)
    scale = mean_squared_distance(source_embedding)  # of the source alone: the yardstick must not move with the reading
    within_source = weight @ kernel(source_embedding, source_embedding, scale) @ weight
    within_target = kernel(target_embedding, target_embedding, scale).mean()
    across = (kernel(target_embedding, source_embedding, scale) @ weight).mean()
    discrepancy = max(float(within_source + within_target - 2 * across), 1e-6)
    return AdaptationScore(discrepancy, max(inception_score(adjust_to_shares(probability, shares)), 1e-6), shares)
