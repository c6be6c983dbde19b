"""How far a stage is trusted: less, the more it made the model worse; at no threshold all of it is undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StageMetrics:
    """Figures of the model after a stage, without target labels."""

    stage: str
    """Name of the stage."""
    accuracy: float
    """Class-balanced accuracy on the held-out source."""
    samples: int
    """Number of held-out samples."""
    shares: np.ndarray
    """(k,) class shares that it predicts for the target."""
    finite: bool
    """Whether all its weights and predictions are finite."""


@dataclass(frozen=True)
class Limits:
    """How much worse a stage may be than the model before, at half trust."""

    accuracy_fall: float = 0.05
    """Fall of the source validation accuracy, beside twice its standard error."""
    collapse: float = 0.25
    """Share of a class, in multiples of its share before."""
    rare: float = 0.06
    """Classes with a smaller share before count less, in proportion: they may vanish."""


@dataclass(frozen=True)
class StageTrust:
    """How far a stage is trusted."""

    weight: float
    """From 0 to 1."""
    reason: str
    """Why it is not trusted in full, as a sentence; empty where it nearly is."""


NEARLY_FULL = 0.9
"""Trust from which no reason is given."""


def stage_trust(
    now: StageMetrics, before: StageMetrics, classes: Sequence[str], limits: Limits = Limits()
) -> StageTrust:
    """How far a stage is trusted beside the model before it.

    Trust falls linearly: from half of a limit to one and a half times it for the accuracy, from twice a limit to 0 for
    the share of a class. The least counts.

    Parameters
    ----------
    now : StageMetrics
        The stage.
    before : StageMetrics
        Source accuracy and class shares to compare it with.
    classes : sequence of str
        Names of the k classes.
    limits : Limits
        How much worse it may be.
    """
    if not now.finite:
        return StageTrust(0.0, f"{now.stage}: training diverged (NaN).")
    error = np.sqrt(max(before.accuracy * (1 - before.accuracy), 0.01) / max(before.samples, 1))
    allowed = limits.accuracy_fall + 2 * float(error)
    of_accuracy = float(np.clip(1.5 - (before.accuracy - now.accuracy) / allowed, 0.0, 1.0))
    kept = now.shares / np.maximum(before.shares, 1e-9)
    lost = 1 - np.clip(kept / (2 * limits.collapse), 0.0, 1.0)
    of_class = 1 - lost * np.clip(before.shares / limits.rare, 0.0, 1.0)
    worst = int(of_class.argmin())
    weight = min(of_accuracy, float(of_class[worst]))
    if weight >= NEARLY_FULL:
        return StageTrust(weight, "")
    if of_accuracy <= of_class[worst]:
        figures = f"from {before.accuracy:.2f} to {now.accuracy:.2f}"
        return StageTrust(weight, f"{now.stage}: accuracy on held-out source samples fell {figures}.")
    figures = f"from {100 * before.shares[worst]:.0f} to {100 * now.shares[worst]:.0f} percent"
    return StageTrust(weight, f"{now.stage}: the share of {classes[worst]} in the target fell {figures}.")
