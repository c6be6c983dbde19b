"""The network of PhenoCropNet: from dates to phenological periods, and from periods to the season.

Lei et al. 2024, IEEE TGRS, doi 10.1109/TGRS.2024.3483110. Published, as far as its abstract goes: a phenological
calendar divides the series into one sequence for each period; two levels of bidirectional GRU with self-attention
weigh the key dates of a period and the key periods of the season. Our choice: five periods, equal parts of the
source's season, because no crop calendar is given; one GRU for all periods, 64 units a direction; attention as in
hierarchical attention networks (Yang et al. 2016), softmax of v tanh(Wh + b); dropout .1 on a level's output.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .network import Features, SeriesNetwork, Size


@dataclass(frozen=True)
class PhenoCropNetSize(Size):
    """Sizes of :class:`PhenoCropNetwork`."""

    width: int = 64
    """GRU units a direction."""
    periods: int = 5
    """Phenological periods of a season; fewer where it has fewer dates."""
    dropout: float = 0.1
    """Dropout in training."""


def period_lengths(dates: int, periods: int) -> list[int]:
    """Split a regular grid into consecutive periods of equal length.

    Parameters
    ----------
    dates : int
        Dates of the grid.
    periods : int
        Number of periods; fewer where there are fewer dates.

    Returns
    -------
    list of int
        Dates in each period; the longer ones come first.
    """
    periods = min(periods, dates)
    return [dates // periods + (number < dates % periods) for number in range(periods)]


class _AttendedGru(nn.Module):
    """Bidirectional GRU whose states are summed by their attention."""

    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(features, width, batch_first=True, bidirectional=True)
        self.mix = nn.Linear(2 * width, 2 * width)
        self.score = nn.Linear(2 * width, 1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map sequences (b, t, d) to (b, 2 width)."""
        states, _ = self.gru(x)
        weight = self.score(self.mix(states).tanh()).softmax(dim=1)
        return self.dropout((weight * states).sum(dim=1))


class PhenoCropNetwork(SeriesNetwork):
    """Dates to periods, periods to season, linear classifier."""

    kind = "phenocropnet"
    on_grid = True

    def __init__(self, size: PhenoCropNetSize) -> None:
        super().__init__(size)
        self.dates = _AttendedGru(size.bands, size.width, size.dropout)
        self.periods = _AttendedGru(2 * size.width, size.width, size.dropout)
        self.classifier = nn.Linear(2 * size.width, size.classes)

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Split series into the periods of the season.

        Parameters
        ----------
        values : Tensor (b, t, c)
            Series on the grid.

        Returns
        -------
        tuple of Tensor (b, l, c)
            The series of each period, in order.
        """
        return values.split(period_lengths(values.shape[1], self.size.periods), dim=1)

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch on the grid; the levels are the mean over the periods and the season, (b, 2 width) each."""
        encoded: list[Tensor] = []
        parts = self.split(values)
        # Periods of one length go through the GRU together; there are two lengths at most, the longer first.
        for length in dict.fromkeys(part.shape[1] for part in parts):
            equal = torch.stack([part for part in parts if part.shape[1] == length])
            encoded.append(self.dates(equal.flatten(0, 1)).view(len(equal), len(values), -1))
        periods = torch.cat(encoded).transpose(0, 1)
        embedding = self.periods(periods)
        return self.classifier(embedding), Features((periods.mean(dim=1), embedding), embedding)
