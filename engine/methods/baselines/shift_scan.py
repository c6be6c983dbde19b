"""The shift of TimeMatch: that under which a network's predictions for the target have the best score.

Nyborg et al. 2022, doi 10.1016/j.isprsjprs.2022.04.018, and its public code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ...models.ltae import LtaeNetwork
from ...models.trained import Calendar, usable_observations
from ..shared.adaptation_score import inception_score
from ..shared.tensors import CHUNK, SeriesTensors


def am_score(probability: np.ndarray, shares: np.ndarray) -> float:
    """AM score: KL divergence of class shares to the predicted ones, plus the mean entropy; less is better.

    Parameters
    ----------
    probability : ndarray (n, k)
        Predictions.
    shares : ndarray (k,)
        Class shares.
    """
    predicted = np.bincount(probability.argmax(axis=1), minlength=len(shares)) / len(probability)
    divergence = (shares * (np.log(shares + 1e-5) - np.log(predicted + 1e-5))).sum()
    entropy = -(probability * np.log(probability + 1e-5)).sum(axis=1).mean()
    return float(divergence + entropy)


def best_shift(shifts: Sequence[float], score: Callable[[float], float]) -> float:
    """The shift with the greatest score; of equal ones the smallest, so that equal scores give 0.

    Parameters
    ----------
    shifts : sequence of float
        Shifts in days.
    score : callable
        Score of a shift.

    Returns
    -------
    float
        One of ``shifts``.
    """
    return max(sorted(shifts, key=abs), key=score)


def shifted(tensors: SeriesTensors, calendar: Calendar, shift: float) -> SeriesTensors:
    """Return series of all dates as the network reads them after a shift: those in season.

    Parameters
    ----------
    tensors : SeriesTensors
        Series.
    calendar : Calendar
        Season of the source.
    shift : float
        Days to add.
    """
    day = tensors.day + shift
    observed = usable_observations(tensors.observed.cpu().numpy(), calendar.inside(day.cpu().numpy()))
    return SeriesTensors(tensors.values, torch.from_numpy(observed).to(tensors.values.device), day)


class ShiftScan:
    """Predictions of a network for a sample of the target under any shift; each date is encoded once.

    Parameters
    ----------
    network : LtaeNetwork
        Network.
    sample : SeriesTensors
        Target series with all dates.
    calendar : Calendar
        Season of the source.
    tick : callable
        Called at every chunk; may raise to cancel.
    """

    def __init__(
        self, network: LtaeNetwork, sample: SeriesTensors, calendar: Calendar, tick: Callable[[], None]
    ) -> None:
        self._network, self._sample, self._calendar, self._tick = network, sample, calendar, tick
        self._parts = torch.arange(len(sample)).split(CHUNK)
        network.eval()
        with torch.no_grad():
            self._lifted = [network.encode_dates(sample.values[part], sample.observed[part]) for part in self._parts]

    def probability(self, shift: float) -> np.ndarray:
        """Predictions under a shift.

        Parameters
        ----------
        shift : float
            Days to add.

        Returns
        -------
        ndarray (n, k)
            Probabilities.
        """
        tensors = shifted(self._sample, self._calendar, shift)
        result = []
        self._network.eval()
        with torch.no_grad():
            for part, lifted in zip(self._parts, self._lifted):
                self._tick()
                logits, _ = self._network.classify_encoded(lifted, tensors.observed[part], tensors.day)
                result.append(logits.double().softmax(dim=1).cpu())
        return torch.cat(result).numpy()

    def by_inception(self, shifts: Sequence[float]) -> float:
        """Return the one of the shifts with the greatest inception score.

        Parameters
        ----------
        shifts : sequence of float
            Shifts in days.
        """
        return best_shift(shifts, lambda shift: inception_score(self.probability(shift)))

    def by_am(self, shifts: Sequence[float], pseudo_labelled_at: float) -> float:
        """The shift with the least AM score.

        Parameters
        ----------
        shifts : sequence of float
            Shifts in days.
        pseudo_labelled_at : float
            Shift under which the class shares are predicted.

        Returns
        -------
        float
            One of ``shifts``.
        """
        probability = self.probability(pseudo_labelled_at)
        shares = np.bincount(probability.argmax(axis=1), minlength=probability.shape[1]) / len(probability)
        return best_shift(shifts, lambda shift: -am_score(self.probability(shift), shares))


def days_between(first: float, last: float) -> list[float]:
    """Whole days from the lesser to the greater of two, inclusive.

    Parameters
    ----------
    first, last : float
        Days.

    Returns
    -------
    list of float
        In ascending order.
    """
    return [float(d) for d in range(round(min(first, last)), round(max(first, last)) + 1)]
