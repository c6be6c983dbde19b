"""Random forest (RF) of scikit-learn: 200 trees on a regular grid with gaps filled linearly, the common practice.

Trees are grown to the end on bootstrap samples, each split considers the square root of the number of values, every
sample has the same weight. The networks' batches are class-balanced; a forest has no batches, and weights by class are
not part of the common practice that it represents. It learns from the same part of the source as the networks, the
held-out part only validates it. Its confidence is the share of the trees' votes, not recalibrated.
"""

from __future__ import annotations

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
from ..shared.options import option, read_settings
from ..shared.request import FitRequest
from ..shared.source_domain import SourceDomain, prepare_source
from ..shared.source_only import build_model
from .supervised import STAGE
from .training_loop import BaselineSettings

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

TREES_PER_FIT = 5
"""Trees grown between two checks for cancel, per core."""


@dataclass(frozen=True)
class ForestSettings(BaselineSettings):
    """Settings of the random forest; of those of the networks it uses only ``held_out`` and ``steps_scale``."""

    trees: int = option(200, 0, LIMITS["trees"])
    """Number of trees; ``steps_scale`` is a factor of it."""


def grow(domain: SourceDomain, trees: int, seed: int, progress: Progress) -> RandomForestClassifier:
    """Grow a forest on the training part of the source, a few trees at a time.

    Parameters
    ----------
    domain : SourceDomain
        The source on a grid.
    trees : int
        Number of trees.
    seed : int
        Seed of the trees.
    progress : Progress
        Receives the fraction done; raises Cancelled.

    Returns
    -------
    RandomForestClassifier
        The forest.

    Raises
    ------
    InputError
        ``needs-scikit-learn`` where this Python does not have it.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError as fault:
        raise InputError(
            "needs-scikit-learn",
            "The random forest needs scikit-learn, which the engine's Python does not have.",
            "Install scikit-learn there, or choose another method.",
        ) from fault
    values = domain.tensors.values.cpu().numpy()[domain.train]
    flat, labels = values.reshape(len(values), -1), domain.labels[domain.train]
    # A warm start adds trees: the same ones as in one call.
    forest = RandomForestClassifier(warm_start=True, n_jobs=core_count(), random_state=seed % 2**32)
    for grown in [*range(0, trees, TREES_PER_FIT * core_count())][1:] + [trees]:
        progress.update(len(getattr(forest, "estimators_", ())) / trees)
        forest.set_params(n_estimators=grown).fit(flat, labels)
    return forest


def flatten(forest: RandomForestClassifier, domain: SourceDomain) -> ForestNetwork:
    """Return the trees of a forest as the tables of a network with the same predictions.

    Parameters
    ----------
    forest : RandomForestClassifier
        The forest.
    domain : SourceDomain
        The source that it was grown on.
    """
    tables = [_breadth_first(member.tree_) for member in forest.estimators_]
    count = np.array([len(left) for _, _, left, _ in tables])
    root = np.cumsum(count) - count
    feature, threshold, left, share = (np.concatenate(column) for column in zip(*tables))
    dates, bands = domain.tensors.values.shape[1:]
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
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    leaf = tree.children_left[order] < 0
    # Values are float32 and thresholds float64: x <= t is the same as x <= the greatest float32 up to t.
    exact = tree.threshold[order]
    threshold = exact.astype(np.float32)
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    votes = tree.value[order, 0]
    return (
        np.where(leaf, 0, tree.feature[order]),
        np.where(leaf, np.float32(np.inf), threshold),
        np.where(leaf, position[order], position[tree.children_left[order]]),
        np.where(leaf[:, None], votes / votes.sum(axis=1, keepdims=True), 0.0).astype(np.float32),
    )


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source, not adapted to the target, which is not used.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(ForestSettings(), request.options, request.progress)
    device = compute_device()
    request.progress.stage(STAGE)
    with one_thread():
        domain = prepare_source(request.source, settings.held_out, request.seed, device, on_grid=True)
        forest = grow(domain, settings.scaled(settings.trees), request.seed, request.progress)
        return replace(build_model(flatten(forest, domain).to(device), domain, request), temperature=1.0)
