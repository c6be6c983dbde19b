"""PhenoCropNet, Lei et al. 2024, doi 10.1109/TGRS.2024.3483110; the network is in ``models.phenocropnet``.

Published for Sentinel-1, whose series have no gaps. Our choice: gaps filled linearly on a regular grid, Adam with a
rate of 1e-3 and no weight decay, for the abstract states none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...models.phenocropnet import PhenoCropNetSize, PhenoCropNetwork
from ...models.trained import TrainedModel
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
        "phenocropnet",
        lambda bands, classes: PhenoCropNetwork(PhenoCropNetSize(bands, classes)),
        settings,
        source,
        seed,
        progress,
    )
