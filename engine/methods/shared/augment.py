"""Perturbations of series that leave the crop what it is: time, dates, brightness and noise."""

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
    """Greatest share of the observed dates that is dropped; each series draws its own share below it."""
    gain: float
    """Standard deviation of a factor, and of the same size an offset, per series and band."""
    noise: float
    """Standard deviation of noise per value."""


JITTER = Perturbation(shift_days=5.0, drop=0.0, gain=0.0, noise=0.0)
WEAK = Perturbation(shift_days=3.0, drop=0.2, gain=0.0, noise=0.02)
DOUBT = Perturbation(shift_days=7.0, drop=0.3, gain=0.05, noise=0.03)
MODERATE = Perturbation(shift_days=5.0, drop=0.3, gain=0.05, noise=0.03)
STRONG = Perturbation(shift_days=9.0, drop=0.6, gain=0.1, noise=0.05)


def perturb(
    values: Tensor, observed: Tensor, day: Tensor, by: Perturbation, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Perturb a batch.

    Parameters
    ----------
    values : (b, t, c), ``observed`` (b, t) bool, ``day`` (t,) or (b, t).
    generator : on the CPU, so that a seed means the same on every device.

    Returns
    -------
    Values (b, t, c), observed (b, t) with at least one date left per series, days (b, t).
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
    day = day + by.shift_days * (normal(b, 1) + 0.5 * along * normal(b, 1))
    if by.gain:
        values = values * (1 + by.gain * normal(b, 1, c)) + by.gain * normal(b, 1, c)
    if by.noise:
        values = values + by.noise * normal(b, t, c)
    if by.drop and t > 2:
        rank = uniform(b, t)
        kept = observed & (rank >= by.drop * uniform(b, 1))
        best = torch.where(observed, rank, torch.full_like(rank, -1.0)).argmax(dim=1, keepdim=True)
        observed = kept.scatter(1, best, True)  # the date with the highest rank always stays
    return values, observed, day


def mixup(values: Tensor, least: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Mix every series with another of the batch (mixup, Zhang et al. 2018, arXiv:1710.09412).

    A network that must answer in proportion to the mixture draws smoother borders between crops, which hold
    better in another region.

    Parameters
    ----------
    values : (b, t, c), gaps filled.
    least : least share that a series keeps of itself; the share is drawn evenly from there to 1.

    Returns
    -------
    Mixed values (b, t, c), the partners (b,), and the shares (b,) that the series keep.
    """
    b = len(values)
    share = (1 - (1 - least) * torch.rand(b, generator=generator)).to(values.device)
    partner = torch.randperm(b, generator=generator).to(values.device)
    own = share[:, None, None]
    return own * values + (1 - own) * values[partner], partner, share


def thin_dates(count: int, least: float, most: float, generator: torch.Generator) -> torch.Tensor:
    """Indices, in order, of a random choice of dates for a whole batch: a share of ``count`` from least to most.

    Fewer dates make a step cheaper, and are one more perturbation. Never fewer than eight dates of a longer series.
    """
    lowest = min(count, max(8, round(least * count)))
    highest = min(count, max(lowest, round(most * count)))
    number = int(torch.randint(lowest, highest + 1, (1,), generator=generator))
    return torch.randperm(count, generator=generator)[:number].sort().values
