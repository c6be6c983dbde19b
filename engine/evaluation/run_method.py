"""One run of a comparison: a method fitted once on a transfer, in a process of its own."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..methods import METHODS, fit
from ..progress import Progress
from ..series import SeriesSet
from .feature_projection import feature_map
from .oracle import cross_validate

ORACLE = "oracle"
"""The method in the rows of the oracle."""
NO_EMBEDDING = ("rf", "linear")


@dataclass(frozen=True)
class RunTask:
    """What one process has to do."""

    method: str
    """Key of ``engine.methods.METHODS``."""
    seed: int
    """Seed of everything random."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the method that differ from its defaults."""
    oracle: bool = False
    """Cross-validate inside the labelled target instead of learning from the source."""
    features: bool = False
    """Whether the feature map is wanted."""

    @property
    def row_method(self) -> str:
        """The method as the rows of the results name it."""
        return ORACLE if self.oracle else self.method


def options_of(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings for one method: the common ones, and those with its name in front (``ghca.rounds``).

    Parameters
    ----------
    method : str
        Key of ``engine.methods.METHODS``.
    options : mapping
        Settings of a comparison.

    Returns
    -------
    dict
    """
    common = {name: value for name, value in options.items() if "." not in name}
    front = f"{method}."
    return common | {name[len(front) :]: value for name, value in options.items() if name.startswith(front)}


def do_run(task: RunTask, domains: list[SeriesSet], progress: Progress) -> dict[str, Any]:
    """Fit and predict.

    Parameters
    ----------
    task : what to do.
    domains : the labelled source and the target without labels; for the oracle the labelled target alone.
    progress : receives stages and fractions.

    Returns
    -------
    JSON-ready: ``predicted`` (class index of each target series; empty when the oracle is not possible),
    ``fit_seconds``, ``predict_seconds``, ``peak_memory_mb``, ``model_id``, ``features``, ``notes``.
    """
    # Reading the libraries from disk is no part of a fit.
    importlib.import_module(f"..methods.{METHODS[task.method].module}", __package__)
    features = model_id = None
    if task.oracle:
        [target] = domains
        result = cross_validate(target, task.method, task.seed, task.options, progress)
        predicted, fit_seconds, predict_seconds = result.predicted, result.fit_seconds, result.predict_seconds
        name = METHODS[task.method].title
        notes = [result.note] if result.note else []
        if len(predicted):
            notes.insert(0, f"{name}, cross-validated inside the target.")
    else:
        source, target = domains
        progress.plan(METHODS[task.method].stages)
        started = time.monotonic()
        model = fit(task.method, source, target, task.seed, progress, task.options)
        fitted = time.monotonic()
        predicted = model.predict_proba(target.values, target.day).argmax(axis=1)
        fit_seconds, predict_seconds = fitted - started, time.monotonic() - fitted
        model_id, notes = model.model_id, []
    peak = peak_memory_mb()
    if peak is None:
        notes.append("The system does not report the peak memory.")
    if task.features and not task.oracle and task.method not in NO_EMBEDDING:
        features = feature_map(model, source, target)
    return {
        "predicted": np.asarray(predicted).tolist(),
        "fit_seconds": round(fit_seconds, 2),
        "predict_seconds": round(predict_seconds, 3),
        "peak_memory_mb": peak,
        "model_id": model_id,
        "features": features,
        "notes": [*notes, *dict.fromkeys(progress.warnings)],
    }


def peak_memory_mb() -> int | None:
    """Most memory this process has had at a time; None where the system does not report it (Windows)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux that starts from the size of the process that started this one.
        for line in status.read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024)
    try:
        import resource
    except ImportError:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
