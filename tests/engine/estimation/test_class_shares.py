"""Class shares, temperature, neighbours, statistics: estimates recovered where the truth is known."""

import numpy as np
import pytest
import torch

from engine.estimation.calibration import fit_temperature
from engine.estimation.class_shares import (
    ShareUncertainty,
    adjust_to_shares,
    estimate_class_shares,
    expected_shares,
    shrink_shares,
)
from engine.methods.ghca.knn_smoothing import nearest_neighbours, smooth_over_neighbours
from engine.methods.shared.tensors import softmax
from engine.models.standardise import band_statistics, matched_statistics


def simulated_probability(shares, n, rng):
    """Exact class-balanced posteriors of points from unit Gaussians two apart, drawn by the shares."""
    labels = rng.choice(len(shares), size=n, p=shares)
    x = rng.normal(2.0 * labels, 1.0)
    density = np.exp(-0.5 * (x[:, None] - 2.0 * np.arange(len(shares))) ** 2)
    return density / density.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("shares", [(0.1, 0.2, 0.7), (0.45, 0.5, 0.05)])
def test_class_shares_are_recovered(shares):
    probability = simulated_probability(np.array(shares), 20000, np.random.default_rng(0))
    np.testing.assert_allclose(estimate_class_shares(probability), shares, atol=0.015)


def test_class_shares_of_a_classifier_trained_on_unequal_shares():
    trained = np.array([0.6, 0.3, 0.1])
    balanced = simulated_probability(np.array([0.1, 0.2, 0.7]), 20000, np.random.default_rng(1))
    found = estimate_class_shares(adjust_to_shares(balanced, trained), trained)
    np.testing.assert_allclose(found, [0.1, 0.2, 0.7], atol=0.015)


def test_sure_predictions_give_their_counts_and_weights_count():
    sure = np.eye(2)[[0, 0, 0, 1]]
    np.testing.assert_allclose(estimate_class_shares(sure, prior_count=0), [0.75, 0.25], atol=1e-6)
    weighted = estimate_class_shares(sure, weight=np.array([1, 1, 1, 3.0]), prior_count=0)
    np.testing.assert_allclose(weighted, [0.5, 0.5], atol=1e-6)


def test_one_pixel_does_not_make_a_map_of_one_crop():
    shares = estimate_class_shares(np.array([[0.98, 0.01, 0.01]]))
    assert shares.max() < 0.6 and shares.sum() == pytest.approx(1)


def test_adjusted_predictions_follow_bayes():
    np.testing.assert_allclose(adjust_to_shares(np.array([[0.5, 0.5]]), np.array([0.8, 0.2])), [[0.8, 0.2]])


@pytest.mark.parametrize(("trust", "expected"), [(0.0, [0.5, 0.5]), (0.5, [2 / 3, 1 / 3]), (1.0, [0.8, 0.2])])
def test_predictions_follow_shares_as_far_as_these_are_trusted(trust, expected):
    adjusted = adjust_to_shares(np.array([[0.5, 0.5]]), np.array([0.8, 0.2]), strength=trust)
    np.testing.assert_allclose(adjusted, [expected])


def test_shares_that_differ_no_more_than_their_error_are_those_of_the_source():
    source = np.array([0.5, 0.3, 0.2])
    near, far = source + [0.06, -0.03, -0.03], np.array([0.1, 0.2, 0.7])
    doubt = ShareUncertainty(error=0.1, minimum=0.0)
    np.testing.assert_allclose(shrink_shares(near, source, doubt), source)
    # By hand: the squared distance is .16 + .01 + .25, so .01 / .42 of the way is taken back.
    np.testing.assert_allclose(shrink_shares(far, source, doubt), far + 0.01 / 0.42 * (source - far))
    np.testing.assert_allclose(shrink_shares(near, source, ShareUncertainty(0.0, 0.0)), near)
    np.testing.assert_allclose(shrink_shares(source, source, ShareUncertainty(0.0, 0.0)), source)


def test_shares_in_use_never_lose_a_class():
    lost = np.array([0.6, 0.4, 0.0, 0.0])
    used = shrink_shares(lost, lost, ShareUncertainty(error=0.1, minimum=0.25))
    np.testing.assert_allclose(used, np.array([0.6, 0.4, 0.0625, 0.0625]) / 1.125)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.5])
def test_temperature_is_recovered(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, size=(20000, 4))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (p.cumsum(axis=1) > rng.random((20000, 1))).argmax(axis=1)
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.05)


def test_temperature_stays_in_its_range_where_every_sample_is_right():
    assert fit_temperature(np.eye(3) * 5, np.arange(3)) == pytest.approx(0.2, abs=1e-3)


def test_neighbours_are_the_nearest_by_angle_and_never_the_pixel_itself():
    angle = torch.tensor([0.0, 0.1, 0.25, 3.0, 3.1])
    found = nearest_neighbours(torch.stack([angle.cos(), angle.sin()], dim=1), 1)
    np.testing.assert_array_equal(found[:, 0], [1, 0, 1, 4, 3])


def test_a_dissenter_inside_a_cluster_is_overruled():
    probability = np.tile([0.9, 0.1], (6, 1))
    probability[0] = [0.4, 0.6]
    neighbours = nearest_neighbours(torch.eye(6) * 0.01 + 1, 5)
    smoothed = smooth_over_neighbours(probability, neighbours, 0.5)
    assert smoothed[0].argmax() == 0
    np.testing.assert_allclose(smoothed.sum(axis=1), 1)


def test_statistics_leave_gaps_out_and_follow_weights():
    values = np.array([[[1.0], [np.nan]], [[5.0], [5.0]]])
    plain = band_statistics(values)
    assert plain.mean[0] == pytest.approx(11 / 3)
    weighted = band_statistics(values, np.array([2.0, 1.0]))
    assert weighted.mean[0] == pytest.approx(3.0) and weighted.std[0] == pytest.approx(2.0)


def test_matched_statistics_undo_the_sensor_and_keep_the_crops():
    """The target grows other shares of the same two crops and is seen through another gain and offset."""
    rng = np.random.default_rng(0)
    day = np.arange(0, 240, 12, dtype=np.float32)
    crops = np.stack([np.exp(-(((day - 60) / 30) ** 2)), np.exp(-(((day - 160) / 50) ** 2))])[:, :, None]

    def grow(counts):
        return np.repeat(crops, counts, axis=0) + 0.05 * rng.normal(size=(sum(counts), len(day), 1))

    source, target = grow((200, 200)), grow((320, 80))
    seen = 1.3 * target + 0.2
    weight = np.repeat([0.8 / 200, 0.2 / 200], 200)
    base = band_statistics(source)
    found = matched_statistics(source, day, weight, seen, day, base)
    expected = base.apply(target)
    np.testing.assert_allclose(found.apply(seen), expected, atol=0.05)
    naive = matched_statistics(source, day, np.ones(400), seen, day, base)
    assert np.abs(naive.apply(seen) - expected).mean() > 3 * np.abs(found.apply(seen) - expected).mean()


def test_other_dates_of_the_same_fields_look_like_no_other_sensor():
    def seen(day):
        peaks = np.linspace(90, 150, 40)[:, None]
        return np.exp(-(((day[None] - peaks) / 35) ** 2))[:, :, None].astype(np.float32)

    source_day = np.arange(0, 240, 20, dtype=np.float32)
    # Half of the target's dates lie in the month of the peak, and its season begins and ends at other times.
    target_day = np.array([10, 40, 70, 95, 100, 105, 110, 115, 140, 170, 200, 260], np.float32)
    source, target = seen(source_day), seen(target_day)
    base = band_statistics(source)
    found = matched_statistics(source, source_day, np.ones(40), target, target_day, base)
    assert found.mean[0] == pytest.approx(base.mean[0], abs=0.02)
    assert found.std[0] == pytest.approx(base.std[0], abs=0.02)
    plain = band_statistics(target)
    assert abs(plain.mean[0] - base.mean[0]) > 0.1


def test_seasons_that_never_meet_keep_the_statistics_of_the_source():
    values = np.random.default_rng(0).random((5, 3, 1)).astype(np.float32)
    base = band_statistics(values)
    early, late = np.array([0.0, 10, 20], np.float32), np.array([200.0, 210, 220], np.float32)
    assert matched_statistics(values, early, np.ones(5), values * 3, late, base) is base


def test_expected_shares_are_less_extreme_than_the_most_likely_ones():
    rng = np.random.default_rng(0)
    probability = softmax(rng.normal(0, 4, size=(2000, 3)) + [1.0, 0.0, 0.0])
    np.testing.assert_allclose(expected_shares(probability), probability.mean(axis=0))
    assert np.ptp(expected_shares(probability)) < np.ptp(estimate_class_shares(probability))
