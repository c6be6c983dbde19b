"""DANN: domain-adversarial network, whose features a discriminator cannot tell apart by domain.

Published: Ganin et al. 2016, arXiv:1505.07818: the discriminator looks at the features alone. What is shared with
CDAN, and what is ours, stands in ``adversarial``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...models.encoder import NetworkSize
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.adversary import Discriminator, domain_loss, reverse_gradient
from .adversarial import AdversarialSettings, Adversary, DomainBatch, fit_adversarially


class FeatureAdversary(Adversary):
    """Looks at the embedding."""

    def __init__(self, size: NetworkSize, settings: AdversarialSettings) -> None:
        super().__init__()
        self.discriminator = Discriminator(size.width, settings.discriminator)

    def forward(self, source: DomainBatch, target: DomainBatch, factor: float) -> Tensor:
        """The loss of telling the two batches apart."""
        first, second = (reverse_gradient(one.embedding, factor) for one in (source, target))
        return domain_loss(self.discriminator(first), self.discriminator(second), source.weight, target.weight)


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source with features in which the target looks alike."""
    return fit_adversarially("dann", FeatureAdversary, source, target, seed, progress, options)
