"""The last step of GHCA: one small network learns what all members predict together.

Distillation (Hinton et al. 2015, arXiv:1503.02531) from perturbed series, as a noisy student does (Xie et al. 2020,
arXiv:1911.04252). It is the network of the model file. Learnt from labels a network of its size is worse than the
members by one to four points; learnt from them it is as good, at a tenth of their operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...models.encoder import CropNetwork, NetworkSize, seed_dropout
from ...models.networks import LIMIT, LIMITS
from ..shared.augment import MODERATE, mixup
from ..shared.options import option
from ..shared.training import SeriesTensors, Teacher, learning_rate_factor, make_optimiser, set_learning_rate, take_step

HEADS = 2
"""Attention heads of the small network: a single one lost a point, and four cost half as much again."""
SOURCE_PART = 3
"""Target series for one of the source, so that the network does not forget where it comes from; its weight, too."""


@dataclass(frozen=True)
class DistillationSettings:
    """Settings of the small network."""

    distill_steps: int = option(1000, formerly="condense_steps")
    """Optimiser steps in which it is learnt; 0 to keep the member that agrees best with all."""
    distilled_width: int = option(32, maximum=LIMIT, multiple_of=HEADS, formerly="condensed_width")
    """Its features per date."""
    distilled_layers: int = option(2, 1, LIMITS["layers"], formerly="condensed_layers")
    """Its transformer layers."""
    distilled_batch: int = option(96, 1, formerly="condensed_batch")
    """Target series in a batch; a third as many of the source go with them."""
    distilled_rate: float = option(2e-3, formerly="condensed_rate")
    """Greatest learning rate."""

    def size(self, member: NetworkSize) -> NetworkSize:
        """What the small network is that stands for such a member."""
        return replace(member, width=self.distilled_width, layers=self.distilled_layers, heads=HEADS)


@dataclass(frozen=True)
class DistillationData:
    """Series with what is to be learnt of them."""

    pool: SeriesTensors
    """The series of one domain."""
    probability: Tensor
    """(n, k) float32 predictions of all members together, calibrated, under equal class shares."""
    draw: Callable[[int], Tensor]
    """Gives so many indices at random."""

    def errors(self, network: CropNetwork, count: int, mixup_min_weight: float, generator: torch.Generator) -> Tensor:
        """Cross-entropy (count,) on series perturbed and mixed in pairs (see :func:`augment.mixup`)."""
        index = self.draw(count)
        values, observed, day = self.pool.batch(index, MODERATE, generator)
        values, partner, share = mixup(values, mixup_min_weight, generator)
        wanted = self.probability[index.to(values.device)]
        wanted = share[:, None] * wanted + (1 - share)[:, None] * wanted[partner]
        logits, _ = network(values, observed, day)
        return -(wanted * logits.log_softmax(dim=1)).sum(dim=1)


def distill(
    member: NetworkSize,
    source: DistillationData,
    target: DistillationData,
    settings: DistillationSettings,
    steps: int,
    mixup_min_weight: float,
    generator: torch.Generator,
    update: Callable[[float], None],
) -> CropNetwork:
    """Learn the small network.

    Parameters
    ----------
    member : size of the networks that it is to stand for.
    steps : optimiser steps.
    mixup_min_weight : least share that a series keeps of itself when it is mixed with another.
    update : told how far it is, 0 to 1; raises Cancelled.
    """
    network = CropNetwork(settings.size(member)).to(target.pool.values.device)
    seed_dropout(network, int(torch.randint(2**31, (1,), generator=generator)))
    optimiser = make_optimiser(network, settings.distilled_rate, settings.distilled_rate)
    average = Teacher(network, steps)
    there, here = settings.distilled_batch, max(1, settings.distilled_batch // SOURCE_PART)
    network.train()
    for step in range(steps):
        update(step / steps)
        set_learning_rate(optimiser, learning_rate_factor(step, steps))
        loss = target.errors(network, there, mixup_min_weight, generator).mean()
        loss = loss + source.errors(network, here, mixup_min_weight, generator).mean() / SOURCE_PART
        if take_step(loss, optimiser):
            average.update(network)
    return average.network
