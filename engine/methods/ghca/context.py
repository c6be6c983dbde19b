"""One fit of GHCA: its settings, its fixed inputs and its log, and the work that its networks do in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
import torch

from ...estimation.class_shares import ShareUncertainty, estimate_class_shares, shrink_shares
from ...models.device import NetworkThreads
from ...models.encoder import CropNetwork
from ...models.networks import LIMIT
from ..shared.options import option
from ..shared.request import FitRequest
from ..shared.source_domain import SourceDomain
from ..shared.source_only import SourceSettings, Validation, validate
from ..shared.tensors import SeriesTensors, predict, softmax
from .distillation import DistillationSettings
from .safeguards import StageMetrics, StageTrust, stage_trust
from .training_steps import AdaptationSettings, Student


@dataclass(frozen=True)
class GHCASettings(DistillationSettings, AdaptationSettings, SourceSettings):
    """Settings of GHCA; those of source training, adaptation and distillation are inherited."""

    source_steps: int = 500
    """Optimiser steps of the source model."""
    members: int = option(2, 1, LIMIT)
    """Students that are trained in parallel from different initial weights and share their pseudo-labels: they make
    different errors. The cost of a fit grows with their number, that of a map does not."""
    passes: int = option(4, 1)
    """Stochastic passes of every member's teacher in a round."""
    first_quota: float = 0.2
    """Share of each class's predicted pixels that the first round may choose."""
    last_quota: float = 0.8
    """The same in the last round."""
    target_pixels: int = 3000
    """Target pixels that are used at most, a random choice: the cost must not grow with the raster."""
    scan_pixels: int = 1000
    """Target pixels on which shift and standardisation are chosen."""
    min_target_pixels: int = option(30, formerly="least_target")
    """With fewer target pixels there is no adaptation."""
    source_share_error: float = option(0.15, formerly="doubt_source")
    """Typical error (Euclidean) of the class shares that the source model estimates; see :func:`shrink_shares`."""
    aligned_share_error: float = option(0.1, formerly="doubt_aligned")
    """The same of the aligned models."""
    min_source_share: float = option(0.25, formerly="least_source")
    """Least class share by the source model, in multiples of an equal share."""
    min_aligned_share: float = option(0.1, formerly="least_aligned")
    """The same of the aligned models."""
    find_shift: bool = True
    """Whether to estimate a shift of the season."""
    match_statistics: bool = True
    """Whether the target may be standardised by its own statistics, matched to its class shares."""
    class_shares: dict[str, float] = field(default_factory=dict)
    """Known class shares of the target (regional crop statistics) by class name, which have a strength of 1 unless
    ``prior_strength`` is given; empty: they are estimated."""

    @property
    def source_uncertainty(self) -> ShareUncertainty:
        """Of the class shares that the source models estimate."""
        return ShareUncertainty(self.source_share_error, self.min_source_share)

    @property
    def aligned_uncertainty(self) -> ShareUncertainty:
        """Of the class shares that the aligned models estimate."""
        return ShareUncertainty(self.aligned_share_error, self.min_aligned_share)


@dataclass(frozen=True)
class Checkpoint:
    """Networks after a stage: what the model is built from, or the state to return to."""

    networks: tuple[CropNetwork, ...]
    """The teacher of every member."""
    validations: tuple[Validation, ...]
    """Their accuracy and temperature on the held-out source."""
    shares: np.ndarray
    """(k,) class shares of the target to use from here."""

    @property
    def accuracy(self) -> float:
        """Mean accuracy on the held-out source."""
        return float(np.mean([validation.accuracy for validation in self.validations]))


@dataclass
class FitContext:
    """One fit: its fixed inputs, and the log that becomes the model's summary."""

    request: FitRequest
    domain: SourceDomain
    settings: GHCASettings
    known_shares: np.ndarray | None
    """(k,) class shares that the user gave; None where they are estimated."""
    executor: NetworkThreads
    """Trains and applies the networks in parallel."""
    stages: list[dict[str, Any]] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """Why stages are not trusted in full, in sentences."""

    def tick(self) -> None:
        """Check for cancel where no fraction is known."""
        self.request.progress.check()

    def train_students(
        self, students: Sequence[Student], take_step: Callable[..., None], part: range, steps: int, shares: np.ndarray
    ) -> None:
        """Let all students take some steps in parallel; all stop when the user cancels.

        Parameters
        ----------
        students : sequence of Student
            Trained in place.
        take_step : callable
            :meth:`Student.align_step` or :meth:`Student.round_step`.
        part : range
            Steps to take.
        steps : int
            Steps of the whole stage.
        shares : ndarray (k,)
            Class shares of the target.
        """
        taken = count()  # by all of them

        def train(number: int) -> None:
            progress = self.request.progress
            if number and not self.executor.sequential:
                progress = progress.quiet()
            for step in part:
                progress.update((part.start + next(taken) / len(students)) / steps)
                take_step(students[number], step, steps, shares)

        self.executor.map(train, range(len(students)))

    def validate(self, networks: Sequence[CropNetwork]) -> Checkpoint:
        """Evaluate networks on the held-out source.

        Parameters
        ----------
        networks : sequence of CropNetwork
            One of each member.

        Returns
        -------
        Checkpoint
            With equal class shares.
        """
        validations = self.executor.map(lambda network: validate(network, self.domain, self.tick), networks)
        return Checkpoint(tuple(networks), tuple(validations), self.equal_shares())

    def member_probabilities(self, checkpoint: Checkpoint, tensors: SeriesTensors) -> np.ndarray:
        """Calibrated predictions of every member under equal class shares.

        Parameters
        ----------
        checkpoint : Checkpoint
            The members.
        tensors : SeriesTensors
            Series.

        Returns
        -------
        ndarray (m, n, k)
            Probabilities; NaN where training diverged.
        """

        def probabilities(number: int) -> np.ndarray:
            logits = predict(checkpoint.networks[number], tensors, self.tick).logits
            return softmax(logits, checkpoint.validations[number].temperature)

        return np.stack(self.executor.map(probabilities, range(len(checkpoint.networks))))

    def evaluate_stage(
        self,
        stage: str,
        checkpoint: Checkpoint,
        tensors: SeriesTensors,
        uncertainty: ShareUncertainty,
        estimate: Callable[[np.ndarray], np.ndarray] = estimate_class_shares,
    ) -> tuple[Checkpoint, StageMetrics]:
        """Estimate the class shares of the target with the members after a stage, and log them.

        Parameters
        ----------
        stage : str
            Name of the stage.
        checkpoint : Checkpoint
            What :meth:`validate` gave.
        tensors : SeriesTensors
            The target.
        uncertainty : ShareUncertainty
            Of the estimate.
        estimate : callable
            Estimates class shares (k,) from predictions (n, k).

        Returns
        -------
        tuple of Checkpoint and StageMetrics
            The members with the class shares to use, and the figures of the stage.
        """
        probability = self.member_probabilities(checkpoint, tensors).mean(axis=0)
        weights = [p for network in checkpoint.networks for p in network.parameters()]
        finite = bool(np.isfinite(probability).all()) and all(bool(torch.isfinite(p).all()) for p in weights)
        shares = estimate(probability) if finite else checkpoint.shares
        used = self.known_shares
        if used is None:
            used = shrink_shares(shares, self.domain.shares, uncertainty)
        accuracy = checkpoint.accuracy
        metrics = StageMetrics(stage, accuracy, checkpoint.validations[0].samples, shares, finite)
        self.stages.append({"stage": stage, "source_accuracy": round(accuracy, 4), "class_shares": self.named(shares)})
        return replace(checkpoint, shares=used), metrics

    def trust(self, now: StageMetrics, before: StageMetrics) -> StageTrust:
        """How far a stage is trusted; a reason to doubt it is logged.

        Parameters
        ----------
        now, before : StageMetrics
            The stage, and that to compare it with.
        """
        trust = stage_trust(now, before, self.request.source.classes)
        if trust.reason:
            self.doubts.append(f"{trust.reason} What it changed counts less.")
        return trust

    def named(self, shares: np.ndarray) -> dict[str, float]:
        """Class shares by name.

        Parameters
        ----------
        shares : ndarray (k,)
            Shares.

        Returns
        -------
        dict
            Rounded to four digits.
        """
        return {name: round(float(share), 4) for name, share in zip(self.request.source.classes, shares)}

    def equal_shares(self) -> np.ndarray:
        """Equal class shares (k,)."""
        return np.full(self.domain.classes, 1.0 / self.domain.classes)
