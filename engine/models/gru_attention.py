"""A gated recurrent network with self-attention on a regular grid of days: the network of PAN."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .network import Features, SeriesNetwork, Size


@dataclass(frozen=True)
class GruAttentionSize(Size):
    """Sizes of :class:`GruAttention`."""

    hidden: int = 128
    """Units of each recurrent layer, and features of the attention and of the embedding."""
    layers: int = 2
    """Recurrent layers."""
    heads: int = 4
    """Attention heads; divides ``hidden``."""
    dropout: float = 0.2
    """Dropout between the parts in training."""


class GruAttention(SeriesNetwork):
    """Recurrent layers over the season, self-attention over their outputs, and a dense layer.

    Raises
    ------
    ValueError
        Where the heads do not divide ``hidden``.
    """

    kind = "gru-attention"
    on_grid = True

    def __init__(self, size: GruAttentionSize) -> None:
        super().__init__(size)
        if size.hidden % size.heads:
            raise ValueError(f"{size.heads} heads do not divide {size.hidden} units")
        between = size.dropout if size.layers > 1 else 0.0
        self.recurrent = nn.GRU(size.bands, size.hidden, size.layers, batch_first=True, dropout=between)
        self.attention = nn.MultiheadAttention(size.hidden, size.heads, dropout=size.dropout, batch_first=True)
        self.norm = nn.LayerNorm(size.hidden)
        self.embed = nn.Sequential(nn.Dropout(size.dropout), nn.Linear(size.hidden, size.hidden), nn.ReLU())
        self.classifier = nn.Linear(size.hidden, size.classes)

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch on the grid.

        The levels are the means over time of the recurrent and the attention's output, and the embedding.
        """
        recurrent, _ = self.recurrent(values)
        attended, _ = self.attention(recurrent, recurrent, recurrent, need_weights=False)
        attended = self.norm(recurrent + attended).mean(dim=1)
        embedding = self.embed(attended)
        return self.classifier(embedding), Features((recurrent.mean(dim=1), attended, embedding), embedding)
