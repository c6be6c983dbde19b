"""PAN: phenology alignment network, a recurrent network with self-attention aligned by MMD at several levels.

Published (abstract): Wang et al. 2022, ISPRS J. 193: Siamese, its network first trained on the source, then the
hierarchical features of both domains aligned by MMD.

Ours, as the paper's sizes are not public: two recurrent layers (GRU) of 128 units, four heads, MK-MMD at three levels
alike (recurrent output, attention, embedding; ``models.gru_attention``); Adam at 1e-3; linear filling of gaps on
the source's grid of days. Half of the steps go to the source; in the other half the weight of MMD grows as the
reversal of DANN does, and of these the weights are kept from half on. Siamese: both domains pass through the
same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...models.device import compute_device, seeded
from ...models.gru_attention import GruAttention, GruAttentionSize
from ...models.networks import LIMIT
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.adversary import reversal_factor
from ..shared.options import option, read_settings
from ..shared.source_only import finish
from .mmd_aligned import aligned_loss
from .training_loop import BaselineSettings, plain_loss, prepare, train, warn_few_pixels


@dataclass(frozen=True)
class PanSettings(BaselineSettings):
    """Settings of PAN."""

    rate: float = 1e-3
    """Learning rate."""
    source_share: float = 0.5
    """Share of the steps that learn from the source alone."""
    alignment: float = 1.0
    """Weight of MK-MMD at each level."""
    hidden: int = option(128, maximum=LIMIT, multiple_of=GruAttentionSize.heads)
    """Units of each recurrent layer."""
    keep_after: float = option(0.5, formerly="settled")
    """Share of the alignment's steps before which no weights are kept."""


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source, then align the features of the target to it."""
    settings = read_settings(PanSettings(), options, progress)
    first = round(settings.source_share * settings.steps)
    with seeded(seed) as generator:
        progress.stage("Learning from the source")
        warn_few_pixels(target, progress)
        domain, seen = prepare(source, target, settings, seed, on_grid=True)
        network = GruAttention(GruAttentionSize(len(source.bands), domain.classes, settings.hidden))
        network.to(compute_device())

        def source_loss(index: Tensor, labels: Tensor, done: float) -> Tensor:
            return plain_loss(network, domain, index, labels)

        optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate)
        train(network, domain, settings, optimiser, source_loss, generator, progress, steps=first)
        progress.stage("Aligning the features")

        def loss_of(index: Tensor, labels: Tensor, done: float) -> Tensor:
            drawn = torch.randint(len(seen), (settings.batch,), generator=generator)
            weight = settings.alignment * reversal_factor(done)
            return aligned_loss(network, domain, index, labels, seen, drawn, weight)

        optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate)
        train(
            network,
            domain,
            settings,
            optimiser,
            loss_of,
            generator,
            progress,
            steps=settings.steps - first,
            earliest=settings.keep_after,
        )
        return finish(network, domain, source, "pan", seed, progress)
