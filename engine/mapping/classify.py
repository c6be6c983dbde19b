"""How pixels get their class: by the network itself, or by its student with the network asked where it is unsure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..models import TrainedModel
from ..models.device import compute_device, series_per_pass
from ..models.student import DistilledClassifier

Tick = Callable[[int], None]
"""Told how many more pixels are classified; raises Cancelled."""
FEW = 64
"""Fewer pixels with the same gaps are not worth a pass of the network of their own."""
CHECKED_EVERY = 512
"""Of so many pixels one is classified by student and network both: what the map says of its own agreement."""


@dataclass(frozen=True)
class Classified:
    """Pixels with their classes."""

    best: np.ndarray
    """(n,) int64 index of the class."""
    percent: np.ndarray
    """(n,) int64 confidence in whole percent."""
    exact: int = 0
    """Pixels whose class is the network's because its student was not sure."""
    checked: int = 0
    """Pixels that both classified, of those the student was sure of."""
    agreed: int = 0
    """Those of them with the same class from both."""


class Classifier(Protocol):
    """Gives pixels their class; may be used by several threads at the same time."""

    def classify(self, pixels: np.ndarray, tick: Tick) -> Classified:
        """Classify series (n, t, c), each observed at least once."""


class Exact:
    """The network for every pixel.

    Parameters
    ----------
    model : anything with the ``predict_proba`` of a model.
    day : (t,) days of the stack.
    """

    def __init__(self, model: TrainedModel, day: np.ndarray) -> None:
        self.model, self.day = model, day
        # Between two looks at cancel: on a slow core well below a second.
        self.at_once = 2 * series_per_pass(compute_device())

    def classify(self, pixels: np.ndarray, tick: Tick) -> Classified:
        """Classify series (n, t, c), each observed at least once."""
        best, percent = np.empty(len(pixels), np.int64), np.empty(len(pixels), np.int64)
        for part in parts(pixels, self.at_once):
            best[part], percent[part] = _first(self.model.predict_proba(pixels[part], self.day))
            tick(len(best[part]))
        return Classified(best, percent)


class Fast:
    """The student, and the network for the pixels that its student is not sure of."""

    def __init__(self, student: DistilledClassifier, exact: Exact) -> None:
        self.student, self.exact = student, exact

    def classify(self, pixels: np.ndarray, tick: Tick) -> Classified:
        """Classify series (n, t, c), each observed at least once."""
        count = len(pixels)
        best, percent = np.empty(count, np.int64), np.empty(count, np.int64)
        unsure = np.empty(count, bool)
        for start in range(0, count, self.exact.at_once):
            part = slice(start, start + self.exact.at_once)
            probability = self.student.predict_proba(pixels[part])
            best[part], percent[part] = _first(probability)
            unsure[part] = probability.max(axis=1) <= self.student.confidence_threshold
            tick(len(best[part]))
        sample = np.zeros(count, bool)
        sample[CHECKED_EVERY // 2 :: CHECKED_EVERY] = True
        sample &= ~unsure
        asked = np.flatnonzero(unsure | sample)
        answer = self.exact.classify(pixels[asked], lambda pixels: tick(0))
        agreed = int((answer.best == best[asked])[sample[asked]].sum())
        # Where both have looked, the network's word stands.
        best[asked], percent[asked] = answer.best, answer.percent
        return Classified(best, percent, int(unsure.sum()), int(sample.sum()), agreed)


def parts(pixels: np.ndarray, most: int) -> Iterator[slice | np.ndarray]:
    """Indices of all series (n, t, c) in parts of at most so many, those with gaps on the same dates together.

    A cloud hides its dates from many pixels at once: without them their series have no gaps, and a network need not ask
    which of their dates it may read.
    """
    seen = ~np.isnan(pixels[:, :, 0])
    if seen.all():
        yield from (slice(start, start + most) for start in range(0, len(pixels), most))
        return
    bits = np.packbits(seen, axis=1)
    words = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)
    order = np.lexsort(words.T)
    alike = words[order]
    groups = np.split(order, np.flatnonzero((alike[1:] != alike[:-1]).any(axis=1)) + 1)
    few = [group for group in groups if len(group) < FEW]
    for group in (*(group for group in groups if len(group) >= FEW), np.concatenate([order[:0], *few])):
        yield from (group[start : start + most] for start in range(0, len(group), most))


def _first(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index and whole percent of the most probable class of (n, k)."""
    return probability.argmax(axis=1), np.rint(100 * probability.max(axis=1)).astype(np.int64)
