"""How pixels get their class: from the full model, or from its student with the full model where that is uncertain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..models import TrainedModel
from ..models.device import compute_device, series_per_pass
from ..models.student import DistilledClassifier

Tick = Callable[[int], None]
"""Receives how many more pixels are classified; raises Cancelled."""
MIN_BATCH = 64
"""Fewer pixels with the same gaps are not worth a batch of their own."""
CHECK_INTERVAL = 512
"""One in so many pixels is classified by student and full model both, to measure their agreement on the map."""


@dataclass(frozen=True)
class Classified:
    """Pixels with their classes."""

    best: np.ndarray
    """(n,) int64 index of the class."""
    percent: np.ndarray
    """(n,) int64 confidence in whole percent."""
    exact: int = 0
    """Pixels left to the full model because the student was uncertain."""
    checked: int = 0
    """Pixels of which the student was certain and that the full model classified too."""
    agreed: int = 0
    """Those of them with the same class from both."""


class Classifier(Protocol):
    """Gives pixels their class; may be used by several threads at the same time."""

    def classify(self, pixels: np.ndarray, tick: Tick) -> Classified:
        """Classify series.

        Parameters
        ----------
        pixels : ndarray (n, t, c) of float32
            NaN for gaps; each is observed at least once.
        tick : callable
            Receives the number of pixels after each batch.
        """


class ModelClassifier:
    """The full model for every pixel.

    Parameters
    ----------
    model : TrainedModel
        Or anything with its ``predict_proba``.
    day : ndarray (t,) of float32
        Days of the stack.
    """

    def __init__(self, model: TrainedModel, day: np.ndarray) -> None:
        self.model, self.day = model, day
        # Between two checks for a cancel: on a slow core well below a second.
        self.batch = 2 * series_per_pass(compute_device())

    def classify(self, pixels: np.ndarray, tick: Tick) -> Classified:
        """Classify series.

        Parameters
        ----------
        pixels, tick
            As in :class:`Classifier`.
        """
        best, percent = np.empty(len(pixels), np.int64), np.empty(len(pixels), np.int64)
        for index in batches(pixels, self.batch):
            best[index], percent[index] = _best(self.model.predict_proba(pixels[index], self.day))
            tick(len(best[index]))
        return Classified(best, percent)


class StudentClassifier:
    """A student, and the full model for the pixels of which the student is uncertain.

    Parameters
    ----------
    student : DistilledClassifier
        Trained on the stack.
    full : ModelClassifier
        Its teacher.
    """

    def __init__(self, student: DistilledClassifier, full: ModelClassifier) -> None:
        self.student, self.full = student, full

    def classify(self, pixels: np.ndarray, tick: Tick) -> Classified:
        """Classify series.

        Parameters
        ----------
        pixels, tick
            As in :class:`Classifier`.
        """
        count = len(pixels)
        best, percent = np.empty(count, np.int64), np.empty(count, np.int64)
        uncertain = np.empty(count, bool)
        for index in _slices(count, self.full.batch):
            probability = self.student.predict_proba(pixels[index])
            best[index], percent[index] = _best(probability)
            uncertain[index] = probability.max(axis=1) <= self.student.confidence_threshold
            tick(len(probability))
        checked = np.zeros(count, bool)
        checked[CHECK_INTERVAL // 2 :: CHECK_INTERVAL] = True
        checked &= ~uncertain
        again = np.flatnonzero(uncertain | checked)
        answer = self.full.classify(pixels[again], lambda pixels: tick(0))
        agreed = int((answer.best == best[again])[checked[again]].sum())
        # The full model decides wherever both have classified.
        best[again], percent[again] = answer.best, answer.percent
        return Classified(best, percent, int(uncertain.sum()), int(checked.sum()), agreed)


def batches(pixels: np.ndarray, size: int) -> Iterator[slice | np.ndarray]:
    """Divide series into batches in which the gaps are on the same dates.

    A cloud hides its dates from many pixels at once: without them their series have no gaps, and a network need not
    mask any date.

    Parameters
    ----------
    pixels : ndarray (n, t, c) of float32
        NaN for gaps.
    size : int
        Series in a batch, at most.

    Yields
    ------
    slice or ndarray of int64
        Indices of a batch; the rare patterns of gaps share the last ones.
    """
    seen = ~np.isnan(pixels[:, :, 0])
    if seen.all():
        yield from _slices(len(pixels), size)
        return
    bits = np.packbits(seen, axis=1)
    words = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)
    order = np.lexsort(words.T)
    patterns = words[order]
    groups = np.split(order, np.flatnonzero((patterns[1:] != patterns[:-1]).any(axis=1)) + 1)
    rare = [group for group in groups if len(group) < MIN_BATCH]
    for group in (*(group for group in groups if len(group) >= MIN_BATCH), np.concatenate([order[:0], *rare])):
        yield from (group[index] for index in _slices(len(group), size))


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


def _best(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index and whole percent of the most probable class of (n, k)."""
    return probability.argmax(axis=1), np.rint(100 * probability.max(axis=1)).astype(np.int64)
