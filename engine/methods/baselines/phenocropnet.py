"""PhenoCropNet, Lei et al. 2024, doi 10.1109/TGRS.2024.3483110; the network is in ``models.phenocropnet``.

Published for Sentinel-1, whose series have no gaps. Our choice: gaps filled linearly on a regular grid, Adam with a
rate of 1e-3 and no weight decay, for the abstract states none.
"""

from __future__ import annotations

from ...models.phenocropnet import PhenoCropNetSize, PhenoCropNetwork
from ...models.trained import TrainedModel
from ..shared.options import read_settings
from ..shared.request import FitRequest
from .supervised import SupervisedSettings, fit_supervised


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source, not adapted to the target, which is not used.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(SupervisedSettings(), request.options, request.progress)
    return fit_supervised(request, settings, lambda bands, classes: PhenoCropNetwork(PhenoCropNetSize(bands, classes)))
