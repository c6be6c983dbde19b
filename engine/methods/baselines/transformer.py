"""Transformer, Russwurm and Korner 2020, doi 10.1016/j.isprsjprs.2020.06.006; the network is in ``models.transformer``.

Published: Adam with a rate of 1e-3; the tuned weight decay of BreizhCrops, 5e-8, is as good as none and left out.
Our choice: gaps filled linearly on a regular grid. No augmentation is stated for the comparison, none is used.
"""

from __future__ import annotations

from ...models.trained import TrainedModel
from ...models.transformer import TransformerNetwork, TransformerSize
from ..shared.options import read_settings
from ..shared.request import FitRequest
from .supervised import SupervisedSettings, fit_supervised


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source, not adapted to the target, which is not used.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(SupervisedSettings(), request.options, request.progress)
    return fit_supervised(request, settings, lambda bands, classes: TransformerNetwork(TransformerSize(bands, classes)))
