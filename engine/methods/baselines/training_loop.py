"""What the baselines share: budget, preparation, and a training loop with early stopping on the held-out source.

Every network may take as many optimiser steps as each of GHCA's students takes in all its stages. The target's labels
are never available here.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.device import compute_device, seeded
from ...models.network import SeriesNetwork
from ...progress import Progress
from ..shared.options import option
from ..shared.request import FitRequest
from ..shared.source_domain import SourceDomain, SourceSampler, balanced_weights, prepare_source
from ..shared.tensors import SeriesTensors, make_tensors, predict
from ..shared.training import StepSettings, take_step

MAX_TARGET_PIXELS = 3000
"""Target pixels that are used at most, a random choice, as in GHCA."""
MIN_TARGET_PIXELS = 30
"""Target pixels below which a method that adapts warns."""


@dataclass(frozen=True)
class BaselineSettings(StepSettings):
    """Settings of every baseline."""

    steps: int = 1350
    """Optimiser steps at most: those of all stages of one of GHCA's students."""
    batch: int = option(64, 1)
    """Source series in a batch, and as many target series where a method uses the target."""
    held_out: float = option(0.15, 0, 1)
    """Share of the source held out for validation."""
    validate_every: int = option(50, 1, formerly="look_every")
    """Steps between two validations on the held-out source."""
    patience: int = 8
    """Validations without a lower loss after which training ends."""


Settings = TypeVar("Settings", bound=BaselineSettings)


@dataclass(frozen=True)
class Step:
    """One optimiser step."""

    index: Tensor
    """(b,) series of the source."""
    labels: Tensor
    """(b,) their classes."""
    done: float
    """Share of the stage's steps before it, 0 to 1."""


@dataclass(frozen=True)
class Stage:
    """What one stage of a training minimises, and how."""

    optimiser: torch.optim.Optimizer
    """Of the network's weights."""
    loss: Callable[[Step], Tensor]
    """Loss of one step; draws its own target batch where it needs one."""
    steps: int | None = None
    """Steps at most, before scaling; None: all of the settings."""
    keep_after: float = 0.0
    """Share of the steps before which no weights are kept, while an adaptation still ramps up."""
    on_validation: Callable[[float], None] = lambda loss: None
    """Receives the held-out loss at every validation, for schedules of the learning rate."""


@dataclass(frozen=True)
class Training(Generic[Settings]):
    """One fit of a baseline."""

    settings: Settings
    domain: SourceDomain
    generator: torch.Generator
    progress: Progress

    def run(self, network: SeriesNetwork, stage: Stage) -> None:
        """Train on class-balanced source batches; the weights with the least held-out loss are kept.

        Parameters
        ----------
        network : SeriesNetwork
            Trained in place, and left in evaluation mode.
        stage : Stage
            Loss, optimiser and steps.
        """
        settings, domain = self.settings, self.domain
        steps = settings.scaled(settings.steps if stage.steps is None else stage.steps)
        interval = max(1, min(settings.validate_every, steps // 4))
        sampler = SourceSampler(domain, self.generator)
        best, lowest, waited = copy.deepcopy(network.state_dict()), float("inf"), 0
        network.train()
        for number in range(1, steps + 1):
            done = (number - 1) / steps
            self.progress.update(done)
            take_step(stage.loss(Step(*sampler.draw(settings.batch), done)), stage.optimiser)
            if (number % interval and number < steps) or number < stage.keep_after * steps:
                continue
            loss = held_out_loss(network, domain, self.progress.check)
            network.train()
            stage.on_validation(loss)
            waited += 1
            if loss < lowest:
                best, lowest, waited = copy.deepcopy(network.state_dict()), loss, 0
            elif waited >= settings.patience:
                break
        network.load_state_dict(best)
        network.eval()


@contextmanager
def adaptation(
    request: FitRequest, settings: Settings, stage: str, on_grid: bool, all_dates: bool = False
) -> Iterator[tuple[Training[Settings], SeriesTensors]]:
    """Prepare source and unlabelled target, both under the source's statistics.

    It warns of a target too small to adapt to; the published methods have no fallback, so they adapt to it anyway.

    Parameters
    ----------
    request : FitRequest
        The fit.
    settings : BaselineSettings
        Of the method.
    stage : str
        Name of the first stage.
    on_grid : bool
        Interpolate both to the source's regular grid of days.
    all_dates : bool
        Keep the target's dates out of the source's season, for a method that may shift them into it.

    Yields
    ------
    tuple of Training and SeriesTensors
        The training and the target; torch's random numbers are fixed inside the block.
    """
    target, device, count = request.target, compute_device(), len(request.target)
    with seeded(request.seed) as generator:
        request.progress.stage(stage)
        if count < MIN_TARGET_PIXELS:
            request.progress.warning(
                f"The target has only {count} observed pixels: this method adapts to them anyway, which may do harm."
            )
        domain = prepare_source(request.source, settings.held_out, request.seed, device, on_grid)
        rng = np.random.default_rng([request.seed, 1])
        values = target.values[np.sort(rng.permutation(count)[:MAX_TARGET_PIXELS])]
        day = domain.calendar.align_days(target.day, 0.0)
        calendar = replace(domain.calendar, margin=math.inf) if all_dates else domain.calendar
        tensors = make_tensors(values, day, domain.statistics, calendar, device, domain.grid)
        yield Training(settings, domain, generator, request.progress), tensors


def natural_weights(labels: Tensor, domain: SourceDomain) -> Tensor:
    """Weights under which a class-balanced batch has the class shares of the source.

    Methods that align one whole domain with the other were published with batches drawn from the source as it is;
    aligned with balanced batches, a target with a rare crop would be pulled towards equal shares.

    Parameters
    ----------
    labels : Tensor (b,)
        Classes of the batch.
    domain : SourceDomain
        The source.

    Returns
    -------
    Tensor (b,)
        Weights, above zero.
    """
    own = torch.from_numpy(np.bincount(domain.labels[domain.train], minlength=domain.classes)).to(labels.device)
    return (own / torch.bincount(labels, minlength=domain.classes).clamp_min(1))[labels]


def plain_loss(network: SeriesNetwork, domain: SourceDomain, step: Step) -> Tensor:
    """Cross-entropy of unperturbed source series; ``network`` and ``domain`` as of :func:`validate`.

    Parameters
    ----------
    step : Step
        Source series of the step, and the share of the steps that is done.
    """
    tensors = domain.tensors
    logits, _ = network(tensors.values[step.index], tensors.observed[step.index], tensors.day)
    return F.cross_entropy(logits, step.labels)


def held_out_loss(network: SeriesNetwork, domain: SourceDomain, tick: Callable[[], None]) -> float:
    """Class-balanced cross-entropy of the held-out source.

    ``network``, ``domain`` and ``tick`` as of :func:`validate`.
    """
    tensors, labels = domain.validation()
    logits = torch.from_numpy(predict(network, tensors, tick).logits)
    errors = F.cross_entropy(logits, torch.from_numpy(labels), reduction="none").double().numpy()
    return float((balanced_weights(labels, domain.classes) * errors).sum())
