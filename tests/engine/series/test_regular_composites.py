"""Composites against NumPy's own median and mean, and by the observation that is picked."""

import numpy as np
import pytest

from engine.series.composites import compose

PLACE = np.array([0, 0, 0, 0, 1, 2, 2, -1, 4, 4, 4])


@pytest.fixture
def series():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(60, len(PLACE), 3)).astype(np.float32)
    observed = rng.random((60, len(PLACE))) < 0.6
    # What a gap holds must not matter, finite or not.
    values[~observed] = rng.choice([np.nan, 99.0, -np.inf], (~observed).sum())[:, None]
    return values, observed


@pytest.mark.parametrize("method, of_numpy", [("median", np.median), ("mean", np.mean)])
def test_median_and_mean_are_numpys_over_what_was_observed(series, method, of_numpy):
    values, observed = series
    composites = compose(values, observed, PLACE, 5, method)
    assert composites.shape == (60, 5, 3) and composites.dtype == np.float32
    for row in range(60):
        for period in range(5):
            seen = observed[row] & (PLACE == period)
            if seen.any():
                np.testing.assert_allclose(composites[row, period], of_numpy(values[row, seen], axis=0), rtol=1e-5)
            else:
                assert np.isnan(composites[row, period]).all()


def test_a_period_without_a_date_is_a_gap(series):
    assert np.isnan(compose(*series, PLACE, 5, "median")[:, 3]).all()


@pytest.mark.parametrize("per_pixel", [False, True])
def test_all_bands_come_from_the_observation_of_the_highest_score(series, per_pixel):
    values, observed = series
    rng = np.random.default_rng(5)
    score = rng.normal(size=observed.shape if per_pixel else len(PLACE)).astype(np.float32)
    if per_pixel:
        score[::7] = np.nan
    composites = compose(values, observed, PLACE, 5, "max" if per_pixel else "nearest", score)
    scores = np.broadcast_to(score, observed.shape)
    for row in range(60):
        for period in range(5):
            dates = np.flatnonzero(observed[row] & (PLACE == period) & np.isfinite(scores[row]))
            if len(dates):
                best = dates[scores[row, dates].argmax()]
                np.testing.assert_array_equal(composites[row, period], values[row, best])
            else:
                assert np.isnan(composites[row, period]).all()


def test_of_equal_scores_the_earlier_date_is_taken():
    values = np.arange(4, dtype=np.float32).reshape(1, 4, 1)
    composites = compose(values, np.ones((1, 4), bool), np.zeros(4, int), 1, "nearest", -np.array([9.0, 1.0, 1.0, 9.0]))
    assert composites.tolist() == [[[1.0]]]
