"""A trained model, which classifies pixels of the target; saved without pickle and loaded without running code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import InputError
from ..series import Season, align_years, fill_linearly
from ..series.magnitudes import Magnitude, from_json, to_json
from .device import compute_device, series_per_pass, to_device
from .network import SeriesNetwork, pack_observed
from .networks import build_network, size_to_json
from .standardise import Statistics

FORMAT = "croptransfer-model-1"
PACK_BELOW = 0.85
"""Share of observed dates below which series are packed before the network reads them."""


@dataclass(frozen=True)
class Calendar:
    """The season of the source, on which the network reads its days."""

    first: float
    """First day of the source (days since 31 December before the season's first date)."""
    last: float
    """Last day of the source."""
    margin: float
    """Days by which a date may be outside the season and still be read."""

    def align_days(self, day: np.ndarray, shift: float) -> np.ndarray:
        """Bring the days of a stack onto the source's calendar: whole years aligned, then shifted.

        Parameters
        ----------
        day : ndarray (t,)
            Days of the stack.
        shift : float
            Days to add.

        Returns
        -------
        ndarray (t,) of float32
            Days on this calendar.
        """
        return align_years(np.asarray(day, np.float32), np.array([self.first, self.last], np.float32)) + np.float32(
            shift
        )

    def inside(self, day: np.ndarray) -> np.ndarray:
        """Whether days are in the season, margin included.

        Parameters
        ----------
        day : ndarray (t,)
            Days on this calendar.

        Returns
        -------
        ndarray (t,) of bool
            True in season.
        """
        return (day >= self.first - self.margin) & (day <= self.last + self.margin)


def usable_observations(observed: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Which observations the network reads: those in season; all of a pixel that has none in season.

    Parameters
    ----------
    observed : ndarray (n, t) of bool
        Observations.
    inside : ndarray (t,) of bool
        Dates in season.

    Returns
    -------
    ndarray (n, t) of bool
        Observations to read.
    """
    seasonal = observed & inside
    return np.where(seasonal.any(axis=1, keepdims=True), seasonal, observed)


@dataclass(frozen=True)
class TrainedModel:
    """A network with everything it needs to classify a stack."""

    network: SeriesNetwork
    """The network, in evaluation mode."""
    classes: tuple[str, ...]
    """(k,) crop names in the order of the columns of :meth:`predict_proba`."""
    bands: tuple[str, ...]
    """(c,) band names in the order of the values expected."""
    method: str
    """Key of ``engine.methods.METHODS``."""
    seed: int
    """Seed of the training."""
    calendar: Calendar
    """Season of the source."""
    statistics: Statistics
    """Standardisation of the stack to be classified."""
    shift_days: float = 0.0
    """Days added to the stack's days to bring them onto the source's calendar."""
    temperature: float = 1.0
    """Divisor of the logits, fitted on held-out source samples."""
    log_shares: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """(k,) logarithm of the expected class shares relative to equal shares; empty for none."""
    grid: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """(g,) days on the source's calendar to which series are interpolated; empty for a network that reads dates."""
    season: Season = Season()
    """How the days of the target were counted; those of another stack are counted in the same way."""
    summary: dict[str, Any] = field(default_factory=dict)
    """JSON-ready report of the training."""
    magnitudes: dict[str, Magnitude] = field(default_factory=dict)
    """Typical magnitudes of the source's bands; empty for a model of an earlier version."""

    @property
    def model_id(self) -> str:
        """Sixteen hexadecimal digits that depend on the weights and on everything else that decides a prediction."""
        digest = hashlib.sha256(json.dumps(self._prediction_settings(), sort_keys=True).encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return next(chain(self.network.parameters(), self.network.buffers())).device

    def predict_proba(self, values: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        values : ndarray (n, t, c) of float32
            In the units of the training data, bands as in ``bands``; NaN is a gap. A date is observed where all bands
            are finite.
        day : ndarray (t,)
            Days of the stack, as in :class:`SeriesSet`.

        Returns
        -------
        ndarray (n, k) of float32
            A row of NaN for a pixel that was never observed.

        Raises
        ------
        ValueError
            Where the shapes do not fit.
        """
        values = np.asarray(values, np.float32)
        if values.ndim != 3 or values.shape[2] != len(self.bands) or values.shape[1] != len(day):
            raise ValueError(f"values {values.shape} do not fit {len(day)} days and {len(self.bands)} bands")
        result = np.full((len(values), len(self.classes)), np.nan, np.float32)
        placed = self.calendar.align_days(day, self.shift_days)
        inside = self.calendar.inside(placed)
        chunk = series_per_pass(self.device)
        for start in range(0, len(values), chunk):
            part = values[start : start + chunk]
            observed = usable_observations(np.isfinite(part).all(axis=2), inside)
            rows = observed.any(axis=1)
            if rows.any():
                result[start : start + chunk][rows] = self._classify(part[rows], observed[rows], placed)
        return result

    def _classify(self, values: np.ndarray, observed: np.ndarray, day: np.ndarray) -> np.ndarray:
        if len(self.grid):
            return self._infer(fill_linearly(self.statistics.apply(values), observed, day, self.grid), self.grid)
        dates = observed.any(axis=0)  # a date that no pixel of the chunk has must cost nothing
        if not dates.all():
            values, observed, day = values[:, dates], observed[:, dates], day[dates]
        if observed.sum(axis=1).max() < PACK_BELOW * len(day):  # so must gaps
            packed = pack_observed(*map(torch.from_numpy, (values, observed, day)))
            values, observed, day = (tensor.numpy() for tensor in packed)
        standard = self.statistics.apply(values)
        standard[~observed] = 0.0
        return self._infer(standard, day, observed)

    def _infer(self, values: np.ndarray, day: np.ndarray, observed: np.ndarray | None = None) -> np.ndarray:
        device = self.device
        seen = np.ones(values.shape[:2], bool) if observed is None else observed
        with torch.inference_mode():
            logits, _ = self.network(
                to_device(values, device), to_device(seen, device), to_device(day.astype(np.float32), device)
            )
            logits = logits / self.temperature
            if len(self.log_shares):
                logits = logits + torch.as_tensor(self.log_shares, dtype=logits.dtype, device=device)
            return logits.softmax(dim=1).cpu().numpy()

    def save(self, path: str | Path) -> None:
        """Write the model as safetensors with JSON metadata.

        Parameters
        ----------
        path : str or Path
            File to write.

        Raises
        ------
        OSError
            Where the file cannot be written.
        """
        tensors = {name: t.detach().cpu().contiguous() for name, t in self.network.state_dict().items()}
        content = {**self._prediction_settings(), "summary": self.summary, "model_id": self.model_id}
        if self.magnitudes:
            content["magnitudes"] = to_json(self.magnitudes)
        try:
            save_file(tensors, str(path), {"format": FORMAT, "model": json.dumps(content, ensure_ascii=False)})
        except SafetensorError as fault:
            raise OSError(str(fault)) from fault

    @staticmethod
    def load(path: str | Path) -> TrainedModel:
        """Read a model file; runs no code from it.

        Parameters
        ----------
        path : str or Path
            File to read.

        Returns
        -------
        TrainedModel
            In evaluation mode, on the device of :func:`compute_device`.

        Raises
        ------
        InputError
            ``model-unreadable`` for a file that is not a complete model of this version.
        """
        try:
            with safe_open(str(path), framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise ValueError("it is not a model of Crop Transfer")
                tensors = {name: file.get_tensor(name) for name in file.keys()}
            return _build(json.loads(metadata["model"]), tensors)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as fault:
            reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
            raise InputError(
                "model-unreadable",
                f"The model file {path} cannot be read: {reason}.",
                "Choose a model that Crop Transfer has written (.safetensors).",
            ) from fault

    def _prediction_settings(self) -> dict[str, Any]:
        return {
            "network": self.network.kind,
            "size": size_to_json(self.network.size),
            "classes": list(self.classes),
            "bands": list(self.bands),
            "method": self.method,
            "seed": self.seed,
            "calendar": {key: float(value) for key, value in asdict(self.calendar).items()},
            "mean": [float(v) for v in self.statistics.mean],
            "std": [float(v) for v in self.statistics.std],
            "shift_days": float(self.shift_days),
            "temperature": float(self.temperature),
            "log_shares": [float(v) for v in self.log_shares],
            "grid": [float(v) for v in self.grid],
            **({} if self.season == Season() else {"season": asdict(self.season)}),
        }


def _build(content: dict[str, Any], tensors: dict[str, torch.Tensor]) -> TrainedModel:
    kind = str(content["network"])
    with torch.device("meta"):  # without memory: a forged file may claim far more than it holds
        outline = {name: tensor.shape for name, tensor in build_network(kind, content["size"]).state_dict().items()}
    if outline != {name: tensor.shape for name, tensor in tensors.items()}:
        raise ValueError("its weights do not fit its network")
    network = build_network(kind, content["size"])
    size = network.size
    classes, bands = tuple(map(str, content["classes"])), tuple(map(str, content["bands"]))
    statistics = Statistics(np.array(content["mean"], np.float64), np.array(content["std"], np.float64))
    shares = np.array(content["log_shares"], np.float64)
    fits = len(classes) == size.classes and len(bands) == size.bands and shares.shape in ((0,), (size.classes,))
    if not fits or statistics.mean.shape != (size.bands,) or statistics.std.shape != (size.bands,):
        raise ValueError("its classes, bands and statistics do not fit together")
    grid = np.array(content["grid"], np.float32)
    fits = grid.ndim == 1 and bool(len(grid)) == network.on_grid and len(grid) == getattr(size, "dates", len(grid))
    if not fits or not (np.diff(grid) > 0).all():
        raise ValueError("its grid of days does not fit its network")
    numbers = [*grid, *statistics.mean, *statistics.std, *shares, content["temperature"], content["shift_days"]]
    if not np.isfinite(numbers).all() or not (statistics.std > 0).all() or not content["temperature"] > 0:
        raise ValueError("it holds a number that is not finite or not above zero")
    network.load_state_dict(tensors)
    network.check()
    network.to(compute_device()).eval()
    return TrainedModel(
        network=network,
        classes=classes,
        bands=bands,
        method=str(content["method"]),
        seed=int(content["seed"]),
        calendar=Calendar(**{key: float(value) for key, value in content["calendar"].items()}),
        statistics=statistics,
        shift_days=float(content["shift_days"]),
        temperature=float(content["temperature"]),
        log_shares=shares,
        grid=grid,
        season=_season(content.get("season", {})),
        summary=dict(content["summary"]),
        magnitudes=from_json(content.get("magnitudes", {})),
    )


def _season(content: dict[str, Any]) -> Season:
    latitude = content.get("latitude")
    season = Season(**{**content, "latitude": None if latitude is None else float(latitude)})
    try:
        season.check()
    except InputError as fault:
        raise ValueError(fault.message) from fault
    return season
