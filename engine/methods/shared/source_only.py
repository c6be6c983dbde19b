"""Source only: the encoder of GHCA learnt from the source and applied as it is. The yardstick of a transfer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...models.device import compute_device, seeded
from ...models.encoder import CropNetwork, NetworkSize
from ...models.network import SeriesNetwork
from ...models.networks import LIMIT, LIMITS
from ...models.standardise import Statistics, band_statistics
from ...models.trained import Calendar, TrainedModel, usable_observations
from ...progress import Progress
from ...series import SeriesSet, regular_days
from .augment import MODERATE, STRONG, Perturbation, mixup
from .calibration import fit_temperature
from .options import option, read_settings
from .training import (
    BalancedSampler,
    SeriesTensors,
    StepSettings,
    Teacher,
    Tick,
    learning_rate_factor,
    make_optimiser,
    make_tensors,
    mixup_errors,
    predict,
    set_learning_rate,
    split_source,
    stratified_sample,
    take_step,
)

MAX_HELD_OUT = 1000
MAX_SAMPLED = 3000
"""The cost of a fit must not grow with the number of source samples."""
LONG = 20
"""Observed dates from which on several are read as one token: at half the work, GHCA lost nothing by it. A network
condensed from one and the same members lost a point of macro-F1 by it with 17 dates of NDVI, five with 9 of them."""
PERTURBED = 3
"""Perturbed copies of the held-out source on which the temperature is fitted."""


@dataclass(frozen=True)
class EncoderSettings(StepSettings):
    """Settings of every method on GHCA's encoder."""

    rate: float = 1e-3
    """Greatest learning rate."""
    smoothing: float = 0.05
    """Label smoothing."""
    width: int = option(64, maximum=LIMIT, multiple_of=NetworkSize.heads)
    """Features per date, or per token of dates."""
    layers: int = option(3, 1, LIMITS["layers"])
    """Transformer layers."""
    dates_per_token: int = option(2, 1, LIMIT, formerly="together")
    """Observed dates that are read as one token, where the series of all domains are long."""

    def network_size(self, bands: int, classes: int, dates: float) -> NetworkSize:
        """What the network is for so many bands, classes and observed dates of a series."""
        together = self.dates_per_token if dates >= LONG else 1
        return NetworkSize(bands, classes, self.width, self.layers, dates_per_token=together)


@dataclass(frozen=True)
class SourceSettings(EncoderSettings):
    """Settings of learning from the source."""

    source_steps: int = 1350
    """Optimiser steps."""
    batch: int = option(64, 1)
    """Source series in a batch."""
    mixup_min_weight: float = option(0.5, 0, 1, formerly="least_own")
    """Least share that a source series keeps of itself when it is mixed with another; 1 for no mixing."""
    held_out: float = option(0.15, 0, 1)
    """Share of the source held out for validation."""


@dataclass(frozen=True)
class SourceDomain:
    """The source as every method starts from it."""

    pool: SeriesTensors
    """All its series."""
    labels: np.ndarray
    """(n,) class indices."""
    train: np.ndarray
    """Indices to train on."""
    held: np.ndarray
    """Indices held out, at most ``MAX_HELD_OUT`` of them."""
    sample: np.ndarray
    """At most ``MAX_SAMPLED`` of the indices to train on, for statistics that are taken again and again."""
    shares: np.ndarray
    """(k,) class shares of the source, of all that its series were drawn from."""
    calendar: Calendar
    """Its season."""
    statistics: Statistics
    """Class-balanced statistics by which it is standardised."""
    grid: np.ndarray | None = None
    """(g,) days to which it was interpolated; None where it was not."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.shares)

    def validation(self) -> tuple[SeriesTensors, np.ndarray]:
        """Held-out series and labels; the training series where the source is too small to hold any out."""
        index = self.held if len(self.held) else self.sample
        return self.pool.take(index), self.labels[index]


@dataclass(frozen=True)
class Validation:
    """What the held-out source says of a network."""

    accuracy: float
    """Mean accuracy over the classes, 0 to 1."""
    temperature: float
    """Divisor that calibrates its logits."""
    samples: int
    """Number of samples it rests on."""


def prepare_source(
    source: SeriesSet, held_out: float, seed: int, device: torch.device, on_grid: bool = False
) -> SourceDomain:
    """Standardise the source, place it on its own calendar and hold out a share of it for validation.

    ``on_grid`` interpolates it to a regular grid of days over its season.
    """
    if source.labels is None:
        raise ValueError("the source has no labels")
    k = len(source.classes)
    balance = balanced_weights(source.labels, k)
    statistics = band_statistics(source.values, balance)
    gap = float(np.median(np.diff(source.day))) if len(source.day) > 1 else 0.0
    calendar = Calendar(float(source.day[0]), float(source.day[-1]), max(16.0, gap))
    rng = np.random.default_rng(seed)
    train, held = split_source(source.labels, source.group, held_out, rng)
    held = stratified_sample(held, source.labels, MAX_HELD_OUT, rng)
    sample = stratified_sample(train, source.labels, MAX_SAMPLED, rng)
    grid = regular_days(source.day) if on_grid else None
    pool = make_tensors(source.values, source.day, statistics, calendar, device, grid)
    return SourceDomain(pool, source.labels, train, held, sample, source.class_shares, calendar, statistics, grid)


def balanced_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weights (n,) under which every class that occurs weighs the same; they sum to one."""
    count = np.bincount(labels, minlength=classes)
    weight = 1.0 / count[labels]
    return weight / weight.sum()


def make_network(domain: SourceDomain, target: SeriesSet, settings: EncoderSettings) -> CropNetwork:
    """A fresh network for a source and the target it is meant for, of which only the number of dates is asked."""
    inside = domain.calendar.inside(domain.calendar.align_days(target.day, 0.0))
    sides = (domain.pool.observed.cpu().numpy(), usable_observations(target.observed, inside))
    dates = min(float(np.median(seen.sum(axis=1))) for seen in sides)
    size = settings.network_size(domain.pool.values.shape[2], domain.classes, dates)
    return CropNetwork(size).to(domain.pool.values.device)


def train_source(
    network: CropNetwork, domain: SourceDomain, settings: SourceSettings, generator: torch.Generator, progress: Progress
) -> Teacher[CropNetwork]:
    """Train the network on perturbed, class-balanced source batches; returns its averaged weights."""
    steps = settings.scaled(settings.source_steps, least=1)
    sampler = BalancedSampler(domain.labels[domain.train], domain.classes, generator)
    optimiser = make_optimiser(network, settings.rate, settings.rate)
    teacher = Teacher(network, steps)
    train = torch.from_numpy(domain.train)
    labels = torch.from_numpy(domain.labels).to(domain.pool.values.device)
    network.train()
    for step in range(steps):
        progress.update(step / steps)
        set_learning_rate(optimiser, learning_rate_factor(step, steps))
        index = train[sampler.draw(settings.batch)]
        values, observed, day = domain.pool.batch(index, MODERATE, generator)
        values, partner, share = mixup(values, settings.mixup_min_weight, generator)
        logits, _ = network(values, observed, day)
        loss = mixup_errors(logits, labels[index], partner, share, settings.smoothing).mean()
        if take_step(loss, optimiser):
            teacher.update(network)
    network.eval()
    return teacher


def validate(network: SeriesNetwork, domain: SourceDomain, tick: Tick, by: Perturbation | None = STRONG) -> Validation:
    """Accuracy and temperature on the held-out source; the second on copies perturbed ``by``, None for plain ones."""
    pool, labels = domain.validation()
    logits = predict(network, pool, tick).logits
    weight = balanced_weights(labels, domain.classes)
    accuracy = float((weight * (logits.argmax(axis=1) == labels)).sum())
    # A network is surer of its own region than it should be elsewhere: perturbed series stand in for that.
    generator = torch.Generator().manual_seed(0)
    copies = 0 if by is None else PERTURBED
    seen = [predict(network, pool, tick, by, generator).logits for _ in range(copies)] or [logits]
    temperature = fit_temperature(np.concatenate(seen), np.tile(labels, len(seen)), np.tile(weight, len(seen)))
    return Validation(accuracy, temperature, len(labels))


def finish(
    network: SeriesNetwork,
    domain: SourceDomain,
    source: SeriesSet,
    method: str,
    seed: int,
    progress: Progress,
    shift_days: float = 0.0,
    by: Perturbation | None = None,
) -> TrainedModel:
    """Put the model together; its temperature is fitted on the held-out source, perturbed ``by`` where given."""
    validation = validate(network, domain, progress.check, by)
    progress.metric("source_validation_accuracy", round(validation.accuracy, 4))
    return TrainedModel(
        network=network.eval(),
        classes=source.classes,
        bands=source.bands,
        method=method,
        seed=seed,
        calendar=domain.calendar,
        statistics=domain.statistics,
        shift_days=shift_days,
        temperature=validation.temperature,
        grid=np.zeros(0, np.float32) if domain.grid is None else domain.grid,
        summary={
            "source_validation": {"accuracy": round(validation.accuracy, 4), "samples": validation.samples},
            "warnings": list(progress.warnings),
        },
    )


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source; of the target nothing is used but the number of its dates."""
    settings = read_settings(SourceSettings(), options, progress)
    device = compute_device()
    with seeded(seed) as generator:
        progress.stage("Learning from the source")
        domain = prepare_source(source, settings.held_out, seed, device)
        network = make_network(domain, target, settings)
        teacher = train_source(network, domain, settings, generator, progress)
        return finish(teacher.network, domain, source, "source_only", seed, progress, by=STRONG)
