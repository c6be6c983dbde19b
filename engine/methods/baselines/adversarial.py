"""Domain-adversarial learning: what DANN and CDAN share.

Published: Ganin et al. 2016 (JMLR 17, arXiv:1505.07818). A discriminator learns to separate source from target by the
features; through a layer that reverses the gradient the encoder learns to prevent it. The reversal grows as
``2 / (1 + exp(-10 p)) - 1`` over the share p of the training.

Ours: the encoder, its perturbed source batches and its optimiser are those of GHCA, so that little but the adaptation
differs (GHCA and source only also mix their series in pairs, which is no part of these methods); the target's batches
are perturbed in the same way, lest the perturbation itself separate the domains, and the source's series have the
weights of the source's class shares for the discriminator. It has two hidden layers of 256 where the papers take 100 to
1024 for images. Weights are kept only from half of the training, when the reversal has reached 99 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.encoder import NetworkSize
from ...models.networks import LIMIT
from ...models.trained import TrainedModel
from ..shared.adversary import reversal_factor
from ..shared.augment import MODERATE, STRONG
from ..shared.options import option, read_settings
from ..shared.request import FitRequest
from ..shared.source_only import EncoderSettings, build_model, make_network
from ..shared.training import learning_rate_factor, make_optimiser, set_learning_rate
from .training_loop import BaselineSettings, Stage, Step, adaptation, natural_weights

STAGE = "Learning from both domains"


@dataclass(frozen=True)
class AdversarialSettings(EncoderSettings, BaselineSettings):
    """Settings of DANN and CDAN."""

    discriminator: int = option(256, 0, LIMIT)
    """Features of the discriminator's hidden layers."""
    adversary: float = 1.0
    """Weight of the adversarial loss."""
    keep_after: float = option(0.5, formerly="settled")
    """Share of the steps before which no weights are kept."""


@dataclass(frozen=True)
class DomainBatch:
    """Output of the network for a batch of one domain."""

    embedding: Tensor
    """(b, d)."""
    logits: Tensor
    """(b, k)."""
    weight: Tensor
    """(b,) weight of a series within its domain."""


class Adversary(nn.Module):
    """The opponent of the encoder; a method defines in ``forward`` what its discriminator sees."""

    def forward(self, source: DomainBatch, target: DomainBatch, factor: float) -> Tensor:
        """Return the adversarial loss.

        Parameters
        ----------
        source, target : DomainBatch
            A batch of each domain.
        factor : float
            Factor of the encoder's reversed gradient.
        """
        raise NotImplementedError


def fit_adversarially(
    request: FitRequest, make_adversary: Callable[[NetworkSize, AdversarialSettings], Adversary]
) -> TrainedModel:
    """Train on the source while an adversary aligns the domains.

    ``request`` as of :func:`fit_supervised`.

    Parameters
    ----------
    make_adversary : callable
        Builds the adversary.
    """
    settings = read_settings(AdversarialSettings(), request.options, request.progress)
    with adaptation(request, settings, STAGE, on_grid=False) as (training, target):
        domain, generator = training.domain, training.generator
        network = make_network(domain, request.target, settings)
        adversary = make_adversary(network.size, settings).to(domain.tensors.values.device)
        optimiser = make_optimiser(network, settings.rate, settings.rate, adversary)
        steps = settings.scaled(settings.steps)

        def loss(step: Step) -> Tensor:
            set_learning_rate(optimiser, learning_rate_factor(round(step.done * steps), steps))
            logits, features = network(*domain.tensors.batch(step.index, MODERATE, generator))
            drawn = torch.randint(len(target), (settings.batch,), generator=generator)
            others, other_features = network(*target.batch(drawn, MODERATE, generator))
            opposed = adversary(
                DomainBatch(features.embedding, logits, natural_weights(step.labels, domain)),
                DomainBatch(other_features.embedding, others, torch.ones_like(others[:, 0])),
                reversal_factor(step.done),
            )
            own = F.cross_entropy(logits, step.labels, label_smoothing=settings.smoothing)
            return own + settings.adversary * opposed

        training.run(network, Stage(optimiser, loss, keep_after=settings.keep_after))
        return build_model(network, domain, request, STRONG)
