"""CDAN+E: a domain-adversarial network whose discriminator sees features and predictions together.

Published: Long et al. 2018, arXiv:1705.10667. The discriminator sees the outer product of the features and the
predicted probabilities (eq. 4), or, where that has more than 4096 entries, at the product of random projections
of both to 1024 (eq. 5); the weight of a series is ``1 + exp(-H)`` with the entropy H of its prediction (CDAN+E, eq. 9).

Ours: predictions and weights are constants, so that the adversary moves the features alone. What is shared with DANN is
in ``adversarial``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...models.encoder import NetworkSize
from ...models.trained import TrainedModel
from ..shared.adversary import Discriminator, domain_loss, reverse_gradient
from ..shared.request import FitRequest
from .adversarial import AdversarialSettings, Adversary, DomainBatch, fit_adversarially

MAX_ENTRIES = 4096
"""Entries of an outer product above which random projections replace it."""
PROJECTED = 1024
"""Features of the random projections."""


def outer_product(features: Tensor, probability: Tensor) -> Tensor:
    """Return the products (b, d k) of every feature with the probability of every class.

    Parameters
    ----------
    features : Tensor (b, d)
        Features.
    probability : Tensor (b, k)
        Predictions.
    """
    return torch.einsum("bd,bk->bdk", features, probability).flatten(1)


def entropy_weight(probability: Tensor) -> Tensor:
    """Return weights (b,): from 1, for an even prediction among very many classes, to 2 for a certain one.

    ``probability`` as of :func:`outer_product`.
    """
    entropy = -(probability * probability.clamp_min(1e-12).log()).sum(dim=1)
    return 1.0 + torch.exp(-entropy)


class ConditionalAdversary(Adversary):
    """Sees the embedding conditioned on the prediction; ``size`` and ``settings`` as of :class:`FeatureAdversary`."""

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
        """Return what the discriminator sees: the outer product, or a random projection of it, (b, PROJECTED).

        ``features`` and ``probability`` as of :func:`outer_product`.
        """
        if not self.projected:
            return outer_product(features, probability)
        return (features @ self.of_features) * (probability @ self.of_classes) / math.sqrt(PROJECTED)

    def forward(self, source: DomainBatch, target: DomainBatch, factor: float) -> Tensor:
        """Return the loss of separating the two batches, with larger weights for confident predictions."""
        logits, weights = [], []
        for batch in (source, target):
            probability = batch.logits.detach().softmax(dim=1)
            conditioned = self.condition(reverse_gradient(batch.embedding, factor), probability)
            logits.append(self.discriminator(conditioned))
            weights.append(batch.weight * entropy_weight(probability))
        return domain_loss(*logits, *weights)


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source with features in which each crop is similar in the target.

    ``request`` as of :func:`fit_supervised`.
    """
    return fit_adversarially(request, ConditionalAdversary)
