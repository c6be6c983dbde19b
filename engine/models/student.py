"""A small network that maps one stack in a teacher's place: a perceptron on the dates of that stack.

Where the teacher can read any dates, its student knows those of a single stack by their place. That is what makes it
fast: no attention, no days, a hundred thousand operations a pixel.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .device import to_device
from .standardise import LIMIT, Statistics
from .trained import TrainedModel

FORMAT = "croptransfer-student-1"


@dataclass(frozen=True)
class StudentSize:
    """Everything needed to build the network again."""

    dates: int
    """Dates of the stack that lie in the season the teacher knows."""
    bands: int
    """Bands of the teacher."""
    classes: int
    """Classes of the teacher."""
    width: int = 128
    """Features of the first hidden layer; the second has half of them."""


class StudentNetwork(nn.Module):
    """Standardised values of all dates, zero at gaps, and which dates were observed; two hidden layers."""

    mean: Tensor
    std: Tensor

    def __init__(self, size: StudentSize) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(size.bands))
        self.register_buffer("std", torch.ones(size.bands))
        self.layers = nn.Sequential(
            nn.Linear(size.dates * (size.bands + 1), size.width),
            nn.ReLU(inplace=True),
            nn.Linear(size.width, size.width // 2),
            nn.ReLU(inplace=True),
            nn.Linear(size.width // 2, size.classes),
        )

    def inputs(self, values: Tensor) -> Tensor:
        """What the first layer reads, (b, t * (c + 1)), of values (b, t, c) as they come, NaN for gaps."""
        b, t, c = values.shape
        # In one piece of memory and as few passes over it as can be: most of a small network's time goes here.
        inputs = values.new_empty(b, t * (c + 1))
        scaled = inputs[:, : t * c].view(b, t, c)
        torch.addcmul(-self.mean / self.std, values, 1.0 / self.std, out=scaled)
        gap = scaled.sum(dim=2).isnan()
        scaled.clamp_(-LIMIT, LIMIT)
        scaled.masked_fill_(gap.unsqueeze(-1), 0.0)
        inputs[:, t * c :] = ~gap
        return inputs

    def forward(self, values: Tensor) -> Tensor:
        """Logits (b, k) of values (b, t, c)."""
        return self.layers(self.inputs(values))


@dataclass(frozen=True)
class DistilledClassifier:
    """A student network with what it needs to know of its stack and of its own limits."""

    network: StudentNetwork
    dates: np.ndarray
    """(t,) int64: which dates of the stack it reads."""
    confidence_threshold: float
    """Probability of the first class above which its word is taken; up to it the teacher is asked."""
    agreement: float
    """Share of pixels, none of which it learnt from, on which both together give the teacher's class."""
    fallback_share: float
    """Share of those pixels for which the teacher is asked."""

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (n, k) float32 of values (n, t, c) on all dates of the stack.

        They are zeros where it sees none of its dates.
        """
        if len(self.dates) != values.shape[1]:
            values = values[:, self.dates]
        with torch.inference_mode():
            inputs = self.network.inputs(to_device(values, self.network.mean.device))
            probability = self.network.layers(inputs).softmax(dim=1)
            probability[inputs[:, -len(self.dates) :].amax(dim=1) == 0] = 0.0
            return probability.cpu().numpy()

    def save(self, path: Path) -> None:
        """Write it as safetensors; raises OSError."""
        content = {
            "size": asdict(self.network.size),
            "dates": self.dates.tolist(),
            "sure": self.confidence_threshold,
            "agreement": self.agreement,
            "asked": self.fallback_share,
        }
        tensors = {name: t.detach().cpu().contiguous() for name, t in self.network.state_dict().items()}
        try:
            save_file(tensors, str(path), {"format": FORMAT, "student": json.dumps(content)})
        except SafetensorError as fault:
            raise OSError(str(fault)) from fault

    @staticmethod
    def load(path: Path, device: torch.device) -> DistilledClassifier:
        """Read what :meth:`save` wrote; raises OSError or ValueError where it is not whole."""
        try:
            with safe_open(str(path), framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except SafetensorError as fault:
            raise ValueError(str(fault)) from fault
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path.name} is no student")
        content = json.loads(metadata["student"])
        network = StudentNetwork(StudentSize(**content["size"]))
        network.load_state_dict(tensors)
        return DistilledClassifier(
            network=network.to(device).eval(),
            dates=np.array(content["dates"], np.int64),
            confidence_threshold=content["sure"],
            agreement=content["agreement"],
            fallback_share=content["asked"],
        )


def new_student(model: TrainedModel, day: np.ndarray, width: int) -> tuple[StudentNetwork, np.ndarray]:
    """An untrained student of ``model`` for a stack with days (t,), and which of the dates it reads."""
    placed = model.calendar.align_days(day, model.shift_days)
    dates = np.flatnonzero(model.calendar.inside(placed))
    if not len(dates):
        dates = np.arange(len(day))
    network = StudentNetwork(StudentSize(len(dates), len(model.bands), len(model.classes), width))
    _standardise(network, model.statistics)
    return network, dates


def _standardise(network: StudentNetwork, statistics: Statistics) -> None:
    network.mean.copy_(torch.from_numpy(statistics.mean.astype(np.float32)))
    network.std.copy_(torch.from_numpy(statistics.std.astype(np.float32)))
