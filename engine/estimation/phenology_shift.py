"""How many days the target's season is before or behind the source's, estimated without target labels.

Every shift has a likelihood: that of the target's series as those of the source's crops (:mod:`temporal_profiles`) in
class shares of their own. With a prior, by which most seasons keep the calendar and far shifts are rare, it gives the
probability of each shift. What is most probable is used; what else is probable is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

from ..models.trained import Calendar
from .class_shares import estimate_class_shares
from .temporal_profiles import CropProfiles

SHIFTS = tuple(range(-64, 65, 8))
"""Shifts of the first search, in days."""
REFINE = (4.0, 2.0)
"""Steps in days that refine the best."""
PRIOR_KEPT = 0.3
"""Prior probability that the calendar is kept."""
PRIOR_SPREAD = 20.0
"""Standard deviation in days of the prior of other shifts (normal)."""
INDEPENDENT = 10.0
"""Independent series that a mean gain in likelihood counts as. Neighbours are similar, and the profiles of two regions
differ by more than a shift: where they differ some shift always fits a little better."""
RECOGNISED = 0.3
"""Gain in likelihood by knowing the profiles, from which a shift's gain counts in full; in proportion below."""
NEAR = 8.0
"""Days within which probabilities of shifts are summed: the crops of one season differ by as much."""
MIN_SHIFT_DAYS = 10.0
"""Least shift that is used: networks are trained on series with jittered days and need none below."""
PROBABLE = 0.15
"""Least probability of a shift that is kept beside the most probable one."""
MIN_DATES = 4
"""With fewer dates in season, in source or target, no shift is estimated."""
MIN_OVERLAP = 0.5
"""Least share of the target's dates in season that must also be in season under a shift."""
MAX_DATES = 40
"""Dates of the target that are used at most: the cost grows with their third power."""


@dataclass(frozen=True)
class ShiftEstimate:
    """The shift that is used, what else is probable, and their figures."""

    hypotheses: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    """Shifts in days, each with its probability and neighbours', the most probable first; 0 for the calendar kept."""
    best: float = 0.0
    """The likeliest shift, without the prior."""
    recognised: float = 0.0
    """Mean gain in log-likelihood of a series under the best over profiles without a course; below 0 the target
    resembles no crop of the source on any calendar."""
    beyond: bool = False
    """Whether the best is clear and at the search limit: then it is not used."""
    gain: dict[float, float] | None = None
    """Mean gain in log-likelihood of a series by every shift that was evaluated; None without a search."""

    @property
    def days(self) -> float:
        """Days to add to the target's days: the most probable shift."""
        return self.hypotheses[0][0]

    @property
    def probability(self) -> float:
        """Of the shift that is used."""
        return self.hypotheses[0][1]

    def report(self) -> dict[str, object]:
        """JSON-ready account."""
        gain = {f"{days:g}": round(value, 3) for days, value in sorted((self.gain or {}).items())}
        return {
            "days": self.days,
            "best": self.best,
            "hypotheses": [[days, round(probability, 3)] for days, probability in self.hypotheses],
            "recognised": round(self.recognised, 3),
            "beyond": self.beyond,
            "gain": gain,
        }


class _ShiftSearch:
    """Gains in likelihood of the target series by shifts of their days."""

    def __init__(self, profiles: CropProfiles, values: np.ndarray, day: np.ndarray, calendar: Calendar) -> None:
        self._profiles, self._values, self._day, self._calendar = profiles, values, day, calendar
        self._unmoved: dict[bytes, np.ndarray] = {}
        self.gains: dict[float, np.ndarray] = {0.0: np.zeros(len(values))}

    def _likelihood(self, profiles: CropProfiles, shift: float, dates: np.ndarray) -> np.ndarray:
        day = self._calendar.align_days(self._day, shift)[dates]
        return mixture_likelihood(profiles.log_likelihood(self._values[:, dates], day))

    def _without_shift(self, dates: np.ndarray) -> np.ndarray:
        key = dates.tobytes()
        if key not in self._unmoved:
            self._unmoved[key] = self._likelihood(self._profiles, 0.0, dates)
        return self._unmoved[key]

    def _in_season(self, shift: float) -> np.ndarray:
        return self._calendar.inside(self._calendar.align_days(self._day, shift))

    def add(self, shift: float, tick: Callable[[], None]) -> None:
        """Evaluate a shift under which enough dates are in season."""
        dates = self._in_season(shift)
        if shift in self.gains or dates.sum() < max(MIN_DATES, MIN_OVERLAP * len(self._day)):
            return
        tick()
        self.gains[shift] = self._likelihood(self._profiles, shift, dates) - self._without_shift(dates)

    def best(self) -> float:
        """The shift with the greatest mean gain; of equal ones the smallest."""
        return max(sorted(self.gains, key=abs), key=lambda shift: float(self.gains[shift].mean()))

    def recognised(self, shift: float) -> float:
        """Mean gain of a series over profiles without a seasonal course."""
        dates = self._in_season(shift)
        flat = self._likelihood(self._profiles.without_course(), shift, dates)
        return float((self.gains[shift] + self._without_shift(dates) - flat).mean())


def estimate_shift(
    profiles: CropProfiles,
    values: np.ndarray,
    day: np.ndarray,
    calendar: Calendar,
    tick: Callable[[], None] = lambda: None,
    shifts: Sequence[float] = SHIFTS,
    evidence: float = 1.0,
) -> ShiftEstimate:
    """Estimate the shift of the target's days, or keep 0.

    A shift is compared with none on the dates that are in season under both: a season of which only a part is observed
    must not look like one that is shifted.

    Parameters
    ----------
    profiles : CropProfiles
        Those of the source.
    values : ndarray (n, t, c)
        Target series, standardised as the source; NaN for gaps, in all bands.
    day : ndarray (t,)
        Days of the target's stack.
    calendar : Calendar
        Season of the source.
    tick : callable
        Called before each shift; may raise to cancel.
    shifts : sequence of float
        Shifts of the first search, ascending; the best is not used at the ends of their range. 0 is always included.
    evidence : float, optional
        How much the profiles tell, 0 to 1 (:meth:`.CropProfiles.evidence`).

    Returns
    -------
    ShiftEstimate
        The shift and its figures.
    """
    kept = _most_seen(np.isfinite(values).all(axis=2) & calendar.inside(calendar.align_days(day, 0.0)))
    if min(len(kept), profiles.dates) < MIN_DATES:
        return ShiftEstimate()
    values, day = values[:, kept], day[kept]
    values = values[np.isfinite(values).all(axis=2).any(axis=1)]
    if len(values) < 2:
        return ShiftEstimate()
    search = _ShiftSearch(profiles, values, day, calendar)
    for shift in sorted(map(float, shifts)):
        search.add(shift, tick)
    first, last = min(search.gains), max(search.gains)
    for step in REFINE:
        best = search.best()
        search.add(max(first, best - step), tick)
        search.add(min(last, best + step), tick)
    return _conclude(search, (first, last), evidence)


def _conclude(search: _ShiftSearch, ends: tuple[float, float], evidence: float) -> ShiftEstimate:
    """Weigh the shifts that were searched; one at the ends of the range is not used."""
    best = search.best()
    means = {shift: float(gain.mean()) for shift, gain in search.gains.items()}
    recognised = search.recognised(best)
    hypotheses = _hypotheses(posterior(means, recognised, evidence))
    # Where the likelihood still rises at the search limit, the greatest one is not known.
    beyond = best in ends and abs(hypotheses[0][0] - best) <= NEAR and hypotheses[0][0] != 0
    if beyond:
        hypotheses = ((0.0, 1.0),)
    return ShiftEstimate(hypotheses, best, recognised, beyond, means)


def posterior(gain: Mapping[float, float], recognised: float, evidence: float = 1.0) -> dict[float, float]:
    """The probability of each shift, by Bayes' rule.

    Parameters
    ----------
    gain : mapping of float to float
        Mean gain in log-likelihood of a series by each shift over none; 0 days is among them.
    recognised : float
        Mean gain over profiles without a course.
    evidence : float, optional
        How much the profiles tell, 0 to 1.

    Returns
    -------
    dict of float to float
        Probabilities with a sum of one, by shift, ascending.
    """
    shifts = np.array(sorted(gain))
    means = np.array([gain[shift] for shift in shifts])
    # What a shift represents is what lies nearer to it than to others.
    cell = np.minimum(np.gradient(shifts), SHIFTS[1] - SHIFTS[0]) if len(shifts) > 1 else np.ones(1)
    prior = cell * np.exp(-0.5 * (shifts / PRIOR_SPREAD) ** 2)
    prior *= (1 - PRIOR_KEPT) / prior.sum()
    prior[shifts == 0] += PRIOR_KEPT
    series = INDEPENDENT * evidence * np.clip(recognised / RECOGNISED, 0.0, 1.0)
    weight = prior * np.exp(series * (means - means.max()))
    return dict(zip(shifts.tolist(), (weight / weight.sum()).tolist()))


def _hypotheses(probability: dict[float, float]) -> tuple[tuple[float, float], ...]:
    """The shifts that are probable together with those near them, the most probable first."""
    shifts, left = np.array(list(probability)), np.array(list(probability.values()))
    found: dict[float, float] = {}
    while True:
        mass = np.array([left[np.abs(shifts - shift) <= NEAR].sum() for shift in shifts])
        # Of equally probable ones the smallest.
        at = min(range(len(shifts)), key=lambda i: (-round(float(mass[i]), 9), abs(shifts[i])))
        if found and mass[at] < PROBABLE:
            break
        near = np.abs(shifts - shifts[at]) <= NEAR
        days = float(shifts[at]) if abs(shifts[at]) >= MIN_SHIFT_DAYS else 0.0
        found[days] = found.get(days, 0.0) + float(left[near].sum())
        left[near] = 0.0
    return tuple(sorted(found.items(), key=lambda item: -item[1]))


def _most_seen(seen: np.ndarray) -> np.ndarray:
    """At most ``MAX_DATES`` of the dates of series (n, t) that were seen: of as many runs of dates the most seen."""
    count = seen.sum(axis=0)
    runs = np.array_split(np.flatnonzero(count), MAX_DATES)
    return np.array([run[count[run].argmax()] for run in runs if len(run)], dtype=int)


def mixture_likelihood(log_likelihood: np.ndarray) -> np.ndarray:
    """Log-likelihood of series in a mixture of crops, whose class shares are found by expectation-maximisation.

    Parameters
    ----------
    log_likelihood : ndarray (n, k)
        Log-likelihood of each series as each crop.

    Returns
    -------
    ndarray (n,)
        Log-likelihood in the mixture.
    """
    return logsumexp(log_likelihood + np.log(estimate_class_shares(softmax(log_likelihood, axis=1))), axis=1)
