"""Transformer, Russwurm and Korner 2020, doi 10.1016/j.isprsjprs.2020.06.006; the network is in ``models.transformer``.

Published: Adam with a rate of 1e-3; the tuned weight decay of BreizhCrops, 5e-8, is as good as none and left out.
Our choice: gaps filled linearly on a regular grid. No augmentation is stated for the comparison, none is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...models.trained import TrainedModel
from ...models.transformer import TransformerNetwork, TransformerSize
from ...progress import Progress
from ...series import SeriesSet
from ..shared.options import read_settings
from .supervised import SupervisedSettings, fit_supervised


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source; of the target nothing is used."""
    settings = read_settings(SupervisedSettings(), options, progress)
    return fit_supervised(
        "transformer",
        lambda bands, classes: TransformerNetwork(TransformerSize(bands, classes)),
        settings,
        source,
        seed,
        progress,
    )
