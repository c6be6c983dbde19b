"""The shift of the season: found where there is one, kept at 0 where there is none."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import multivariate_t
from sklearn.gaussian_process import GaussianProcessRegressor

from engine.alignment.crop_curves import FREEDOM, CropCurves
from engine.alignment.phenology_shift import (
    CERTAIN,
    LEAST_DAYS,
    MOST_DATES,
    estimate_shift,
    mixture_likelihood,
)

PEAKS = (90.0, 150.0, 210.0)
SHARES = (0.5, 0.3, 0.2)


def season(count, day, seed, delay=0.0, shares=SHARES, missing=0.25, noise=0.08, bands=1):
    """Series (n, t, c) of three crops that peak one after another, ``delay`` days late, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, count, p=shares)
    peak = np.array(PEAKS)[labels] + delay + rng.normal(0, 6, count)
    bell = np.exp(-0.5 * ((day - peak[:, None]) / 30) ** 2)[:, :, None] * np.linspace(1, -0.5, bands)
    values = bell + rng.normal(0, 0.1, (count, 1, 1)) + rng.normal(0, noise, bell.shape)
    values[rng.random(bell.shape[:2]) < missing] = np.nan
    return (values / 0.3).astype(np.float32), labels


HERE, THERE = np.arange(10, 350, 16.0), np.sort(np.random.default_rng(5).uniform(10, 350, 12))
SOURCE = season(600, HERE, seed=0)
CURVES = CropCurves.of(SOURCE[0], HERE, SOURCE[1], 3)


def found(values, day=THERE, curves=CURVES, **keywords):
    return estimate_shift(curves, values, lambda shift: day + shift, **keywords)


@pytest.mark.parametrize("delay", [-40, -20, 16, 31, 48])
def test_an_injected_shift_is_found_on_few_dates_with_gaps_and_other_class_shares(delay):
    values, _ = season(400, THERE, seed=1, delay=delay, shares=(0.1, 0.2, 0.7))
    estimate = found(values)
    assert estimate.best == pytest.approx(-delay, abs=4)
    assert estimate.days == pytest.approx(-delay, abs=8) and abs(estimate.days) <= abs(estimate.best)
    assert estimate.certainty > CERTAIN


@pytest.mark.parametrize("shares", [SHARES, (0.05, 0.05, 0.9), (0.9, 0.05, 0.05)])
def test_where_only_the_crops_differ_the_calendar_is_kept(shares):
    estimate = found(season(400, THERE, seed=2, shares=shares)[0])
    assert estimate.days == 0 and abs(estimate.best) < LEAST_DAYS


def test_a_small_drift_is_seen_and_left_alone():
    estimate = found(season(400, THERE, seed=3, delay=8)[0])
    assert estimate.days == 0 and estimate.best == pytest.approx(-8, abs=4) and estimate.certainty > CERTAIN


@pytest.mark.parametrize(("gain", "offset"), [(1.4, 0.0), (0.7, 0.0), (1.0, 0.8), (1.2, -0.5)])
def test_another_sensor_does_not_move_the_season(gain, offset):
    values, _ = season(400, THERE, seed=1, delay=24)
    assert found(gain * values + np.float32(offset)).days == pytest.approx(-24, abs=8)
    values, _ = season(400, THERE, seed=1)
    assert found(gain * values + np.float32(offset)).days == 0


@pytest.mark.parametrize("width", [2.0, 50.0], ids=["other courses", "no course"])
def test_series_that_look_like_no_crop_show_no_shift(width):
    rng = np.random.default_rng(0)
    values = gaussian_filter1d(rng.normal(size=(300, len(THERE), 1)), width, axis=1, mode="wrap")
    values = (values / values.std() + rng.normal(0, 0.2, values.shape)).astype(np.float32)
    estimate = found(values)
    # Some calendar fits better than the others, far beyond chance; none fits.
    assert estimate.days == 0 and estimate.certainty > CERTAIN and estimate.recognised < 0
    assert found(season(300, THERE, seed=1, delay=24)[0]).recognised > 0


def test_a_few_clouds_that_were_missed_do_not_decide():
    values, _ = season(400, THERE, seed=1, delay=24)
    values[:12] = 8.0  # where standardised values are clipped
    assert found(values).days == pytest.approx(-24, abs=8)


def test_several_bands_tell_together():
    values, labels = season(600, HERE, seed=0, bands=3)
    curves = CropCurves.of(values, HERE, labels, 3)
    assert 1 / 3 <= curves.weight <= 1
    assert found(season(400, THERE, seed=1, delay=-24, bands=3)[0], curves=curves).days == pytest.approx(24, abs=6)
    copies = CropCurves.of(SOURCE[0].repeat(4, axis=2), HERE, SOURCE[1], 3)
    assert copies.weight == pytest.approx(1 / 4)  # four copies of one band tell no more than it does


def test_likelihoods_are_those_of_a_multivariate_t_whatever_is_missing():
    values, _ = season(20, THERE, seed=4)
    values[0] = np.nan_to_num(values[0])
    ours = CURVES.log_likelihood(values, THERE)
    mean, covariance = CURVES.bands[0].at(THERE)
    for series, row in zip(values[:, :, 0], ours):
        seen = np.isfinite(series)
        theirs = [
            multivariate_t(m[seen], covariance[np.ix_(seen, seen)], df=FREEDOM).logpdf(series[seen]) for m in mean
        ]
        # Up to a constant that depends on the number of dates alone.
        np.testing.assert_allclose(row - row[0], np.array(theirs) - theirs[0], atol=1e-6)
    alone = np.concatenate([CURVES.log_likelihood(values[i : i + 1], THERE) for i in range(len(values))])
    np.testing.assert_allclose(ours, alone, atol=1e-9)


def test_curves_pass_through_the_means_and_are_unsure_far_from_the_dates():
    mean, covariance = CURVES.bands[0].at(HERE)
    truth = [np.nanmean(SOURCE[0][SOURCE[1] == crop][:, :, 0], axis=0) for crop in range(3)]
    np.testing.assert_allclose(mean, truth, atol=0.15)
    _, away = CURVES.bands[0].at(np.array([HERE[0] - 60, HERE[5]]))
    assert away[0, 0] > 1.3 * away[1, 1]
    assert isinstance(CURVES.bands[0].process, GaussianProcessRegressor)


def test_a_crop_that_was_never_seen_on_a_date_gets_a_curve():
    values, labels = season(60, HERE, seed=6)
    values[labels == 2, 3:6] = np.nan
    mean, covariance = CropCurves.of(values, HERE, labels, 3).bands[0].at(HERE)
    assert np.isfinite(mean).all() and np.isfinite(covariance).all()


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
    assert len(asked) == len(estimate.gain) >= 17 and estimate.gain[0.0] == 0

    def stop():
        raise Stop

    with pytest.raises(Stop):
        found(values, tick=stop)


@pytest.mark.parametrize("shifts", [range(-64, 25, 8), range(-64, 33, 8)])
def test_a_shift_that_may_be_farther_than_was_looked_is_told_and_not_taken(shifts):
    estimate = found(season(400, THERE, seed=1, delay=-40)[0], shifts=tuple(shifts))
    assert estimate.beyond and estimate.days == 0 and estimate.best >= 16
    assert not found(season(400, THERE, seed=1, delay=-40)[0]).beyond


def test_too_few_dates_or_series_show_nothing():
    values, _ = season(60, THERE, seed=1, delay=24, missing=0.0)
    assert found(values[:, :3], THERE[:3]).gain is None
    assert found(values[:1]).gain is None
    assert found(np.full_like(values, np.nan)).gain is None
    three = CropCurves.of(SOURCE[0][:, :3], HERE[:3], SOURCE[1], 3)
    assert found(values, curves=three).days == 0 and found(values, curves=three).gain is None
    one = CropCurves.of(SOURCE[0][:, :1], HERE[:1], SOURCE[1], 3)
    assert found(values, curves=one).gain is None


def test_of_a_dense_season_some_dates_are_asked():
    day = np.linspace(10, 350, 2 * MOST_DATES)
    values, _ = season(200, day, seed=1, delay=24)
    seen = []

    class Asked:
        dates, without_course = CURVES.dates, CURVES.without_course

        def log_likelihood(self, values, day):
            seen.append(values.shape[1])
            return CURVES.log_likelihood(values, day)

    assert estimate_shift(Asked(), values, lambda shift: day + shift).days == pytest.approx(-24, abs=8)
    assert set(seen) == {MOST_DATES}
