"""The network of DeepCropMapping: a bidirectional LSTM with attention over time (Xu et al. 2020).

Xu et al., Remote Sensing of Environment 247, doi 10.1016/j.rse.2020.111946, and its public code. Published: two
layers of 256 units a direction, dropout .5 between them, weight of a date = softmax over time of ReLU(Wh + b),
a linear classifier on the weighted mean, forget gates that start open with a bias of 3. Our choice: torch adds two
biases at every gate; the 3 is their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import Features, SeriesNetwork, Size

FORGET_BIAS = 3.0
"""Bias of the forget gates before training: what was seen early in the season is kept."""


@dataclass(frozen=True)
class DcmSize(Size):
    """Sizes of :class:`DcmNetwork`."""

    width: int = 256
    """LSTM units a direction."""
    layers: int = 2
    """LSTM layers."""
    dropout: float = 0.5
    """Dropout between the layers in training."""


class DcmNetwork(SeriesNetwork):
    """Bidirectional LSTM, attention over time, linear classifier."""

    kind = "dcm"
    on_grid = True

    def __init__(self, size: DcmSize) -> None:
        super().__init__(size)
        # With one layer there is nothing between layers, and torch would warn.
        dropout = size.dropout if size.layers > 1 else 0.0
        self.lstm = nn.LSTM(size.bands, size.width, size.layers, batch_first=True, dropout=dropout, bidirectional=True)
        self.attend = nn.Linear(2 * size.width, 1)
        self.classifier = nn.Linear(2 * size.width, size.classes)
        forget = slice(size.width, 2 * size.width)  # torch keeps the gates as input, forget, cell, output
        with torch.no_grad():
            for name, parameter in self.lstm.named_parameters():
                if name.startswith("bias"):
                    parameter[forget] = FORGET_BIAS if name.startswith("bias_ih") else 0.0

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch on the grid; the levels are the plain and the attended mean over time, (b, 2 width) each."""
        states, _ = self.lstm(values)
        weight = F.relu(self.attend(states)).softmax(dim=1)
        embedding = (weight * states).sum(dim=1)
        return self.classifier(embedding), Features((states.mean(dim=1), embedding), embedding)
