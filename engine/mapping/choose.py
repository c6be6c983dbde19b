"""Which way the pixels of a map get their class: measured on the stack itself before a long job, and told."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..imagery import Mask, Stack, sample_unlabelled
from ..models import TrainedModel
from ..models.device import core_count, one_thread, series_per_pass
from ..models.student import DistilledClassifier
from ..progress import Progress
from .distil import MIXTURES, distil, mixtures

STAGE = "Teaching the fast network"
FEWEST_PIXELS = 1_000_000
"""Pixels to map from which on a student is worth its half minute: fewer take the network hardly longer."""
LEARNT_PIXELS, HELD_PIXELS = 20_000, 4_000
"""Pixels of the stack that a student learns from, and by which it is judged."""
LEARNT_CELLS, HELD_CELLS = 48, 24
"""Places of the stack from which these come."""
FEWEST_HELD = 500
"""Pixels by which a student must be judged at least."""
MOST_ASKED = 0.5
"""Share of the pixels for which its teacher has to be asked beyond which a student is not used: by then mapping gains
less than twice the speed. No clock decides, so that the same job gives the same map."""


@dataclass(frozen=True)
class Choice:
    """How a stack is mapped, and why."""

    student: DistilledClassifier | None
    """The student; None where the network itself classifies every pixel."""
    told: str
    """The choice and its reason in a sentence."""
    figures: dict[str, Any]
    """What was measured, JSON-ready."""


def choose(model: TrainedModel, stack: Stack, mask: Mask | None, exact: bool, seed: int, progress: Progress) -> Choice:
    """Choose by what is asked for, by the size of the map, and by what a student reaches on the stack's own pixels.

    Parameters
    ----------
    exact : the network itself shall classify every pixel.
    """
    if exact:
        return Choice(None, "Every pixel is classified by the network itself, as was asked for.", {})
    pixels = pixels_to_map(stack, mask)
    if pixels < FEWEST_PIXELS:
        return Choice(None, f"Every pixel is classified by the network itself: there are only {pixels:,}.", {})
    progress.stage(STAGE)
    read = [
        sample_unlabelled(stack, mask, count, seed + place, progress.quiet(), cells).values
        for place, (count, cells) in enumerate(((LEARNT_PIXELS, LEARNT_CELLS), (HELD_PIXELS, HELD_CELLS)))
    ]
    columns = [stack.bands.index(band) for band in model.bands]
    learnt, held = (values[..., columns] for values in read)
    held = held[~_among(held, learnt)]
    if len(held) < FEWEST_HELD:
        return Choice(None, "Every pixel is classified by the network itself: too few of them were observed.", {})
    rng = np.random.default_rng(seed)
    learnt = np.concatenate([learnt, mixtures(learnt, int(MIXTURES * len(learnt)), rng)])
    started = time.perf_counter()
    taught = ask(model, learnt, stack.day, progress.check)
    exact_rate = len(learnt) / (time.perf_counter() - started)
    answers = ask(model, held, stack.day, progress.check)
    student = distil(model, stack.day, learnt, taught, held, answers, seed, progress)
    figures = {
        "agreement": round(student.agreement, 4),
        "asked": round(student.fallback_share, 4),
        "exact_pixels_per_second": round(exact_rate),
    }
    told = (
        f"gives the network's class on {student.agreement:.1%} of {len(held):,} pixels that it did not learn from, "
        f"with the network asked for {student.fallback_share:.1%}"
    )
    if student.fallback_share > MOST_ASKED:
        return Choice(None, f"Every pixel is classified by the network itself: a fast one {told}.", figures)
    return Choice(student, f"A fast network that learnt from the model {told}.", figures)


def pixels_to_map(stack: Stack, mask: Mask | None) -> int:
    """Pixels inside the mask; of a mask of more than ``FEWEST_PIXELS`` only that it has so many."""
    whole = stack.grid.width * stack.grid.height
    if mask is None or whole < FEWEST_PIXELS:
        return whole
    inside = 0
    for window in stack.windows():
        inside += int(mask.read(window).sum())
        if inside >= FEWEST_PIXELS:
            break
    return inside


def ask(model: TrainedModel, pixels: np.ndarray, day: np.ndarray, check: Callable[[], None]) -> np.ndarray:
    """Probabilities (n, k) of the network for series (n, t, c), pieces of them side by side on the cores."""
    at_once = series_per_pass(model.device)

    def piece(start: int) -> np.ndarray:
        check()
        return model.predict_proba(pixels[start : start + at_once], day)

    with one_thread(), ThreadPoolExecutor(core_count()) as pool:
        return np.concatenate(list(pool.map(piece, range(0, len(pixels), at_once))))


def _among(pixels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) bool: which of the series (n, t, c) are, value by value, among others (m, t, c)."""
    known = {series.tobytes() for series in others}
    return np.array([series.tobytes() in known for series in pixels], bool)
