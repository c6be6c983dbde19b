"""Source only: the encoder of GHCA trained on the source and applied without adaptation; the baseline of a transfer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...estimation.calibration import fit_temperature
from ...models.device import compute_device, seeded
from ...models.encoder import CropNetwork, NetworkSize
from ...models.network import SeriesNetwork
from ...models.networks import LIMIT, LIMITS
from ...models.trained import TrainedModel, usable_observations
from ...progress import Progress
from ...series import SeriesSet
from ...series.magnitudes import magnitudes
from .augment import MODERATE, STRONG, Perturbation, mixup
from .options import option, read_settings
from .request import FitRequest
from .source_domain import SourceDomain, SourceSampler, balanced_weights, prepare_source
from .tensors import Tick, predict
from .training import StepSettings, mixup_errors, train_averaged

LONG_SERIES = 20
"""Observed dates from which several are read as one token: at half the work, GHCA lost nothing by it. A network
distilled from the same members lost one point of macro-F1 by it with 17 dates of NDVI, five with 9 dates."""
PERTURBED_COPIES = 3
"""Perturbed copies of the held-out source on which the temperature is fitted."""


@dataclass(frozen=True)
class EncoderSettings(StepSettings):
    """Settings of every method that uses GHCA's encoder."""

    rate: float = 1e-3
    """Greatest learning rate."""
    smoothing: float = 0.05
    """Label smoothing."""
    width: int = option(64, maximum=LIMIT, multiple_of=NetworkSize.heads)
    """Features per date, or per token of dates."""
    layers: int = option(3, 1, LIMITS["layers"])
    """Transformer layers."""
    dates_per_token: int = option(2, 1, LIMIT, formerly="together")
    """Observed dates that are read as one token, where the series of both domains are long."""

    def network_size(self, bands: int, classes: int, dates: float) -> NetworkSize:
        """Return the size of the network for one transfer: several dates per token where series are long.

        Parameters
        ----------
        bands, classes : int
            Number of bands and classes.
        dates : float
            Observed dates of a series.
        """
        dates_per_token = self.dates_per_token if dates >= LONG_SERIES else 1
        return NetworkSize(bands, classes, self.width, self.layers, dates_per_token=dates_per_token)


@dataclass(frozen=True)
class SourceSettings(EncoderSettings):
    """Settings of the training on the source."""

    source_steps: int = 1350
    """Optimiser steps."""
    batch: int = option(64, 1)
    """Source series in a batch."""
    mixup_min_weight: float = option(0.5, 0, 1, formerly="least_own")
    """Least weight of a series when it is mixed with another; 1 for no mixing."""
    held_out: float = option(0.15, 0, 1)
    """Share of the source held out for validation."""


@dataclass(frozen=True)
class Validation:
    """Quality of a network on the held-out source."""

    accuracy: float
    """Mean accuracy over the classes, 0 to 1."""
    temperature: float
    """Divisor that calibrates its logits."""
    samples: int
    """Number of samples."""

    def report(self) -> dict[str, float]:
        """JSON-ready accuracy and number of samples."""
        return {"accuracy": round(self.accuracy, 4), "samples": self.samples}


def make_network(domain: SourceDomain, target: SeriesSet, settings: EncoderSettings) -> CropNetwork:
    """An untrained encoder network for a transfer.

    Parameters
    ----------
    domain : SourceDomain
        The source.
    target : SeriesSet
        The target, of which only the number of dates is used.
    settings : EncoderSettings
        Sizes.

    Returns
    -------
    CropNetwork
        On the device of the source.
    """
    inside = domain.calendar.inside(domain.calendar.align_days(target.day, 0.0))
    sides = (domain.tensors.observed.cpu().numpy(), usable_observations(target.observed, inside))
    dates = min(float(np.median(seen.sum(axis=1))) for seen in sides)
    size = settings.network_size(domain.tensors.values.shape[2], domain.classes, dates)
    return CropNetwork(size).to(domain.tensors.values.device)


def train_source(
    network: CropNetwork, domain: SourceDomain, settings: SourceSettings, generator: torch.Generator, progress: Progress
) -> CropNetwork:
    """Train a network on perturbed, class-balanced source batches.

    Parameters
    ----------
    network : CropNetwork
        Trained in place.
    domain : SourceDomain
        The source.
    settings : SourceSettings
        Steps, batch, rates.
    generator : torch.Generator
        Random numbers of the batches.
    progress : Progress
        Receives the fraction done; raises Cancelled.

    Returns
    -------
    CropNetwork
        With averaged weights.
    """
    sampler = SourceSampler(domain, generator)

    def loss() -> Tensor:
        index, labels = sampler.draw(settings.batch)
        values, observed, day = domain.tensors.batch(index, MODERATE, generator)
        values, partner, share = mixup(values, settings.mixup_min_weight, generator)
        logits, _ = network(values, observed, day)
        return mixup_errors(logits, labels, partner, share, settings.smoothing).mean()

    steps = settings.scaled(settings.source_steps, minimum=1)
    return train_averaged(network, settings.rate, steps, loss, progress.update)


def validate(
    network: SeriesNetwork, domain: SourceDomain, tick: Tick, perturbation: Perturbation | None = STRONG
) -> Validation:
    """Evaluate a network on the held-out source.

    Parameters
    ----------
    network : SeriesNetwork
        Network.
    domain : SourceDomain
        The source.
    tick : callable
        Called at every chunk; may raise to cancel.
    perturbation : Perturbation, optional
        Of the copies on which the temperature is fitted; None: unperturbed.

    Returns
    -------
    Validation
        Accuracy and temperature.
    """
    tensors, labels = domain.validation()
    logits = predict(network, tensors, tick).logits
    weight = balanced_weights(labels, domain.classes)
    accuracy = float((weight * (logits.argmax(axis=1) == labels)).sum())
    # A network is more confident in its own region than it should be elsewhere: perturbed series imitate another one.
    generator = torch.Generator().manual_seed(0)
    copies = 0 if perturbation is None else PERTURBED_COPIES
    seen = [predict(network, tensors, tick, perturbation, generator).logits for _ in range(copies)] or [logits]
    temperature = fit_temperature(np.concatenate(seen), np.tile(labels, len(seen)), np.tile(weight, len(seen)))
    return Validation(accuracy, temperature, len(labels))


def build_model(
    network: SeriesNetwork,
    domain: SourceDomain,
    request: FitRequest,
    perturbation: Perturbation | None = None,
    shift_days: float = 0.0,
) -> TrainedModel:
    """Build the model; its temperature is fitted on the held-out source.

    Parameters
    ----------
    network : SeriesNetwork
        The trained network.
    domain : SourceDomain
        The source.
    request : FitRequest
        The fit, with classes, bands, method and seed of the model.
    perturbation : Perturbation, optional
        Of the held-out source for the temperature; None: unperturbed.
    shift_days : float
        Days to add to the target's days.

    Returns
    -------
    TrainedModel
        In evaluation mode.
    """
    validation = validate(network, domain, request.progress.check, perturbation)
    request.progress.metric("source_validation_accuracy", round(validation.accuracy, 4))
    return assemble(network, domain, request, validation, {}, shift_days=shift_days)


def assemble(
    network: SeriesNetwork,
    domain: SourceDomain,
    request: FitRequest,
    validation: Validation,
    summary: Mapping[str, Any],
    **more: Any,
) -> TrainedModel:
    """Join a network with what it needs to classify, in evaluation mode.

    ``network``, ``domain`` and ``request`` as of :func:`build_model`.

    Parameters
    ----------
    validation : Validation
        Of the network.
    summary : Mapping
        Entries of the summary between validation and warnings.
    **more : Any
        Fields of :class:`TrainedModel`; by default the target is standardised as the source.
    """
    warnings = list(request.progress.warnings)
    return TrainedModel(
        network=network.eval(),
        classes=request.source.classes,
        bands=request.source.bands,
        method=request.method,
        seed=request.seed,
        calendar=domain.calendar,
        temperature=validation.temperature,
        grid=np.zeros(0, np.float32) if domain.grid is None else domain.grid,
        summary={"source_validation": validation.report(), **summary, "warnings": warnings},
        magnitudes=magnitudes(request.source),
        **{"statistics": domain.statistics, **more},
    )


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source; of the target only the number of its dates is used.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(SourceSettings(), request.options, request.progress)
    device = compute_device()
    with seeded(request.seed) as generator:
        request.progress.stage("Learning from the source")
        domain = prepare_source(request.source, settings.held_out, request.seed, device)
        network = make_network(domain, request.target, settings)
        trained = train_source(network, domain, settings, generator, request.progress)
        return build_model(trained, domain, request, STRONG)
