"""Do no harm: what a stage must not do to the model, or the last good stage is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StageMetrics:
    """What is known of the model after a stage, without target labels."""

    stage: str
    """Name of the stage."""
    accuracy: float
    """Class-balanced accuracy on the held-out source."""
    samples: int
    """Held-out samples that rests on."""
    shares: np.ndarray
    """(k,) class shares that it predicts for the target."""
    finite: bool
    """Whether all its weights and predictions are finite."""


@dataclass(frozen=True)
class Limits:
    """How much worse a stage may look than the source model."""

    accuracy_fall: float = 0.05
    """Greatest fall of the source validation accuracy, beside twice its standard error."""
    collapse: float = 0.25
    """Least share of a class, in multiples of what it was estimated to have before."""
    least_share: float = 0.03
    """Classes estimated below this may vanish."""


def check_degradation(
    now: StageMetrics, before: StageMetrics, classes: Sequence[str], limits: Limits = Limits()
) -> str | None:
    """The reason, as a sentence, why a stage may not stand; None when it may.

    Parameters
    ----------
    now : the stage to be judged. ``before``: the source model's standing. ``classes``: their k names.
    """
    if not now.finite:
        return f"{now.stage}: the model is not a number any more."
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
