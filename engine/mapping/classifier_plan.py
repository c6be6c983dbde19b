"""Which classifier maps a stack: decided on the stack's own pixels before a long job, and reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..imagery import Mask, Stack, sample_unlabelled
from ..models import TrainedModel
from ..models.device import core_count, one_thread, series_per_pass
from ..models.student import DistilledClassifier
from ..progress import Progress
from .distill import MIXTURES_PER_PIXEL, StudentData, distill, mix_pixels

STAGE = "Training the distilled model"
MIN_MAP_PIXELS = 1_000_000
"""Pixels to map from which on a student is worth its half minute of training."""
TRAIN_PIXELS, TEST_PIXELS = 20_000, 4_000
"""Pixels of the stack that train and test a student."""
TRAIN_CELLS, TEST_CELLS = 48, 24
"""Parts of the stack from which these pixels are taken."""
MIN_TEST_PIXELS = 500
"""Observed test pixels without which no student is used."""
MAX_FALLBACK_SHARE = 0.5
"""Share of pixels left to the full model above which a student is not used: it would not even double the speed. No
clock decides, so that the same job gives the same map."""


@dataclass(frozen=True)
class ClassifierPlan:
    """How a stack is mapped, and why."""

    student: DistilledClassifier | None
    """The distilled model; None where the full model classifies every pixel."""
    description: str
    """The plan and its reason in a sentence."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """What was measured, JSON-ready."""


def plan_classifier(
    model: TrainedModel, stack: Stack, mask: Mask | None, exact: bool, seed: int, progress: Progress
) -> ClassifierPlan:
    """Plan by the size of the map and by what a student reaches on the stack's own pixels.

    Parameters
    ----------
    model : TrainedModel
        The full model.
    stack : Stack
        The target.
    mask : Mask or None
        Where it is mapped; None for everywhere.
    exact : bool
        Use no student.
    seed : int
        Seed of sampling and training.
    progress : Progress
        Enters the stage ``STAGE`` where a student is trained.

    Returns
    -------
    ClassifierPlan
        With a student only where it is fast and accurate enough.
    """
    everything = "The full model classifies every pixel"
    if exact:
        return ClassifierPlan(None, f"{everything}, as set.")
    pixels = pixels_to_map(stack, mask)
    if pixels < MIN_MAP_PIXELS:
        return ClassifierPlan(None, f"{everything}: the map has only {pixels:,}.")
    progress.stage(STAGE)
    train, test = _sample(model, stack, mask, seed, progress)
    if len(test) < MIN_TEST_PIXELS:
        return ClassifierPlan(None, f"{everything}: too few pixels are observed to train a faster one.")
    started = time.perf_counter()
    train_answers = predict_parallel(model, train, stack.day, progress.check)
    exact_rate = len(train) / (time.perf_counter() - started)
    data = StudentData(train, train_answers, test, predict_parallel(model, test, stack.day, progress.check))
    student = distill(model, stack.day, data, seed, progress)
    metrics = {
        "agreement": round(student.agreement, 4),
        "asked": round(student.fallback_share, 4),
        "exact_pixels_per_second": round(exact_rate),
    }
    result = (
        f"{student.agreement:.1%} agreement with the full model on {len(test):,} test pixels, "
        f"{student.fallback_share:.1%} of which the full model classifies"
    )
    if student.fallback_share > MAX_FALLBACK_SHARE:
        return ClassifierPlan(None, f"{everything}: a distilled model has {result}.", metrics)
    return ClassifierPlan(student, f"A distilled model classifies the map; it has {result}.", metrics)


def pixels_to_map(stack: Stack, mask: Mask | None) -> int:
    """Count pixels to map: those of the grid, or of the windows read until ``MIN_MAP_PIXELS`` are inside the mask.

    ``stack`` and ``mask`` as of :class:`TileMapper`.
    """
    total = stack.grid.width * stack.grid.height
    if mask is None or total < MIN_MAP_PIXELS:
        return total
    inside = 0
    for window in stack.windows():
        inside += int(mask.read(window).sum())
        if inside >= MIN_MAP_PIXELS:
            break
    return inside


def predict_parallel(model: TrainedModel, pixels: np.ndarray, day: np.ndarray, check: Callable[[], None]) -> np.ndarray:
    """Probabilities of the full model, computed in batches on all cores.

    Parameters
    ----------
    model : TrainedModel
        Or anything with its ``predict_proba`` and ``device``.
    pixels : ndarray (n, t, c) of float32
        Series; NaN for gaps.
    day : ndarray (t,) of float32
        Days of the dates.
    check : callable
        Called before each batch; raises ``Cancelled`` after a cancel.

    Returns
    -------
    ndarray (n, k) of float32
        Probabilities.
    """
    size = series_per_pass(model.device)

    def predict(start: int) -> np.ndarray:
        check()
        return model.predict_proba(pixels[start : start + size], day)

    with one_thread(), ThreadPoolExecutor(core_count()) as pool:
        return np.concatenate(list(pool.map(predict, range(0, len(pixels), size))))


def _sample(
    model: TrainedModel, stack: Stack, mask: Mask | None, seed: int, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels that train a student, mixtures included, and other pixels that test it."""
    columns = [stack.bands.index(band) for band in model.bands]
    train, test = (
        sample_unlabelled(stack, mask, count, seed + offset, progress.quiet(), cells).values[..., columns]
        for offset, count, cells in ((0, TRAIN_PIXELS, TRAIN_CELLS), (1, TEST_PIXELS, TEST_CELLS))
    )
    mixed = mix_pixels(train, int(MIXTURES_PER_PIXEL * len(train)), np.random.default_rng(seed))
    return np.concatenate([train, mixed]), test[~_contained(test, train)]


def _contained(pixels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) bool: which of the series (n, t, c) are, value by value, among others (m, t, c)."""
    known = {series.tobytes() for series in others}
    return np.array([series.tobytes() in known for series in pixels], bool)
