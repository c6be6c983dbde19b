"""Gaps filled: Whittaker's smoother against dense least squares, lines against NumPy, and the ends."""

import numpy as np
import pytest

from engine.series.regular import FILLS, fill_gaps
from engine.series.whittaker import default_smoothness, smooth


@pytest.fixture
def series():
    rng = np.random.default_rng(6)
    values = rng.normal(size=(80, 36, 2)).astype(np.float32)
    observed = rng.random((80, 36)) < rng.uniform(0.1, 1, (80, 1))
    observed[:, [3, 20]] = True
    values[~observed] = np.nan
    return values, observed


@pytest.mark.parametrize("smoothness", [0.01, 1.0, 100.0, 1e5])
def test_whittaker_is_the_solution_of_the_dense_equations(series, smoothness):
    values, observed = series
    smoothed = smooth(values, observed, smoothness)
    differences = np.diff(np.eye(36), n=2, axis=0)
    for row in range(80):
        matrix = np.diag(observed[row].astype(float)) + smoothness * differences.T @ differences
        expected = np.linalg.solve(matrix, np.nan_to_num(values[row].astype(float)))
        np.testing.assert_allclose(smoothed[row], expected, atol=1e-6)


def test_towards_infinity_whittaker_is_the_straight_line_of_least_squares(series):
    values, observed = series
    smoothed = smooth(values, observed, 1e8)
    steps = np.arange(36)
    for row in range(80):
        seen = observed[row]
        line = np.polyfit(steps[seen], values[row, seen].astype(float), 1)
        np.testing.assert_allclose(smoothed[row], np.outer(steps, line[0]) + line[1], atol=1e-4)


def test_towards_zero_whittaker_keeps_what_was_observed(series):
    values, observed = series
    np.testing.assert_allclose(smooth(values, observed, 1e-7)[observed], values[observed], atol=1e-4)


def test_whittaker_asks_for_two_observations_and_solves_more_pixels_than_fit_at_once(series, monkeypatch):
    values, observed = series
    whole = smooth(values, observed, 2.0)
    monkeypatch.setattr("engine.series.whittaker.PIXELS", 7)
    np.testing.assert_allclose(smooth(values, observed, 2.0), whole)
    observed[5] = False
    observed[6] = np.arange(36) == 4
    again = smooth(values, observed, 2.0)
    assert np.isnan(again[5:7]).all()
    np.testing.assert_allclose(again[7:], whole[7:])


def test_the_default_smoothness_halves_swings_of_two_months_and_keeps_slow_ones():
    assert default_smoothness(10.0) == pytest.approx(1.0)
    for step in (5.0, 10.0, 16.0):
        day = np.arange(0, 1800, step)
        everywhere = np.ones((1, len(day)), bool)
        for length, low, high in ((60.0, 0.48, 0.52), (180.0, 0.97, 1.0), (20.0, 0.0, 0.1)):
            wave = np.sin(2 * np.pi * day / length + 0.3)
            if length <= 2 * step:
                continue
            kept = smooth(wave[None, :, None], everywhere, default_smoothness(step))[0, :, 0]
            middle = slice(len(day) // 4, -len(day) // 4)
            assert low <= (kept[middle] @ wave[middle]) / (wave[middle] @ wave[middle]) <= high


@pytest.mark.parametrize("fill", list(FILLS))
def test_nothing_is_made_up_before_the_first_and_after_the_last_observation(series, fill):
    values, observed = series
    filled = fill_gaps(values, observed, np.arange(36, dtype=np.float32), fill)
    steps = np.arange(36)
    for row in range(80):
        seen = steps[observed[row]]
        inside = (steps >= seen[0]) & (steps <= seen[-1])
        assert np.isnan(filled[row, ~inside]).all()
        if fill != "none":
            assert np.isfinite(filled[row, inside]).all()
        if fill == "linear":
            for band in range(2):
                expected = np.interp(steps, seen, values[row, seen, band])
                np.testing.assert_allclose(filled[row, inside, band], expected[inside], atol=1e-5)


@pytest.mark.parametrize("fill", ["linear", "whittaker"])
def test_ends_can_repeat_the_nearest_value(series, fill):
    values, observed = series
    day = np.arange(36, dtype=np.float32)
    gaps = fill_gaps(values, observed, day, fill)
    filled = fill_gaps(values, observed, day, fill, ends="nearest")
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[np.isfinite(gaps)], gaps[np.isfinite(gaps)])
    for row in range(80):
        seen = np.flatnonzero(observed[row])
        assert (filled[row, : seen[0]] == filled[row, seen[0]]).all()
        assert (filled[row, seen[-1] :] == filled[row, seen[-1]]).all()


@pytest.mark.parametrize("fill", ["linear", "whittaker"])
def test_a_series_seen_once_or_never(fill):
    values = np.full((2, 5, 1), np.nan, np.float32)
    values[1, 2] = 0.4
    observed = np.isfinite(values[..., 0])
    filled = fill_gaps(values, observed, np.arange(5, dtype=np.float32), fill)
    np.testing.assert_array_equal(filled, values)
    spread = fill_gaps(values, observed, np.arange(5, dtype=np.float32), fill, ends="nearest")
    assert np.isnan(spread[0]).all() and (spread[1] == np.float32(0.4)).all()


def test_two_periods_are_too_few_to_smooth_and_stay():
    values = np.array([[[0.1], [0.7]]], np.float32)
    filled = fill_gaps(values, np.ones((1, 2), bool), np.arange(2, dtype=np.float32), "whittaker")
    np.testing.assert_allclose(filled, values)
