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
from ..models.device import core_count, one_thread, series_at_once
from ..models.student import Student
from ..progress import Progress
from .distil import MIXTURES, distil, mixtures

STAGE = "Teaching the fast network"
FEWEST_PIXELS = 500_000
"""Pixels to map from which on a student is worth its half minute: fewer take the network hardly longer."""
LEARNT_PIXELS, HELD_PIXELS = 20_000, 4_000
"""Pixels of the stack that a student learns from, and by which it is judged."""
LEARNT_CELLS, HELD_CELLS = 48, 24
"""Places of the stack from which these come, others for the second."""
LEAST_GAIN = 1.5
"""A student that does not make mapping faster by this factor, the pixels counted in for which its teacher has to be
asked, is not used."""
MASK_WINDOWS = 64
"""Windows of the stack on which it is seen how much of it a mask leaves."""


@dataclass(frozen=True)
class Choice:
    """How a stack is mapped, and why."""

    student: Student | None
    """The student; None where the network itself classifies every pixel."""
    told: str
    """The choice and its reason in a sentence."""
    figures: dict[str, Any]
    """What was measured, JSON-ready."""


def choose(model: TrainedModel, stack: Stack, mask: Mask | None, exact: bool, seed: int, progress: Progress) -> Choice:
    """Choose by what is asked for, by the size of the map, and by what a student reaches on the stack's own pixels.

    The choice depends on measured speed only by a wide margin, so that the same job gives the same map.

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
    rng = np.random.default_rng(seed)
    learnt = np.concatenate([learnt, mixtures(learnt, int(MIXTURES * len(learnt)), rng)])
    started = time.perf_counter()
    taught = ask(model, learnt, stack.day, progress.check)
    exact_rate = len(learnt) / (time.perf_counter() - started)
    answers = ask(model, held, stack.day, progress.check)
    student = distil(model, stack.day, learnt, taught, held, answers, seed, progress)
    started = time.perf_counter()
    student.predict_proba(held)
    student_rate = core_count() * len(held) / (time.perf_counter() - started)
    rate = 1 / (1 / student_rate + student.asked / exact_rate)
    figures = {
        "agreement": round(student.agreement, 4),
        "asked": round(student.asked, 4),
        "exact_pixels_per_second": round(exact_rate),
        "fast_pixels_per_second": round(rate),
    }
    told = (
        f"gives the network's class on {student.agreement:.1%} of {len(held):,} pixels that it did not learn from, "
        f"with the network asked for {student.asked:.1%}"
    )
    if rate < LEAST_GAIN * exact_rate:
        return Choice(None, f"Every pixel is classified by the network itself: a fast one {told}.", figures)
    return Choice(student, f"A fast network that learnt from the model {told}.", figures)


def pixels_to_map(stack: Stack, mask: Mask | None) -> int:
    """Pixels inside the mask, about."""
    whole = stack.grid.width * stack.grid.height
    if mask is None or whole < FEWEST_PIXELS:
        return whole
    windows = stack.windows()
    looked = [windows[int(place)] for place in np.linspace(0, len(windows) - 1, min(len(windows), MASK_WINDOWS))]
    inside = sum(int(mask.read(window).sum()) for window in looked)
    return round(whole * inside / sum(window.width * window.height for window in looked))


def ask(model: TrainedModel, pixels: np.ndarray, day: np.ndarray, check: Callable[[], None]) -> np.ndarray:
    """Probabilities (n, k) of the network for series (n, t, c), pieces of them side by side on the cores."""

    at_once = series_at_once(model.device)

    def piece(start: int) -> np.ndarray:
        check()
        return model.predict_proba(pixels[start : start + at_once], day)

    with one_thread(), ThreadPoolExecutor(core_count()) as pool:
        return np.concatenate(list(pool.map(piece, range(0, len(pixels), at_once))))
