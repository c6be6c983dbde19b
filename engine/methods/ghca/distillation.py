"""The last step of GHCA: one small network learns the mean prediction of all members.

Distillation (Hinton et al. 2015, arXiv:1503.02531) on perturbed series, as for a noisy student (Xie et al. 2020,
arXiv:1911.04252). It is the network of the model file. Trained on labels, a network of its size is worse than the
members by one to four points; distilled it is as good, at a tenth of their operations.
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
from ..shared.tensors import SeriesTensors
from ..shared.training import StepSettings, train_averaged

HEADS = 2
"""Attention heads of the small network: a single one lost a point, and four cost half as much again."""
SOURCE_PART = 3
"""Target series for one of the source, which keeps the network valid there; also the ratio of their weights."""


@dataclass(frozen=True)
class DistillationSettings(StepSettings):
    """Settings of the small network."""

    distill_steps: int = option(1000, formerly="condense_steps")
    """Optimiser steps; 0 to keep the member that agrees best with all."""
    distilled_width: int = option(32, maximum=LIMIT, multiple_of=HEADS, formerly="condensed_width")
    """Its features per date."""
    distilled_layers: int = option(2, 1, LIMITS["layers"], formerly="condensed_layers")
    """Its transformer layers."""
    distilled_batch: int = option(96, 1, formerly="condensed_batch")
    """Target series in a batch; a third as many of the source go with them."""
    distilled_rate: float = option(2e-3, formerly="condensed_rate")
    """Greatest learning rate."""

    mixup_min_weight: float = option(0.5, 0, 1, formerly="least_own")
    """Least weight of a series when it is mixed with another; 1 for no mixing."""

    def size(self, member: NetworkSize) -> NetworkSize:
        """Size of the small network that replaces a member, with its own width, layers and heads.

        Parameters
        ----------
        member : NetworkSize
            Of the members.
        """
        return replace(member, width=self.distilled_width, layers=self.distilled_layers, heads=HEADS)


@dataclass(frozen=True)
class DistillationData:
    """Series with the predictions to learn."""

    tensors: SeriesTensors
    """The series of one domain."""
    probability: Tensor
    """(n, k) float32 mean calibrated predictions of all members under equal class shares."""
    draw: Callable[[int], Tensor]
    """Draws a number of indices at random."""

    def errors(self, network: CropNetwork, count: int, mixup_min_weight: float, generator: torch.Generator) -> Tensor:
        """Cross-entropy of series drawn at random, perturbed and mixed in pairs (see :func:`augment.mixup`).

        Parameters
        ----------
        network : CropNetwork
            The small network.
        count : int
            Series to draw.
        mixup_min_weight : float
            Least weight of a series when it is mixed, 0 to 1.
        generator : torch.Generator
            Random numbers.

        Returns
        -------
        Tensor (count,)
            Errors.
        """
        index = self.draw(count)
        values, observed, day = self.tensors.batch(index, MODERATE, generator)
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
    generator: torch.Generator,
    update: Callable[[float], None],
) -> CropNetwork:
    """Train the small network.

    Parameters
    ----------
    member : NetworkSize
        Size of the networks that it replaces.
    source, target : DistillationData
        Series and predictions.
    settings : GHCASettings
        Steps, sizes, rate and mixing.
    generator : torch.Generator
        Random numbers.
    update : callable
        Receives the fraction done, 0 to 1; raises Cancelled.

    Returns
    -------
    CropNetwork
        With averaged weights.
    """
    network = CropNetwork(settings.size(member)).to(target.tensors.values.device)
    seed_dropout(network, int(torch.randint(2**31, (1,), generator=generator)))
    batch, weight = settings.distilled_batch, settings.mixup_min_weight

    def loss() -> Tensor:
        here = target.errors(network, batch, weight, generator).mean()
        there = source.errors(network, max(1, batch // SOURCE_PART), weight, generator).mean()
        return here + there / SOURCE_PART

    return train_averaged(network, settings.distilled_rate, settings.scaled(settings.distill_steps), loss, update)
