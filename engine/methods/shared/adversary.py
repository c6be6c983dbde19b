"""A domain adversary: a discriminator of source and target, whose reversed gradient trains the encoder.

Ganin et al. 2016 (JMLR 17, arXiv:1505.07818), with weights for the samples: a source weighted to the target's class
shares resembles the target where each crop looks the same, and not only where the same crops are grown (importance
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
    """The identity; its gradient is multiplied by the negative of a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * gradient, None


def reverse_gradient(x: Tensor, factor: float) -> Tensor:
    """Return the input unchanged; its gradient is multiplied by ``-factor``.

    Parameters
    ----------
    x : Tensor
        Of any shape.
    factor : float
        Strength of the reversal.
    """
    return _Reversal.apply(x, factor)


def reversal_factor(done: float) -> float:
    """Factor of the reversed gradient during the training (Ganin et al. 2016, section 5.2.2).

    Parameters
    ----------
    done : float
        Share of the training that is done, 0 to 1.

    Returns
    -------
    float
        0 to 1.
    """
    return 2.0 / (1.0 + math.exp(-10.0 * done)) - 1.0


class Discriminator(nn.Module):
    """Classifies features as source or target.

    Parameters
    ----------
    features : int
        Number of features d.
    hidden : int
        Features of the two hidden layers.
    """

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
        """Return logits (b,), above zero for the source.

        Parameters
        ----------
        features : Tensor (b, d)
            Features.
        """
        return self.layers(features).squeeze(1)


def domain_loss(source: Tensor, target: Tensor, source_weight: Tensor, target_weight: Tensor) -> Tensor:
    """Cross-entropy of the discriminator, with the same weight for both domains.

    Parameters
    ----------
    source, target : Tensor (n,), (m,)
        Logits.
    source_weight, target_weight : Tensor (n,), (m,)
        Weights of the series within their domain.

    Returns
    -------
    Tensor
        Scalar.
    """
    of_source = (source_weight * F.softplus(-source)).sum() / source_weight.sum()
    return 0.5 * (of_source + (target_weight * F.softplus(target)).sum() / target_weight.sum())
