"""Optimiser steps: learning rate, loss of mixed series, and the averaged teacher."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models.encoder import CropNetwork

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class StepSettings:
    """Settings of every method."""

    steps_scale: float = 1.0
    """Factor of all steps."""

    def scaled(self, steps: int, minimum: int = 2) -> int:
        """Steps after scaling.

        Parameters
        ----------
        steps : int
            Steps before it.
        minimum : int
            Least result.

        Returns
        -------
        int
            Steps.
        """
        return max(minimum, round(steps * self.steps_scale))


class Teacher(Generic[Network]):
    """Exponential moving average of the weights of a student.

    Parameters
    ----------
    student : nn.Module
        Network to copy.
    steps : int
        Optimiser steps of the training; a tenth of them is the horizon of the average.
    """

    def __init__(self, student: Network, steps: int) -> None:
        self.network: Network = copy.deepcopy(student)
        self.network.eval().requires_grad_(False)
        self._momentum = math.exp(-1.0 / max(0.1 * steps, 1.0))
        self._updates = 0

    def update(self, student: nn.Module) -> None:
        """Move one step towards the student; faster in the first steps, when the average is young.

        Parameters
        ----------
        student : nn.Module
            The network after an optimiser step.
        """
        self._updates += 1
        momentum = min(self._momentum, self._updates / (10.0 + self._updates))
        with torch.no_grad():
            for mine, theirs in zip(self.network.parameters(), student.parameters()):
                mine.lerp_(theirs, 1.0 - momentum)


def mixup_errors(logits: Tensor, labels: Tensor, partner: Tensor, share: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of mixed series towards both labels in proportion (see :func:`augment.mixup`).

    Parameters
    ----------
    logits : Tensor (b, k)
        Of the mixed series.
    labels : Tensor (b,)
        Of the series before they were mixed.
    partner : Tensor (b,)
        Which series each was mixed with.
    share : Tensor (b,)
        Weight of the series itself, 0 to 1.
    smoothing : float
        Label smoothing.

    Returns
    -------
    Tensor (b,)
        Errors.
    """
    own, other = (
        F.cross_entropy(logits, wanted, reduction="none", label_smoothing=smoothing)
        for wanted in (labels, labels[partner])
    )
    return share * own + (1 - share) * other


def learning_rate_factor(step: int, steps: int, warm_up: int = 20, floor: float = 0.02) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine.

    Parameters
    ----------
    step, steps : int
        The step, from 0, and their number.
    warm_up : int
        Steps of the warm-up.
    floor : float
        Factor at the end.

    Returns
    -------
    float
        Above 0, at most 1.
    """
    if step < warm_up:
        return (step + 1) / warm_up
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(steps - warm_up, 1)))


def set_learning_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of every group to a multiple of its base rate.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        With ``base_rate`` in its groups.
    factor : float
        The multiple.
    """
    for group in optimiser.param_groups:
        group["lr"] = group["base_rate"] * factor


def make_optimiser(
    network: CropNetwork, body: float, heads: float, adversary: nn.Module | None = None
) -> torch.optim.Optimizer:
    """AdamW with one base rate for the encoder and one for the heads.

    Parameters
    ----------
    network : CropNetwork
        Network to train.
    body, heads : float
        Base rates.
    adversary : nn.Module, optional
        Trained with it, at the rate of the heads.

    Returns
    -------
    torch.optim.Optimizer
        For :func:`set_learning_rate`.
    """
    head = [*network.classifier.parameters(), *network.projection.parameters()]
    groups = [(list(network.encoder.parameters()), body), (head, heads)]
    if adversary is not None:
        groups.append((list(adversary.parameters()), heads))
    return torch.optim.AdamW(
        [{"params": group, "lr": rate, "base_rate": rate} for group, rate in groups], weight_decay=1e-2, fused=True
    )


def take_step(loss: Tensor, optimiser: torch.optim.Optimizer) -> bool:
    """Take one optimiser step, with the norm of the gradient clipped at 1.

    Parameters
    ----------
    loss : Tensor
        Scalar.
    optimiser : torch.optim.Optimizer
        Of the weights.

    Returns
    -------
    bool
        False, without a step, where the gradient is not finite.
    """
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
    if not bool(torch.isfinite(norm)):
        return False
    optimiser.step()
    return True


def train_averaged(
    network: CropNetwork, rate: float, steps: int, loss: Callable[[], Tensor], update: Callable[[float], None]
) -> CropNetwork:
    """Train a network for a number of steps.

    Parameters
    ----------
    network : CropNetwork
        Trained in place.
    rate : float
        Greatest learning rate.
    steps : int
        Optimiser steps.
    loss : callable
        Draws a batch and gives its loss.
    update : callable
        Receives the fraction done, 0 to 1; raises Cancelled.

    Returns
    -------
    CropNetwork
        A copy with averaged weights.
    """
    optimiser, teacher = make_optimiser(network, rate, rate), Teacher(network, steps)
    network.train()
    for step in range(steps):
        update(step / steps)
        set_learning_rate(optimiser, learning_rate_factor(step, steps))
        if take_step(loss(), optimiser):
            teacher.update(network)
    network.eval()
    return teacher.network
