"""DeepCropMapping (DCM), Xu et al. 2020, doi 10.1016/j.rse.2020.111946; the network is in ``models.dcm``.

Published, in the paper and its public code: gaps filled linearly on a regular grid, Adam with a rate of 5e-4 and a
weight decay of 1e-3, the rate halved when the loss stays on a plateau. Our choice: a plateau is three validations on
the held-out source, 150 steps. No augmentation is stated, none is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...models.dcm import DcmNetwork, DcmSize
from ...models.networks import LIMIT
from ...models.trained import TrainedModel
from ..shared.options import option, read_settings
from ..shared.request import FitRequest
from .supervised import SupervisedSettings, fit_supervised


@dataclass(frozen=True)
class DcmSettings(SupervisedSettings):
    """Settings of DeepCropMapping."""

    rate: float = 5e-4
    weight_decay: float = 1e-3
    plateau: int = 3
    width: int = option(256, 1, LIMIT)
    """LSTM units a direction."""


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source, not adapted to the target, which is not used.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(DcmSettings(), request.options, request.progress)
    return fit_supervised(request, settings, lambda bands, classes: DcmNetwork(DcmSize(bands, classes, settings.width)))
