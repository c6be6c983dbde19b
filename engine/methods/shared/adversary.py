"""A domain adversary: a discriminator that tells the domains apart, against whose gradient the encoder learns.

Ganin et al. 2016 (JMLR 17, arXiv:1505.07818), with weights for the samples: a source weighted to the target's class
shares looks like the target where each crop looks alike, and not only where the same crops are grown (importance
weights as in Tachet des Combes et al. 2020, arXiv:2003.04475).
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.encoder import Dropout


class _Reversal(torch.autograd.Function):
    """The identity, whose gradient is that of its opposite times a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * gradient, None


def reverse_gradient(x: Tensor, factor: float) -> Tensor:
    """``x`` itself; its gradient arrives multiplied by ``-factor``."""
    return _Reversal.apply(x, factor)


def reversal_factor(done: float) -> float:
    """Factor of the reversed gradient, 0 to 1, after a share ``done`` of the training."""
    return 2.0 / (1.0 + math.exp(-10.0 * done)) - 1.0


class Discriminator(nn.Module):
    """Tells from features (b, d) whether a series is of the source: one logit (b,)."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            Dropout(0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            Dropout(0.5),
            nn.Linear(hidden, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits (b,), above zero for the source."""
        return self.layers(features).squeeze(1)


def domain_loss(source: Tensor, target: Tensor, source_weight: Tensor, target_weight: Tensor) -> Tensor:
    """Cross-entropy of the discriminator's logits (n,) and (m,), both domains counting alike.

    Weights (n,), (m,) count the series within their domain.
    """
    of_source = (source_weight * F.softplus(-source)).sum() / source_weight.sum()
    of_target = (target_weight * F.softplus(target)).sum() / target_weight.sum()
    return 0.5 * (of_source + of_target)
