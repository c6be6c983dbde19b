"""Do no harm: checks of a stage, which is undone where the model got worse."""

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
    """How much worse a stage may be than the source model."""

    accuracy_fall: float = 0.05
    """Greatest fall of the source validation accuracy, beside twice its standard error."""
    collapse: float = 0.25
    """Least share of a class, in multiples of its estimate before."""
    least_share: float = 0.03
    """Classes estimated below this may vanish."""


def check_degradation(
    now: StageMetrics, before: StageMetrics, classes: Sequence[str], limits: Limits = Limits()
) -> str | None:
    """Whether a stage made the model worse.

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

    Returns
    -------
    str or None
        The reason to undo it, as a sentence; None where it may stay.
    """
    if not now.finite:
        return f"{now.stage}: training diverged (NaN)."
    error = np.sqrt(max(before.accuracy * (1 - before.accuracy), 0.01) / max(before.samples, 1))
    allowed = limits.accuracy_fall + 2 * float(error)
    if now.accuracy < before.accuracy - allowed:
        return (
            f"{now.stage}: accuracy on held-out source samples fell from {before.accuracy:.2f} to {now.accuracy:.2f}."
        )
    expected = before.shares
    for c in np.flatnonzero(expected >= limits.least_share):
        if now.shares[c] < limits.collapse * expected[c]:
            return (
                f"{now.stage}: the share of {classes[c]} in the target collapsed from"
                f" {100 * expected[c]:.0f} to {100 * now.shares[c]:.0f} percent."
            )
    return None
