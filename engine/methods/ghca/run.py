"""One fit of GHCA: its settings, what is known all along, and what its students do together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
import torch

from ...models.device import SideBySide
from ...models.encoder import CropNetwork
from ...progress import Progress
from ...series import SeriesSet
from ..shared.class_shares import Doubt, estimate_class_shares, shrink_shares
from ..shared.source_only import SourceDomain, SourceSettings, Validation, validate
from ..shared.training import Pool, predict, softmax
from .distillation import CondensedSettings
from .safeguards import Standing, veto
from .training_steps import AdaptationSettings, Student


@dataclass(frozen=True)
class GHCASettings(CondensedSettings, AdaptationSettings, SourceSettings):
    """Settings of GHCA; those of learning from the source, of the adaptation and of the last step are inherited."""

    source_steps: int = 500
    """Optimiser steps of the source model."""
    members: int = 2
    """Students that learn side by side from different beginnings and share their pseudo-labels: what one gets wrong
    by chance the other one need not. The cost of a fit grows with it, that of a map does not."""
    passes: int = 4
    """Stochastic passes of every member's teacher in a round."""
    first_quota: float = 0.2
    """Share of each class's predicted pixels that the first round may choose."""
    last_quota: float = 0.8
    """The same in the last round."""
    target_pixels: int = 3000
    """Most target pixels that are learnt from, a random choice: the cost must not grow with the raster."""
    scan_pixels: int = 1000
    """Target pixels on which shift and standardisation are judged."""
    least_target: int = 30
    """With fewer target pixels nothing is adapted."""
    doubt_source: float = 0.15
    """Typical error (Euclidean) of the class shares that the source model sees in the target; see
    :func:`shrink_shares`."""
    doubt_aligned: float = 0.1
    """The same of the aligned models."""
    least_source: float = 0.25
    """Least class share that is taken from the source model, in multiples of an equal share."""
    least_aligned: float = 0.1
    """The same from the aligned models."""
    find_shift: bool = True
    """Whether to look for a shift of the season."""
    match_statistics: bool = True
    """Whether the target may be standardised by its own statistics, matched to its class shares."""
    class_shares: dict[str, float] = field(default_factory=dict)
    """Known class shares of the target (regional crop statistics) by class name, which are trusted whole unless
    ``trust_shares`` is given, too; empty: they are estimated."""

    def of_source(self) -> Doubt:
        """Doubt of the class shares that the source model sees."""
        return Doubt(self.doubt_source, self.least_source)

    def of_aligned(self) -> Doubt:
        """Doubt of those that the aligned models see."""
        return Doubt(self.doubt_aligned, self.least_aligned)


@dataclass(frozen=True)
class Good:
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
    crew: SideBySide
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
    ) -> None:  # fmt: skip
        """Let all students take these steps of a ``whole`` side by side; all stop when the user cancels.

        ``step_of`` is called with a student, the step, the whole, and the other arguments.
        """
        taken = count()  # by all of them

        def of(number: int) -> None:
            told = self.progress if number == 0 or self.crew.in_turn else self.progress.quiet()
            for step in steps:
                told.update((steps.start + next(taken) / len(students)) / whole)
                step_of(students[number], step, whole, *arguments)

        self.crew.each(of, range(len(students)))

    def validate(self, networks: Sequence[CropNetwork]) -> list[Validation]:
        """What the held-out source says of each."""
        return self.crew.each(lambda network: validate(network, self.domain, self.tick), networks)

    def predictions(self, good: Good, pool: Pool) -> np.ndarray:
        """Calibrated predictions (m, n, k) of every member under equal class shares; NaN where a network broke."""

        def of(member: tuple[CropNetwork, Validation]) -> np.ndarray:
            network, validation = member
            return softmax(predict(network, pool, self.tick).logits, validation.temperature)

        return np.stack(self.crew.each(of, list(zip(good.teachers, good.validations))))

    def stand(
        self, stage: str, networks: Sequence[CropNetwork], validations: Sequence[Validation], pool: Pool, doubt: Doubt,
        estimate: Callable[[np.ndarray], np.ndarray] = estimate_class_shares,
    ) -> tuple[Good, Standing]:  # fmt: skip
        """How the members, validated, stand after a stage: the class shares of the target are estimated with them.

        ``doubt`` says how far that ``estimate`` from predictions (n, k) is trusted.
        """
        good = Good(tuple(networks), tuple(validations), np.full(self.domain.classes, 1.0 / self.domain.classes))
        probability = self.predictions(good, pool).mean(axis=0)
        weights = [p for network in networks for p in network.parameters()]
        finite = bool(np.isfinite(probability).all()) and all(bool(torch.isfinite(p).all()) for p in weights)
        shares = estimate(probability) if finite else good.shares
        used = shrink_shares(shares, self.domain.shares, doubt) if self.known_shares is None else self.known_shares
        accuracy = float(np.mean([v.accuracy for v in validations]))
        standing = Standing(stage, accuracy, validations[0].samples, shares, finite)
        self.stages.append({"stage": stage, "source_accuracy": round(accuracy, 4), "class_shares": self.named(shares)})
        return replace(good, shares=used), standing

    def unadapted(self, good: Good) -> Good:
        """The source models as source only applies them, where no stage after them passed.

        The class shares that they saw in the target are not followed then: where all stages are undone they are mostly
        wrong (control transfer, NDVI of 12 dates: OA .65 with them, .75 without). Known ones are.
        """
        if self.known_shares is not None:
            return good
        return replace(good, shares=np.full(self.domain.classes, 1.0 / self.domain.classes))

    def passes(self, now: Standing, before: Standing) -> bool:
        """Whether a stage does no harm; the reason is logged where it does."""
        reason = veto(now, before, self.source.classes)
        if reason is None:
            return True
        self.vetoes.append(reason)
        self.progress.warning(f"A stage was undone to do no harm. {reason}")
        return False

    def named(self, shares: np.ndarray) -> dict[str, float]:
        """Shares (k,) by class name."""
        return {name: round(float(share), 4) for name, share in zip(self.source.classes, shares)}
