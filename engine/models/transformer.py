"""The transformer encoder of Russwurm and Korner (2020) in the form of BreizhCrops.

ISPRS Journal 169, doi 10.1016/j.isprsjprs.2020.06.006; Russwurm et al. 2020 (BreizhCrops) and its public code.
Published: a linear layer with ReLU lifts each date to 64 features, five post-norm layers of 2 heads and 128 units
between, dropout .018, maximum over time, ReLU, linear classifier. The paper adds sines and cosines of the position
in the sequence, which the code of BreizhCrops leaves out: here they are added, for without them the network could
not tell spring from autumn. Our choice: a regular grid, so that a position is a day of the season.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .network import Features, SeriesNetwork, Size

LONGEST = 10_000.0
"""Base of the wavelengths of the position encoding (Vaswani et al. 2017)."""


@dataclass(frozen=True)
class TransformerSize(Size):
    """Sizes of :class:`TransformerNetwork`."""

    width: int = 64
    """Features per date."""
    heads: int = 2
    """Attention heads; divides ``width``."""
    layers: int = 5
    """Encoder layers."""
    inner: int = 128
    """Units between the two linear maps of a layer."""
    dropout: float = 0.018
    """Dropout in training."""


def encode_positions(count: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of positions, at wavelengths from 2 pi upwards.

    Parameters
    ----------
    count : int
        Positions 0 to ``count`` - 1.
    width : int
        Features, even.
    device : torch.device
        Where to.

    Returns
    -------
    Tensor (count, width)
        Features, -1 to 1.
    """
    frequency = LONGEST ** (-torch.arange(0, width, 2, device=device) / width)
    angle = torch.arange(count, device=device).unsqueeze(1) * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=2).view(count, width)


class TransformerNetwork(SeriesNetwork):
    """Transformer encoder, maximum over time, linear classifier."""

    kind = "transformer"
    on_grid = True

    def __init__(self, size: TransformerSize) -> None:
        super().__init__(size)
        if size.width % size.heads or size.width % 2:
            raise ValueError(f"{size.heads} heads do not divide a width of {size.width}")
        self.lift = nn.Linear(size.bands, size.width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(size.width, size.heads, size.inner, size.dropout, batch_first=True)
            for _ in range(size.layers)
        )
        self.norm = nn.LayerNorm(size.width)
        self.classifier = nn.Linear(size.width, size.classes)

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch on the grid; the levels are the maxima over time after the first and the last layer."""
        x = self.lift(values).relu() + encode_positions(values.shape[1], self.size.width, values.device)
        x = self.layers[0](x)
        first = x.amax(dim=1)
        for layer in self.layers[1:]:
            x = layer(x)
        embedding = self.norm(x).amax(dim=1).relu()
        return self.classifier(embedding), Features((first, embedding), embedding)
