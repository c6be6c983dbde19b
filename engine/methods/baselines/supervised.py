"""What the baselines that learn from the source alone share: the target is not used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ...models.device import compute_device, seeded
from ...models.network import SeriesNetwork
from ...models.trained import TrainedModel
from ..shared.request import FitRequest
from ..shared.source_domain import prepare_source
from ..shared.source_only import build_model
from .training_loop import BaselineSettings, Stage, Training, plain_loss

STAGE = "Learning from the source"


@dataclass(frozen=True)
class SupervisedSettings(BaselineSettings):
    """Settings of a network that learns from the source alone."""

    rate: float = 1e-3
    """Learning rate of Adam."""
    weight_decay: float = 0.0
    """Weight decay of Adam."""
    plateau: int = 0
    """Validations without a lower loss after which the rate is halved; 0: it is constant."""


def fit_supervised(
    request: FitRequest, settings: SupervisedSettings, make_network: Callable[[int, int], SeriesNetwork]
) -> TrainedModel:
    """Train a network with cross-entropy on a regular grid of days.

    Parameters
    ----------
    request : FitRequest
        The fit.
    settings : SupervisedSettings
        Of the method.
    make_network : callable
        Builds the network for a number of bands and of classes.

    Returns
    -------
    TrainedModel
        Not adapted to the target.
    """
    device = compute_device()
    with seeded(request.seed) as generator:
        request.progress.stage(STAGE)
        domain = prepare_source(request.source, settings.held_out, request.seed, device, on_grid=True)
        network = make_network(len(request.source.bands), domain.classes).to(device)
        optimiser = torch.optim.Adam(
            network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay, fused=True
        )
        halve = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=max(0, settings.plateau - 1))
        stage = Stage(
            optimiser,
            lambda step: plain_loss(network, domain, step),
            on_validation=halve.step if settings.plateau else lambda loss: None,
        )
        Training(settings, domain, generator, request.progress).run(network, stage)
        return build_model(network, domain, request)
