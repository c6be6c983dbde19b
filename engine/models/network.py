"""The interface of a network that classifies the time series of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn


class Features(NamedTuple):
    """Features of a batch of series, beside its logits."""

    levels: tuple[Tensor, ...]
    """(b, d) each: features from the shallowest to the deepest level at which domains may be aligned."""
    embedding: Tensor
    """(b, d) features that the classifier reads."""


@dataclass(frozen=True)
class Size:
    """Everything needed to build a network again from a model file: whole numbers and fractions."""

    bands: int
    """Number of spectral bands."""
    classes: int
    """Number of crop classes."""


class SeriesNetwork(nn.Module):
    """Base of all networks.

    Parameters
    ----------
    size : Size
        Sizes of its layers or tables.
    """

    kind: ClassVar[str]
    """Name in a model file."""
    on_grid: ClassVar[bool] = False
    """Whether it reads a regular grid of days with gaps filled, instead of each pixel's observed dates."""
    size: Any
    """The size it was built with."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch.

        Parameters
        ----------
        values : Tensor (b, t, c)
            Standardised values; those at gaps are ignored.
        observed : Tensor (b, t) of bool
            At least one true in every row; all true on a grid, whose networks read ``values`` only.
        day : Tensor (t,) or (b, t)
            Days on the source's calendar.

        Returns
        -------
        tuple of Tensor (b, k) and Features
            Logits and features.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Raise ValueError where loaded weights cannot come from training."""
        if not all(bool(weight.isfinite().all()) for weight in self.parameters()):
            raise ValueError("one of its weights is not a finite number")


def pack_observed(values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Move the observed dates of each series to the front, and drop the dates beyond the longest series.

    The cost of what follows depends on what is observed, and which dates of a series are neighbours does not depend on
    the gaps of other series. ``values``, ``observed`` and ``day`` as of :meth:`SeriesNetwork.forward`; the results have
    the shapes (b, m, c), (b, m) and (b, m).
    """
    order = observed.int().argsort(dim=1, descending=True, stable=True)[:, : int(observed.sum(dim=1).max())]
    values = values.take_along_dim(order.unsqueeze(-1), dim=1)
    return values, observed.take_along_dim(order, dim=1), day.expand(observed.shape).take_along_dim(order, dim=1)
