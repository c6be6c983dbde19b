"""The curves of the crops: against scikit-learn and SciPy, and where the source shows little."""

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import multivariate_t
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern
from sklearn.metrics import balanced_accuracy_score

from engine.estimation.temporal_profiles import FLOOR, FREEDOM, LENGTH, LEVEL, TELLING, CropProfiles
from tests.helpers.seasons import CURVES, HERE, SOURCE, THERE, season


def test_mean_curves_are_those_of_a_gaussian_process():
    band = CURVES.bands[0]
    kernel = ConstantKernel(band.spread, "fixed") * Matern(LENGTH, "fixed", nu=0.5)
    theirs = GaussianProcessRegressor(kernel, alpha=band.error + FLOOR * band.spread).fit(HERE[:, None], band.course)
    day = np.array([-40.0, 3.0, 100.0, 101.5, 340.0, 420.0])
    course, sigma = theirs.predict(day[:, None], return_cov=True)
    mean, scale = band.at(day)
    np.testing.assert_allclose(mean, band.level[:, None] + course.T, atol=1e-9)
    near = np.exp(-0.5 * ((day[:, None] - day) / band.length) ** 2)
    stray = band.constant + LEVEL**2 + band.slow * near + band.noise * np.eye(len(day))
    np.testing.assert_allclose(scale, stray + sigma[..., 0], atol=1e-9)
    prior = CURVES.without_course().bands[0].at(day)
    np.testing.assert_allclose(prior[0], np.repeat(band.level[:, None], len(day), axis=1))
    np.testing.assert_allclose(prior[1], stray + kernel(day[:, None]), atol=1e-9)


def test_likelihoods_are_those_of_a_multivariate_t_whatever_is_missing():
    values, _ = season(20, THERE, seed=4)
    values[0] = np.nan_to_num(values[0])
    ours = CURVES.log_likelihood(values, THERE)
    mean, scale = CURVES.bands[0].at(THERE)
    for series, row in zip(values[:, :, 0], ours):
        seen = np.isfinite(series)
        count = seen.sum()
        theirs = [multivariate_t(m[seen], scale[np.ix_(seen, seen)], df=FREEDOM).logpdf(series[seen]) for m in mean]
        constant = gammaln((FREEDOM + count) / 2) - gammaln(FREEDOM / 2) - count / 2 * np.log(FREEDOM * np.pi)
        np.testing.assert_allclose(row + constant, theirs, atol=1e-6)
    alone = np.concatenate([CURVES.log_likelihood(values[i : i + 1], THERE) for i in range(len(values))])
    np.testing.assert_allclose(ours, alone, atol=1e-9)
    assert (CURVES.log_likelihood(np.full_like(values, np.nan), THERE) == 0).all()


def test_curves_pass_through_the_means_and_are_unsure_far_from_the_dates():
    mean, _ = CURVES.bands[0].at(HERE)
    truth = [np.nanmean(SOURCE[0][SOURCE[1] == crop][:, :, 0], axis=0) for crop in range(3)]
    np.testing.assert_allclose(mean, truth, atol=0.15)
    _, scale = CURVES.bands[0].at(np.array([HERE[0] - 60, HERE[5]]))
    assert scale[0, 0] > 1.2 * scale[1, 1]


@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_what_makes_series_stray_is_told_apart(missing):
    rng = np.random.default_rng(0)
    day, labels = np.arange(0, 400, 16.0), np.repeat([0, 1], 1500)
    near = np.exp(-0.5 * ((day[:, None] - day) / 40) ** 2)
    slow = rng.multivariate_normal(np.zeros(len(day)), 0.3 * near + 1e-9 * np.eye(len(day)), len(labels))
    values = slow + rng.normal(0, 0.2**0.5, (len(labels), 1)) + rng.normal(0, 0.1**0.5, slow.shape)
    values[rng.random(values.shape) < missing] = np.nan
    band = CropProfiles.of(values[:, :, None], day, labels, 2).bands[0]
    assert band.length == 40
    np.testing.assert_allclose([band.constant, band.slow, band.noise], [0.2, 0.3, 0.1], atol=0.03)
    # Two orbits: no series has dates of both.
    orbits = values.copy()
    orbits[::2, ::2] = np.nan
    orbits[1::2, 1::2] = np.nan
    split = CropProfiles.of(orbits[:, :, None], day, labels, 2).bands[0]
    np.testing.assert_allclose([split.constant, split.slow, split.noise], [0.2, 0.3, 0.1], atol=0.06)


def test_two_series_a_crop_do_not_hide_how_far_they_stray():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 20, 1))
    band = CropProfiles.of(values, np.arange(20) * 16.0, np.arange(400) // 2, 200).bands[0]
    assert band.noise + band.constant + band.slow == pytest.approx(1.0, abs=0.1)


def test_a_crop_without_series_on_a_date_has_a_curve_between_its_others():
    values, labels = season(300, HERE, seed=6)
    crop, hidden = labels == 2, slice(10, 13)  # where it rises
    values[crop, hidden] = np.nan
    mean, scale = CropProfiles.of(values, HERE, labels, 3).bands[0].at(HERE)
    left, right = (np.nanmean(values[crop, date]) for date in (9, 13))
    assert np.isfinite(scale).all() and (np.diff(mean[2, 9:14]) > 0).all()
    np.testing.assert_allclose(mean[2, hidden], np.linspace(left, right, 5)[1:4], atol=0.25)


def test_dates_that_were_never_seen_change_nothing():
    values, labels = season(200, HERE, seed=6)
    wide = np.full((200, 2 * len(HERE), 1), np.nan, np.float32)
    wide[:, ::2] = values
    day = np.sort(np.concatenate([HERE, HERE + 8]))
    with_them, without = (CropProfiles.of(x, d, labels, 3) for x, d in ((wide, day), (values, HERE)))
    assert with_them.dates == without.dates == len(HERE)
    for one, other in zip(with_them.bands[0].at(THERE), without.bands[0].at(THERE)):
        np.testing.assert_allclose(one, other)


def test_bands_that_tell_the_same_count_once():
    rng = np.random.default_rng(0)
    copies = CropProfiles.of(SOURCE[0].repeat(4, axis=2), HERE, SOURCE[1], 3)
    assert copies.weight == pytest.approx(1 / 4)
    own = rng.normal(size=(500, 10, 4))
    assert CropProfiles.of(own, HERE[:10], np.arange(500) % 3, 3).weight == pytest.approx(1, abs=0.01)


def test_constant_bands_and_empty_sources_have_finite_likelihoods():
    values, labels = np.zeros((30, len(HERE), 2), np.float32), np.repeat([0, 1], 15)
    for curves in (
        CropProfiles.of(values, HERE, labels, 2),
        CropProfiles.of(np.full_like(values, np.nan), HERE, labels, 2),
        CropProfiles.of(values, HERE, labels, 3),  # a class of which there is nothing
        CropProfiles.of(values[:, :1], HERE[:1], labels, 2),
    ):
        assert np.isfinite(curves.log_likelihood(values[:4], HERE)).all()


@pytest.mark.parametrize("wrong", [0.0, 0.4, 0.55, 1.0])
def test_the_evidence_of_profiles_follows_their_accuracy_beyond_chance(wrong):
    values, labels = season(600, HERE, seed=5)
    rng = np.random.default_rng(0)
    mixed = np.where(rng.random(600) < wrong, rng.permutation(labels), labels)
    accuracy = balanced_accuracy_score(mixed, CURVES.log_likelihood(values, HERE).argmax(axis=1))
    beyond = (accuracy - 1 / 3) / (2 / 3)
    expected = np.clip((beyond - TELLING[0]) / (TELLING[1] - TELLING[0]), 0, 1)
    assert CURVES.evidence(values, HERE, mixed) == pytest.approx(expected)
    assert {0.0: expected == 1, 0.55: 0 < expected < 1, 1.0: expected == 0}.get(wrong, True)
    assert CURVES.evidence(values[:0], HERE, labels[:0]) == 0.0
