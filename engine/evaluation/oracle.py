"""The oracle: what labels inside the target would give, by cross-validation over its spatial groups.

Pixels of one group (a field, a tile) are similar: a forest tested on neighbours of its training samples looks
better than it is, so a group is either for training or for testing, never both.
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
    """What the reader must know; empty when the folds are whole groups."""


def oracle_folds(labels: np.ndarray, group: np.ndarray | None, seed: int) -> Folds:
    """Divide samples into folds such that every class can be learned from the others.

    Folds are whole spatial groups with class shares as even as possible. Where that leaves a class with too few samples
    to learn from, or the groups are unknown, folds are of single samples; where even that does, there are none.

    Parameters
    ----------
    labels : (n,) int64
        Class index of each sample.
    group : (n,) int64 or None
        Spatial group of each sample.
    seed : int
        Seed of the division.

    Returns
    -------
    Folds
    """
    # Imported here: only the oracle needs it, and the command's other parts should start without.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if group is not None and len(np.unique(group)) >= FOLDS:
        parts = _split(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed), labels, group)
        if parts and _learnable(labels, parts):
            return Folds(parts, "")
    parts = _split(StratifiedKFold(FOLDS, shuffle=True, random_state=seed), labels, None)
    if parts and _learnable(labels, parts):
        why = "the blocks are unknown" if group is None else "a class is in too few blocks"
        return Folds(parts, f"Folds of single pixels, not of spatial blocks, since {why}: the oracle is too high.")
    return Folds((), "No oracle: a class has too few samples in the target to train and test inside it.")


def _split(splitter: Any, labels: np.ndarray, group: np.ndarray | None) -> tuple[np.ndarray, ...]:
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
    """Predictions of the oracle for the target."""

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
    """Predict every labelled series of the target by a model of the other folds.

    Parameters
    ----------
    target : SeriesSet
        Labelled series, each observed at least once.
    method : str
        Key of ``engine.methods.METHODS``.
    seed : int
        Seed of folds and fits.
    options : mapping
        Settings of the method that differ from its defaults.
    progress : Progress
        Receives a stage per fold.

    Returns
    -------
    OraclePrediction
    """
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
