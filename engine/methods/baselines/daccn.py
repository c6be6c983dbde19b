"""DACCN: deep adaptation crop classification network, a convolutional extractor with MK-MMD.

Published (abstract): Wang et al. 2023, ISPRS J. 199: a feature extractor and a domain aligner that measures the
discrepancy of the domains by MK-MMD; without the aligner it is called DCCN. MK-MMD knows nothing of class shares:
the source's count as they are.

Ours, as the paper's sizes are not public: convolutions 64-128-256 of kernel 5, dense layers of 256 and 128, at
both of which MK-MMD is taken (``models.temporal_cnn``); Adam at 1e-3; linear filling of gaps on the source's grid
of days; the weight of MK-MMD grows as the reversal of DANN does, and weights are kept from half of the
training on. Source and target pass together, so that the batch statistics are those of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...models.device import compute_device, seeded
from ...models.networks import LIMIT
from ...models.temporal_cnn import TemporalCnn, TemporalCnnSize
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.adversary import reversal_factor
from ..shared.options import option, read_settings
from ..shared.source_only import finish
from .adversarial import STAGE
from .mmd_aligned import aligned_loss
from .training_loop import BaselineSettings, prepare, train, warn_few_pixels


@dataclass(frozen=True)
class DaccnSettings(BaselineSettings):
    """Settings of DACCN."""

    rate: float = 1e-3
    """Learning rate."""
    alignment: float = 1.0
    """Weight of MK-MMD at each level; 0 makes it DCCN."""
    width: int = option(64, 1, LIMIT)
    """Channels of the first convolution."""
    keep_after: float = option(0.5, formerly="settled")
    """Share of the steps before which no weights are kept."""


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source with the two last hidden layers aligned to the target."""
    settings = read_settings(DaccnSettings(), options, progress)
    with seeded(seed) as generator:
        progress.stage(STAGE)
        warn_few_pixels(target, progress)
        domain, seen = prepare(source, target, settings, seed, on_grid=True)
        size = TemporalCnnSize(len(source.bands), domain.classes, len(domain.pool.day), settings.width)
        network = TemporalCnn(size).to(compute_device())
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate)

        def loss_of(index: Tensor, labels: Tensor, done: float) -> Tensor:
            drawn = torch.randint(len(seen), (settings.batch,), generator=generator)
            return aligned_loss(network, domain, index, labels, seen, drawn, settings.alignment * reversal_factor(done))

        train(network, domain, settings, optimiser, loss_of, generator, progress, earliest=settings.keep_after)
        return finish(network, domain, source, "daccn", seed, progress)
