"""What the compared networks that learn from the source alone share: of the target nothing is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...models.device import compute_device, seeded
from ...models.network import SeriesNetwork
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.source_only import finish, prepare_source
from .training_loop import BaselineSettings, plain_loss, train

STAGE = "Learning from the source"


@dataclass(frozen=True)
class SupervisedSettings(BaselineSettings):
    """Settings of a network that learns from the source alone."""

    rate: float = 1e-3
    """Learning rate of Adam."""
    weight_decay: float = 0.0
    """Weight decay of Adam."""
    plateau: int = 0
    """Looks at the held-out source without a lower loss after which the rate is halved; 0: it stays."""


def fit_supervised(
    method: str,
    make: Callable[[int, int], SeriesNetwork],
    settings: SupervisedSettings,
    source: SeriesSet,
    seed: int,
    progress: Progress,
) -> TrainedModel:
    """Learn the network that ``make`` builds for a number of bands and classes, with plain cross-entropy."""
    device = compute_device()
    with seeded(seed) as generator:
        progress.stage(STAGE)
        domain = prepare_source(source, settings.held_out, seed, device, on_grid=True)
        network = make(len(source.bands), domain.classes).to(device)
        optimiser = torch.optim.Adam(
            network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay, fused=True
        )
        halve = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=max(0, settings.plateau - 1))

        def loss_of(index: Tensor, labels: Tensor, done: float) -> Tensor:
            return plain_loss(network, domain, index, labels)

        def on_validation(loss: float) -> None:
            if settings.plateau:
                halve.step(loss)

        train(network, domain, settings, optimiser, loss_of, generator, progress, on_validation=on_validation)
        return finish(network, domain, source, method, seed, progress)
