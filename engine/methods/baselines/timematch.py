"""TimeMatch: adaptation to another region by estimating how many days its season runs early or late.

Published: Nyborg et al. 2022 (doi 10.1016/j.isprsjprs.2022.04.018) and its public code: PSE+LTAE, trained on the
source with the focal loss; the shift from -60 to 60 days with the greatest inception score of its predictions for
the target, then, of the shifts of that sign, the one with the least AM score (KL divergence of the pseudo-labels'
class shares to those predicted at the shift, plus the mean entropy). Then a student, from the source's weights,
learns source and pseudo-labelled target on one calendar: the labels are those of a probability above .9 of a
teacher, which follows the student by moving average and reads whole series, while the student reads some of
their dates; the target's loss has a weight of 2; every domain is normalised by its own batch in training. The teacher's
shift is estimated again in every round, between 0 and the first. The student is the result.

Ours: the paper moves the source's days by minus the shift, here the target's are moved by the shift, in training and
in mapping, which is equivalent and keeps one calendar for all methods. Half of the steps go to the
source, then five rounds; the average's horizon is the length of the rounds (the published .9999 on 10,000 steps), and
the learning rate of the rounds 1e-3, since a tenth of it would change little in a fourteenth of the published steps. No
shift is estimated from fewer than thirty pixels.
``models.ltae`` describes the pixel-set encoder.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.device import compute_device
from ...models.ltae import LtaeNetwork, LtaeSize
from ...models.networks import LIMIT
from ...models.trained import TrainedModel
from ..shared.augment import Perturbation
from ..shared.options import option, read_settings
from ..shared.request import FitRequest
from ..shared.source_only import build_model
from ..shared.tensors import SeriesTensors
from ..shared.training import learning_rate_factor, set_learning_rate
from .shift_scan import ShiftScan, days_between, shifted
from .training_loop import MIN_TARGET_PIXELS, BaselineSettings, Stage, Step, Training, adaptation

THINNED = Perturbation(shift_days=0.0, drop=0.0, gain=0.0, noise=0.0)
"""Nothing but the choice of some dates for a batch."""
WEIGHT_DECAY = 1e-4


@dataclass(frozen=True)
class TimeMatchSettings(BaselineSettings):
    """Settings of TimeMatch."""

    rate: float = 1e-3
    """Greatest learning rate."""
    source_share: float = 0.5
    """Share of the steps that learn from the source alone."""
    rounds: int = 5
    """Number of times that the teacher's shift is estimated."""
    greatest_shift: int = 60
    """Days up to which a shift is on_validation for, either way."""
    scan_pixels: int = 1000
    """Target pixels on which shifts are scored."""
    confidence: float = 0.9
    """Probability above which the teacher's prediction becomes a pseudo-label."""
    target_weight: float = 2.0
    """Weight of the target's loss."""
    width: int = option(256, maximum=LIMIT, multiple_of=LtaeSize.heads)
    """Features per date."""


def focal_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Focal loss with gamma 1: cross-entropy with weight ``1 - p`` for the probability p of the label.

    Parameters
    ----------
    logits : Tensor (b, k)
        Of the network.
    labels : Tensor (b,)
        Class indices of the batch.
    """
    errors = F.cross_entropy(logits, labels, reduction="none")
    return ((1 - torch.exp(-errors)) * errors).mean()


def update_ema(teacher: LtaeNetwork, student: LtaeNetwork, momentum: float) -> None:
    """Move the weights and batch statistics of the teacher towards those of the student.

    Parameters
    ----------
    teacher, student : LtaeNetwork
        Networks; the teacher is changed.
    momentum : float
        Weight of the teacher, 0 to 1.
    """
    with torch.no_grad():
        for mine, theirs in zip(teacher.state_dict().values(), student.state_dict().values()):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1.0 - momentum)


@dataclass(frozen=True)
class Round:
    """One round of self-training."""

    shift: float
    """Days by which the teacher's target is moved."""
    view: SeriesTensors
    """The target as the teacher reads it."""
    accepted: np.ndarray
    """(k,) pseudo-labels accepted so far, as often as they were drawn."""


class SelfTraining:
    """Student and teacher in their rounds.

    Parameters
    ----------
    student : LtaeNetwork
        Trained on the source.
    training : Training
        With the source.
    target : SeriesTensors
        The target with all its dates.
    steps : int
        Optimiser steps of all rounds.
    """

    def __init__(
        self, student: LtaeNetwork, training: Training[TimeMatchSettings], target: SeriesTensors, steps: int
    ) -> None:
        self.student, self.teacher = student, copy.deepcopy(student).eval().requires_grad_(False)
        self.training, self.target, self.momentum = training, target, math.exp(-1.0 / steps)
        settings = training.settings
        drawn = torch.randperm(len(target), generator=training.generator)[: settings.scan_pixels]
        self._sample = SeriesTensors(target.values[drawn], target.observed[drawn], target.day)
        scan = self._scan()
        # So few pixels show only how certain the network is of each, not a shift: the days stay as they are.
        greatest = settings.greatest_shift if len(target) >= MIN_TARGET_PIXELS else 0
        self.inception = scan.by_inception(days_between(-greatest, greatest))
        one_side = days_between(0, greatest if self.inception >= 0 else -greatest)
        self.rounds = [self._round(scan.by_am(one_side, self.inception))]

    @property
    def shift(self) -> float:
        """Days by which the student's target is moved."""
        return self.rounds[0].shift

    def loss(self, step: Step) -> Tensor:
        """Return the loss of one step; ``step`` as of :func:`plain_loss`."""
        settings, generator = self.training.settings, self.training.generator
        if step.done > 0:  # the step before has changed the student
            update_ema(self.teacher, self.student, self.momentum)
        if step.done * settings.rounds >= len(self.rounds):
            shift = self._scan().by_am(days_between(0, self.shift), self.rounds[-1].shift)
            self.rounds.append(self._round(shift))
        loss = _source_loss(self.student, self.training, step)
        drawn = torch.randint(len(self.target), (settings.batch,), generator=generator)
        view, accepted = self.rounds[-1].view, self.rounds[-1].accepted
        with torch.no_grad():
            logits, _ = self.teacher(view.values[drawn], view.observed[drawn], view.day)
        probability, pseudo = logits.softmax(dim=1).max(dim=1)
        confident = probability > settings.confidence
        accepted += np.bincount(pseudo[confident].cpu().numpy(), minlength=len(accepted))
        if int(confident.sum()) < 2:  # batch statistics need two
            return loss
        batch = self.rounds[0].view.batch(drawn[confident.cpu()], THINNED, generator)
        return loss + settings.target_weight * focal_loss(self.student(*batch)[0], pseudo[confident])

    def report(self, classes: Sequence[str]) -> dict[str, Any]:
        """JSON-ready account of the rounds.

        Parameters
        ----------
        classes : sequence of str
            Their names.

        Returns
        -------
        dict
            The shifts and the accepted pseudo-labels of each round.
        """
        shifts = [entry.shift for entry in self.rounds]
        labels = [{"accepted": dict(zip(classes, entry.accepted.tolist()))} for entry in self.rounds]
        return {"shift": {"days": self.shift, "inception": self.inception, "teacher": shifts}, "pseudo_labels": labels}

    def _scan(self) -> ShiftScan:
        return ShiftScan(self.teacher, self._sample, self.training.domain.calendar, self.training.progress.check)

    def _round(self, shift: float) -> Round:
        domain = self.training.domain
        return Round(shift, shifted(self.target, domain.calendar, shift), np.zeros(domain.classes, np.int64))


def _source_loss(network: LtaeNetwork, training: Training[TimeMatchSettings], step: Step) -> Tensor:
    logits, _ = network(*training.domain.tensors.batch(step.index, THINNED, training.generator))
    return focal_loss(logits, step.labels)


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source, estimate the target's shift, then train a student on both.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(TimeMatchSettings(), request.options, request.progress)
    first = round(settings.source_share * settings.steps)
    stage_name = "Learning from the source"
    with adaptation(request, settings, stage_name, on_grid=False, all_dates=True) as (training, target):
        domain = training.domain
        size = LtaeSize(len(request.source.bands), domain.classes, width=settings.width)
        network = LtaeNetwork(size).to(compute_device())
        training.run(network, _stage(network, settings, lambda step: _source_loss(network, training, step), first))
        request.progress.stage("Estimating the shift")
        steps = settings.steps - first
        rounds = SelfTraining(network, training, target, settings.scaled(steps))
        request.progress.metric("shift_days", rounds.shift)
        request.progress.stage("Learning from pseudo-labels")
        training.run(network, _stage(network, settings, rounds.loss, steps, keep_after=1.0))
        model = build_model(network, domain, request, shift_days=rounds.shift)
    return replace(model, summary={**model.summary, **rounds.report(request.source.classes)})


def _stage(
    network: LtaeNetwork,
    settings: TimeMatchSettings,
    loss_of: Callable[[Step], Tensor],
    steps: int,
    keep_after: float = 0.0,
) -> Stage:
    """A stage with Adam, whose learning rate follows half a cosine."""
    group = {"params": list(network.parameters()), "lr": settings.rate, "base_rate": settings.rate}
    optimiser = torch.optim.Adam([group], weight_decay=WEIGHT_DECAY)
    total = settings.scaled(steps)

    def loss(step: Step) -> Tensor:
        set_learning_rate(optimiser, learning_rate_factor(round(step.done * total), total, warm_up=0, floor=0.0))
        return loss_of(step)

    return Stage(optimiser, loss, steps, keep_after)
