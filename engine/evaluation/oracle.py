"""The oracle: what labels inside the target would give, by cross-validation over spatial blocks of it.

Pixels of one block (a field, a tile) resemble one another: a forest tested on neighbours of what it learnt from
looks better than it is, so a group is either learnt from or tested on, never both.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..methods import fit
from ..progress import Progress
from ..series import MINIMUM_SAMPLES, SeriesSet

FOLDS = 5


@dataclass(frozen=True)
class Folds:
    """How the target is divided for the oracle."""

    parts: tuple[np.ndarray, ...]
    """Indices tested on, one array a fold; empty when no division is possible."""
    note: str
    """What the reader must know of it; empty when the folds are whole blocks."""


def oracle_folds(labels: np.ndarray, group: np.ndarray | None, seed: int) -> Folds:
    """Divide samples (n,) into folds such that every class can be learnt from the others.

    Whole blocks with the class shares as even as can be; where that leaves a class with too few samples to learn
    from, or the blocks are unknown, single samples; where even that does, none.
    """
    # Imported here: only the oracle needs it, and the command's other parts should start without.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if group is not None and len(np.unique(group)) >= FOLDS:
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        parts = _parts(splitter, labels, group)
        if parts and _learnable(labels, parts):
            return Folds(parts, "")
    parts = _parts(StratifiedKFold(FOLDS, shuffle=True, random_state=seed), labels, None)
    if parts and _learnable(labels, parts):
        why = "the blocks are unknown" if group is None else "a class lies in too few blocks"
        return Folds(parts, f"Folds of single pixels, not of spatial blocks, since {why}: the oracle is too high.")
    return Folds((), "No oracle: a class has too few samples in the target to be learnt and tested inside it.")


def _parts(splitter: Any, labels: np.ndarray, group: np.ndarray | None) -> tuple[np.ndarray, ...]:
    with warnings.catch_warnings():
        # That a class has fewer samples than folds is judged by _learnable.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return tuple(test for _, test in splitter.split(np.zeros((len(labels), 1)), labels, group))
        except ValueError:  # no class has as many samples as there are folds
            return ()


def _learnable(labels: np.ndarray, parts: tuple[np.ndarray, ...]) -> bool:
    """Whether every class that occurs keeps enough samples outside each fold, and two classes occur."""
    count = np.bincount(labels)
    present = count > 0
    left = [count - np.bincount(labels[part], minlength=len(count)) for part in parts]
    return present.sum() > 1 and all((one[present] >= MINIMUM_SAMPLES).all() for one in left)


@dataclass(frozen=True)
class OraclePrediction:
    """What the oracle says of the target."""

    predicted: np.ndarray
    """(n,) class indices; empty when the target cannot be divided."""
    fit_seconds: float
    """Seconds all folds took to fit."""
    predict_seconds: float
    """Seconds all folds took to predict."""
    note: str
    """What the reader must know of the folds; may be empty."""


def cross_validate(
    target: SeriesSet, method: str, seed: int, options: Mapping[str, Any], progress: Progress
) -> OraclePrediction:
    """Predict every series of the labelled ``target`` (each observed once) by a model of the other folds."""
    if target.labels is None:
        raise ValueError("the oracle needs labels")
    labels = target.labels
    folds = oracle_folds(labels, target.group, seed)
    predicted = np.full(len(target), -1, np.int64)
    fit_seconds = predict_seconds = 0.0
    present = np.unique(labels)
    own = target.with_classes([target.classes[index] for index in present])
    progress.plan({f"Fold {number}": 1.0 for number in range(1, len(folds.parts) + 1)})
    for number, test in enumerate(folds.parts, 1):
        progress.stage(f"Fold {number}")
        train = np.setdiff1d(np.arange(len(target)), test)
        blind = own.take(test).without_labels()
        started = time.monotonic()
        model = fit(method, own.take(train), blind, seed, progress, options)
        fitted = time.monotonic()
        predicted[test] = present[model.predict_proba(blind.values, blind.day).argmax(axis=1)]
        predict_seconds += time.monotonic() - fitted
        fit_seconds += fitted - started
    return OraclePrediction(predicted if folds.parts else predicted[:0], fit_seconds, predict_seconds, folds.note)
