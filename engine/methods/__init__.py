"""The methods that learn from a labelled source and adapt to an unlabelled target.

``METHODS`` lists them. Each is a module with a function ``fit``: ``ghca.fit`` is the method of this project,
``shared.source_only`` the same network without adaptation, and ``baselines`` holds the published methods that they are
compared with. ``shared`` holds what several methods use. A new method is a module with ``fit(request)`` and an entry in
``METHODS``. This package does not import torch, because QGIS lists the methods.

>>> from croptransfer.engine.methods import METHODS
>>> METHODS["dann"].module, list(METHODS["pan"].stages)
('baselines.dann', ['Learning from the source', 'Aligning the features'])
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..progress import Progress
from ..series import SeriesSet, require_source
from .shared.request import FitRequest

if TYPE_CHECKING:
    from ..models import TrainedModel


@dataclass(frozen=True)
class MethodInfo:
    """What people see of a method before it runs."""

    title: str
    """Name for people."""
    summary: str
    """One sentence on what it does."""
    module: str
    """Module of this package that holds its ``fit``."""
    seconds: float
    """Approximate duration of a fit to the sample scene on one core; only progress bars use it."""
    stages: Mapping[str, float] = field(default_factory=lambda: {"Learning from the source": 1.0})
    """Stages in their order with their share of the time."""


_BOTH = {"Learning from both domains": 1.0}
METHODS: dict[str, MethodInfo] = {
    "ghca": MethodInfo(
        "Adapt to the target (GHCA)",
        "Recommended. Adapts the model to the unlabelled region or year before mapping.",
        "ghca.fit",
        200.0,
        {
            "Learning from the source": 0.15,
            "Estimating shift and class shares": 0.04,
            "Aligning the features": 0.15,
            "Learning from pseudo-labels": 0.55,
            "Distilling the network": 0.11,
        },
    ),
    "source_only": MethodInfo(
        "Source only (no adaptation)", "Uses the source model unchanged: the baseline.", "shared.source_only", 45.0
    ),
    "rf": MethodInfo(
        "Random forest (RF)", "Trains 200 decision trees on the source, in seconds.", "baselines.random_forest", 4.0
    ),
    "linear": MethodInfo(
        "Linear model (logistic regression)",
        "Trains a strongly regularised linear model on the source, in seconds.",
        "baselines.linear",
        6.0,
    ),
    "dcm": MethodInfo(
        "DeepCropMapping (DCM)", "Trains a recurrent network on the source; slow.", "baselines.dcm", 400.0
    ),
    "transformer": MethodInfo(
        "Transformer", "Trains on the source; compares every date with every other.", "baselines.transformer", 60.0
    ),
    "phenocropnet": MethodInfo(
        "PhenoCropNet", "Trains on the source; finds the decisive parts of the season.", "baselines.phenocropnet", 20.0
    ),
    "daccn": MethodInfo(
        "Deep adaptation network (DACCN)",
        "Trains a convolutional network whose features are similar in source and target.",
        "baselines.daccn",
        60.0,
        _BOTH,
    ),
    "pan": MethodInfo(
        "Phenology alignment network (PAN)",
        "Trains a recurrent network on the source, then makes its features of source and target similar.",
        "baselines.pan",
        120.0,
        {"Learning from the source": 0.4, "Aligning the features": 0.6},
    ),
    "cstn": MethodInfo(
        "Contrastive self-training (CSTN)",
        "Trains on the source, then on its own confident predictions in the target, crop by crop.",
        "baselines.cstn",
        80.0,
        {"Learning from the source": 0.2, "Learning from pseudo-labels": 0.8},
    ),
    "dann": MethodInfo(
        "Domain-adversarial network (DANN)",
        "Trains features from which a discriminator cannot separate source and target.",
        "baselines.dann",
        90.0,
        _BOTH,
    ),
    "cdan": MethodInfo(
        "Conditional adversarial network (CDAN)",
        "As DANN, but the discriminator also sees the predicted crop: each crop is aligned separately.",
        "baselines.cdan",
        90.0,
        _BOTH,
    ),
    "timematch": MethodInfo(
        "TimeMatch",
        "Estimates how many days the target's season is early or late, then trains on confident predictions.",
        "baselines.timematch",
        40.0,
        {"Learning from the source": 0.32, "Estimating the shift": 0.13, "Learning from pseudo-labels": 0.55},
    ),
}


def fit(
    method: str,
    source: SeriesSet,
    target: SeriesSet,
    seed: int = 0,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
) -> TrainedModel:
    """Train a model on the labelled source and adapt it to the unlabelled target.

    Parameters
    ----------
    method : str
        Key of ``METHODS``.
    source : SeriesSet
        Labelled series, at least ``MINIMUM_SAMPLES`` of each of two or more classes.
    target : SeriesSet
        Series of the region or year to map, with the bands of the source; its labels are never used.
    seed : int
        Seed of everything random: the same seed gives the same model on a CPU.
    progress : Progress, optional
        Receives stages, fractions, metrics and warnings; checked for cancel at every step.
    options : Mapping, optional
        Settings of the method that differ from its defaults, by name.

    Returns
    -------
    TrainedModel
        The model.

    Raises
    ------
    InputError
        ``method``, ``option``, ``one-class``, ``few-samples``, ``bands-differ``, ``all-nodata``.
    Cancelled
        When the user cancels.
    """
    if method not in METHODS:
        raise InputError("method", f"There is no method '{method}'.", f"Choose one of: {', '.join(METHODS)}.")
    require_source(source, "the source")
    source = source.take(source.observed.any(axis=1))
    target = _check_target(target, source)
    module = importlib.import_module(f".{METHODS[method].module}", __name__)
    return module.fit(FitRequest(method, source, target, seed, progress or Progress(), dict(options or {})))


def _check_target(target: SeriesSet, source: SeriesSet) -> SeriesSet:
    missing = [b for b in source.bands if b not in target.bands]
    if missing:
        raise InputError(
            "bands-differ",
            f"The target has no band '{missing[0]}', but the source has it.",
            "Use the same bands in both stacks.",
        )
    target = target.without_labels().with_bands(source.bands)
    target = target.take(target.observed.any(axis=1))
    if not len(target):
        raise InputError("all-nodata", "No pixel of the target was observed on any date.", "Check its nodata value.")
    return target
