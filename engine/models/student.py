"""A small distilled network that maps one stack for its teacher: a perceptron on the dates of that stack.

The teacher reads any dates; its student has a fixed input for each date of one stack. That makes it fast: no attention,
no days, a hundred thousand operations a pixel.
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
from .standardise import LIMIT
from .trained import TrainedModel

FORMAT = "croptransfer-student-1"


@dataclass(frozen=True)
class StudentSize:
    """Everything needed to build the network again."""

    dates: int
    """Dates of the stack in the teacher's season."""
    bands: int
    """Bands of the teacher."""
    classes: int
    """Classes of the teacher."""
    width: int = 128
    """Features of the first hidden layer; the second has half of them."""


class StudentNetwork(nn.Module):
    """Standardised values of all dates, zero at gaps, and which dates were observed; two hidden layers.

    Parameters
    ----------
    size : StudentSize
        Sizes of its layers.
    """

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
        """Prepare what the first layer reads.

        Parameters
        ----------
        values : Tensor (b, t, c)
            Values in the units of the training data; NaN for gaps.

        Returns
        -------
        Tensor (b, t * (c + 1))
            Standardised values, 0 at gaps, and 1 for each observed date.
        """
        b, t, c = values.shape
        # One block of memory and as few passes over it as possible: most of a small network's time goes here.
        inputs = values.new_empty(b, t * (c + 1))
        scaled = inputs[:, : t * c].view(b, t, c)
        torch.addcmul(-self.mean / self.std, values, 1.0 / self.std, out=scaled)
        gap = scaled.sum(dim=2).isnan()
        scaled.clamp_(-LIMIT, LIMIT)
        scaled.masked_fill_(gap.unsqueeze(-1), 0.0)
        inputs[:, t * c :] = ~gap
        return inputs

    def forward(self, values: Tensor) -> Tensor:
        """Classify a batch.

        Parameters
        ----------
        values : Tensor (b, t, c)
            As for :meth:`inputs`.

        Returns
        -------
        Tensor (b, k)
            Logits.
        """
        return self.layers(self.inputs(values))


@dataclass(frozen=True)
class DistilledClassifier:
    """A student network with the dates that it reads and the limits of its use."""

    network: StudentNetwork
    dates: np.ndarray
    """(t,) int64: which dates of the stack it reads."""
    confidence_threshold: float
    """Probability of its best class above which that class is used; up to it the teacher classifies."""
    agreement: float
    """Share of test pixels on which both together give the teacher's class."""
    fallback_share: float
    """Share of those pixels that the teacher classifies."""

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        values : ndarray (n, t, c) of float32
            On all dates of the stack; NaN for gaps.

        Returns
        -------
        ndarray (n, k) of float32
            Zeros for a pixel observed on none of the student's dates.
        """
        if len(self.dates) != values.shape[1]:
            values = values[:, self.dates]
        with torch.inference_mode():
            inputs = self.network.inputs(to_device(values, self.network.mean.device))
            probability = self.network.layers(inputs).softmax(dim=1)
            probability[inputs[:, -len(self.dates) :].amax(dim=1) == 0] = 0.0
            return probability.cpu().numpy()

    def save(self, path: Path) -> None:
        """Write it as safetensors.

        Parameters
        ----------
        path : Path
            File to write.

        Raises
        ------
        OSError
            Where the file cannot be written.
        """
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
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : Path
            File to read.
        device : torch.device
            Where to put the network.

        Returns
        -------
        DistilledClassifier
            In evaluation mode.

        Raises
        ------
        OSError, ValueError, KeyError, TypeError, RuntimeError
            Where the file is missing or damaged.
        """
        try:
            with safe_open(str(path), framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except SafetensorError as fault:
            raise ValueError(str(fault)) from fault
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path.name} is not a distilled network of this version")
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
    """An untrained student of a model for one stack.

    Parameters
    ----------
    model : TrainedModel
        The teacher.
    day : ndarray (t,)
        Days of the stack.
    width : int
        Features of the first hidden layer.

    Returns
    -------
    tuple of StudentNetwork and ndarray of int64
        The student and the indices of the dates that it reads.
    """
    dates = np.flatnonzero(model.calendar.inside(model.calendar.align_days(day, model.shift_days)))
    if not len(dates):
        dates = np.arange(len(day))
    network = StudentNetwork(StudentSize(len(dates), len(model.bands), len(model.classes), width))
    network.mean.copy_(torch.from_numpy(model.statistics.mean.astype(np.float32)))
    network.std.copy_(torch.from_numpy(model.statistics.std.astype(np.float32)))
    return network, dates
