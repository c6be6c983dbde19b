"""The masked transformer encoder of a pixel's time series, and the network built on it.

Three pre-norm transformer layers over the observed dates, sin/cos of the day with the period scale of
TimeMatch (Nyborg et al. 2022, doi 10.1016/j.isprsjprs.2022.04.018), masked attention pooling and a small
head. Layer normalisation only: batch statistics would mix the domains.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .device import mixed_precision
from .network import Features, SeriesNetwork, Size, pack_observed

DAY_SCALE = 1000.0
"""Longest period of the day encoding, in days over 2 pi (TimeMatch)."""


@dataclass(frozen=True)
class NetworkSize(Size):
    """Sizes of :class:`CropNetwork`."""

    width: int = 64
    """Features per date (d)."""
    layers: int = 3
    """Transformer layers."""
    heads: int = 4
    """Attention heads; divides ``width``."""
    projection: int = 64
    """Features of the projection that the contrast compares."""
    dropout: float = 0.1
    """Dropout in training."""
    dates_per_token: int = field(default=1, metadata={"key": "together"})
    """Consecutive observed dates that the layers read as one token."""


class DayEncoding(nn.Module):
    """Sine and cosine of the day at periods from 2 pi days to 2 pi times ``DAY_SCALE``.

    Parameters
    ----------
    width : int
        Features d, even.
    """

    frequency: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        half = torch.arange(0, width, 2, dtype=torch.float32)
        self.register_buffer("frequency", DAY_SCALE ** (-half / width), persistent=False)

    def forward(self, day: Tensor) -> Tensor:
        """Encode days.

        Parameters
        ----------
        day : Tensor (..., t)
            Days.

        Returns
        -------
        Tensor (..., t, d)
            Features, -1 to 1.
        """
        angle = day.unsqueeze(-1) * self.frequency
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Dropout(nn.Module):
    """Dropout with its own random generator, so that networks can be trained in parallel threads.

    Parameters
    ----------
    rate : float
        Share of the values that is set to zero, 0 to 1.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None
        """On the network's device; None: torch's own."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``; in training with a share of the values set to zero and the rest scaled up.

        Parameters
        ----------
        x : Tensor
            Of any shape.
        """
        if not self.training or not self.rate:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.rate, generator=self.generator)
        return x * kept / (1 - self.rate)


def seed_dropout(network: nn.Module, seed: int) -> None:
    """Give the dropout layers of a network their own random generator.

    Parameters
    ----------
    network : nn.Module
        Network, changed in place.
    seed : int
        Seed of the generator.
    """
    generator = torch.Generator(next(network.parameters()).device).manual_seed(seed)
    for module in network.modules():
        if isinstance(module, Dropout):
            module.generator = generator


class Layer(nn.Module):
    """One pre-norm transformer layer with a mask over the keys.

    Parameters
    ----------
    width : int
        Features per token d.
    heads : int
        Attention heads; divides ``width``.
    dropout : float
        Dropout in training, 0 to 1.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.norm_forward = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, keys: Tensor | None) -> Tensor:
        """Transform a batch.

        Parameters
        ----------
        x : Tensor (b, t, d)
            Features of the tokens.
        keys : Tensor (b, 1, 1, t) of bool, optional
            True where a token may be attended to; None for all.

        Returns
        -------
        Tensor (b, t, d)
            Features of the tokens.
        """
        b, t, d = x.shape
        parts = self.query_key_value(self.norm_attention(x)).view(b, t, 3, self.heads, d // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        x = x + self.dropout(self.output(mixed.transpose(1, 2).reshape(b, t, d)))
        return x + self.dropout(self.narrow(F.relu(self.widen(self.norm_forward(x)), inplace=True)))


class JoinDates(nn.Module):
    """Joins consecutive dates into tokens, which halves or thirds the work of the layers.

    Parameters
    ----------
    width : int
        Features per date d.
    dates : int
        Dates in a token.
    """

    def __init__(self, width: int, dates: int) -> None:
        super().__init__()
        self.dates = dates
        self.join = nn.Linear(dates * width, width)

    def forward(self, x: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Join dates into tokens.

        Parameters
        ----------
        x : Tensor (b, t, d)
            Features of the dates, zero where there is none.
        count : Tensor (b, t)
            1 where there is a date, else 0.

        Returns
        -------
        tuple of Tensor (b, ceil(t / dates), d) and Tensor (b, ceil(t / dates))
            Features and number of dates of the tokens.
        """
        b, t, d = x.shape
        missing = -t % self.dates
        x, count = F.pad(x, (0, 0, 0, missing)), F.pad(count, (0, missing)).view(b, -1, self.dates)
        return self.join(x.view(b, -1, self.dates * d)), count.sum(dim=2)


class SeriesEncoder(nn.Module):
    """Encodes series of any dates without gaps into features of three depths; ``size`` as of :class:`CropNetwork`."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        d = size.width
        self.heads = size.heads
        self.lift = nn.Linear(size.bands, d)
        self.norm_input = nn.LayerNorm(d)
        self.days = DayEncoding(d)
        self.join = JoinDates(d, size.dates_per_token) if size.dates_per_token > 1 else None
        self.layers = nn.ModuleList(Layer(d, size.heads, size.dropout) for _ in range(size.layers))
        self.norm_output = nn.LayerNorm(d)
        self.attend = nn.Linear(d, size.heads)
        self.embed = nn.Sequential(nn.Linear(d, 2 * d), nn.ReLU(), Dropout(size.dropout), nn.Linear(2 * d, d))
        self.norm_embedding = nn.LayerNorm(d)

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> Features:
        """Encode a batch; ``values``, ``observed`` and ``day`` as of :meth:`SeriesNetwork.forward`.

        The levels are the means over the observed dates after the first and the last layer, and the embedding.
        """
        whole = bool(observed.all())
        if not whole:
            if self.join is not None:
                values, observed, day = pack_observed(values, observed, day)
            values = values.masked_fill(~observed.unsqueeze(-1), 0.0)
        x = self.norm_input(self.lift(values)) + self.days(day)
        count = observed.to(x.dtype)
        if self.join is not None:
            x, count = self.join(x if whole else x * count.unsqueeze(-1), count)
            observed = count > 0
        keys = None if whole else observed[:, None, None, :]
        share = (count / count.sum(dim=1, keepdim=True)).unsqueeze(1)
        x = self.layers[0](x, keys)
        first = (share @ x).squeeze(1)
        for layer in self.layers[1:]:
            x = layer(x, keys)
        x = self.norm_output(x)
        last = (share @ x).squeeze(1)
        score = self.attend(x)
        if not whole:
            score = score.masked_fill(~observed.unsqueeze(-1), float("-inf"))
        weight = score.softmax(dim=1)
        b, t, d = x.shape
        pooled = torch.einsum("bth,bthe->bhe", weight, x.view(b, t, self.heads, d // self.heads)).reshape(b, d)
        embedding = self.norm_embedding(pooled + self.embed(pooled))
        return Features((first, last, embedding), embedding)


class CropNetwork(SeriesNetwork):
    """Encoder, linear classifier, and the projection in which crops are contrasted.

    Parameters
    ----------
    size : NetworkSize
        Sizes of its layers.
    """

    kind = "attention"

    def __init__(self, size: NetworkSize) -> None:
        super().__init__(size)
        if size.width % size.heads or size.width % 2:
            raise ValueError(f"{size.heads} heads do not divide a width of {size.width}")
        self.encoder = SeriesEncoder(size)
        self.classifier = nn.Linear(size.width, size.classes)
        self.projection = nn.Sequential(
            nn.Linear(size.width, size.width), nn.ReLU(), nn.Linear(size.width, size.projection)
        )

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch."""
        with mixed_precision(values.device):
            levels, embedding = self.encoder(values, observed, day)
            logits = self.classifier(embedding)
        return logits.float(), Features(tuple(level.float() for level in levels), embedding.float())

    def project(self, embedding: Tensor) -> Tensor:
        """Project embeddings for the contrast, to unit vectors (b, p).

        Parameters
        ----------
        embedding : Tensor (b, d)
            Embeddings.
        """
        return F.normalize(self.projection(embedding), dim=1)
