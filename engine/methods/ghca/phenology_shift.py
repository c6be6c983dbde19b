"""How many days the target's season runs before or behind the source's, estimated without target labels.

The shift is that under which the target's series are likeliest as those of the source's crops (:mod:`crop_curves`),
in class shares of their own. It is taken where it is long enough to matter, the gain is far beyond chance and large
beside what the curves tell at all, and the target looks like crops of the source.
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
"""Shifts looked at first, in days."""
REFINE = (4.0, 2.0)
"""Steps in days by which the best is refined."""
MIN_SHIFT_DAYS = 12.0
"""No shift below this is taken: crops of one region differ by as much from year to year, and networks learn on series
whose days are jittered."""
MIN_CERTAINTY = 5.0
"""Least gain in likelihood of a series, in standard errors: more than chance, since neighbours are alike."""
MIN_GAIN = 0.1
"""Least gain, in shares of what the series gain by knowing the crops' curves at all: the curves of two regions or
years differ by more than a shift, and where they differ some shift always fits a little better."""
MIN_GAIN_FAR = 0.6
"""Least gain in log-likelihood of a series by a shift of 64 days; by others it goes with the square of their days, as
if shifts came from a normal distribution. Series that tell little fit some far shift by chance, above all where their
dates come to lie in a gap of the source's."""
NEARLY = 0.95
"""Of shifts that gain nearly as much as the best, in shares of its gain, the least is taken: what crops grew in
a season moves the curves a little, too."""
MIN_DATES = 4
"""With fewer dates in season, here or there, no shift is looked for."""
MIN_OVERLAP = 0.5
"""Least share of the target's dates in season that must be so under a shift, too, for it to be looked at."""
MAX_DATES = 40
"""Dates of the target that are asked at most: the cost grows with their third power."""


@dataclass(frozen=True)
class ShiftEstimate:
    """The shift taken, the best one found, and what speaks for each."""

    days: float = 0.0
    """Days to add to the target's days; 0 where the calendar is kept."""
    best: float = 0.0
    """The likeliest shift."""
    certainty: float = 0.0
    """Its gain in standard errors."""
    recognised: float = 0.0
    """Mean gain in log-likelihood of a series under the best over curves without a course; below 0 the target looks
    like no crop of the source on any calendar."""
    beyond: bool = False
    """Whether the best is clear, and as far as was looked: then it is not taken."""
    gain: dict[float, float] | None = None
    """Mean gain in log-likelihood of a series by every shift looked at; None where none was."""

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


def estimate_shift(
    curves: CropProfiles,
    values: np.ndarray,
    day: np.ndarray,
    calendar: Calendar,
    tick: Callable[[], None] = lambda: None,
    shifts: Sequence[float] = SHIFTS,
) -> ShiftEstimate:
    """Find the shift of the target's days, or keep 0.

    A shift is compared with none on the dates that are in season under both: a season that is seen in part
    must not look like one that is moved.

    Parameters
    ----------
    curves : those of the source.
    values : (n, t, c) target series, standardised as the source's were; NaN for gaps, in all bands.
    day : (t,) their days as they came.
    calendar : the season of the source.
    tick : called before each shift; may raise to cancel.
    shifts : shifts looked at first, increasing; the best is not taken at the ends of their range. 0 is always
        among them.
    """
    kept = _most_seen(np.isfinite(values).all(axis=2) & calendar.inside(calendar.align_days(day, 0.0)))
    if min(len(kept), curves.dates) < MIN_DATES:
        return ShiftEstimate()
    values, day = values[:, kept], day[kept]
    values = values[np.isfinite(values).all(axis=2).any(axis=1)]
    if len(values) < 2:
        return ShiftEstimate()
    gains: dict[float, np.ndarray] = {0.0: np.zeros(len(values))}

    def likelihood(model: CropProfiles, shift: float, dates: np.ndarray) -> np.ndarray:
        return mixture_likelihood(model.log_likelihood(values[:, dates], calendar.align_days(day, shift)[dates]))

    known: dict[bytes, np.ndarray] = {}

    def unmoved(dates: np.ndarray) -> np.ndarray:
        key = dates.tobytes()
        if key not in known:
            known[key] = likelihood(curves, 0.0, dates)
        return known[key]

    def in_season(shift: float) -> np.ndarray:
        return calendar.inside(calendar.align_days(day, shift))

    def judge(shift: float) -> None:
        dates = in_season(shift)
        if shift in gains or dates.sum() < max(MIN_DATES, MIN_OVERLAP * len(day)):
            return
        tick()
        gains[shift] = likelihood(curves, shift, dates) - unmoved(dates)

    def best() -> float:
        return max(sorted(gains, key=abs), key=lambda shift: float(gains[shift].mean()))

    for shift in sorted(map(float, shifts)):
        judge(shift)
    first, last = min(gains), max(gains)
    for step in REFINE:
        at = best()
        judge(max(first, at - step))
        judge(min(last, at + step))
    at = best()
    means = {shift: float(each.mean()) for shift, each in gains.items()}
    error = float(gains[at].std(ddof=1) / np.sqrt(len(values)))
    certainty = means[at] / error if error > 0 else 0.0
    dates = in_season(at)
    recognised = float((gains[at] + unmoved(dates) - likelihood(curves.without_course(), at, dates)).mean())
    least = max(MIN_GAIN * recognised, MIN_GAIN_FAR * (at / SHIFTS[-1]) ** 2)
    clear = certainty > MIN_CERTAINTY and means[at] > least and recognised > 0
    # Where the likelihood still rises at the end of what was looked at, the greatest one is not known.
    beyond = clear and at in (first, last)
    taken = _least_of_the_best(means, at)
    if not clear or beyond or abs(taken) < MIN_SHIFT_DAYS:
        taken = 0.0
    return ShiftEstimate(taken, at, certainty, recognised, beyond, means)


def _least_of_the_best(means: dict[float, float], at: float) -> float:
    """The shift nearest to 0 in the unbroken run beside the best (``at``) whose gains are nearly as great.

    It is 0 where one to the other side is as good.
    """
    nearly = {shift for shift, mean in means.items() if mean >= NEARLY * means[at]}
    if any(shift * at < 0 for shift in nearly):
        return 0.0
    taken = at
    for shift in sorted((shift for shift in means if 0 <= shift * np.sign(at) < abs(at)), key=abs, reverse=True):
        if shift not in nearly:
            break
        taken = shift
    return taken


def _most_seen(seen: np.ndarray) -> np.ndarray:
    """At most ``MAX_DATES`` of the dates of series (n, t) that were seen: of as many runs of dates the most seen."""
    count = seen.sum(axis=0)
    runs = np.array_split(np.flatnonzero(count), MAX_DATES)
    return np.array([run[count[run].argmax()] for run in runs if len(run)], dtype=int)


def mixture_likelihood(log_likelihood: np.ndarray) -> np.ndarray:
    """Log-likelihood (n,) of series in a mixture of crops, from that (n, k) as each crop.

    The class shares are found by expectation-maximisation.
    """
    shares = estimate_class_shares(softmax(log_likelihood, axis=1))
    return logsumexp(log_likelihood + np.log(shares), axis=1)
