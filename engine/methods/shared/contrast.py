"""Categorical alignment: supervised contrast across domains, and class prototypes shared by both domains.

Supervised contrast: Khosla et al. 2020, arXiv:2004.11362, eq. 2 (the mean over positives outside the logarithm).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TEMPERATURE = 0.1


def supervised_contrast(
    features: Tensor, labels: Tensor, weight: Tensor | None = None, temperature: float = TEMPERATURE
) -> Tensor:
    """Pull unit vectors of one class together and push other classes away.

    Parameters
    ----------
    features : Tensor (b, p)
        Unit vectors of source and target together.
    labels : Tensor (b,)
        Labels of the source, pseudo-labels of the target.
    weight : Tensor (b,), optional
        Trust in each label, for anchors and positives; None: all one.
    temperature : float
        Divisor of the similarities.

    Returns
    -------
    Tensor
        Scalar; zero when no sample has a positive.
    """
    w = torch.ones(len(labels), dtype=features.dtype, device=features.device) if weight is None else weight
    itself = torch.eye(len(labels), dtype=torch.bool, device=features.device)
    similarity = (features @ features.T / temperature).masked_fill(itself, float("-inf"))
    log_probability = similarity - similarity.logsumexp(dim=1, keepdim=True)
    positive = ((labels[:, None] == labels[None, :]) & ~itself).to(features.dtype) * w
    total = positive.sum(dim=1)
    anchor = w * (total > 0)
    mean = (positive * log_probability.masked_fill(itself, 0.0)).sum(dim=1) / total.clamp_min(1e-12)
    return -(anchor * mean).sum() / anchor.sum().clamp_min(1e-12)


def prototype_loss(
    features: Tensor, labels: Tensor, prototypes: Tensor, weight: Tensor | None = None, temperature: float = TEMPERATURE
) -> Tensor:
    """Cross-entropy of unit vectors against class prototypes by cosine.

    Parameters
    ----------
    features : Tensor (b, p)
        Unit vectors.
    labels : Tensor (b,)
        Class indices.
    prototypes : Tensor (k, p)
        Unit vectors of the classes.
    weight : Tensor (b,), optional
        Trust in each label; None: all one.
    temperature : float
        Divisor of the similarities.

    Returns
    -------
    Tensor
        Scalar.
    """
    loss = F.cross_entropy(features @ prototypes.T / temperature, labels, reduction="none")
    if weight is None:
        return loss.mean()
    return (weight * loss).sum() / weight.sum().clamp_min(1e-12)


def update_prototypes(
    prototypes: Tensor, features: Tensor, labels: Tensor, weight: Tensor, momentum: float = 0.9
) -> Tensor:
    """Move the prototype of every class in a batch towards the weighted mean of its unit vectors.

    Parameters
    ----------
    prototypes : Tensor (k, p)
        Unit vectors, or zero for a class not seen yet, which takes the mean itself.
    features : Tensor (b, p)
        Unit vectors.
    labels : Tensor (b,)
        Class indices.
    weight : Tensor (b,)
        Trust in each label.
    momentum : float
        Weight of the earlier prototype, 0 to 1.

    Returns
    -------
    Tensor (k, p)
        New prototypes.
    """
    member = F.one_hot(labels, len(prototypes)).to(features.dtype) * weight[:, None]
    total = member.sum(dim=0)
    mean = F.normalize(member.T @ features.detach(), dim=1)
    fresh = (prototypes.abs().sum(dim=1) == 0).to(features.dtype)
    step = (1 - momentum * (1 - fresh)) * (total > 0)
    return F.normalize(prototypes + step[:, None] * (mean - prototypes), dim=1)
