"""Domain-adversarial learning: what DANN and CDAN share.

Published: Ganin et al. 2016 (JMLR 17, arXiv:1505.07818). A discriminator learns to tell source from target by the
features; through a layer that reverses the gradient the encoder learns to prevent it. The reversal grows as
``2 / (1 + exp(-10 p)) - 1`` over the share p of the training.

Ours: the encoder, its perturbed source batches and its optimiser are those of GHCA, so that little but the adaptation
differs (GHCA and source only mix their series in pairs, too, which is no part of these methods); the target's batches
are perturbed alike, lest the perturbation itself tell the domains apart, and the source's series count for the
discriminator by the source's class shares. It has two hidden layers of 256 where the papers take 100 to 1024 for
images. Weights are kept from half of the training on only, when the reversal has reached 99 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.device import compute_device, seeded
from ...models.encoder import NetworkSize
from ...models.networks import LIMIT
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.adversary import reversal_factor
from ..shared.augment import MODERATE, STRONG
from ..shared.options import option, read_settings
from ..shared.source_only import EncoderSettings, finish, make_network
from ..shared.training import learning_rate_factor, make_optimiser, set_learning_rate
from .training_loop import BaselineSettings, natural_weights, prepare, train, warn_few_pixels

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
    """What the network makes of a batch of one domain."""

    embedding: Tensor
    """(b, d)."""
    logits: Tensor
    """(b, k)."""
    weight: Tensor
    """(b,) how much a series counts within its domain."""


class Adversary(nn.Module):
    """What stands against the encoder; a method says in ``forward`` what its discriminator looks at."""

    def forward(self, source: DomainBatch, target: DomainBatch, factor: float) -> Tensor:
        """The adversarial loss of a batch of each domain, the encoder's gradient reversed by ``factor``."""
        raise NotImplementedError


def fit_adversarially(
    method: str,
    oppose: Callable[[NetworkSize, AdversarialSettings], Adversary],
    source: SeriesSet,
    target: SeriesSet,
    seed: int,
    progress: Progress,
    options: Mapping[str, Any],
) -> TrainedModel:
    """Learn from the source while an adversary, made by ``oppose``, keeps the domains alike."""
    settings = read_settings(AdversarialSettings(), options, progress)
    device = compute_device()
    with seeded(seed) as generator:
        progress.stage(STAGE)
        warn_few_pixels(target, progress)
        domain, seen = prepare(source, target, settings, seed, on_grid=False)
        network = make_network(domain, target, settings)
        adversary = oppose(network.size, settings).to(device)
        optimiser = make_optimiser(network, settings.rate, settings.rate)
        parameters = list(adversary.parameters())
        optimiser.add_param_group({"params": parameters, "lr": settings.rate, "base_rate": settings.rate})
        steps = settings.scaled(settings.steps)

        def loss_of(index: Tensor, labels: Tensor, done: float) -> Tensor:
            set_learning_rate(optimiser, learning_rate_factor(round(done * steps), steps))
            logits, features = network(*domain.pool.batch(index, MODERATE, generator))
            drawn = torch.randint(len(seen), (settings.batch,), generator=generator)
            others, other_features = network(*seen.batch(drawn, MODERATE, generator))
            played = adversary(
                DomainBatch(features.embedding, logits, natural_weights(labels, domain)),
                DomainBatch(other_features.embedding, others, torch.ones_like(others[:, 0])),
                reversal_factor(done),
            )
            return F.cross_entropy(logits, labels, label_smoothing=settings.smoothing) + settings.adversary * played

        train(network, domain, settings, optimiser, loss_of, generator, progress, earliest=settings.keep_after)
        return finish(network, domain, source, method, seed, progress, by=STRONG)
