"""Series on a regular grid, against NumPy's own interpolation."""

import numpy as np

from engine.series import fill_linearly, regular_days


def test_gaps_are_filled_as_numpy_does_and_the_ends_are_flat():
    rng = np.random.default_rng(0)
    day = np.sort(rng.choice(np.arange(1, 400), 20, replace=False)).astype(np.float32)
    values = rng.normal(size=(50, 20, 3)).astype(np.float32)
    observed = rng.random((50, 20)) < 0.4
    observed[np.arange(50), rng.integers(0, 20, 50)] = True
    values[~observed] = np.nan
    grid = np.arange(-20, 430, 7, dtype=np.float32)
    filled = fill_linearly(np.nan_to_num(values), observed, day, grid)
    for row in range(50):
        seen = observed[row]
        for band in range(3):
            expected = np.interp(grid, day[seen], values[row, seen, band])
            np.testing.assert_allclose(filled[row, :, band], expected, atol=1e-4)


def test_the_grid_is_the_dates_where_these_are_regular_and_spans_the_season_where_not():
    regular = np.arange(10, 300, 16, dtype=np.float32)
    np.testing.assert_allclose(regular_days(regular), regular)
    days = regular_days(np.array([1, 11, 21, 61, 71], np.float32))
    assert days[0] == 1 and days[-1] == 71 and np.allclose(np.diff(days), 10)
    assert len(regular_days(np.array([150.0]))) == 1
    assert np.diff(regular_days(np.arange(300, dtype=np.float32))).min() > 4.9
