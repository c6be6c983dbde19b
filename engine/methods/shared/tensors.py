"""Series as networks read them: standardised tensors with gaps filled, and predictions for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...models.network import SeriesNetwork
from ...models.standardise import Statistics
from ...models.trained import Calendar, usable_observations
from ...series import fill_linearly
from .augment import Perturbation, perturb, thin_dates

Tick = Callable[[], None]

CHUNK = 256
THIN = (0.45, 0.85)
"""Least and greatest share of the dates that a training batch keeps."""


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
        """Select series.

        Parameters
        ----------
        index : ndarray of int
            Indices.

        Returns
        -------
        SeriesTensors
            These series.
        """
        chosen = torch.from_numpy(index)
        return SeriesTensors(self.values[chosen], self.observed[chosen], self.day)

    def batch(
        self, index: Tensor, perturbation: Perturbation, generator: torch.Generator, thinned: bool = True
    ) -> tuple[Tensor, ...]:
        """Perturbed series as the arguments of a network, with some of the dates of the whole batch left out.

        Parameters
        ----------
        index : Tensor (b,)
            Which series.
        perturbation : Perturbation
            How strongly to perturb.
        generator : torch.Generator
            Random numbers.
        thinned : bool
            Whether to leave out dates.

        Returns
        -------
        tuple of Tensor (b, t, c), (b, t) and (b, t)
            Values, observed and days.
        """
        values, observed, day = self.values[index], self.observed[index], self.day
        dates = thin_dates(len(day), THIN if thinned else (1.0, 1.0), generator).to(values.device)
        if len(dates) < len(day) and bool(observed[:, dates].any(dim=1).all()):
            values, observed, day = values[:, dates], observed[:, dates], day[dates]
        return perturb(values, observed, day, perturbation, generator)


def make_tensors(
    values: np.ndarray,
    day: np.ndarray,
    statistics: Statistics,
    calendar: Calendar,
    device: torch.device,
    grid: np.ndarray | None = None,
) -> SeriesTensors:
    """Standardise series; every series has at least one observation to read.

    Parameters
    ----------
    values : ndarray (n, t, c)
        Series; NaN for gaps.
    day : ndarray (t,)
        Days on ``calendar``.
    statistics : Statistics
        Standardisation.
    calendar : Calendar
        Season outside which observations are not read.
    device : torch.device
        Where to put them.
    grid : ndarray (g,), optional
        Days to which series are interpolated, for networks that cannot read gaps.

    Returns
    -------
    SeriesTensors
        On ``device``.
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


@dataclass(frozen=True)
class Predictions:
    """Output of a network for series."""

    logits: np.ndarray
    """(n, k) float32."""
    embedding: Tensor
    """(n, d) on the CPU."""


def predict(
    network: SeriesNetwork,
    tensors: SeriesTensors,
    tick: Tick,
    perturbation: Perturbation | None = None,
    generator: torch.Generator | None = None,
    dropout: bool = False,
) -> Predictions:
    """Predict series in chunks.

    Parameters
    ----------
    network : SeriesNetwork
        Left in evaluation mode.
    tensors : SeriesTensors
        The series.
    tick : callable
        Called at every chunk; may raise to cancel.
    perturbation : Perturbation, optional
        Of the series; needs ``generator``.
    generator : torch.Generator, optional
        Random numbers.
    dropout : bool
        Whether dropout is active and dates are left out.

    Returns
    -------
    Predictions
        Logits and embeddings of all series.
    """
    logits, embeddings = [], []
    network.train(dropout)
    try:
        with torch.no_grad():
            for start in range(0, len(tensors), CHUNK):
                tick()
                index = torch.arange(start, min(start + CHUNK, len(tensors)))
                if perturbation is None or generator is None:
                    arguments: tuple[Tensor, ...] = (tensors.values[index], tensors.observed[index], tensors.day)
                else:
                    arguments = tensors.batch(index, perturbation, generator, thinned=dropout)
                out, features = network(*arguments)
                logits.append(out.cpu())
                embeddings.append(features.embedding.cpu())
    finally:
        network.eval()
    return Predictions(torch.cat(logits).numpy(), torch.cat(embeddings))


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of logits.

    Parameters
    ----------
    logits : ndarray (n, k)
        Logits.
    temperature : float
        Their divisor.

    Returns
    -------
    ndarray (n, k) of float64
        Rows with a sum of one.
    """
    z = logits.astype(np.float64) / temperature
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)
