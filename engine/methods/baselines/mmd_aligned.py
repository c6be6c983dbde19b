"""The loss of the methods on a grid that align domains by MK-MMD: what DACCN and PAN share."""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.network import SeriesNetwork
from ..shared.mmd import hierarchical_mk_mmd
from ..shared.tensors import SeriesTensors
from .training_loop import BaselineSettings, Step, Training, natural_weights, plain_loss

Settings = TypeVar("Settings", bound=BaselineSettings)


def aligned_loss(
    network: SeriesNetwork, training: Training[Settings], target: SeriesTensors, step: Step, weight: float
) -> Tensor:
    """Cross-entropy of a source batch, and MK-MMD between it and a target batch at every level of the network.

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
    weight : float
        Weight of the sum of MK-MMD over the levels; with 0 the target is not used.

    Returns
    -------
    Tensor
        Scalar.
    """
    drawn = torch.randint(len(target), (training.settings.batch,), generator=training.generator)
    domain, b = training.domain, len(step.index)
    if weight == 0:
        return plain_loss(network, domain, step)
    source = domain.pool
    values = torch.cat([source.values[step.index], target.values[drawn]])
    observed = torch.cat([source.observed[step.index], target.observed[drawn]])
    logits, features = network(values, observed, source.day)
    levels, others = [x[:b] for x in features.levels], [x[b:] for x in features.levels]
    discrepancy = hierarchical_mk_mmd(levels, others, [1.0] * len(levels), natural_weights(step.labels, domain))
    return F.cross_entropy(logits[:b], step.labels) + weight * discrepancy
