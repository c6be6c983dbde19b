"""Perturbations of series that do not change the crop: time, dates, brightness and noise; and mixup of series."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Perturbation:
    """How strongly series are perturbed; values are standardised."""

    shift_days: float
    """Standard deviation of the shift of a series' days; the season is stretched by half as much at random."""
    drop: float
    """Greatest share of the observed dates that is dropped; every series draws its own share below it."""
    gain: float
    """Standard deviation of a factor, and of the same size an offset, per series and band."""
    noise: float
    """Standard deviation of noise per value."""


JITTER = Perturbation(shift_days=5.0, drop=0.0, gain=0.0, noise=0.0)
WEAK = Perturbation(shift_days=3.0, drop=0.2, gain=0.0, noise=0.02)
STOCHASTIC = Perturbation(shift_days=7.0, drop=0.3, gain=0.05, noise=0.03)
MODERATE = Perturbation(shift_days=5.0, drop=0.3, gain=0.05, noise=0.03)
STRONG = Perturbation(shift_days=9.0, drop=0.6, gain=0.1, noise=0.05)


def perturb(
    values: Tensor, observed: Tensor, day: Tensor, perturbation: Perturbation, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Perturb a batch; ``values``, ``observed`` and ``day`` as of :meth:`SeriesNetwork.forward`.

    Parameters
    ----------
    perturbation : Perturbation
        How strongly.
    generator : torch.Generator
        On the CPU, so that a seed means the same on every device.

    Returns
    -------
    tuple of Tensor (b, t, c), (b, t) and (b, t)
        Values, observed with at least one date left per series, and days.
    """
    b, t, c = values.shape
    device = values.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator).to(device)

    day = day.expand(b, t)
    span = (day.max() - day.min()).clamp_min(1.0)
    along = 2 * (day - day.min()) / span - 1  # -1 at the season's first date, 1 at its last
    day = day + perturbation.shift_days * (normal(b, 1) + 0.5 * along * normal(b, 1))
    if perturbation.gain:
        values = values * (1 + perturbation.gain * normal(b, 1, c)) + perturbation.gain * normal(b, 1, c)
    if perturbation.noise:
        values = values + perturbation.noise * normal(b, t, c)
    if perturbation.drop and t > 2:
        rank = uniform(b, t)
        kept = observed & (rank >= perturbation.drop * uniform(b, 1))
        best = torch.where(observed, rank, torch.full_like(rank, -1.0)).argmax(dim=1, keepdim=True)
        observed = kept.scatter(1, best, True)  # the date with the highest rank always stays
    return values, observed, day


def mixup(values: Tensor, min_weight: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Mix every series with another of the batch (mixup, Zhang et al. 2018, arXiv:1710.09412).

    A network that must answer in proportion to the mixture learns smoother borders between crops, which hold better in
    another region.

    Parameters
    ----------
    values : Tensor (b, t, c)
        Values without gaps.
    min_weight : float
        Least weight of the series itself, 0 to 1; weights are drawn uniformly from there to 1.
    generator : torch.Generator
        Random numbers.

    Returns
    -------
    tuple of Tensor (b, t, c), (b,) and (b,)
        Mixed values, the partner of each series, and the weight of the series itself.
    """
    b = len(values)
    share = (1 - (1 - min_weight) * torch.rand(b, generator=generator)).to(values.device)
    partner = torch.randperm(b, generator=generator).to(values.device)
    own = share[:, None, None]
    return own * values + (1 - own) * values[partner], partner, share


def thin_dates(count: int, shares: tuple[float, float], generator: torch.Generator) -> torch.Tensor:
    """Choose dates at random for a whole batch.

    Fewer dates make a step cheaper and are one more perturbation.

    Parameters
    ----------
    count : int
        Dates to choose from.
    shares : tuple of float
        Least and greatest share to keep, 0 to 1; never fewer than eight dates of a longer series.
    generator : torch.Generator
        Random numbers.

    Returns
    -------
    Tensor of int64
        Indices of the dates to keep, in order.
    """
    lowest = min(count, max(8, round(shares[0] * count)))
    highest = min(count, max(lowest, round(shares[1] * count)))
    number = int(torch.randint(lowest, highest + 1, (1,), generator=generator))
    return torch.randperm(count, generator=generator)[:number].sort().values
