"""Training on a regular grid with domains aligned by MK-MMD: what DACCN and PAN share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.device import compute_device
from ...models.network import SeriesNetwork
from ...models.trained import TrainedModel
from ..shared.adversary import reversal_factor
from ..shared.mmd import hierarchical_mk_mmd
from ..shared.options import option
from ..shared.request import FitRequest
from ..shared.source_only import build_model
from ..shared.tensors import SeriesTensors
from .adversarial import STAGE
from .supervised import STAGE as SOURCE_STAGE
from .training_loop import BaselineSettings, Stage, Step, Training, adaptation, natural_weights, plain_loss


@dataclass(frozen=True)
class MmdSettings(BaselineSettings):
    """Settings of DACCN and PAN."""

    rate: float = 1e-3
    """Learning rate."""
    alignment: float = 1.0
    """Weight of MK-MMD at each level; 0 makes DACCN the published DCCN."""
    keep_after: float = option(0.5, formerly="settled")
    """Share of the alignment's steps before which no weights are kept."""


def _aligned_loss(network: SeriesNetwork, training: Training[MmdSettings], target: SeriesTensors, step: Step) -> Tensor:
    """Cross-entropy of a source batch, and MK-MMD between it and a target batch at every level of the network.

    The weight of MK-MMD grows as the reversal of DANN does; with a weight of 0 the target is not used.
    Both pass through the network together, which their common grid of days allows: batch statistics are then
    those of both domains, in training as in mapping.
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


def fit_aligned(
    request: FitRequest,
    settings: MmdSettings,
    make_network: Callable[[int, int, int], SeriesNetwork],
    first: int | None = None,
) -> TrainedModel:
    """Train on the source while MK-MMD aligns the target to it.

    Parameters
    ----------
    request : FitRequest
        The fit.
    settings : MmdSettings
        Of the method.
    make_network : callable
        Builds the network for a number of bands, of classes and of dates of the grid.
    first : int, optional
        Steps of a stage that learns from the source alone, before scaling; None: there is no such stage.

    Returns
    -------
    TrainedModel
        Adapted to the target.
    """
    with adaptation(request, settings, STAGE if first is None else SOURCE_STAGE, on_grid=True) as (training, target):
        domain = training.domain
        network = make_network(len(request.source.bands), domain.classes, len(domain.tensors.day)).to(compute_device())
        if first is not None:
            optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate)
            training.run(network, Stage(optimiser, lambda step: plain_loss(network, domain, step), first))
            request.progress.stage("Aligning the features")
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate)
        loss = partial(_aligned_loss, network, training, target)
        training.run(network, Stage(optimiser, loss, settings.steps - (first or 0), settings.keep_after))
        return build_model(network, domain, request)
