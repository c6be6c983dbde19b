"""Source and target in feature space, on the two principal axes of a model's embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..series import SeriesSet

if TYPE_CHECKING:
    from ..models import TrainedModel

MOST_POINTS = 350
"""Series of a domain that are shown at most."""


def feature_map(model: TrainedModel, source: SeriesSet, target: SeriesSet) -> dict[str, Any] | None:
    """Project the embeddings of both domains together on their two principal axes.

    Parameters
    ----------
    model : TrainedModel
        A fitted model.
    source, target : SeriesSet
        Both domains; at most :data:`MOST_POINTS` random series of each are shown.

    Returns
    -------
    dict or None
        JSON-ready: ``source`` and ``target`` with the chosen ``index`` and their ``x`` and ``y``, and ``explained``,
        the share (0 to 1) of the variance on the two axes; None when the embedding has fewer than two features.
    """
    # Imported here, because it brings torch.
    from ..methods.shared.source_domain import balanced_weights
    from ..models.standardise import band_statistics

    if source.labels is None:
        raise ValueError("the source has no labels")
    rng = np.random.default_rng(0)
    index = [
        np.sort(rng.permutation(np.flatnonzero(series.observed.any(axis=1)))[:MOST_POINTS])
        for series in (source, target)
    ]
    # Every method reads the source under its own statistics and on its own calendar.
    own = band_statistics(source.values, balanced_weights(source.labels, len(source.classes)))
    embedded = [
        _embed(model, source.take(index[0]), own, 0.0),
        _embed(model, target.take(index[1]), model.statistics, model.shift_days),
    ]
    both = np.concatenate(embedded).astype(np.float64)
    if both.ndim != 2 or both.shape[1] < 2 or not np.isfinite(both).all():
        return None
    both -= both.mean(axis=0)
    left, spread, _ = np.linalg.svd(both, full_matrices=False)
    plane = left[:, :2] * spread[:2]
    plane = np.round(plane / (np.abs(plane).max() or 1.0), 3)
    cut = len(index[0])
    domains = {
        name: {"index": where.tolist(), "x": points[:, 0].tolist(), "y": points[:, 1].tolist()}
        for name, where, points in zip(("source", "target"), index, (plane[:cut], plane[cut:]))
    }
    total = float((spread**2).sum())
    return {**domains, "explained": round(float((spread[:2] ** 2).sum()) / total, 3) if total else 0.0}


def _embed(model: TrainedModel, series: SeriesSet, statistics: Any, shift: float) -> np.ndarray:
    from ..methods.shared.tensors import make_tensors, predict
    from ..models.device import compute_device, one_thread

    grid = model.grid if len(model.grid) else None
    day = model.calendar.align_days(series.day, shift)
    with one_thread():
        tensors = make_tensors(series.values, day, statistics, model.calendar, compute_device(), grid)
        return predict(model.network, tensors, lambda: None).embedding.numpy()
