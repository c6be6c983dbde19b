"""What every method's training shares: pools of series, balanced batches, the averaged teacher, predictions."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.encoder import CropNetwork
from ...models.network import SeriesNetwork
from ...models.standardise import Statistics
from ...models.trained import Calendar, usable_observations
from ...series import fill_linearly
from .augment import Perturbation, perturb, thin_dates

Network = TypeVar("Network", bound=nn.Module)
Tick = Callable[[], None]
CHUNK = 256
THIN = (0.45, 0.85)
"""Least and greatest share of the dates that a training batch keeps."""


@dataclass(frozen=True)
class StepSettings:
    """What the settings of every method have."""

    steps_scale: float = 1.0
    """Factor of all steps."""

    def scaled(self, steps: int, least: int = 2) -> int:
        """Steps after scaling."""
        return max(least, round(steps * self.steps_scale))


@dataclass(frozen=True)
class SeriesTensors:
    """The series of one domain as the network reads them."""

    values: Tensor
    """(n, t, c) standardised, gaps filled linearly so that two series can be mixed."""
    observed: Tensor
    """(n, t) bool, at least one date in every row."""
    day: Tensor
    """(t,) days on the source's calendar."""

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: np.ndarray) -> SeriesTensors:
        """The series of these indices."""
        chosen = torch.from_numpy(index)
        return SeriesTensors(self.values[chosen], self.observed[chosen], self.day)

    def batch(
        self, index: Tensor, by: Perturbation, generator: torch.Generator, thinned: bool = True
    ) -> tuple[Tensor, ...]:
        """Perturbed series of ``index`` as the network's three arguments, the batch thinned to some of the dates."""
        values, observed, day = self.values[index], self.observed[index], self.day
        dates = thin_dates(len(day), *(THIN if thinned else (1.0, 1.0)), generator).to(values.device)
        if len(dates) < len(day) and bool(observed[:, dates].any(dim=1).all()):
            values, observed, day = values[:, dates], observed[:, dates], day[dates]
        return perturb(values, observed, day, by, generator)


def make_tensors(
    values: np.ndarray,
    day: np.ndarray,
    statistics: Statistics,
    calendar: Calendar,
    device: torch.device,
    grid: np.ndarray | None = None,
) -> SeriesTensors:
    """Standardise series (n, t, c) with days (t,) already placed on ``calendar``; every series is observed once.

    With a ``grid`` (g,) of days they are interpolated to it, as networks need it that cannot read gaps.
    """
    observed = usable_observations(np.isfinite(values).all(axis=2), calendar.inside(day))
    filled = fill_linearly(statistics.apply(values), observed, day, day if grid is None else grid)
    if grid is not None:
        observed, day = np.ones(filled.shape[:2], bool), grid
    return SeriesTensors(
        torch.from_numpy(filled).to(device),
        torch.from_numpy(observed).to(device),
        torch.from_numpy(np.asarray(day, np.float32)).to(device),
    )


class BalancedSampler:
    """Draws batches with the classes in equal numbers, or in given shares; the cost is independent of n."""

    def __init__(self, labels: np.ndarray, classes: int, generator: torch.Generator) -> None:
        self._order = torch.from_numpy(np.argsort(labels, kind="stable"))
        count = np.bincount(labels, minlength=classes)
        self._count = torch.from_numpy(count)
        self._start = torch.from_numpy(np.cumsum(count) - count)
        self._present = torch.from_numpy(np.flatnonzero(count))
        self._generator = generator

    def draw(self, size: int) -> Tensor:
        """Indices (size,) with replacement; every class with a sample comes up equally often, give or take one."""
        turn = torch.randperm(len(self._present), generator=self._generator)
        drawn = self._present[turn][torch.arange(size) % len(turn)]
        within = (torch.rand(size, generator=self._generator) * self._count[drawn]).long()
        return self._order[self._start[drawn] + torch.minimum(within, self._count[drawn] - 1)]


class Teacher(Generic[Network]):
    """Exponential moving average of a student's weights."""

    def __init__(self, student: Network, steps: int) -> None:
        self.network: Network = copy.deepcopy(student)
        self.network.eval().requires_grad_(False)
        self._momentum = math.exp(-1.0 / max(0.1 * steps, 1.0))
        self._updates = 0

    def update(self, student: nn.Module) -> None:
        """Take one step towards the student; faster in the first steps, when the average is still young."""
        self._updates += 1
        momentum = min(self._momentum, self._updates / (10.0 + self._updates))
        with torch.no_grad():
            for mine, theirs in zip(self.network.parameters(), student.parameters()):
                mine.lerp_(theirs, 1.0 - momentum)


@dataclass(frozen=True)
class Predictions:
    """What a network says of a pool."""

    logits: np.ndarray
    """(n, k) float32."""
    embedding: Tensor
    """(n, d) on the CPU."""


def predict(
    network: SeriesNetwork,
    pool: SeriesTensors,
    tick: Tick,
    by: Perturbation | None = None,
    generator: torch.Generator | None = None,
    dropout: bool = False,
) -> Predictions:
    """Predict a pool in chunks, calling ``tick`` at each; perturbed where ``by`` and ``generator`` are given."""
    logits, embeddings = [], []
    network.train(dropout)
    try:
        with torch.no_grad():
            for start in range(0, len(pool), CHUNK):
                tick()
                index = torch.arange(start, min(start + CHUNK, len(pool)))
                if by is None or generator is None:
                    arguments: tuple[Tensor, ...] = (pool.values[index], pool.observed[index], pool.day)
                else:
                    arguments = pool.batch(index, by, generator, thinned=dropout)
                out, features = network(*arguments)
                logits.append(out.cpu())
                embeddings.append(features.embedding.cpu())
    finally:
        network.eval()
    return Predictions(torch.cat(logits).numpy(), torch.cat(embeddings))


def mixup_errors(logits: Tensor, labels: Tensor, partner: Tensor, share: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy (b,) on series mixed in pairs, towards both labels in proportion (see :func:`augment.mixup`).

    Parameters
    ----------
    logits : (b, k) of the mixed series. ``labels`` (b,) of the series before they were mixed.
    partner : (b,) which series each was mixed with. ``share`` (b,) what it kept of itself.
    """
    own, other = (
        F.cross_entropy(logits, wanted, reduction="none", label_smoothing=smoothing)
        for wanted in (labels, labels[partner])
    )
    return share * own + (1 - share) * other


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities (n, k) float64 of logits (n, k)."""
    z = logits.astype(np.float64) / temperature
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def learning_rate_factor(step: int, steps: int, warm: int = 20, floor: float = 0.02) -> float:
    """Factor of the learning rate at a step: linear warm-up, then half a cosine down to ``floor``."""
    if step < warm:
        return (step + 1) / warm
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def set_learning_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Scale every group's learning rate to ``factor`` times its base."""
    for group in optimiser.param_groups:
        group["lr"] = group["base_rate"] * factor


def make_optimiser(network: CropNetwork, body: float, heads: float) -> torch.optim.Optimizer:
    """AdamW with one base rate for the encoder and one for the heads."""
    head = [*network.classifier.parameters(), *network.projection.parameters()]
    return torch.optim.AdamW(
        [
            {"params": list(network.encoder.parameters()), "lr": body, "base_rate": body},
            {"params": head, "lr": heads, "base_rate": heads},
        ],
        weight_decay=1e-2,
        fused=True,
    )


def take_step(loss: Tensor, optimiser: torch.optim.Optimizer) -> bool:
    """One optimiser step with the gradient norm clipped at 1; false, and no step, where it is not finite."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
    if not bool(torch.isfinite(norm)):
        return False
    optimiser.step()
    return True


def split_source(
    labels: np.ndarray, block: np.ndarray | None, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split samples (n,) into training and validation indices, by spatial block where blocks are known.

    Every class keeps at least three quarters of its samples, and never fewer than four, for training; whole
    blocks go to validation while some class of theirs still lacks samples there.
    """
    n = len(labels)
    count = np.bincount(labels)
    wanted = np.floor(share * count)
    most = np.minimum(np.floor(0.25 * count), np.maximum(count - 4, 0))
    group = np.arange(n) if block is None or len(np.unique(block)) < 2 * len(count) else block
    held = np.zeros(n, bool)
    taken = np.zeros(len(count))
    groups, inverse = np.unique(group, return_inverse=True)
    members = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    for g in rng.permutation(len(groups)):
        adds = np.bincount(labels[members[g]], minlength=len(count))
        useful = (adds > 0) & (taken < wanted)
        if useful.any() and (taken + adds <= most)[adds > 0].all():
            held[members[g]] = True
            taken += adds
    return np.flatnonzero(~held), np.flatnonzero(held)


def stratified_sample(index: np.ndarray, labels: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """At most ``most`` of the samples ``index``, in order, no class losing any while it has less than its equal part.

    ``labels`` (n,) are those of all samples.
    """
    if len(index) <= most:
        return index
    own = labels[index]
    each = max(1, most // len(np.unique(own)))
    kept = [rng.permutation(index[own == c])[:each] for c in np.unique(own)]
    return np.sort(np.concatenate(kept))
