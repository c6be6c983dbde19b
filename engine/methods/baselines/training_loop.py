"""What the compared methods share: budget and training loop with early stop on held-out source.

Every network may take as many optimiser steps as each of GHCA's students takes in all its stages. The target's labels
exist nowhere here.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.device import compute_device
from ...models.network import SeriesNetwork
from ...progress import Progress
from ...series import SeriesSet
from ..shared.options import option
from ..shared.source_only import SourceDomain, balanced_weights, prepare_source
from ..shared.training import BalancedSampler, SeriesTensors, StepSettings, make_tensors, predict, take_step

MAX_TARGET_PIXELS = 3000
"""Target pixels that are learnt from at most, a random choice, as in GHCA."""
MIN_TARGET_PIXELS = 30
"""Target pixels below which a method that adapts warns."""


@dataclass(frozen=True)
class BaselineSettings(StepSettings):
    """Settings that every compared network has."""

    steps: int = 1350
    """Optimiser steps at most: those of all stages of one of GHCA's students."""
    batch: int = option(64, 1)
    """Source series in a batch, and as many target series where a method looks at the target."""
    held_out: float = option(0.15, 0, 1)
    """Share of the source held out for validation."""
    validate_every: int = option(50, 1, formerly="look_every")
    """Steps between two looks at the held-out source."""
    patience: int = 8
    """Looks without a lower loss after which training ends."""


def warn_few_pixels(target: SeriesSet, progress: Progress) -> None:
    """Warn of a target too small to adapt to; the published methods know no way back, so they go on."""
    if len(target) < MIN_TARGET_PIXELS:
        progress.warning(
            f"The target has only {len(target)} observed pixels: this method adapts to them all the same, which may"
            " do harm."
        )


def prepare(
    source: SeriesSet, target: SeriesSet, settings: BaselineSettings, seed: int, on_grid: bool, whole: bool = False
) -> tuple[SourceDomain, SeriesTensors]:
    """Source and unlabelled target as a network reads them, both under the source's statistics.

    ``whole`` keeps the target's dates out of the source's season, for a method that may yet shift them into it.
    """
    device = compute_device()
    domain = prepare_source(source, settings.held_out, seed, device, on_grid)
    rng = np.random.default_rng([seed, 1])
    values = target.values[np.sort(rng.permutation(len(target))[:MAX_TARGET_PIXELS])]
    day = domain.calendar.align_days(target.day, 0.0)
    calendar = replace(domain.calendar, margin=math.inf) if whole else domain.calendar
    return domain, make_tensors(values, day, domain.statistics, calendar, device, domain.grid)


def natural_weights(labels: Tensor, domain: SourceDomain) -> Tensor:
    """Weights (b,) under which a class-balanced batch, labels (b,), has the class shares of the source itself.

    Methods that align one domain as a whole with the other were published on batches drawn from the source as it
    is; aligned with balanced batches, a target with a rare crop would be torn towards an even mix.
    """
    own = torch.from_numpy(np.bincount(domain.labels[domain.train], minlength=domain.classes)).to(labels.device)
    return (own / torch.bincount(labels, minlength=domain.classes).clamp_min(1))[labels]


def plain_loss(network: SeriesNetwork, domain: SourceDomain, index: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of source series ``index`` (b,), labels (b,), as they are."""
    pool = domain.pool
    logits, _ = network(pool.values[index], pool.observed[index], pool.day)
    return F.cross_entropy(logits, labels)


def held_out_loss(network: SeriesNetwork, domain: SourceDomain, tick: Callable[[], None]) -> float:
    """Class-balanced cross-entropy of the held-out source."""
    pool, labels = domain.validation()
    logits = torch.from_numpy(predict(network, pool, tick).logits)
    errors = F.cross_entropy(logits, torch.from_numpy(labels), reduction="none").double().numpy()
    return float((balanced_weights(labels, domain.classes) * errors).sum())


def train(
    network: SeriesNetwork,
    domain: SourceDomain,
    settings: BaselineSettings,
    optimiser: torch.optim.Optimizer,
    loss_of: Callable[[Tensor, Tensor, float], Tensor],
    generator: torch.Generator,
    progress: Progress,
    steps: int | None = None,
    earliest: float = 0.0,
    on_validation: Callable[[float], None] = lambda loss: None,
) -> None:
    """Train on class-balanced source batches; the weights with the least held-out loss are kept.

    Parameters
    ----------
    network : trained in place, and left in evaluation mode.
    loss_of : gives the loss of one step for (b,) indices of the source, their (b,) labels, and the share of
        the steps done, 0 to 1; it draws its own target batch where it needs one.
    steps : steps at most, before scaling; None: ``settings.steps``.
    earliest : share of the steps before which no weights are kept, while an adaptation still ramps up.
    on_validation : told the held-out loss at every look, for schedules of the learning rate.
    """
    total = settings.scaled(settings.steps if steps is None else steps)
    every = max(1, min(settings.validate_every, total // 4))
    sampler = BalancedSampler(domain.labels[domain.train], domain.classes, generator)
    train, labels = torch.from_numpy(domain.train), torch.from_numpy(domain.labels).to(domain.pool.values.device)
    best, least, waited = copy.deepcopy(network.state_dict()), float("inf"), 0
    network.train()
    for step in range(total):
        progress.update(step / total)
        index = train[sampler.draw(settings.batch)]
        take_step(loss_of(index, labels[index], step / total), optimiser)
        if ((step + 1) % every and step + 1 < total) or step + 1 < earliest * total:
            continue
        loss = held_out_loss(network, domain, progress.check)
        network.train()
        on_validation(loss)
        waited += 1
        if loss < least:
            best, least, waited = copy.deepcopy(network.state_dict()), loss, 0
        elif waited >= settings.patience:
            break
    network.load_state_dict(best)
    network.eval()
