"""Whittaker's smoother: series by penalised least squares, through gaps of any pattern.

Eilers 2003, "A perfect smoother", doi:10.1021/ac034173t; for vegetation indices Atzberger and Eilers 2011,
doi:10.1080/01431161003762405.
"""

from __future__ import annotations

import math

import numpy as np

LASTING = 60.0
"""Days: of what swings slower than this the default smoothness keeps more than half. It is 1 for ten-day periods."""
PIXELS = 4096
"""Pixels solved at a time, so that what is worked on stays in the processor's cache."""


def default_smoothness(step: float) -> float:
    """Return the smoothness, lambda of :func:`smooth`, that halves swings of :data:`LASTING` days.

    Parameters
    ----------
    step : float
        Days from one period to the next.
    """
    # A wave of w per step comes out 1 / (1 + lambda (2 sin(w / 2))^4) times as high; the shortest has two steps.
    return (2 * math.sin(min(math.pi * step / LASTING, math.pi / 2))) ** -4


def smooth(values: np.ndarray, observed: np.ndarray, smoothness: float) -> np.ndarray:
    """The series z that minimises sum w (y - z)² + smoothness * sum (second difference of z)², w 1 where observed.

    All pixels are solved at once: the bands of a pixel share one factorisation L D L' of its five-diagonal matrix.

    Parameters
    ----------
    values : (n, g, c) at equal steps; ignored at gaps.
    observed : (n, g) bool; a row needs two true ones, the answer for another is NaN.
    smoothness : lambda, above 0; the greater, the smoother. Towards infinity it is the line of least squares.

    Returns
    -------
    (n, g, c) float64, also before the first and after the last observation, where it is a straight line. In memory
    the pixels come last.
    """
    n, g, c = values.shape
    answer = np.empty((g, c, n))
    for start in range(0, n, PIXELS):
        part = slice(start, start + PIXELS)
        _solve(np.moveaxis(values[part], 0, 2), observed[part].T, smoothness, answer[:, :, part])
    answer[:, :, observed.sum(axis=1) < 2] = np.nan
    return np.moveaxis(answer, 2, 0)


def _solve(values: np.ndarray, observed: np.ndarray, smoothness: float, answer: np.ndarray) -> None:
    """One part of the pixels, all arrays with the pixels last."""
    g, c, n = values.shape
    # Fewer than three steps have no second difference: then it is empty, and the values stay as they are.
    differences = np.diff(np.eye(g), n=2, axis=0) if g > 2 else np.zeros((0, g))
    penalty = smoothness * differences.T @ differences
    # Without two observations the matrix has no inverse; any weights do, the answer is not used.
    weights = (observed | (observed.sum(axis=0) < 2)).astype(np.float64)
    diagonal, first, second = np.empty((3, g, n))
    for i in range(g):
        # L has ones on its diagonal, first[i] at (i + 1, i) and second[i] at (i + 2, i).
        diagonal[i] = weights[i] + penalty[i, i]
        coupled = penalty[i, i + 1] if i + 1 < g else 0.0
        answer[i] = np.where(observed[i], values[i], 0.0)
        if i > 0:
            carried = diagonal[i - 1] * first[i - 1]
            diagonal[i] -= carried * first[i - 1]
            coupled = coupled - carried * second[i - 1]
            answer[i] -= first[i - 1] * answer[i - 1]
        if i > 1:
            diagonal[i] -= diagonal[i - 2] * second[i - 2] ** 2
            answer[i] -= second[i - 2] * answer[i - 2]
        first[i] = coupled / diagonal[i]
        second[i] = (penalty[i, i + 2] if i + 2 < g else 0.0) / diagonal[i]
    for i in range(g - 1, -1, -1):
        answer[i] /= diagonal[i]
        if i + 1 < g:
            answer[i] -= first[i] * answer[i + 1]
        if i + 2 < g:
            answer[i] -= second[i] * answer[i + 2]
