"""How many days the target's season runs before or behind the source's, estimated without target labels.

The shift is that under which the target's series are likeliest as those of the source's crops (:mod:`crop_curves`),
in class shares of their own: maximum likelihood over a mixture. It is taken where the gain is far beyond chance and
the target looks like crops of the source at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

from .class_shares import estimate_class_shares
from .crop_curves import CropCurves

SHIFTS = tuple(range(-64, 65, 8))
"""Shifts looked at first, in days."""
REFINE = (4.0, 2.0)
"""Steps in days by which the best is refined."""
LEAST_DAYS = 12.0
"""No shift below this is taken: crops of one region differ by as much from year to year, and networks learn on series
whose days are jittered."""
CERTAIN = 5.0
"""Least gain in likelihood of a series, in standard errors: more than chance, since neighbours are alike."""
LEAST_GAIN = 0.1
"""Least gain, in shares of what the series gain by knowing the crops' curves at all: the curves of two regions or
years differ by more than a shift, and where they differ some shift always fits a little better."""
NEARLY = 0.95
"""Of shifts that gain nearly as much as the best, in shares of its gain, the least is taken: what crops grew in
a season moves the curves a little, too."""
LEAST_DATES = 4
"""With fewer dates, here or there, no shift is looked for."""
MOST_DATES = 40
"""Dates of the target that are asked at most, evenly drawn: the cost grows with their third power."""


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
        certainty, recognised = round(self.certainty, 2), round(self.recognised, 3)
        return {"days": self.days, "best": self.best, "certainty": certainty, "recognised": recognised, "gain": gain}


def estimate_shift(
    curves: CropCurves,
    values: np.ndarray,
    place: Callable[[float], np.ndarray],
    tick: Callable[[], None] = lambda: None,
    shifts: Sequence[float] = SHIFTS,
) -> ShiftEstimate:
    """Find the shift of the target's days, or keep 0.

    Parameters
    ----------
    curves : those of the source.
    values : (n, t, c) target series, standardised as the source's were, NaN for gaps.
    place : gives the days (t,) on the source's calendar under a shift in days.
    tick : called before each shift; may raise to cancel.
    shifts : shifts looked at first, increasing; one at the ends of their range is not taken. 0 is always among them.
    """
    if min(values.shape[1], curves.dates) < LEAST_DATES:
        return ShiftEstimate()
    asked = np.unique(np.linspace(0, values.shape[1] - 1, MOST_DATES).round().astype(int))
    values = values[:, asked]
    values = values[np.isfinite(values).all(axis=2).any(axis=1)]
    if len(values) < 2:
        return ShiftEstimate()
    likelihood: dict[float, np.ndarray] = {}

    def judge(shift: float) -> None:
        if shift not in likelihood:
            tick()
            likelihood[shift] = mixture_likelihood(curves.log_likelihood(values, place(shift)[asked]))

    def best() -> float:
        return max(sorted(likelihood, key=abs), key=lambda shift: float(likelihood[shift].mean()))

    for shift in sorted({0.0, *map(float, shifts)}):
        judge(shift)
    for step in REFINE:
        at = best()
        judge(at - step)
        judge(at + step)
    at = best()
    gains = {shift: each - likelihood[0.0] for shift, each in likelihood.items()}
    means = {shift: float(each.mean()) for shift, each in gains.items()}
    error = float(gains[at].std(ddof=1)) / np.sqrt(len(values))
    certainty = means[at] / error if error > 0 else 0.0
    near = min((shift for shift, mean in means.items() if mean >= NEARLY * means[at]), key=abs)
    strange = mixture_likelihood(curves.without_course().log_likelihood(values, place(0.0)[asked]))
    recognised = float((likelihood[at] - strange).mean())
    clear = certainty > CERTAIN and means[at] > LEAST_GAIN * recognised > 0
    # Where the likelihood still rises at the end of what was looked at, the greatest one is not known.
    beyond = clear and not min(shifts) < at < max(shifts)
    taken = near if clear and not beyond and abs(near) >= LEAST_DAYS else 0.0
    return ShiftEstimate(taken, at, certainty, recognised, beyond, means)


def mixture_likelihood(log_likelihood: np.ndarray) -> np.ndarray:
    """Log-likelihood (n,) of series in the mixture of crops that fits them all best, from that (n, k) as each crop."""
    shares = estimate_class_shares(softmax(log_likelihood, axis=1))
    return logsumexp(log_likelihood + np.log(shares), axis=1)
