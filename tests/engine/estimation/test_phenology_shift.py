"""The shift of the season: found where there is one, kept at 0 where there is none."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import norm

from engine.estimation.phenology_shift import (
    INDEPENDENT,
    MAX_DATES,
    MIN_SHIFT_DAYS,
    PRIOR_KEPT,
    PRIOR_SPREAD,
    RECOGNISED,
    estimate_shift,
    mixture_likelihood,
    posterior,
)
from engine.estimation.temporal_profiles import CropProfiles
from engine.models.trained import Calendar
from tests.helpers.seasons import CURVES, HERE, SHARES, SOURCE, THERE, season


def calendar(day):
    return Calendar(float(day[0]), float(day[-1]), 16.0)


def found(values, day=THERE, curves=CURVES, here=HERE, **keywords):
    return estimate_shift(curves, values, day, calendar(here), **keywords)


@pytest.mark.parametrize("delay", [-40, -20, 16, 31, 48])
def test_an_injected_shift_is_found_on_few_dates_with_gaps_and_other_class_shares(delay):
    values, _ = season(400, THERE, seed=1, delay=delay, shares=(0.1, 0.2, 0.7))
    estimate = found(values)
    assert estimate.best == pytest.approx(-delay, abs=6)
    assert estimate.days == pytest.approx(-delay, abs=8) and estimate.probability > 0.9


@pytest.mark.parametrize("shares", [SHARES, (0.05, 0.05, 0.9), (0.9, 0.05, 0.05)])
def test_where_only_the_crops_differ_the_calendar_is_kept(shares):
    estimate = found(season(400, THERE, seed=2, shares=shares)[0])
    assert estimate.days == 0 and abs(estimate.best) < MIN_SHIFT_DAYS


@pytest.mark.parametrize("there", [(60, 250), (10, 210), (190, 350)])
@pytest.mark.parametrize("here", [(10, 350), (150, 350), (10, 210)])
def test_seasons_that_are_seen_in_part_are_not_taken_for_moved_ones(here, there):
    here, there = np.arange(*here, 12.0), np.arange(*there, 11.0)
    values, labels = season(600, here, seed=0)
    curves = CropProfiles.of(values, here, labels, 3)
    for seed in range(3):
        assert abs(found(season(600, there, seed=seed)[0], there, curves, here).days) == 0


def test_a_season_that_is_seen_in_part_is_moved_where_it_is_late():
    there = np.arange(60, 250, 11.0)
    assert found(season(400, there, seed=1, delay=30)[0], there).days == pytest.approx(-30, abs=8)


def test_a_small_drift_is_seen_and_left_alone():
    estimate = found(season(400, THERE, seed=3, delay=8)[0])
    assert estimate.days == 0 and estimate.best == pytest.approx(-8, abs=4)


@pytest.mark.parametrize(("gain", "offset"), [(1.4, 0.0), (0.7, 0.0), (1.0, 3.0), (1.2, -1.5)])
def test_another_sensor_does_not_move_the_season(gain, offset):
    values, _ = season(400, THERE, seed=1, delay=24)
    assert found(gain * values + np.float32(offset)).days == pytest.approx(-24, abs=10)
    values, _ = season(400, THERE, seed=1)
    assert found(gain * values + np.float32(offset)).days == 0


@pytest.mark.parametrize("width", [2.0, 50.0], ids=["other courses", "no course"])
def test_series_that_look_like_no_crop_show_no_shift(width):
    rng = np.random.default_rng(0)
    values = gaussian_filter1d(rng.normal(size=(300, len(THERE), 1)), width, axis=1, mode="wrap")
    values = (values / values.std() + rng.normal(0, 0.2, values.shape)).astype(np.float32)
    estimate = found(values)
    # Some calendar fits better than the others; none fits.
    assert estimate.days == 0 and estimate.best != 0 and estimate.recognised < 0
    assert found(season(300, THERE, seed=1, delay=24)[0]).recognised > 0


def test_a_few_clouds_that_were_missed_do_not_decide():
    values, _ = season(400, THERE, seed=1, delay=24)
    values[:12] = 8.0  # where standardised values are clipped
    assert found(values).days == pytest.approx(-24, abs=8)


def test_several_bands_tell_together():
    values, labels = season(600, HERE, seed=0, bands=3)
    curves = CropProfiles.of(values, HERE, labels, 3)
    assert found(season(400, THERE, seed=1, delay=-24, bands=3)[0], curves=curves).days == pytest.approx(24, abs=6)


class Profile:
    """Curves under which every series has a given mean gain by the shift, some more and some less."""

    dates = 12

    def __init__(self, gain, spread=0.1, recognised=10.0):
        self.gain, self.spread, self.recognised = gain, spread, recognised

    def without_course(self):
        return Profile(lambda shift: self.gain(0) - self.recognised, spread=0.0)

    def log_likelihood(self, values, day):
        shift = float(day[0] - HERE[0])
        wobble = self.spread * np.linspace(-1, 1, len(values)) * (shift != 0)
        return np.repeat((self.gain(shift) + wobble)[:, None], 3, axis=1)


def taken(gain, spread=0.1, recognised=10.0, **keywords):
    """The estimate on such curves; the season is as long as one has to be that no shift leaves it."""
    whole = Calendar(-1000.0, 1000.0, 0.0)
    values = np.zeros((100, 12, 1), np.float32)
    return estimate_shift(Profile(gain, spread, recognised), values, HERE[:12], whole, **keywords)


def peak(at, height=4.0, width=15.0):
    return lambda shift: height * np.exp(-0.5 * ((shift - at) / width) ** 2)


def test_probabilities_follow_bayes_rule():
    gain = {-16.0: 0.3, -8.0: 0.1, 0.0: 0.0, 8.0: -0.2, 16.0: -0.4}
    shifts = np.array(list(gain))
    prior = (1 - PRIOR_KEPT) * (density := norm.pdf(shifts, 0, PRIOR_SPREAD)) / density.sum()
    prior[2] += PRIOR_KEPT
    for recognised, share in ((5.0, 1.0), (RECOGNISED / 2, 0.5), (-1.0, 0.0)):
        expected = prior * np.exp(INDEPENDENT * share * np.array(list(gain.values())))
        found = posterior(gain, recognised)
        np.testing.assert_allclose(list(found.values()), expected / expected.sum(), rtol=1e-9)
    assert posterior({0.0: 0.0}, 1.0) == {0.0: 1.0}
    assert posterior(gain, 5.0, 0.5) == posterior(gain, RECOGNISED / 2) != posterior(gain, 5.0)


def test_a_small_gain_keeps_the_calendar_and_a_far_shift_must_gain_more():
    assert taken(peak(-24)).days == -24
    assert taken(peak(-24, 0.1)).days == 0
    near, far = taken(peak(-20, 0.5, 8.0)), taken(peak(-56, 0.5, 8.0))
    assert near.days == pytest.approx(-20, abs=4) and far.days == 0 and far.best == -56
    assert taken(peak(-56, 1.0, 8.0)).days == pytest.approx(-56, abs=4)


def test_series_that_resemble_no_crop_tell_no_shift():
    assert taken(peak(-24), recognised=5.0).days == -24
    assert taken(peak(-24), recognised=-5.0).hypotheses[0][0] == 0


def test_two_shifts_that_are_nearly_as_probable_are_both_kept():
    def both(second):
        return lambda shift: max(peak(24, 1.0, 6.0)(shift), peak(-24, second, 6.0)(shift))

    estimate = taken(both(0.97), recognised=2.0)
    assert sorted(days for days, _ in estimate.hypotheses[:2]) == pytest.approx([-24, 24], abs=2)
    assert sum(probability for _, probability in estimate.hypotheses) <= 1 + 1e-9
    assert len(taken(both(0.3), recognised=2.0).hypotheses) == 1


def test_a_little_more_gain_does_not_change_the_probabilities_much():
    """No threshold on the way: what is probable grows steadily with the gain."""
    heights = np.linspace(0.0, 1.5, 61)
    of_shift = [sum(p for days, p in taken(peak(-24, h)).hypotheses if days) for h in heights]
    gain = [posterior({float(s): peak(-24, h)(s) for s in range(-64, 65, 8)}, 5.0)[-24.0] for h in heights]
    assert np.abs(np.diff(gain)).max() < 0.05 and gain == sorted(gain) and of_shift[0] < 0.5 < 0.9 < of_shift[-1]


@pytest.mark.parametrize("at", [-90, 90])
def test_a_shift_that_may_be_farther_than_was_looked_is_told_and_not_taken(at):
    estimate = taken(peak(at, width=40.0))
    assert estimate.beyond and estimate.days == 0 and estimate.best == np.clip(at, -64, 64)
    assert estimate.report()["beyond"] is True and not taken(peak(np.sign(at) * 40)).beyond


def test_the_mixture_weighs_the_crops_as_the_series_show_them():
    # Two crops that cannot be taken for each other, three series of four from the first.
    each = np.log(np.array([[0.8, 1e-12]] * 3000 + [[1e-12, 0.8]] * 1000))
    np.testing.assert_allclose(mixture_likelihood(each)[[0, -1]], np.log([0.8 * 0.75, 0.8 * 0.25]), atol=1e-3)


def test_every_shift_is_judged_once_and_a_cancel_is_heard():
    class Stop(Exception):
        pass

    asked = []
    values, _ = season(60, THERE, seed=1, delay=24)
    estimate = found(values, tick=lambda: asked.append(1))
    assert len(asked) == len(estimate.gain) - 1 >= 16  # nothing is to be asked of 0

    def stop():
        raise Stop

    with pytest.raises(Stop):
        found(values, tick=stop)


def test_too_few_dates_or_series_show_nothing():
    values, _ = season(60, THERE, seed=1, delay=24, missing=0.0)
    assert found(values[:, :3], THERE[:3]).gain is None
    assert found(values[:1]).gain is None
    assert found(np.full_like(values, np.nan)).gain is None
    assert found(values, here=np.array([1.0, 40.0])).gain is None  # dates out of season do not count
    unseen = values.copy()
    unseen[:, 3:] = np.nan
    assert found(unseen).gain is None
    for dates in (1, 3):
        few = CropProfiles.of(SOURCE[0][:, :dates], HERE[:dates], SOURCE[1], 3)
        assert found(values, curves=few).gain is None


def test_of_a_dense_season_the_dates_that_most_series_saw_are_asked():
    day = np.linspace(10, 350, 2 * MAX_DATES)
    values, _ = season(200, day, seed=1, delay=24, missing=0.0)
    values[:150, 1::2] = np.nan  # another orbit
    seen = set()

    class Asked:
        dates, without_course = CURVES.dates, CURVES.without_course

        def log_likelihood(self, values, day):
            seen.add((values.shape[1], float(np.isfinite(values).mean())))
            return CURVES.log_likelihood(values, day)

    assert found(values, day, Asked()).days == pytest.approx(-24, abs=8)
    assert max(seen) == (MAX_DATES, 1.0)
