"""A random forest as arrays: trained by scikit-learn, predicted without scikit-learn and saved without pickle.

One table holds the nodes of all trees, each tree breadth first, so that the right child follows the left one. A leaf
points at itself and its threshold is infinite: a step from it stays there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .network import Features, SeriesNetwork, Size

MIN_PROBABILITY = 1e-8
"""Probability of a class that no tree votes for: its logarithm must be finite."""
STRIDE = 3
"""Levels descended before the pixels and trees that have reached a leaf are set aside; 3 is the fastest of 1 to 3."""


@dataclass(frozen=True)
class ForestSize(Size):
    """Sizes of :class:`ForestNetwork`."""

    dates: int
    """Days of the regular grid."""
    trees: int
    """Number of trees."""
    nodes: int
    """Nodes of all trees together, leaves included."""


class ForestNetwork(SeriesNetwork):
    """Mean of the trees' class shares; the logits are its logarithm."""

    kind = "forest"
    on_grid = True
    feature: Tensor
    """(nodes,) int32: which of the dates x bands values is compared, date after date; 0 at a leaf."""
    threshold: Tensor
    """(nodes,) float32: up to it the walk goes left; infinite at a leaf."""
    left: Tensor
    """(nodes,) int32: left child, the right one is the next; a leaf itself."""
    share: Tensor
    """(nodes, k) float32: class shares of a leaf; 0 elsewhere."""
    root: Tensor
    """(trees,) int32: first node of each tree."""

    def __init__(self, size: ForestSize) -> None:
        super().__init__(size)
        self.register_buffer("feature", torch.empty(size.nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.empty(size.nodes))
        self.register_buffer("left", torch.empty(size.nodes, dtype=torch.int32))
        self.register_buffer("share", torch.empty(size.nodes, size.classes))
        self.register_buffer("root", torch.empty(size.trees, dtype=torch.int32))

    def check(self) -> None:
        """Raise ValueError where a descent could leave the tables, never end, or end without class shares."""
        own = torch.arange(self.size.nodes, dtype=torch.int32, device=self.left.device)
        leaf = self.left == own
        onward = (self.left > own) & (self.left < self.size.nodes - 1) & self.threshold.isfinite()
        sound = {
            "a node of its forest has no valid child": (onward | (leaf & (self.threshold == torch.inf))).all(),
            "a node of its forest reads a value that does not exist": (
                (self.feature >= 0) & (self.feature < self.size.dates * self.size.bands)
            ).all(),
            "a tree of its forest has no root": ((self.root >= 0) & (self.root < self.size.nodes)).all(),
            "a leaf of its forest has no class shares": (
                (self.share[leaf] >= 0).all() and ((self.share[leaf].sum(dim=1) - 1).abs() < 1e-4).all()
            ),
        }
        for problem, holds in sound.items():
            if not bool(holds):
                raise ValueError(problem)

    def forward(self, values: Tensor, observed: Tensor, day: Tensor) -> tuple[Tensor, Features]:
        """Classify a batch on the grid; the features are the mean class shares (b, k)."""
        if values.shape[1:] != (self.size.dates, self.size.bands):
            raise ValueError(f"values {tuple(values.shape)} do not fit the forest")
        share = F.embedding_bag(self.leaves(values), self.share, mode="mean")
        return share.clamp_min(MIN_PROBABILITY).log(), Features((share,), share)

    def leaves(self, values: Tensor) -> Tensor:
        """Return the leaf in which each series ends, as indices of nodes (b, trees), int32.

        Parameters
        ----------
        values : Tensor (b, t, c)
            Series on the grid.
        """
        b, trees = len(values), self.size.trees
        flat = values.reshape(-1)
        row = torch.arange(b, dtype=torch.int32, device=flat.device) * (len(flat) // b)
        row, node = row.repeat_interleave(trees), self.root.repeat(b)
        reached = node.clone()
        walking = torch.arange(len(node), dtype=torch.int32, device=flat.device)
        while len(walking):
            for _ in range(STRIDE):
                before = node
                value = flat.index_select(0, row + self.feature.index_select(0, node))
                right = value > self.threshold.index_select(0, node)
                node = self.left.index_select(0, node) + right
            reached[walking.long()] = node
            moved = (node != before).nonzero().squeeze(1)
            node, row, walking = (x.index_select(0, moved) for x in (node, row, walking))
        return reached.view(b, trees)
