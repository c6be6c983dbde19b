"""One fit of GHCA: its settings, what is known all along, and what its students do together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
import torch

from ...models.device import NetworkThreads
from ...models.encoder import CropNetwork
from ...models.networks import LIMIT
from ...progress import Progress
from ...series import SeriesSet
from ..shared.class_shares import ShareUncertainty, estimate_class_shares, shrink_shares
from ..shared.options import option
from ..shared.source_only import SourceDomain, SourceSettings, Validation, validate
from ..shared.training import SeriesTensors, predict, softmax
from .distillation import DistillationSettings
from .safeguards import StageMetrics, check_degradation
from .training_steps import AdaptationSettings, Student


@dataclass(frozen=True)
class GHCASettings(DistillationSettings, AdaptationSettings, SourceSettings):
    """Settings of GHCA; those of learning from the source, of the adaptation and of the last step are inherited."""

    source_steps: int = 500
    """Optimiser steps of the source model."""
    members: int = option(2, 1, LIMIT)
    """Students that learn side by side from different beginnings and share their pseudo-labels: what one gets wrong
    by chance the other one need not. The cost of a fit grows with it, that of a map does not."""
    passes: int = option(4, 1)
    """Stochastic passes of every member's teacher in a round."""
    first_quota: float = 0.2
    """Share of each class's predicted pixels that the first round may choose."""
    last_quota: float = 0.8
    """The same in the last round."""
    target_pixels: int = 3000
    """Most target pixels that are learnt from, a random choice: the cost must not grow with the raster."""
    scan_pixels: int = 1000
    """Target pixels on which shift and standardisation are judged."""
    min_target_pixels: int = option(30, formerly="least_target")
    """With fewer target pixels nothing is adapted."""
    source_share_error: float = option(0.15, formerly="doubt_source")
    """Typical error (Euclidean) of the class shares that the source model sees in the target; see
    :func:`shrink_shares`."""
    aligned_share_error: float = option(0.1, formerly="doubt_aligned")
    """The same of the aligned models."""
    min_source_share: float = option(0.25, formerly="least_source")
    """Least class share that is taken from the source model, in multiples of an equal share."""
    min_aligned_share: float = option(0.1, formerly="least_aligned")
    """The same from the aligned models."""
    find_shift: bool = True
    """Whether to look for a shift of the season."""
    match_statistics: bool = True
    """Whether the target may be standardised by its own statistics, matched to its class shares."""
    class_shares: dict[str, float] = field(default_factory=dict)
    """Known class shares of the target (regional crop statistics) by class name, which are trusted whole unless
    ``prior_strength`` is given, too; empty: they are estimated."""

    def of_source(self) -> ShareUncertainty:
        """ShareUncertainty of the class shares that the source model sees."""
        return ShareUncertainty(self.source_share_error, self.min_source_share)

    def of_aligned(self) -> ShareUncertainty:
        """ShareUncertainty of those that the aligned models see."""
        return ShareUncertainty(self.aligned_share_error, self.min_aligned_share)


@dataclass(frozen=True)
class Checkpoint:
    """The last stage that passed: what the model is made of, and what is fallen back to."""

    teachers: tuple[CropNetwork, ...]
    """The teacher of every member."""
    validations: tuple[Validation, ...]
    """Their accuracy and temperature on held-out source samples."""
    shares: np.ndarray
    """(k,) class shares of the target to work with from here."""


@dataclass
class Run:
    """One fit: its fixed inputs, and the log that becomes the model's summary."""

    source: SeriesSet
    domain: SourceDomain
    settings: GHCASettings
    known_shares: np.ndarray | None
    """(k,) class shares that the user gave; None where they are estimated."""
    executor: NetworkThreads
    """What lets the students learn at the same time."""
    progress: Progress
    stages: list[dict[str, Any]] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    vetoes: list[str] = field(default_factory=list)

    def tick(self) -> None:
        """Ask for cancel where no fraction is known."""
        self.progress.check()

    def learn(
        self, students: Sequence[Student], step_of: Callable[..., None], steps: range, whole: int, *arguments: object
    ) -> None:
        """Let all students take these steps of a ``whole`` side by side; all stop when the user cancels.

        ``step_of`` is called with a student, the step, the whole, and the other arguments.
        """
        taken = count()  # by all of them

        def of(number: int) -> None:
            told = self.progress if number == 0 or self.executor.sequential else self.progress.quiet()
            for step in steps:
                told.update((steps.start + next(taken) / len(students)) / whole)
                step_of(students[number], step, whole, *arguments)

        self.executor.map(of, range(len(students)))

    def validate(self, networks: Sequence[CropNetwork]) -> list[Validation]:
        """What the held-out source says of each."""
        return self.executor.map(lambda network: validate(network, self.domain, self.tick), networks)

    def predictions(self, good: Checkpoint, pool: SeriesTensors) -> np.ndarray:
        """Calibrated predictions (m, n, k) of every member under equal class shares; NaN where a network broke."""

        def of(member: tuple[CropNetwork, Validation]) -> np.ndarray:
            network, validation = member
            return softmax(predict(network, pool, self.tick).logits, validation.temperature)

        return np.stack(self.executor.map(of, list(zip(good.teachers, good.validations))))

    def stand(
        self,
        stage: str,
        networks: Sequence[CropNetwork],
        validations: Sequence[Validation],
        pool: SeriesTensors,
        doubt: ShareUncertainty,
        estimate: Callable[[np.ndarray], np.ndarray] = estimate_class_shares,
    ) -> tuple[Checkpoint, StageMetrics]:
        """How the members, validated, stand after a stage: the class shares of the target are estimated with them.

        ``doubt`` says how far that ``estimate`` from predictions (n, k) is trusted.
        """
        good = Checkpoint(tuple(networks), tuple(validations), np.full(self.domain.classes, 1.0 / self.domain.classes))
        probability = self.predictions(good, pool).mean(axis=0)
        weights = [p for network in networks for p in network.parameters()]
        finite = bool(np.isfinite(probability).all()) and all(bool(torch.isfinite(p).all()) for p in weights)
        shares = estimate(probability) if finite else good.shares
        used = shrink_shares(shares, self.domain.shares, doubt) if self.known_shares is None else self.known_shares
        accuracy = float(np.mean([v.accuracy for v in validations]))
        standing = StageMetrics(stage, accuracy, validations[0].samples, shares, finite)
        self.stages.append({"stage": stage, "source_accuracy": round(accuracy, 4), "class_shares": self.named(shares)})
        return replace(good, shares=used), standing

    def unadapted(self, good: Checkpoint) -> Checkpoint:
        """The source models as source only applies them, where no stage after them passed.

        The class shares that they saw in the target are not followed then: where all stages are undone they are mostly
        wrong (control transfer, NDVI of 12 dates: OA .65 with them, .75 without). Known ones are.
        """
        if self.known_shares is not None:
            return good
        return replace(good, shares=np.full(self.domain.classes, 1.0 / self.domain.classes))

    def passes(self, now: StageMetrics, before: StageMetrics) -> bool:
        """Whether a stage does no harm; the reason is logged where it does."""
        reason = check_degradation(now, before, self.source.classes)
        if reason is None:
            return True
        self.vetoes.append(reason)
        self.progress.warning(f"A stage was undone to do no harm. {reason}")
        return False

    def named(self, shares: np.ndarray) -> dict[str, float]:
        """Shares (k,) by class name."""
        return {name: round(float(share), 4) for name, share in zip(self.source.classes, shares)}
