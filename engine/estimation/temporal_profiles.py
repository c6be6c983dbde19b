"""Temporal profiles of the source's crops, and the likelihood of target series under each of them.

Each crop's mean profile of a band is a Gaussian process through its means on the source's dates (Rasmussen and Williams
2006, eqs. 2.23 and 2.24), and a series deviates from it by a constant, by a part that varies slowly, and by noise. So a
series of any dates, with gaps, has a likelihood under each crop, without a network that might be confident about what
it never saw. Sensors that differ in scale and level change it little: a level of its own costs a series nearly nothing,
and tails are those of Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

FREEDOM = 4.0
"""Degrees of freedom of Student's t: undetected clouds must not outweigh all other series."""
LEVEL = 1.0
"""Standard deviation of a level of its own that a series may have beside that seen in the source, in standard
deviations of the band: another sensor, another atmosphere."""
LENGTH = 40.0
"""Correlation length of mean profiles in days (kernel of Ornstein and Uhlenbeck). Smooth profiles, with a length fitted
to few dates, were sometimes certain and wrong in a gap of months between two dates."""
DEVIATION_LENGTHS = (12.0, 24.0, 40.0, 64.0)
"""Correlation lengths in days of the deviation of single series; the best of these is used."""
MIN_NOISE = 0.05
"""Least share of noise in the variance of a series about its mean profile."""
FLOOR = 1e-3
"""Least variance of noise and of profiles, in squared standard deviations of the band: copies of one series, or of one
value, have none."""
TELLING = (0.3, 0.6)
"""Accuracies beyond chance up to which profiles tell nothing, and from which they tell all they can."""


@dataclass(frozen=True)
class BandProfiles:
    """The profiles of all crops in one band."""

    day: np.ndarray
    """(t,) days of the source with an observation."""
    level: np.ndarray
    """(k,) mean of each crop over them."""
    course: np.ndarray
    """(t, k) deviation of the crops' means from it."""
    error: np.ndarray
    """(t,) variance of these means."""
    spread: float
    """Variance of the profiles about their levels."""
    constant: float
    """Variance of the deviation that a series has in common on all its dates."""
    slow: float
    """Variance of the deviation that varies slowly."""
    length: float
    """Its correlation length in days."""
    noise: float
    """Variance of the rest."""

    @staticmethod
    def of(values: np.ndarray, day: np.ndarray, labels: np.ndarray, classes: int) -> BandProfiles:
        """Fit the profiles of one band, on the dates with an observation.

        ``day``, ``labels`` and ``classes`` as of :meth:`CropProfiles.of`.

        Parameters
        ----------
        values : ndarray (n, t)
            Standardised series; NaN for gaps.
        """
        seen = np.isfinite(values)
        some = seen.any(axis=0)
        seen, values, day = seen[:, some], values[:, some].astype(np.float64), day[some].astype(np.float64)
        filled = np.where(seen, values, 0.0)
        member = np.eye(classes)[labels]
        count = member.T @ seen
        mean = _interpolate(member.T @ filled / np.maximum(count, 1.0), count, day)
        level = mean.mean(axis=1) if len(day) else np.zeros(classes)
        size = member.sum(axis=0)
        weight = (1.0 / np.maximum(size, 1.0))[labels]
        # The mean of n series takes a share 1 / n of their variance away.
        deviation_weight = weight * (size / np.maximum(size - 1.0, 1.0))[labels]
        deviation = np.where(seen, filled - mean[labels], 0.0)
        pairs = (seen * weight[:, None]).T @ seen
        covariance = (deviation * deviation_weight[:, None]).T @ deviation / np.where(pairs > 0, pairs, 1.0)
        constant, slow, length = _fit_deviations(covariance, pairs > 0, day)
        variance = max(float(np.diag(covariance).mean()), FLOOR) if len(day) else 1.0
        noise = max(variance - constant - slow, MIN_NOISE * variance, FLOOR)
        course = (mean - level[:, None]).T
        there = size > 0
        error = variance * (1.0 / np.maximum(count[there], 0.5)).mean(axis=0)
        spread = max(float(np.var(course[:, there])), FLOOR) if len(day) else FLOOR
        return BandProfiles(day, level, course, error, spread, constant, slow, length, noise)

    def at(self, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict the profiles on other days.

        Far from the dates of the source the mean profile is uncertain. That is modelled for each series by itself, as
        if every field had its own profile there.

        Parameters
        ----------
        day : ndarray (t,)
            Days on the source's calendar.

        Returns
        -------
        tuple of ndarray (k, t) and (t, t)
            Mean of each crop's series, and the scale matrix of a series about it.
        """
        day = day.astype(np.float64)
        scale = self._covariance(day, day)
        mean = np.repeat(self.level[:, None], len(day), axis=1)
        if len(self.day):
            known = cho_factor(
                self._covariance(self.day, self.day) + np.diag(self.error + FLOOR * self.spread), lower=True
            )
            across = self._covariance(day, self.day)
            mean = mean + (across @ cho_solve(known, self.course)).T
            scale = scale - across @ cho_solve(known, across.T)
        near = np.exp(-0.5 * ((day[:, None] - day) / self.length) ** 2)
        return mean, scale + self.constant + LEVEL**2 + self.slow * near + self.noise * np.eye(len(day))

    def _covariance(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Prior covariance (a, b) of a mean profile on days (a,) and (b,)."""
        return self.spread * np.exp(-np.abs(one[:, None] - other) / LENGTH)


@dataclass(frozen=True)
class CropProfiles:
    """The profiles of all crops in all bands."""

    bands: Sequence[BandProfiles]
    """Those of each band."""
    weight: float
    """Weight of a band: bands with the same information count once, not each."""

    @staticmethod
    def of(values: np.ndarray, day: np.ndarray, labels: np.ndarray, classes: int) -> CropProfiles:
        """Fit the profiles of all bands to the source.

        Parameters
        ----------
        values : ndarray (n, t, c)
            Standardised series; NaN for gaps, in all bands.
        day : ndarray (t,)
            Days.
        labels : ndarray (n,) of int
            Class indices.
        classes : int
            Number of classes k.

        Returns
        -------
        CropProfiles
            One profile per band and crop.
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
        """Number of source dates in the profiles."""
        return len(self.bands[0].day)

    def without_course(self) -> CropProfiles:
        """The same with each crop's level and variance, but without its course."""
        none = slice(0, 0)
        return replace(
            self, bands=[replace(b, day=b.day[none], course=b.course[none], error=b.error[none]) for b in self.bands]
        )

    def evidence(self, values: np.ndarray, day: np.ndarray, labels: np.ndarray) -> float:
        """How much the profiles tell: how well they separate the crops of other series of the source.

        By the class-balanced accuracy beyond chance (as Cohen's kappa has it), from :data:`TELLING`. Where profiles
        hardly tell the crops apart, as of monthly composites, what fits them best is no evidence of a season's shift.

        Parameters
        ----------
        values : ndarray (n, t, c)
            Standardised series; NaN for gaps, in all bands.
        day : ndarray (t,)
            Days on the source's calendar.
        labels : ndarray (n,) of int
            Their classes.

        Returns
        -------
        float
            0 to 1.
        """
        there = np.unique(labels)
        right = self.log_likelihood(values, day).argmax(axis=1) == labels
        accuracy = float(np.mean([right[labels == crop].mean() for crop in there])) if len(there) else 0.0
        chance = 1 / len(self.bands[0].level)
        beyond_chance = (accuracy - chance) / (1 - chance)
        return float(np.clip((beyond_chance - TELLING[0]) / (TELLING[1] - TELLING[0]), 0.0, 1.0))

    def log_likelihood(self, values: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Log-likelihood of series as each of the crops, up to a constant that depends on their gaps alone.

        Parameters
        ----------
        values : ndarray (n, t, c)
            Standardised series; NaN for gaps, in all bands.
        day : ndarray (t,)
            Days on the source's calendar.

        Returns
        -------
        ndarray (n, k)
            0 of a series without any date.
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
            # A date without an observation is independent with variance one, and its likelihood is not counted.
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


def _interpolate(mean: np.ndarray, count: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Means (k, t), interpolated linearly where they have no series."""
    for crop, there in zip(mean, count > 0):
        if there.any():
            crop[~there] = np.interp(day[~there], day[there], crop[there])
    return mean


def _fit_deviations(covariance: np.ndarray, seen: np.ndarray, day: np.ndarray) -> tuple[float, float, float]:
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
