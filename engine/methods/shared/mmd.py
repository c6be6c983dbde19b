"""Multi-kernel maximum mean discrepancy (MK-MMD) with sample weights.

Gretton et al. 2012 (JMLR 13), kernels over a range of bandwidths as in DAN (Long et al. 2015,
arXiv:1502.02791), but averaged, and with the quadratic estimator, which is never negative.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EXPONENTS = (-3, -2, -1, 0, 1)
"""Bandwidths of the five Gaussian kernels: 2 ** m times the mean squared distance."""


def squared_distances(u: Tensor, v: Tensor) -> Tensor:
    """Squared Euclidean distances between the rows of two matrices.

    Parameters
    ----------
    u, v : Tensor (n, d), (m, d)
        Samples.

    Returns
    -------
    Tensor (n, m)
        Distances, zero or above.
    """
    # Computed first: the order of operations decides in which order gradients are added, and so their last bits.
    cross = u @ v.T
    return (u.square().sum(1, keepdim=True) + v.square().sum(1) - 2 * cross).clamp_min(0.0)


def mean_squared_distance(x: Tensor) -> Tensor:
    """Mean squared distance between different rows, in closed form; one where all rows are equal.

    Parameters
    ----------
    x : Tensor (n, d)
        Sample.
    """
    n = len(x)
    if n < 2:
        return torch.ones((), dtype=x.dtype, device=x.device)
    spread = (x - x.mean(dim=0)).square().sum() * 2 / (n - 1)
    return torch.where(spread > 0, spread, torch.ones_like(spread))


def kernel(u: Tensor, v: Tensor, scale: Tensor) -> Tensor:
    """Mean of five Gaussian kernels.

    Parameters
    ----------
    u, v : Tensor (n, d), (m, d)
        Samples.
    scale : Tensor
        Mean squared distance from which the bandwidths are derived.

    Returns
    -------
    Tensor (n, m)
        0 to 1.
    """
    apart = squared_distances(u, v) / (2 * scale)
    return torch.stack([torch.exp(-apart / 2.0**m) for m in EXPONENTS]).mean(dim=0)


def mk_mmd(
    source: Tensor,
    target: Tensor,
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
    scale: Tensor | None = None,
) -> Tensor:
    """Squared MK-MMD ``a'K_ss a + b'K_tt b - 2 a'K_st b`` of two weighted samples.

    Parameters
    ----------
    source, target : Tensor (n, d), (m, d)
        Features.
    source_weight, target_weight : Tensor (n,), (m,), optional
        Weights a and b, scaled here to a sum of one; None: equal.
    scale : Tensor, optional
        Mean squared distance for the bandwidths; None: that of both samples together, detached.

    Returns
    -------
    Tensor
        Scalar, zero or above.
    """
    a = _normalised(source_weight, source)
    b = _normalised(target_weight, target)
    both = torch.cat([source, target])
    if scale is None:
        scale = mean_squared_distance(both.detach())
    weight = torch.cat([a, -b])
    return (weight @ kernel(both, both, scale) @ weight).clamp_min(0.0)


def hierarchical_mk_mmd(
    source: Sequence[Tensor],
    target: Sequence[Tensor],
    level_weights: Sequence[float],
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
) -> Tensor:
    """Weighted sum of MK-MMD over the depths of a network.

    Parameters
    ----------
    source, target : sequence of Tensor (n, d), (m, d)
        Features at each depth.
    level_weights : sequence of float
        Weight of each depth.
    source_weight, target_weight : Tensor (n,), (m,), optional
        Weights of the series; None: equal.

    Returns
    -------
    Tensor
        Scalar, zero or above.
    """
    terms = [w * mk_mmd(u, v, source_weight, target_weight) for u, v, w in zip(source, target, level_weights)]
    return torch.stack(terms).sum()


def _normalised(weight: Tensor | None, sample: Tensor) -> Tensor:
    if weight is None:
        return torch.full((len(sample),), 1.0 / len(sample), dtype=sample.dtype, device=sample.device)
    return weight / weight.sum()
