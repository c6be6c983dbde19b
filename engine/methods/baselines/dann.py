"""DANN: domain-adversarial network, whose features a discriminator cannot separate by domain.

Published: Ganin et al. 2016, arXiv:1505.07818: the discriminator sees the features alone. What is shared with CDAN, and
what is ours, is in ``adversarial``.
"""

from __future__ import annotations

from torch import Tensor

from ...models.encoder import NetworkSize
from ...models.trained import TrainedModel
from ..shared.adversary import Discriminator, domain_loss, reverse_gradient
from ..shared.request import FitRequest
from .adversarial import AdversarialSettings, Adversary, DomainBatch, fit_adversarially


class FeatureAdversary(Adversary):
    """Sees the embedding.

    Parameters
    ----------
    size : NetworkSize
        Of the encoder.
    settings : AdversarialSettings
        Of the discriminator.
    """

    def __init__(self, size: NetworkSize, settings: AdversarialSettings) -> None:
        super().__init__()
        self.discriminator = Discriminator(size.width, settings.discriminator)

    def forward(self, source: DomainBatch, target: DomainBatch, factor: float) -> Tensor:
        """Return the loss of separating the two batches."""
        first, second = (reverse_gradient(batch.embedding, factor) for batch in (source, target))
        return domain_loss(self.discriminator(first), self.discriminator(second), source.weight, target.weight)


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source with features that are similar in the target.

    ``request`` as of :func:`fit_supervised`.
    """
    return fit_adversarially(request, FeatureAdversary)
