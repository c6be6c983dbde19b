"""Random forest (RF) of scikit-learn: 200 trees on a regular grid with gaps filled linearly, the common practice.

Trees are grown to the end on bootstrap samples, each split looks at the square root of the number of values, every
sample weighs the same. The networks' batches are class-balanced; a forest has no batches, and weights by class are
not part of the common practice that it stands for. It learns from the same part of the source as the networks,
the held-out part only measures it. Its confidence is the share of the trees' votes, not recalibrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...errors import InputError
from ...models.device import compute_device, core_count, one_thread
from ...models.forest import ForestNetwork, ForestSize
from ...models.networks import LIMITS
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.options import option, read_settings
from ..shared.source_only import SourceDomain, finish, prepare_source
from .supervised import STAGE
from .training_loop import BaselineSettings

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

AT_ONCE = 5
"""Trees grown between two looks at cancel, per core."""


@dataclass(frozen=True)
class ForestSettings(BaselineSettings):
    """Settings of the random forest; of the networks' only ``held_out`` and ``steps_scale`` matter to it."""

    trees: int = option(200, 0, LIMITS["trees"])
    """Number of trees; ``steps_scale`` is a factor of it."""


def grow(domain: SourceDomain, trees: int, seed: int, progress: Progress) -> RandomForestClassifier:
    """A forest grown on the training part of the source, a few trees at a time.

    Raises
    ------
    InputError
        ``needs-scikit-learn`` where this Python lacks it.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError as fault:
        raise InputError(
            "needs-scikit-learn",
            "The random forest needs scikit-learn, which the engine's Python lacks.",
            "Install scikit-learn for it, or choose another method.",
        ) from fault
    values = domain.pool.values.cpu().numpy()[domain.train]
    flat, labels = values.reshape(len(values), -1), domain.labels[domain.train]
    # Growing goes on from where it stopped: the same trees as in one call.
    forest = RandomForestClassifier(warm_start=True, n_jobs=core_count(), random_state=seed % 2**32)
    for grown in [*range(0, trees, AT_ONCE * core_count())][1:] + [trees]:
        progress.update(len(getattr(forest, "estimators_", ())) / trees)
        forest.set_params(n_estimators=grown).fit(flat, labels)
    return forest


def flatten(forest: RandomForestClassifier, domain: SourceDomain) -> ForestNetwork:
    """The forest's trees as the tables of a network."""
    tables = [_breadth_first(member.tree_) for member in forest.estimators_]
    count = np.array([len(left) for _, _, left, _ in tables])
    root = np.cumsum(count) - count
    feature, threshold, left, share = (np.concatenate(column) for column in zip(*tables))
    dates, bands = domain.pool.values.shape[1:]
    network = ForestNetwork(ForestSize(bands, domain.classes, dates, len(count), len(left)))
    network.feature.copy_(torch.from_numpy(feature))
    network.threshold.copy_(torch.from_numpy(threshold))
    network.left.copy_(torch.from_numpy(left + np.repeat(root, count)))
    network.root.copy_(torch.from_numpy(root))
    network.share.zero_()
    network.share[:, torch.from_numpy(forest.classes_)] = torch.from_numpy(share)
    return network


def _breadth_first(tree: Any) -> tuple[np.ndarray, ...]:
    """Feature, threshold, left child and class shares of a tree's nodes, level by level."""
    level, levels = np.zeros(1, np.int64), []
    while len(level):
        levels.append(level)
        inner = level[tree.children_left[level] >= 0]
        level = np.stack([tree.children_left[inner], tree.children_right[inner]], axis=1).ravel()
    order = np.concatenate(levels)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    leaf = tree.children_left[order] < 0
    # Values are float32 and thresholds float64: x <= t holds just where x <= the greatest float32 up to t.
    exact = tree.threshold[order]
    threshold = exact.astype(np.float32)
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    votes = tree.value[order, 0]
    return (
        np.where(leaf, 0, tree.feature[order]),
        np.where(leaf, np.float32(np.inf), threshold),
        np.where(leaf, place[order], place[tree.children_left[order]]),
        np.where(leaf[:, None], votes / votes.sum(axis=1, keepdims=True), 0.0).astype(np.float32),
    )


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source; of the target nothing is used."""
    settings = read_settings(ForestSettings(), options, progress)
    device = compute_device()
    progress.stage(STAGE)
    with one_thread():
        domain = prepare_source(source, settings.held_out, seed, device, on_grid=True)
        forest = grow(domain, settings.scaled(settings.trees), seed, progress)
        network = flatten(forest, domain).to(device)
        return replace(finish(network, domain, source, "rf", seed, progress), temperature=1.0)
