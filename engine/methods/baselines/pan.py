"""PAN: phenology alignment network, a recurrent network with self-attention aligned by MMD at several levels.

Published (abstract): Wang et al. 2022, ISPRS J. 193: Siamese, its network first trained on the source, then the
hierarchical features of both domains aligned by MMD.

Ours, as the paper's sizes are not public: two recurrent layers (GRU) of 128 units, four heads, MK-MMD at three levels
of equal weight (recurrent output, attention, embedding; ``models.gru_attention``); Adam at 1e-3; linear filling of gaps
on the source's grid of days. Half of the steps go to the source; in the other half the weight of MMD grows as the
reversal of DANN does, and weights are kept only from half of that half. Siamese: both domains pass through the
same weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...models.gru_attention import GruAttention, GruAttentionSize
from ...models.networks import LIMIT
from ...models.trained import TrainedModel
from ..shared.options import option, read_settings
from ..shared.request import FitRequest
from .mmd_aligned import MmdSettings, fit_aligned


@dataclass(frozen=True)
class PanSettings(MmdSettings):
    """Settings of PAN."""

    source_share: float = 0.5
    """Share of the steps that learn from the source alone."""
    hidden: int = option(128, maximum=LIMIT, multiple_of=GruAttentionSize.heads)
    """Units of each recurrent layer."""


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source, then align the features of the target to it.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(PanSettings(), request.options, request.progress)
    first = round(settings.source_share * settings.steps)
    return fit_aligned(request, settings, lambda b, k, t: GruAttention(GruAttentionSize(b, k, settings.hidden)), first)
