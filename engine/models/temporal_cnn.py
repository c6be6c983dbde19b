"""A temporal convolutional network on a regular grid of days: the feature extractor of DACCN.

Three convolutions over time, flattened, and two dense layers, whose outputs are the two levels at which DACCN
aligns the domains. Flattened, not averaged over time: crops differ in *when* they are green.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .network import Features, SeriesNetwork, Size

KERNEL = 5
"""Dates that a convolution spans."""
MAX_WIDTH = 256
"""Greatest number of channels of the first convolution; the others have two and four times as many."""


@dataclass(frozen=True)
class TemporalCnnSize(Size):
    """Sizes of :class:`TemporalCnn`."""

    dates: int
    """Days of the grid."""
    width: int = 64
    """Channels of the first convolution; the second has twice, the third four times as many."""
    hidden: int = 256
    """Features of the first dense layer."""
    embedding: int = 128
    """Features of the second dense layer, that the classifier reads."""
    dropout: float = 0.3
    """Dropout between the dense layers in training."""


class TemporalCnn(SeriesNetwork):
    """Convolutions 64-128-256 with batch normalisation, halved twice in time, and two dense layers.

    Raises
    ------
    ValueError
        Where ``width`` is more than ``MAX_WIDTH``.
    """

    kind = "temporal-cnn"
    on_grid = True

    def __init__(self, size: TemporalCnnSize) -> None:
        super().__init__(size)
        if size.width > MAX_WIDTH:
            raise ValueError(f"a width of {size.width} is more than {MAX_WIDTH}")
        channels = (size.bands, size.width, 2 * size.width, 4 * size.width)
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.Conv1d(before, after, KERNEL, padding=KERNEL // 2), nn.BatchNorm1d(after), nn.ReLU())
            for before, after in zip(channels, channels[1:])
        )
        self.halve = nn.MaxPool1d(2, ceil_mode=True)
        left = -(-size.dates // 4)
        self.first = nn.Sequential(nn.Linear(channels[-1] * left, size.hidden), nn.ReLU())
        self.second = nn.Sequential(nn.Dropout(size.dropout), nn.Linear(size.hidden, size.embedding), nn.ReLU())
        self.classifier = nn.Linear(size.embedding, size.classes)

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch on the grid; the levels are the outputs of the dense layers."""
        x = values.transpose(1, 2)
        for depth, convolution in enumerate(self.convolutions):
            x = convolution(x if depth == 0 else self.halve(x))
        first = self.first(torch.flatten(x, 1))
        second = self.second(first)
        return self.classifier(second), Features((first, second), second)
