"""The last step of GHCA: one small network learns what all members predict together.

Distillation (Hinton et al. 2015, arXiv:1503.02531) from perturbed series, as a noisy student does (Xie et al. 2020,
arXiv:1911.04252). It is the network of the model file. Learnt from labels a network of its size is worse than the
members by one to four points; learnt from them it is as good, at a tenth of their operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ...models.encoder import CropNetwork, NetworkSize, draw_from
from ..shared.augment import MEDIUM, mix
from ..shared.training import MULTIPLE, Pool, Teacher, cosine, make_optimiser, set_rate, take_step

HEADS = 2
"""Attention heads of the small network: a single one lost a point, and four cost half as much again."""
SOURCE_PART = 3
"""Target series for one of the source, so that the network does not forget where it comes from; its weight, too."""


@dataclass(frozen=True)
class CondensedSettings:
    """Settings of the small network."""

    condense_steps: int = 1000
    """Optimiser steps in which it is learnt; 0 to keep the member that agrees best with all."""
    condensed_width: int = field(default=32, metadata={MULTIPLE: HEADS})
    """Its features per date."""
    condensed_layers: int = 2
    """Its transformer layers."""
    condensed_batch: int = 96
    """Target series in a batch; a third as many of the source go with them."""
    condensed_rate: float = 2e-3
    """Greatest learning rate."""

    def size(self, member: NetworkSize) -> NetworkSize:
        """What the small network is that stands for such a member."""
        return replace(member, width=self.condensed_width, layers=self.condensed_layers, heads=HEADS)


@dataclass(frozen=True)
class Taught:
    """Series with what is to be learnt of them."""

    pool: Pool
    """The series of one domain."""
    probability: Tensor
    """(n, k) float32 predictions of all members together, calibrated, under equal class shares."""
    draw: Callable[[int], Tensor]
    """Gives so many indices at random."""

    def errors(self, network: CropNetwork, count: int, least_own: float, generator: torch.Generator) -> Tensor:
        """Cross-entropy (count,) on series drawn at random, perturbed and mixed in pairs (see :func:`augment.mix`)."""
        index = self.draw(count)
        values, observed, day = self.pool.batch(index, MEDIUM, generator)
        values, partner, share = mix(values, least_own, generator)
        wanted = self.probability[index.to(values.device)]
        wanted = share[:, None] * wanted + (1 - share)[:, None] * wanted[partner]
        logits, _ = network(values, observed, day)
        return -(wanted * logits.log_softmax(dim=1)).sum(dim=1)


def condense(
    member: NetworkSize, source: Taught, target: Taught, settings: CondensedSettings, steps: int, least_own: float,
    generator: torch.Generator, update: Callable[[float], None],
) -> CropNetwork:  # fmt: skip
    """Learn the small network.

    Parameters
    ----------
    member : size of the networks that it is to stand for.
    steps : optimiser steps.
    least_own : least share that a series keeps of itself when it is mixed with another.
    update : told how far it is, 0 to 1; raises Cancelled.
    """
    network = CropNetwork(settings.size(member)).to(target.pool.values.device)
    draw_from(network, int(torch.randint(2**31, (1,), generator=generator)))
    optimiser = make_optimiser(network, settings.condensed_rate, settings.condensed_rate)
    average = Teacher(network, steps)
    there, here = settings.condensed_batch, max(1, settings.condensed_batch // SOURCE_PART)
    network.train()
    for step in range(steps):
        update(step / steps)
        set_rate(optimiser, cosine(step, steps))
        loss = target.errors(network, there, least_own, generator).mean()
        loss = loss + source.errors(network, here, least_own, generator).mean() / SOURCE_PART
        if take_step(loss, optimiser):
            average.update(network)
    return average.network
