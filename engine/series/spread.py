"""Orders in which samples are taken, so that the first of them come from as many places as there are."""

from __future__ import annotations

import numpy as np


def spread_order(
    group: np.ndarray, unit: np.ndarray, rng: np.random.Generator, within: np.ndarray | None = None
) -> np.ndarray:
    """Return an order that takes every class's members in turn from its units, at random within a unit.

    Parameters
    ----------
    group : (n,) int64
        Class of each member.
    unit : (n,) int64
        Spatial unit of each member, such as its polygon.
    rng : numpy.random.Generator
        Source of randomness.
    within : (n,) array, optional
        Position of each member within its unit; random by default.

    Returns
    -------
    (n,) int64
        Index: the first m of a class come from as many units as there are.
    """
    random = rng.random(len(group))
    by_unit = np.lexsort((random if within is None else within, unit, group))
    rank = np.empty(len(group), np.int64)
    rank[by_unit] = rank_of_runs(np.stack([group[by_unit], unit[by_unit]]))
    return np.lexsort((random, rank, group))


def low_discrepancy_key(row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """A number from 0 to 1 for each pixel: the pixels of any area with the lowest numbers are spread evenly over it.

    It depends on the pixel alone, so that the choice is the same however the area is cut into windows. The numbers
    are the fractions of multiples of 1/g and 1/g^2 along rows and columns, g the plastic number (g^3 = g + 1), which
    of all pairs are among the furthest from falling into step.

    Parameters
    ----------
    row, column : (n,) position on the grid.
    """
    return (row * 0.7548776662466927 + column * 0.5698402909980532) % 1.0


def rank_of_runs(keys: np.ndarray) -> np.ndarray:
    """Return the position of each column in its run of equal columns.

    Parameters
    ----------
    keys : (k, n) array
        Columns, equal ones side by side.

    Returns
    -------
    (n,) int64
    """
    count = keys.shape[1]
    if not count:
        return np.zeros(0, np.int64)
    starts = np.concatenate([[True], (np.diff(keys, axis=1) != 0).any(axis=0)])
    first = np.flatnonzero(starts)
    return np.arange(count) - np.repeat(first, np.diff(np.append(first, count)))


def rank_within(group: np.ndarray) -> np.ndarray:
    """Return how many elements of the same group come before each element.

    Parameters
    ----------
    group : (n,) int64
        Group of each element.

    Returns
    -------
    (n,) int64
    """
    order = np.argsort(group, kind="stable")
    rank = np.empty(len(group), np.int64)
    rank[order] = rank_of_runs(group[order][None])
    return rank
