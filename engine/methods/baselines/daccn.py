"""DACCN: deep adaptation crop classification network, a convolutional extractor with MK-MMD.

Published (abstract): Wang et al. 2023, ISPRS J. 199: a feature extractor and a domain aligner that measures the
discrepancy of the domains by MK-MMD; without the aligner it is called DCCN. MK-MMD does not know class shares:
those of the source are used.

Ours, as the paper's sizes are not public: convolutions 64-128-256 of kernel 5, dense layers of 256 and 128, at
both of which MK-MMD is taken (``models.temporal_cnn``); Adam at 1e-3; linear filling of gaps on the source's grid
of days; the weight of MK-MMD grows as the reversal of DANN does, and weights are kept only from half of
the training. Source and target pass together, so that the batch statistics are those of both.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...models.networks import LIMIT
from ...models.temporal_cnn import TemporalCnn, TemporalCnnSize
from ...models.trained import TrainedModel
from ..shared.options import option, read_settings
from ..shared.request import FitRequest
from .mmd_aligned import MmdSettings, fit_aligned


@dataclass(frozen=True)
class DaccnSettings(MmdSettings):
    """Settings of DACCN."""

    width: int = option(64, 1, LIMIT)
    """Channels of the first convolution."""


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source with the two last hidden layers aligned to the target.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(DaccnSettings(), request.options, request.progress)
    return fit_aligned(request, settings, lambda b, k, t: TemporalCnn(TemporalCnnSize(b, k, t, settings.width)))
