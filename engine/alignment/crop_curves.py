"""What the crops of the source look like over its season, and how likely the series of a target are as one of them.

Each crop's mean curve of a band is a Gaussian process through its means on the source's dates (Rasmussen and Williams
2006, ch. 2; its kernel is that of Ornstein and Uhlenbeck, which bridges gaps nearly straight). A series strays from it
by a constant, by a part that varies slowly, and by noise. So a series of any dates, gaps among them, has a likelihood
under each crop: no network is asked, that might be sure of what it never saw. Sensors that differ in scale and level
change it little: a level of its own costs a series nearly nothing, and tails are those of Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import nnls
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

FREEDOM = 4.0
"""Degrees of freedom of Student's t: clouds that were missed must not outweigh all other series."""
LEVEL = 1.0
"""Standard deviation of a level of its own that a series may have beside that seen in the source, in standard
deviations of the band: another sensor, another atmosphere."""
LENGTH = 40.0
"""Days over which mean curves forget their course. Learnt from few dates, this came out too long now and then, and a
gap of months between two dates was bridged by a curve as sure as it was wrong."""
STRAY_LENGTHS = (12.0, 24.0, 40.0, 64.0)
"""The same of what makes single series stray from them; the best of these is taken."""
LEAST_NOISE = 0.05
"""Least share of noise in the variance of a series about its mean curve."""
FLOOR = 1e-3
"""Least variance of noise, in squared standard deviations of the band: copies of one series have none."""


@dataclass(frozen=True)
class BandCurves:
    """The curves of all crops in one band."""

    level: np.ndarray
    """(k,) mean of each crop over the season."""
    process: GaussianProcessRegressor
    """Their course about it."""
    constant: float
    """Variance of what a series has in common on all its dates."""
    slow: float
    """Variance of what it has in common on dates that are near each other."""
    length: float
    """How near, in days."""
    noise: float
    """Variance of what is left."""

    @staticmethod
    def of(values: np.ndarray, day: np.ndarray, labels: np.ndarray, classes: int) -> BandCurves:
        """Fit them to series (n, t) with NaN for gaps, days (t,) and labels (n,) out of ``classes``."""
        seen = np.isfinite(values)
        filled = np.where(seen, values, 0.0).astype(np.float64)
        member = np.eye(classes)[labels]
        count = member.T @ seen
        mean = _bridged(member.T @ filled / np.maximum(count, 1.0), count, day)
        level = mean.mean(axis=1)
        weight = (1.0 / np.maximum(member.sum(axis=0), 1.0))[labels]
        stray = np.where(seen, filled - mean[labels], 0.0)
        together = (seen * weight[:, None]).T @ seen
        covariance = (stray * weight[:, None]).T @ stray / np.maximum(together, 1e-12)
        constant, slow, length = _stray(covariance, day)
        variance = max(float(np.diag(covariance).mean()), FLOOR)
        noise = max(variance - constant - slow, LEAST_NOISE * variance, FLOOR)
        course = (mean - level[:, None]).T
        error = variance * (1.0 / np.maximum(count, 0.5)).mean(axis=0)
        spread = max(float(np.var(course)), FLOOR)
        kernel = ConstantKernel(spread, "fixed") * Matern(LENGTH, "fixed", nu=0.5)
        process = GaussianProcessRegressor(kernel, alpha=error + FLOOR * spread)
        process.fit(day[:, None].astype(np.float64), course)
        return BandCurves(level, process, constant, slow, length, noise)

    def at(self, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (k, t) of each crop's series on these days, and the covariance (t, t) of one about it: farther from
        the season of the source less is known."""
        day = day.astype(np.float64)
        course, unsure = self.process.predict(day[:, None], return_cov=True)  # of sklearn for each crop, all the same
        near = np.exp(-0.5 * ((day[:, None] - day) / self.length) ** 2)
        stray = self.constant + LEVEL**2 + self.slow * near + self.noise * np.eye(len(day))
        return self.level[:, None] + course.reshape(len(day), -1).T, stray + unsure.reshape(*near.shape, -1)[..., 0]


@dataclass(frozen=True)
class CropCurves:
    """The curves of all crops in all bands."""

    bands: Sequence[BandCurves]
    """Those of each band."""
    weight: float
    """What a band counts: bands that tell the same count once together, not each."""
    dates: int
    """Dates of the source on which they rest."""

    @staticmethod
    def of(values: np.ndarray, day: np.ndarray, labels: np.ndarray, classes: int) -> CropCurves:
        """Fit them to the source.

        Parameters
        ----------
        values : (n, t, c) standardised, NaN for gaps.
        day : (t,) at least two days.
        labels : (n,) class indices below ``classes``.
        """
        c = values.shape[2]
        bands = [BandCurves.of(values[:, :, band], day, labels, classes) for band in range(c)]
        weight = 1.0
        complete = np.isfinite(values).all(axis=2)
        if c > 1 and complete.sum() > c:
            spread = np.linalg.eigvalsh(np.cov(values[complete].T.astype(np.float64)))
            weight = float(spread.sum() ** 2 / (spread**2).sum() / c)  # the participation ratio
        return CropCurves(bands, weight, len(day))

    def without_course(self) -> CropCurves:
        """The same, knowing no course of the season but how fast curves change: what series are that look like none."""
        unknown = [replace(band, process=GaussianProcessRegressor(band.process.kernel_)) for band in self.bands]
        return replace(self, bands=unknown)

    def log_likelihood(self, values: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Log-likelihood (n, k) of series (n, t, c), NaN for gaps, on days (t,), as each of the crops."""
        known = np.isfinite(values).all(axis=2)
        patterns, which = np.unique(known, axis=0, return_inverse=True)  # one root for all series with the same gaps
        pattern, which = torch.from_numpy(patterns), torch.from_numpy(which.reshape(-1))
        both, unseen = pattern[:, :, None] & pattern[:, None, :], torch.diag_embed((~pattern).double())
        seen = torch.from_numpy(known)
        dates = seen.sum(dim=1, keepdim=True)
        filled = torch.from_numpy(np.where(np.isfinite(values), values, 0.0).astype(np.float64))
        total = torch.zeros(len(values), len(self.bands[0].level), dtype=torch.float64)
        for number, band in enumerate(self.bands):
            mean, covariance = (torch.from_numpy(part) for part in band.at(day))
            # A date that was not seen is one of its own with variance one, of which the likelihood is not asked.
            root = torch.linalg.cholesky(torch.where(both, covariance, 0.0) + unseen)
            volume = torch.diagonal(root, dim1=1, dim2=2).log().sum(dim=1)[which, None]
            apart = torch.where(seen[:, :, None], filled[:, :, number, None] - mean.T, 0.0)
            if len(root) == 1:
                parts = torch.linalg.solve_triangular(root[0], apart.transpose(0, 1).flatten(1), upper=False)
                distance = parts.square().sum(dim=0).view(len(values), -1)
            else:
                distance = torch.linalg.solve_triangular(root[which], apart, upper=False).square().sum(dim=1)
            total += self.weight * (-0.5 * (FREEDOM + dates) * torch.log1p(distance / FREEDOM) - volume)
        return total.numpy()


def _bridged(mean: np.ndarray, count: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Means (k, t) of which some rest on no series, with a line between the dates beside those."""
    for crop, there in zip(mean, count > 0):
        if there.any():
            crop[~there] = np.interp(day[~there], day[there], crop[there])
    return mean


def _stray(covariance: np.ndarray, day: np.ndarray) -> tuple[float, float, float]:
    """Constant and slow variance, and the length of the second in days, that fit the covariances (t, t) of dates."""
    apart = np.abs(day[:, None] - day)
    pairs = apart > 0
    if not pairs.any():
        return 0.0, 0.0, STRAY_LENGTHS[0]
    fits = []
    for length in STRAY_LENGTHS:
        near = np.exp(-0.5 * (apart[pairs] / length) ** 2)
        (constant, slow), rest = nnls(np.stack([np.ones_like(near), near], axis=1), covariance[pairs])
        fits.append((rest, float(constant), float(slow), length))
    return min(fits)[1:]
