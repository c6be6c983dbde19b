"""The loss of the methods on a grid that align domains by MK-MMD: what DACCN and PAN share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.network import SeriesNetwork
from ..shared.mmd import hierarchical_mk_mmd
from ..shared.source_only import SourceDomain
from ..shared.training import SeriesTensors
from .training_loop import natural_weights, plain_loss


def aligned_loss(
    network: SeriesNetwork,
    domain: SourceDomain,
    index: Tensor,
    labels: Tensor,
    target: SeriesTensors,
    drawn: Tensor,
    weight: float,
) -> Tensor:
    """Cross-entropy of a source batch, and MK-MMD between it and a target batch at every level of the network.

    Both pass through the network together, which their common grid of days allows: batch statistics are then
    those of both domains, in training as in mapping.

    Parameters
    ----------
    index : (b,) series of the source, ``labels`` (b,) theirs.
    drawn : (m,) series of the target.
    weight : weight of the sum of MK-MMD over the levels, all alike; with 0 the target has no part in it.
    """
    if weight == 0:
        return plain_loss(network, domain, index, labels)
    source = domain.pool
    values = torch.cat([source.values[index], target.values[drawn]])
    observed = torch.cat([source.observed[index], target.observed[drawn]])
    logits, features = network(values, observed, source.day)
    b = len(index)
    levels, others = [x[:b] for x in features.levels], [x[b:] for x in features.levels]
    discrepancy = hierarchical_mk_mmd(levels, others, [1.0] * len(levels), natural_weights(labels, domain))
    return F.cross_entropy(logits[:b], labels) + weight * discrepancy
