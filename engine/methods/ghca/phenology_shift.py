"""How many days the target's season is before or behind the source's, estimated without target labels.

The shift is that under which the target's series are likeliest as those of the source's crops
(:mod:`temporal_profiles`), in class shares of their own. It is used where it is long enough to matter, its gain is far
beyond chance and large beside that of knowing the profiles at all, and the target resembles crops of the source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

from ...models.trained import Calendar
from ..shared.class_shares import estimate_class_shares
from .temporal_profiles import CropProfiles

SHIFTS = tuple(range(-64, 65, 8))
"""Shifts of the first search, in days."""
REFINE = (4.0, 2.0)
"""Steps in days that refine the best."""
MIN_SHIFT_DAYS = 12.0
"""Least shift that is used: crops of one region differ by as much from year to year, and networks are trained on series
with jittered days."""
MIN_CERTAINTY = 5.0
"""Least gain in likelihood of a series, in standard errors: more than chance, since neighbours are similar."""
MIN_GAIN = 0.1
"""Least gain, in shares of what the series gain by knowing the crops' profiles at all: the profiles of two regions or
years differ by more than a shift, and where they differ some shift always fits a little better."""
MIN_GAIN_FAR = 0.6
"""Least gain in log-likelihood of a series by a shift of 64 days; for others it grows with the square of their days,
as for normally distributed shifts. Series with little information fit some far shift by chance, above all where their
dates fall into a gap of the source's."""
NEARLY = 0.95
"""Share of the best gain from which a smaller shift is preferred: the crops grown in a season also move the profiles a
little."""
MIN_DATES = 4
"""With fewer dates in season, in source or target, no shift is estimated."""
MIN_OVERLAP = 0.5
"""Least share of the target's dates in season that must also be in season under a shift."""
MAX_DATES = 40
"""Dates of the target that are used at most: the cost grows with their third power."""


@dataclass(frozen=True)
class ShiftEstimate:
    """The shift that is used, the best one found, and their figures."""

    days: float = 0.0
    """Days to add to the target's days; 0 where the calendar is kept."""
    best: float = 0.0
    """The likeliest shift."""
    certainty: float = 0.0
    """Its gain in standard errors."""
    recognised: float = 0.0
    """Mean gain in log-likelihood of a series under the best over profiles without a course; below 0 the target
    resembles no crop of the source on any calendar."""
    beyond: bool = False
    """Whether the best is clear and at the search limit: then it is not used."""
    gain: dict[float, float] | None = None
    """Mean gain in log-likelihood of a series by every shift that was evaluated; None without a search."""

    def report(self) -> dict[str, object]:
        """JSON-ready account."""
        gain = {f"{days:g}": round(value, 3) for days, value in sorted((self.gain or {}).items())}
        return {
            "days": self.days,
            "best": self.best,
            "certainty": round(self.certainty, 2),
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
    return _conclude(search, (first, last))


def _conclude(search: _ShiftSearch, ends: tuple[float, float]) -> ShiftEstimate:
    """Use the best shift where it is clear, within the range searched, and long enough."""
    best = search.best()
    gains = search.gains[best]
    means = {shift: float(gain.mean()) for shift, gain in search.gains.items()}
    error = float(gains.std(ddof=1) / np.sqrt(len(gains)))
    certainty = means[best] / error if error > 0 else 0.0
    recognised = search.recognised(best)
    threshold = max(MIN_GAIN * recognised, MIN_GAIN_FAR * (best / SHIFTS[-1]) ** 2)
    clear = certainty > MIN_CERTAINTY and means[best] > threshold and recognised > 0
    # Where the likelihood still rises at the search limit, the greatest one is not known.
    beyond = clear and best in ends
    used = _least_of_the_best(means, best)
    if not clear or beyond or abs(used) < MIN_SHIFT_DAYS:
        used = 0.0
    return ShiftEstimate(used, best, certainty, recognised, beyond, means)


def _least_of_the_best(means: dict[float, float], at: float) -> float:
    """The shift nearest to 0 in the unbroken run beside the best (``at``) whose gains are nearly as great.

    It is 0 where one to the other side is as good.
    """
    nearly = {shift for shift, mean in means.items() if mean >= NEARLY * means[at]}
    if any(shift * at < 0 for shift in nearly):
        return 0.0
    used = at
    for shift in sorted((shift for shift in means if 0 <= shift * np.sign(at) < abs(at)), key=abs, reverse=True):
        if shift not in nearly:
            break
        used = shift
    return used


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
