"""Series of synthetic crops whose truth is known."""

import numpy as np

from engine.series import SeriesSet

PEAKS = {"early": 90.0, "late": 200.0, "long": 150.0}
WIDTHS = {"early": 25.0, "late": 30.0, "long": 60.0}


def crops(counts, seed, shift=0.0, gain=1.0, offset=0.0, delay=0.0, names=tuple(PEAKS), every=16):
    """Two-band series of known crops with gaps.

    The clock of the target runs ``shift`` days behind, its sensor has a gain and an offset, and its crops
    grow ``delay`` days later.
    """
    rng = np.random.default_rng(seed)
    day = np.arange(10, 300, every, dtype=np.float32)
    labels = np.repeat(np.arange(len(names)), counts)
    peak = np.array([PEAKS[n] for n in names])[labels] + rng.normal(0, 6, len(labels)) + delay
    width = np.array([WIDTHS[n] for n in names])[labels] * rng.uniform(0.9, 1.1, len(labels))
    height = rng.uniform(0.5, 0.7, len(labels))
    green = 0.2 + height[:, None] * np.exp(-(((day - peak[:, None]) / width[:, None]) ** 2))
    values = np.stack([green, 0.35 - 0.4 * green], axis=2)
    values = gain * (values + rng.normal(0, 0.03, values.shape)) + offset
    values[rng.random(values.shape[:2]) < 0.15] = np.nan
    return SeriesSet(
        values.astype(np.float32),
        day + np.float32(shift),
        ("NIR", "RED"),
        labels,
        names,
        rng.integers(0, 30, len(labels)),
    )


def accuracy(model, series):
    p = model.predict_proba(series.values, series.day)
    return float((p.argmax(axis=1) == series.labels).mean())
