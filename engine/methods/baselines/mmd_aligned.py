"""The loss of the methods on a grid that align domains by MK-MMD: what DACCN and PAN share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.network import SeriesNetwork
from ..shared.adversary import reversal_factor
from ..shared.mmd import hierarchical_mk_mmd
from ..shared.options import option
from ..shared.tensors import SeriesTensors
from .training_loop import BaselineSettings, Step, Training, natural_weights, plain_loss


@dataclass(frozen=True)
class MmdSettings(BaselineSettings):
    """Settings of DACCN and PAN."""

    rate: float = 1e-3
    """Learning rate."""
    alignment: float = 1.0
    """Weight of MK-MMD at each level; 0 makes DACCN the published DCCN."""
    keep_after: float = option(0.5, formerly="settled")
    """Share of the alignment's steps before which no weights are kept."""


Settings = TypeVar("Settings", bound=MmdSettings)


def aligned_loss(network: SeriesNetwork, training: Training[Settings], target: SeriesTensors, step: Step) -> Tensor:
    """Cross-entropy of a source batch, and MK-MMD between it and a target batch at every level of the network.

    The weight of MK-MMD grows as the reversal of DANN does; with a weight of 0 the target is not used.
    Both pass through the network together, which their common grid of days allows: batch statistics are then
    those of both domains, in training as in mapping.

    Parameters
    ----------
    network : SeriesNetwork
        Network.
    training : Training
        With the source.
    target : SeriesTensors
        The target, of which a batch is drawn.
    step : Step
        Series of the source.

    Returns
    -------
    Tensor
        Scalar.
    """
    drawn = torch.randint(len(target), (training.settings.batch,), generator=training.generator)
    domain, b = training.domain, len(step.index)
    weight = training.settings.alignment * reversal_factor(step.done)
    if weight == 0:
        return plain_loss(network, domain, step)
    source = domain.tensors
    values = torch.cat([source.values[step.index], target.values[drawn]])
    observed = torch.cat([source.observed[step.index], target.observed[drawn]])
    logits, features = network(values, observed, source.day)
    levels, others = [x[:b] for x in features.levels], [x[b:] for x in features.levels]
    discrepancy = hierarchical_mk_mmd(levels, others, [1.0] * len(levels), natural_weights(step.labels, domain))
    return F.cross_entropy(logits[:b], step.labels) + weight * discrepancy
