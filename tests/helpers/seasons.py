"""Three crops that peak one after another, and their curves."""

import numpy as np

from engine.estimation.temporal_profiles import CropProfiles

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
CURVES = CropProfiles.of(SOURCE[0], HERE, SOURCE[1], 3)
