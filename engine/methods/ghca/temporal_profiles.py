"""What the crops of the source look like over its season, and how likely the series of a target are as one of them.

Each crop's mean curve of a band is a Gaussian process through its means on the source's dates (Rasmussen and Williams
2006, eqs. 2.23 and 2.24), and a series strays from it by a constant, by a part that varies slowly, and by noise. So
a series of any dates, gaps among them, has a likelihood under each crop: no network is asked, that might be sure of
what it never saw. Sensors that differ in scale and level change it little: a level of its own costs a series nearly
nothing, and tails are those of Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

FREEDOM = 4.0
"""Degrees of freedom of Student's t: clouds that were missed must not outweigh all other series."""
LEVEL = 1.0
"""Standard deviation of a level of its own that a series may have beside that seen in the source, in standard
deviations of the band: another sensor, another atmosphere."""
LENGTH = 40.0
"""Days over which mean curves forget their course (kernel of Ornstein and Uhlenbeck). Smooth curves, with a length
learnt from few dates, were now and then as sure as they were wrong in a gap of months between two dates."""
DEVIATION_LENGTHS = (12.0, 24.0, 40.0, 64.0)
"""Days over which single series stray from them alike; the best of these is taken."""
MIN_NOISE = 0.05
"""Least share of noise in the variance of a series about its mean curve."""
FLOOR = 1e-3
"""Least variance of noise and of curves, in squared standard deviations of the band: copies of one series, or of one
value, have none."""


@dataclass(frozen=True)
class BandProfiles:
    """The curves of all crops in one band."""

    day: np.ndarray
    """(t,) days of the source on which the band was seen."""
    level: np.ndarray
    """(k,) mean of each crop over them."""
    course: np.ndarray
    """(t, k) what the crops' means differ from it by."""
    error: np.ndarray
    """(t,) variance of these means."""
    spread: float
    """Variance of the curves about their levels."""
    constant: float
    """Variance of what a series has in common on all its dates."""
    slow: float
    """Variance of what it has in common on dates that are near each other."""
    length: float
    """How near, in days."""
    noise: float
    """Variance of what is left."""

    @staticmethod
    def of(values: np.ndarray, day: np.ndarray, labels: np.ndarray, classes: int) -> BandProfiles:
        """Fit them to series (n, t) with NaN for gaps, days (t,) and labels (n,) out of ``classes``."""
        seen = np.isfinite(values)
        some = seen.any(axis=0)
        seen, values, day = seen[:, some], values[:, some].astype(np.float64), day[some].astype(np.float64)
        filled = np.where(seen, values, 0.0)
        member = np.eye(classes)[labels]
        count = member.T @ seen
        mean = _bridged(member.T @ filled / np.maximum(count, 1.0), count, day)
        level = mean.mean(axis=1) if len(day) else np.zeros(classes)
        size = member.sum(axis=0)
        weight = (1.0 / np.maximum(size, 1.0))[labels]
        # The mean of n series takes a share 1 / n of their variance away.
        weight_of_stray = weight * (size / np.maximum(size - 1.0, 1.0))[labels]
        stray = np.where(seen, filled - mean[labels], 0.0)
        together = (seen * weight[:, None]).T @ seen
        covariance = (stray * weight_of_stray[:, None]).T @ stray / np.where(together > 0, together, 1.0)
        constant, slow, length = _stray(covariance, together > 0, day)
        variance = max(float(np.diag(covariance).mean()), FLOOR) if len(day) else 1.0
        noise = max(variance - constant - slow, MIN_NOISE * variance, FLOOR)
        course = (mean - level[:, None]).T
        there = size > 0
        error = variance * (1.0 / np.maximum(count[there], 0.5)).mean(axis=0)
        spread = max(float(np.var(course[:, there])), FLOOR) if len(day) else FLOOR
        return BandProfiles(day, level, course, error, spread, constant, slow, length, noise)

    def at(self, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (k, t) of each crop's series on these days, and the scale matrix (t, t) of one about it.

        Farther from the dates of the source less is known of the mean curve. That is left to each series by itself,
        as if every field had a curve of its own there.
        """
        day = day.astype(np.float64)
        scale = self._curves(day, day)
        mean = np.repeat(self.level[:, None], len(day), axis=1)
        if len(self.day):
            known = cho_factor(self._curves(self.day, self.day) + np.diag(self.error + FLOOR * self.spread), lower=True)
            across = self._curves(day, self.day)
            mean = mean + (across @ cho_solve(known, self.course)).T
            scale = scale - across @ cho_solve(known, across.T)
        near = np.exp(-0.5 * ((day[:, None] - day) / self.length) ** 2)
        return mean, scale + self.constant + LEVEL**2 + self.slow * near + self.noise * np.eye(len(day))

    def _curves(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Covariance (a, b) of a mean curve on days (a,) and (b,), before anything is known of it."""
        return self.spread * np.exp(-np.abs(one[:, None] - other) / LENGTH)


@dataclass(frozen=True)
class CropProfiles:
    """The curves of all crops in all bands."""

    bands: Sequence[BandProfiles]
    """Those of each band."""
    weight: float
    """What a band counts: bands that tell the same count once together, not each."""

    @staticmethod
    def of(values: np.ndarray, day: np.ndarray, labels: np.ndarray, classes: int) -> CropProfiles:
        """Fit them to the source.

        Parameters
        ----------
        values : (n, t, c) standardised; NaN for gaps, in all bands.
        day : (t,) days.
        labels : (n,) class indices below ``classes``.
        """
        c = values.shape[2]
        bands = [BandProfiles.of(values[:, :, band], day, labels, classes) for band in range(c)]
        weight = 1.0
        complete = np.isfinite(values).all(axis=2)
        if c > 1 and complete.sum() > c:
            spread = np.linalg.eigvalsh(np.cov(values[complete].T.astype(np.float64)))
            if spread.sum() > 0:
                weight = float(spread.sum() ** 2 / (spread**2).sum() / c)  # the participation ratio
        return CropProfiles(bands, weight)

    @property
    def dates(self) -> int:
        """Dates of the source on which they rest."""
        return len(self.bands[0].day)

    def without_course(self) -> CropProfiles:
        """The same, knowing each crop's level and how fast curves change, but nothing of their course."""
        none = slice(0, 0)
        return replace(
            self,
            bands=[replace(b, day=b.day[none], course=b.course[none], error=b.error[none]) for b in self.bands],
        )

    def log_likelihood(self, values: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Log-likelihood of series as each of the crops, up to a constant that depends on their dates alone.

        Parameters
        ----------
        values : (n, t, c) standardised as the source was, NaN for gaps.
        day : (t,) days on its calendar.

        Returns
        -------
        (n, k); 0 of a series without any date.
        """
        known = np.isfinite(values).all(axis=2)
        patterns, which = np.unique(known, axis=0, return_inverse=True)  # one root for all series with the same gaps
        pattern, of_series = torch.from_numpy(patterns), torch.from_numpy(which.reshape(-1))
        pair_seen, unseen = pattern[:, :, None] & pattern[:, None, :], torch.diag_embed((~pattern).double())
        seen = torch.from_numpy(known)
        dates = seen.sum(dim=1, keepdim=True)
        filled = torch.from_numpy(np.where(np.isfinite(values), values, 0.0).astype(np.float64))
        total = torch.zeros(len(values), len(self.bands[0].level), dtype=torch.float64)
        for number, band in enumerate(self.bands):
            mean, scale = (torch.from_numpy(part) for part in band.at(day))
            # A date that was not seen is one of its own with variance one, of which the likelihood is not asked.
            root = torch.linalg.cholesky(torch.where(pair_seen, scale, 0.0) + unseen)
            volume = torch.diagonal(root, dim1=1, dim2=2).log().sum(dim=1)[of_series, None]
            rest = torch.where(seen[:, :, None], filled[:, :, number, None] - mean.T, 0.0)
            if len(root) == 1:
                parts = torch.linalg.solve_triangular(root[0], rest.transpose(0, 1).flatten(1), upper=False)
                distance = parts.square().sum(dim=0).view(len(values), -1)
            else:
                distance = torch.linalg.solve_triangular(root[of_series], rest, upper=False).square().sum(dim=1)
            total += self.weight * (-0.5 * (FREEDOM + dates) * torch.log1p(distance / FREEDOM) - volume)
        return total.numpy()


def _bridged(mean: np.ndarray, count: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Means (k, t) of which some rest on no series, with a line between the dates beside those."""
    for crop, there in zip(mean, count > 0):
        if there.any():
            crop[~there] = np.interp(day[~there], day[there], crop[there])
    return mean


def _stray(covariance: np.ndarray, seen: np.ndarray, day: np.ndarray) -> tuple[float, float, float]:
    """Constant and slow variance, and the length of the second in days, that fit the covariances (t, t).

    Only pairs of dates count that were ``seen`` (t, t) in one series.
    """
    apart = np.abs(day[:, None] - day)
    pairs = seen & (apart > 0)
    if not pairs.any():
        return 0.0, 0.0, DEVIATION_LENGTHS[0]
    fits = []
    for length in DEVIATION_LENGTHS:
        near = np.exp(-0.5 * (apart[pairs] / length) ** 2)
        (constant, slow), rest = nnls(np.stack([np.ones_like(near), near], axis=1), covariance[pairs])
        fits.append((rest, float(constant), float(slow), length))
    return min(fits)[1:]
