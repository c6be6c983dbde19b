"""A linear model of series on a regular grid: one weight for each class, date and band."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .network import Features, SeriesNetwork, Size


@dataclass(frozen=True)
class LinearSize(Size):
    """Sizes of :class:`LinearNetwork`."""

    dates: int
    """Days of the regular grid."""


class LinearNetwork(SeriesNetwork):
    """Logits are weighted sums of all values of a series."""

    kind = "linear"
    on_grid = True

    def __init__(self, size: LinearSize) -> None:
        super().__init__(size)
        self.classifier = nn.Linear(size.dates * size.bands, size.classes)

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch on the grid; the features are the values themselves (b, t * c)."""
        if values.shape[1:] != (self.size.dates, self.size.bands):
            raise ValueError(f"values {tuple(values.shape)} do not fit the linear model")
        flat = values.flatten(1)
        return self.classifier(flat), Features((flat,), flat)
