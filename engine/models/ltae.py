"""Pixel-set encoder and lightweight temporal attention (PSE+LTAE): the network of TimeMatch.

Published: Sainte Fare Garnot et al. 2020 (arXiv:1911.07757, arXiv:2007.00586), with the sizes of TimeMatch's
public code (Nyborg et al. 2022, doi 10.1016/j.isprsjprs.2022.04.018): pixel encoder 32-64-128, lifted to 256, 16 heads
with keys of 8, day encoding with periods up to 1000, then 128-64-32 and the classes, batch normalisation and
ReLU after every linear layer.

Ours: the network reads single pixels, while the pixel-set encoder reads all pixels of a field. The mean of one pixel
is the pixel itself and its deviation is zero, so the encoder reduces to its dense layers. Gaps are left out of the
attention and of the batch statistics; the published code has no gaps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .encoder import DayEncoding
from .network import Features, SeriesNetwork, Size

ENCODER = (32, 64, 128)
"""Features of the dense layers that read a date."""
DECODER = (64, 32)
"""Features of the dense layers before the classes."""


@dataclass(frozen=True)
class LtaeSize(Size):
    """Sizes of :class:`LtaeNetwork`."""

    heads: int = 16
    """Attention heads; divides ``width``."""
    key: int = 8
    """Features of a head's keys and query."""
    width: int = 256
    """Features per date over which the attention runs."""
    embedding: int = 128
    """Features of a series."""
    dropout: float = 0.2
    """Dropout of the embedding in training."""
    attention_dropout: float = 0.1
    """Dropout of the attention weights in training."""


def _dense(before: int, after: int) -> nn.Sequential:
    """Linear layer, batch normalisation and ReLU over rows (m, ``before``)."""
    return nn.Sequential(nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU())


def _dense_layers(*features: int) -> nn.Sequential:
    """Dense layers from the first number of features to the last."""
    return nn.Sequential(*(_dense(before, after) for before, after in zip(features, features[1:])))


class LtaeNetwork(SeriesNetwork):
    """Dense layers over each date, attention over the dates with one learnt query a head, and a decoder."""

    kind = "pse-ltae"

    def __init__(self, size: LtaeSize) -> None:
        super().__init__(size)
        if size.width % size.heads or size.width % 2:
            raise ValueError(f"{size.heads} heads do not divide a width of {size.width}")
        self.dates = _dense_layers(size.bands, *ENCODER, size.width)
        self.days = DayEncoding(size.width)
        self.key = nn.Linear(size.width, size.heads * size.key, bias=False)
        self.query = nn.Parameter(torch.randn(size.heads, size.key) * math.sqrt(2.0 / size.key))
        self.drop_dates = nn.Dropout(size.attention_dropout)
        self.embed = nn.Sequential(_dense(size.width, size.embedding), nn.Dropout(size.dropout))
        self.decoder = nn.Sequential(_dense_layers(size.embedding, *DECODER), nn.Linear(DECODER[-1], size.classes))

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch; the levels are the output of the attention and the embedding."""
        return self.classify_encoded(self.encode_dates(values, observed), observed, day)

    def encode_dates(self, values: Tensor, observed: Tensor) -> Tensor:
        """Encode each date by itself, independent of its day, as features (b, t, w) that are zero at gaps.

        ``values`` and ``observed`` as of :meth:`SeriesNetwork.forward`.
        """
        features = self.dates(values[observed])
        encoded = features.new_zeros(*observed.shape, features.shape[1])
        encoded[observed] = features
        return encoded

    def classify_encoded(self, encoded: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify encoded dates; ``observed`` and ``day`` as of :meth:`SeriesNetwork.forward`, which returns the same.

        Parameters
        ----------
        encoded : Tensor (b, t, w)
            What :meth:`encode_dates` gives.
        """
        size = self.size
        # Sine and cosine of one period side by side, so that a head, which reads a slice of the features, has both.
        x = encoded + self.days(day).unflatten(-1, (2, size.width // 2)).transpose(-1, -2).flatten(-2)
        # The query is the same for every series: together they make one linear map to a score per head.
        keys = self.key.weight.view(size.heads, size.key, size.width)
        score = x @ torch.einsum("hk,hkw->wh", self.query, keys) / math.sqrt(size.key)
        weight = score.masked_fill(~observed.unsqueeze(-1), float("-inf")).softmax(dim=1)
        b, t, _ = x.shape
        heads = x.view(b, t, size.heads, size.width // size.heads)
        gathered = torch.einsum("bth,bthe->bhe", self.drop_dates(weight), heads).reshape(b, size.width)
        embedding = self.embed(gathered)
        return self.decoder(embedding), Features((gathered, embedding), embedding)
