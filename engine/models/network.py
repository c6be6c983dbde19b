"""What a network that classifies pixels' series is to the rest of the engine."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn


class Features(NamedTuple):
    """What a network makes of a batch of series, beside its logits."""

    levels: tuple[Tensor, ...]
    """(b, d) each: features from the shallowest to the deepest level at which domains may be aligned."""
    embedding: Tensor
    """(b, d) features on which the classifier stands."""


class SeriesNetwork(nn.Module):
    """Base of all networks; a subclass says in ``kind`` under which name a model file knows it."""

    kind: ClassVar[str]
    """Name in a model file."""
    on_grid: ClassVar[bool] = False
    """Whether it reads a regular grid of days with gaps filled, instead of each pixel's observed dates."""
    size: Any
    """Frozen dataclass of whole numbers and fractions from which the network can be built again; with
    ``bands`` and ``classes``."""

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Return logits (b, k) and features of a batch.

        Parameters
        ----------
        values : (b, t, c) standardised values; whatever stands at a gap is ignored.
        observed : (b, t) bool, at least one true in every row; all true on a grid.
        day : (t,) or (b, t) days on the source's calendar.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Raise ValueError where weights that were loaded cannot have been learnt."""
        if not all(bool(weight.isfinite().all()) for weight in self.parameters()):
            raise ValueError("one of its weights is not a finite number")


def pack_observed(values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Series with their observed dates in front, as many as the one with most of them has.

    What follows then costs what is observed, and which dates of a series stand side by side does not hang on the gaps
    of others. Arguments as for :class:`SeriesNetwork`; the days returned are (b, t).
    """
    order = observed.int().argsort(dim=1, descending=True, stable=True)[:, : int(observed.sum(dim=1).max())]
    values = values.take_along_dim(order.unsqueeze(-1), dim=1)
    return values, observed.take_along_dim(order, dim=1), day.expand(observed.shape).take_along_dim(order, dim=1)
