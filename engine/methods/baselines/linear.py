"""Regularised logistic regression on a regular grid with gaps filled linearly, trained on the source alone.

Where a source is small or its target much different, a strongly regularised linear model is hard to beat: it cannot
learn what holds in one region only. Its strength is chosen inside the source between spatial blocks, and of strengths
that are as good to within one standard error the greatest is taken (Hastie, Tibshirani and Friedman 2009, 7.10).
Classes have equal weight, as in the batches of the networks. The held-out source calibrates it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...errors import InputError
from ...models.device import compute_device, one_thread
from ...models.linear import LinearNetwork, LinearSize
from ...models.trained import TrainedModel
from ...progress import Progress
from ..shared.options import option, read_settings
from ..shared.request import FitRequest
from ..shared.source_domain import SourceDomain, balanced_weights, prepare_source
from ..shared.source_only import build_model
from .supervised import STAGE
from .training_loop import BaselineSettings

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths C of the regularisation that are compared, the strongest first."""
FOLDS = 4
"""Parts of the source's blocks, each of which is predicted by a model of the others."""
MIN_SPREAD = 0.05
"""Least standard deviation of a value, in that of its band, by which it is divided."""


@dataclass(frozen=True)
class LinearSettings(BaselineSettings):
    """Settings of the linear model; of those of the networks it uses only ``held_out``."""

    inverse_strength: float = option(0.0, 0)
    """C of the regularisation; 0: chosen inside the source."""
    iterations: int = option(300, 1)
    """Iterations of the solver at most."""


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source, not adapted to the target, which is not used.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(LinearSettings(), request.options, request.progress)
    request.progress.stage(STAGE)
    with one_thread():
        domain = prepare_source(request.source, settings.held_out, request.seed, compute_device(), on_grid=True)
        network = train_linear(domain, request.source.group, settings, request.seed, request.progress)
        return build_model(network.to(domain.tensors.values.device), domain, request)


def train_linear(
    domain: SourceDomain, group: np.ndarray | None, settings: LinearSettings, seed: int, progress: Progress
) -> LinearNetwork:
    """Train a linear model on the training part of a source on a grid.

    Parameters
    ----------
    domain : SourceDomain
        On a grid.
    group : ndarray (n,) or None
        Spatial block of each series of the source; None: every series is a block of its own.
    settings : LinearSettings
    seed : int
        Of the parts of the blocks.
    progress : Progress
        Receives the fraction done and the strength; raises Cancelled.

    Raises
    ------
    InputError
        ``needs-scikit-learn`` where this Python does not have it.
    """
    values = domain.tensors.values.cpu().numpy()[domain.sample]
    raw, labels = values.reshape(len(values), -1).astype(np.float64), domain.labels[domain.sample]
    # Each value on its own scale: what varies little between fields, such as a band in winter, may still tell crops.
    middle, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), MIN_SPREAD)
    flat = (raw - middle) / spread
    blocks = np.arange(len(labels)) if group is None else np.asarray(group)[domain.sample]
    strength = settings.inverse_strength or _choose_strength(flat, labels, blocks, settings, seed, progress)
    progress.metric("inverse_strength", strength)
    trained = _train(flat, labels, strength, settings.iterations)
    dates, bands = values.shape[1:]
    network = LinearNetwork(LinearSize(bands, domain.classes, dates))
    two = len(trained.classes_) == 2
    weight, bias = (np.concatenate([-part, part]) / 2 if two else part for part in (trained.coef_, trained.intercept_))
    weight, bias = weight / spread, bias - (weight / spread) @ middle
    with torch.no_grad():
        # A class of which the sample has no series is never predicted.
        network.classifier.weight.zero_()
        network.classifier.bias.fill_(-1e4)
        there = torch.from_numpy(trained.classes_)
        network.classifier.weight[there] = torch.from_numpy(weight).float()
        network.classifier.bias[there] = torch.from_numpy(bias).float()
    return network


def _choose_strength(
    flat: np.ndarray, labels: np.ndarray, blocks: np.ndarray, settings: LinearSettings, seed: int, progress: Progress
) -> float:
    """The strongest regularisation whose accuracy between blocks is within one standard error of the best."""
    names, block = np.unique(blocks, return_inverse=True)
    folds = min(FOLDS, len(names))
    if folds < 2:
        return STRENGTHS[len(STRENGTHS) // 2]
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[block.reshape(-1)]
    scores = np.full((len(STRENGTHS), folds), np.nan)
    for part in range(folds):
        inside, outside = fold != part, fold == part
        if len(np.unique(labels[inside])) < 2:
            continue
        weight = balanced_weights(labels[outside], int(labels.max()) + 1)
        for number, strength in enumerate(STRENGTHS):
            progress.update((part + (number + 1) / len(STRENGTHS)) / (folds + 1))
            trained = _train(flat[inside], labels[inside], strength, settings.iterations)
            scores[number, part] = weight @ (trained.predict(flat[outside]) == labels[outside])
    means = np.nanmean(scores, axis=1)
    best = int(means.argmax())
    error = np.nanstd(scores[best], ddof=1) / np.sqrt(folds)
    return STRENGTHS[int(np.argmax(means >= means[best] - error))]


def _train(flat: np.ndarray, labels: np.ndarray, strength: float, iterations: int) -> LogisticRegression:
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
    except ImportError as fault:
        raise InputError(
            "needs-scikit-learn",
            "The linear model needs scikit-learn, which the engine's Python does not have.",
            "Install scikit-learn there, or choose another method.",
        ) from fault
    with warnings.catch_warnings():
        # Nearly unregularised ones may stop at the limit: they are compared, too.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, class_weight="balanced", max_iter=iterations).fit(flat, labels)
