"""Orders in which samples are taken, so that the first of them come from as many places as there are."""

from __future__ import annotations

import numpy as np


def spread_order(
    group: np.ndarray, place: np.ndarray, rng: np.random.Generator, within: np.ndarray | None = None
) -> np.ndarray:
    """An order that takes every group's members in turn from its places, at random within a place.

    Parameters
    ----------
    group, place : (n,) int64, such as the class of a pixel and its polygon.
    within : (n,) position of each member within its place; None for a random one.

    Returns
    -------
    ndarray
        (n,) int64 index: the first m of a group come from as many places as there are.
    """
    random = rng.random(len(group))
    by_place = np.lexsort((random if within is None else within, place, group))
    rank = np.empty(len(group), np.int64)
    rank[by_place] = rank_of_runs(np.stack([group[by_place], place[by_place]]))
    return np.lexsort((random, rank, group))


def low_discrepancy_key(row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """A number from 0 to 1 for each pixel: of any area, those with the least lie evenly all over it.

    It depends on the pixel alone, so that the choice is the same however the area is cut into windows. The numbers
    are the fractions of multiples of 1/g and 1/g^2 along rows and columns, g the plastic number (g^3 = g + 1), which
    of all pairs are among the furthest from falling into step.

    Parameters
    ----------
    row, column : (n,) position on the grid.
    """
    return (row * 0.7548776662466927 + column * 0.5698402909980532) % 1.0


def rank_of_runs(keys: np.ndarray) -> np.ndarray:
    """(n,) position of each column of ``keys`` (k, n) in its run of equal columns."""
    count = keys.shape[1]
    if not count:
        return np.zeros(0, np.int64)
    starts = np.concatenate([[True], (np.diff(keys, axis=1) != 0).any(axis=0)])
    first = np.flatnonzero(starts)
    return np.arange(count) - np.repeat(first, np.diff(np.append(first, count)))


def rank_within(group: np.ndarray) -> np.ndarray:
    """(n,) how many before each element belong to the same group."""
    order = np.argsort(group, kind="stable")
    rank = np.empty(len(group), np.int64)
    rank[order] = rank_of_runs(group[order][None])
    return rank
