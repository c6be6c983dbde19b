"""CDAN+E: a domain-adversarial network whose discriminator sees features and predictions together.

Published: Long et al. 2018, arXiv:1705.10667. The discriminator looks at the outer product of the features and the
predicted probabilities (eq. 4), or, where that has more than 4096 entries, at the product of random projections
of both to 1024 (eq. 5); a series counts by ``1 + exp(-H)`` of its prediction's entropy H (CDAN+E, eq. 9).

Ours: predictions and weights are taken as constants, so that the adversary moves the features alone. What is
shared with DANN stands in ``adversarial``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...models.encoder import NetworkSize
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.adversary import Discriminator, domain_loss, reverse_gradient
from .adversarial import AdversarialSettings, Adversary, DomainBatch, fit_adversarially

MAX_ENTRIES = 4096
"""Entries of an outer product above which random projections stand in for it."""
PROJECTED = 1024
"""Features of the random projections."""


def outer_product(features: Tensor, probability: Tensor) -> Tensor:
    """Products (b, d k) of every feature (b, d) with every class's probability (b, k)."""
    return torch.einsum("bd,bk->bdk", features, probability).flatten(1)


def entropy_weight(probability: Tensor) -> Tensor:
    """Weights (b,) from 1, for a prediction that says nothing among very many classes, to 2 for a sure one."""
    entropy = -(probability * probability.clamp_min(1e-12).log()).sum(dim=1)
    return 1.0 + torch.exp(-entropy)


class ConditionalAdversary(Adversary):
    """Looks at the embedding conditioned on the prediction."""

    of_features: Tensor
    of_classes: Tensor

    def __init__(self, size: NetworkSize, settings: AdversarialSettings) -> None:
        super().__init__()
        entries = size.width * size.classes
        self.projected = entries > MAX_ENTRIES
        if self.projected:
            self.register_buffer("of_features", torch.randn(size.width, PROJECTED))
            self.register_buffer("of_classes", torch.randn(size.classes, PROJECTED))
        self.discriminator = Discriminator(PROJECTED if self.projected else entries, settings.discriminator)

    def condition(self, features: Tensor, probability: Tensor) -> Tensor:
        """What the discriminator sees of features (b, d) and probabilities (b, k)."""
        if not self.projected:
            return outer_product(features, probability)
        return (features @ self.of_features) * (probability @ self.of_classes) / math.sqrt(PROJECTED)

    def forward(self, source: DomainBatch, target: DomainBatch, factor: float) -> Tensor:
        """The loss of telling the two batches apart, sure predictions counting more."""
        logits, weights = [], []
        for one in (source, target):
            probability = one.logits.detach().softmax(dim=1)
            seen = self.condition(reverse_gradient(one.embedding, factor), probability)
            logits.append(self.discriminator(seen))
            weights.append(one.weight * entropy_weight(probability))
        return domain_loss(*logits, *weights)


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source with features in which each crop of the target looks alike."""
    return fit_adversarially("cdan", ConditionalAdversary, source, target, seed, progress, options)
