"""TimeMatch: adaptation to another region by estimating how many days its season runs early or late.

Published: Nyborg et al. 2022 (doi 10.1016/j.isprsjprs.2022.04.018) and its public code: PSE+LTAE, trained on the
source with the focal loss; the shift from -60 to 60 days with the greatest inception score of its predictions for
the target, then, of the shifts of that sign, the one with the least AM score (KL divergence of the pseudo-labels'
class shares to those predicted at the shift, plus the mean entropy). Then a student, from the source's weights,
learns source and pseudo-labelled target on one calendar: the labels are those of a probability above .9 of a
teacher, which follows the student by moving average and reads whole series, while the student reads some of
their dates; the target's loss weighs 2; every domain is normalised by its own batch in training. The teacher's
shift is estimated anew in every round, between 0 and the first. The student is the result.

Ours: the paper moves the source's days by minus the shift, here the target's are moved by the shift, in training and
in mapping, which is the same to each other and leaves one calendar to all methods. Half of the steps go to the
source, then five rounds; the average's horizon is the length of the rounds (the published .9999 on 10,000 steps), and
the learning rate of the rounds 1e-3, as a tenth of it would hardly move in a fourteenth of the published steps. No
shift is estimated from fewer than thirty pixels.
``models.ltae`` tells what becomes of the pixel-set encoder.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.device import compute_device, seeded
from ...models.ltae import LtaeNetwork, LtaeSize
from ...models.networks import LIMIT
from ...models.trained import Calendar, TrainedModel, usable_observations
from ...progress import Progress
from ...series import SeriesSet
from ..shared.adaptation_score import inception_score
from ..shared.augment import Perturbation
from ..shared.options import option, read_settings
from ..shared.source_only import SourceDomain, finish
from ..shared.training import CHUNK, SeriesTensors, learning_rate_factor, set_learning_rate
from .training_loop import MIN_TARGET_PIXELS, BaselineSettings, prepare, train, warn_few_pixels

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
    """How often the teacher's shift is estimated anew."""
    greatest_shift: int = 60
    """Days up to which a shift is on_validation for, either way."""
    scan_pixels: int = 1000
    """Target pixels on which shifts are judged."""
    confidence: float = 0.9
    """Probability above which the teacher's prediction is taken for a label."""
    target_weight: float = 2.0
    """Weight of the target's loss."""
    width: int = option(256, maximum=LIMIT, multiple_of=LtaeSize.heads)
    """Features per date."""


def focal_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of (b, k) in which a series counts by what its label's probability lacks to one (gamma 1)."""
    errors = F.cross_entropy(logits, labels, reduction="none")
    return ((1 - torch.exp(-errors)) * errors).mean()


def am_score(probability: np.ndarray, shares: np.ndarray) -> float:
    """AM score of predictions (n, k): KL divergence of ``shares`` (k,) to the predicted ones, plus mean entropy."""
    predicted = np.bincount(probability.argmax(axis=1), minlength=len(shares)) / len(probability)
    divergence = (shares * (np.log(shares + 1e-5) - np.log(predicted + 1e-5))).sum()
    entropy = -(probability * np.log(probability + 1e-5)).sum(axis=1).mean()
    return float(divergence + entropy)


def best_shift(shifts: Sequence[float], score: Callable[[float], float]) -> float:
    """The shift with the greatest score; of equal ones the smallest, so that scores without evidence give 0."""
    return max(sorted(shifts, key=abs), key=score)


def update_ema(teacher: LtaeNetwork, student: LtaeNetwork, momentum: float) -> None:
    """Move the teacher's weights and batch statistics towards the student's."""
    with torch.no_grad():
        for mine, theirs in zip(teacher.state_dict().values(), student.state_dict().values()):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1.0 - momentum)


def shifted(pool: SeriesTensors, calendar: Calendar, shift: float) -> SeriesTensors:
    """A pool of all dates as the network reads it after its days were moved by ``shift``: those in season."""
    day = pool.day + shift
    inside = calendar.inside(day.cpu().numpy())
    observed = usable_observations(pool.observed.cpu().numpy(), inside)
    return SeriesTensors(pool.values, torch.from_numpy(observed).to(pool.values.device), day)


class ShiftScan:
    """A network's predictions for a sample of the target at any shift; each date is encoded once."""

    def __init__(
        self, network: LtaeNetwork, sample: SeriesTensors, calendar: Calendar, tick: Callable[[], None]
    ) -> None:
        self._network, self._sample, self._calendar, self._tick = network, sample, calendar, tick
        self._parts = torch.arange(len(sample)).split(CHUNK)
        network.eval()
        with torch.no_grad():
            self._lifted = [network.encode_dates(sample.values[part], sample.observed[part]) for part in self._parts]

    def probability(self, shift: float) -> np.ndarray:
        """Probabilities (n, k) with the days moved by ``shift``."""
        pool = shifted(self._sample, self._calendar, shift)
        result = []
        self._network.eval()
        with torch.no_grad():
            for part, lifted in zip(self._parts, self._lifted):
                self._tick()
                logits, _ = self._network.classify_encoded(lifted, pool.observed[part], pool.day)
                result.append(logits.double().softmax(dim=1).cpu())
        return torch.cat(result).numpy()

    def by_inception(self, shifts: Sequence[float]) -> float:
        """The shift with the greatest inception score."""
        return best_shift(shifts, lambda shift: inception_score(self.probability(shift)))

    def by_am(self, shifts: Sequence[float], pseudo_labelled_at: float) -> float:
        """The shift with the least AM score, under the class shares predicted at ``pseudo_labelled_at``."""
        probability = self.probability(pseudo_labelled_at)
        shares = np.bincount(probability.argmax(axis=1), minlength=probability.shape[1]) / len(probability)
        return best_shift(shifts, lambda shift: -am_score(self.probability(shift), shares))


def days_between(first: float, last: float) -> list[float]:
    """Whole days from the lesser to the greater, both among them."""
    return [float(d) for d in range(round(min(first, last)), round(max(first, last)) + 1)]


class SelfTraining:
    """Student and teacher in their rounds."""

    def __init__(
        self,
        student: LtaeNetwork,
        domain: SourceDomain,
        target: SeriesTensors,
        settings: TimeMatchSettings,
        steps: int,
        generator: torch.Generator,
        progress: Progress,
    ) -> None:
        self.student, self.teacher = student, copy.deepcopy(student).eval().requires_grad_(False)
        self.domain, self.target, self.settings = domain, target, settings
        self.generator, self.progress = generator, progress
        self.momentum = math.exp(-1.0 / steps)
        drawn = torch.randperm(len(target), generator=generator)[: settings.scan_pixels]
        self.sample = SeriesTensors(target.values[drawn], target.observed[drawn], target.day)
        scan = ShiftScan(self.teacher, self.sample, domain.calendar, progress.check)
        # So few pixels show no shift, only how sure the network is of each: the days stay as they are.
        greatest = settings.greatest_shift if len(target) >= MIN_TARGET_PIXELS else 0
        self.inception = scan.by_inception(days_between(-greatest, greatest))
        one_side = days_between(0, greatest if self.inception >= 0 else -greatest)
        self.shift = scan.by_am(one_side, self.inception)
        self.teacher_shifts = [self.shift]
        self.accepted = [np.zeros(domain.classes, np.int64)]
        self.shown = shifted(target, domain.calendar, self.shift)
        self._read = self.shown

    def loss(self, index: Tensor, labels: Tensor, done: float) -> Tensor:
        """The loss of one step after a share ``done`` of the rounds."""
        s = self.settings
        if done > 0:  # the step before has moved the student
            update_ema(self.teacher, self.student, self.momentum)
        if done * s.rounds >= len(self.teacher_shifts):
            self._next_round()
        logits, _ = self.student(*self.domain.pool.batch(index, THINNED, self.generator))
        loss = focal_loss(logits, labels)
        drawn = torch.randint(len(self.target), (s.batch,), generator=self.generator)
        with torch.no_grad():
            seen, _ = self.teacher(self._read.values[drawn], self._read.observed[drawn], self._read.day)
        probability, pseudo = seen.softmax(dim=1).max(dim=1)
        sure = probability > s.confidence
        self.accepted[-1] += np.bincount(pseudo[sure].cpu().numpy(), minlength=self.domain.classes)
        if int(sure.sum()) < 2:  # batch statistics need two
            return loss
        others, _ = self.student(*self.shown.batch(drawn[sure.cpu()], THINNED, self.generator))
        return loss + s.target_weight * focal_loss(others, pseudo[sure])

    def _next_round(self) -> None:
        scan = ShiftScan(self.teacher, self.sample, self.domain.calendar, self.progress.check)
        shift = scan.by_am(days_between(0, self.shift), self.teacher_shifts[-1])
        self._read = shifted(self.target, self.domain.calendar, shift)
        self.teacher_shifts.append(shift)
        self.accepted.append(np.zeros(self.domain.classes, np.int64))

    def report(self, classes: Sequence[str]) -> dict[str, Any]:
        """JSON-ready account of the rounds; a series counts as often as it was drawn and accepted."""
        shift = {"days": self.shift, "inception": self.inception, "teacher": self.teacher_shifts}
        labels = [{"accepted": dict(zip(classes, counts.tolist()))} for counts in self.accepted]
        return {"shift": shift, "pseudo_labels": labels}


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source, estimate the target's shift, then teach a student with both."""
    settings = read_settings(TimeMatchSettings(), options, progress)
    first = round(settings.source_share * settings.steps)
    with seeded(seed) as generator:
        progress.stage("Learning from the source")
        warn_few_pixels(target, progress)
        domain, everything = prepare(source, target, settings, seed, on_grid=False, whole=True)
        network = LtaeNetwork(LtaeSize(len(source.bands), domain.classes, width=settings.width)).to(compute_device())
        optimiser, set_rate_at = make_schedule(network, settings.rate, settings.scaled(first))

        def source_loss(index: Tensor, labels: Tensor, done: float) -> Tensor:
            set_rate_at(done)
            logits, _ = network(*domain.pool.batch(index, THINNED, generator))
            return focal_loss(logits, labels)

        train(network, domain, settings, optimiser, source_loss, generator, progress, steps=first)
        progress.stage("Estimating the shift")
        steps = settings.steps - first
        rounds = SelfTraining(network, domain, everything, settings, settings.scaled(steps), generator, progress)
        progress.metric("shift_days", rounds.shift)
        progress.stage("Learning from pseudo-labels")
        optimiser, set_rate_at = make_schedule(network, settings.rate, settings.scaled(steps))

        def loss_of(index: Tensor, labels: Tensor, done: float) -> Tensor:
            set_rate_at(done)
            return rounds.loss(index, labels, done)

        train(network, domain, settings, optimiser, loss_of, generator, progress, steps=steps, earliest=1.0)
        model = finish(network, domain, source, "timematch", seed, progress, rounds.shift)
    return replace(model, summary={**model.summary, **rounds.report(source.classes)})


def make_schedule(
    network: LtaeNetwork, rate: float, steps: int
) -> tuple[torch.optim.Optimizer, Callable[[float], None]]:
    """Adam, and what sets its learning rate on half a cosine after a share of the steps."""
    group = {"params": list(network.parameters()), "lr": rate, "base_rate": rate}
    optimiser = torch.optim.Adam([group], weight_decay=WEIGHT_DECAY)
    return optimiser, lambda done: set_learning_rate(
        optimiser, learning_rate_factor(round(done * steps), steps, warm=0, floor=0.0)
    )
