"""The crops' temporal profiles as a voice beside the networks: it speaks up where both contradict each other.

Networks see more in a series than profiles do and are mostly right where they differ in some of them. Where they differ
in most series, though both classify held-out source series, the networks have met series unlike any that they learned
from: they are confident there, while profiles have a likelihood (:mod:`...estimation.temporal_profiles`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from ...estimation.calibration import fit_temperature
from ...estimation.class_shares import adjust_to_shares
from ...estimation.temporal_profiles import CropProfiles
from ...series import SeriesSet
from ..shared.source_domain import SourceDomain, balanced_weights

AGREE, DIFFER = 0.7, 0.4
"""Shares of series on which both agree, from which profiles have no weight, and up to which they have all of it."""


@dataclass(frozen=True)
class SourceProfiles:
    """The profiles of the source's crops, and how good they are on held-out series."""

    profiles: CropProfiles
    """Of standardised series."""
    evidence: float
    """How much they tell, 0 to 1 (:meth:`.CropProfiles.evidence`)."""
    temperature: float
    """Divisor of their log-likelihood that calibrates it."""

    @staticmethod
    def of(domain: SourceDomain, source: SeriesSet) -> SourceProfiles:
        """Fit the profiles to the training part of the source.

        Parameters
        ----------
        domain : SourceDomain
            The prepared source.
        source : SeriesSet
            The same in the units of its stack.
        """

        def standardised(index: np.ndarray) -> np.ndarray:
            return standardise(domain, source.values[index])

        labels, day = domain.labels, source.day
        profiles = CropProfiles.of(standardised(domain.sample), day, labels[domain.sample], domain.classes)
        held_out = domain.held_out if len(domain.held_out) else domain.sample
        known, weight = standardised(held_out), balanced_weights(labels[held_out], domain.classes)
        temperature = fit_temperature(profiles.log_likelihood(known, day), labels[held_out], weight)
        return SourceProfiles(profiles, profiles.evidence(known, day, labels[held_out]), temperature)

    def voice(self, values: np.ndarray, day: np.ndarray) -> ProfileVoice:
        """Predict series.

        Parameters
        ----------
        values : ndarray (n, t, c)
            Standardised series (:func:`standardise`).
        day : ndarray (t,)
            Days on the source's calendar.
        """
        likelihood = self.profiles.log_likelihood(values, day)
        return ProfileVoice(softmax(likelihood / self.temperature, axis=1), self.evidence)


def standardise(domain: SourceDomain, series: np.ndarray) -> np.ndarray:
    """Series by the source's statistics, with gaps in all bands, as profiles take them.

    Parameters
    ----------
    domain : SourceDomain
    series : ndarray (n, t, c)
        In the units of a stack.
    """
    scaled = domain.statistics.apply(series)
    scaled[~np.isfinite(series).all(axis=2)] = np.nan
    return scaled


@dataclass(frozen=True)
class ProfileVoice:
    """Predictions of the target's series by the profiles."""

    probability: np.ndarray
    """(n, k) calibrated, under equal class shares."""
    evidence: float
    """How much the profiles tell, 0 to 1."""

    def blend(
        self, probability: np.ndarray, shares: np.ndarray | None = None, strength: float = 1.0
    ) -> tuple[np.ndarray, float]:
        """Mix predictions of the networks with those of the profiles.

        Parameters
        ----------
        probability : ndarray (n, k) or (s, n, k)
            Of the networks; s passes have one weight in common.
        shares : ndarray (k,), optional
            Class shares to which they are adjusted; None: equal.
        strength : float, optional
            How far they are adjusted.

        Returns
        -------
        tuple of ndarray and float
            The mixture, and the weight of the profiles in it.
        """
        own = self.probability if shares is None else adjust_to_shares(self.probability, shares, strength=strength)
        agreement = float(
            (probability.reshape(-1, *own.shape).mean(axis=0).argmax(axis=1) == own.argmax(axis=1)).mean()
        )
        weight = self.evidence * float(np.clip((AGREE - agreement) / (AGREE - DIFFER), 0.0, 1.0))
        return ((1 - weight) * probability + weight * own if weight else probability), weight
