"""The methods that learn from a labelled source and adapt to an unlabelled target.

Each part of GHCA is a file of pure functions (``mmd``, ``class_shares``, ``phenology_shift``, ``pseudo_labels``,
``contrast``, ``augment``, ``calibration``); a method is a recipe that wires them (``ghca``, ``source_only``; those
it is compared with are in ``compared``). This package itself never imports torch, because QGIS lists the methods.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..progress import Progress
from ..series import SeriesSet, require_source
from .shared.request import FitRequest

if TYPE_CHECKING:
    from ..models import TrainedModel


@dataclass(frozen=True)
class MethodInfo:
    """What a face shows of a method before it runs."""

    title: str
    """Name for people."""
    summary: str
    """One sentence on what it does."""
    stages: Mapping[str, float]
    """Stages in their order with their share of the time."""
    module: str
    """Module of this package that holds its ``fit``."""
    seconds: float
    """What a fit to the sample scene takes on one core, about: only progress bars rely on it."""


METHODS: dict[str, MethodInfo] = {
    "ghca": MethodInfo(
        title="Adapt to the target (GHCA)",
        summary="Adapts the model to the unlabelled region or year before it maps: the recommended way.",
        stages={
            "Learning from the source": 0.15,
            "Estimating shift and class shares": 0.04,
            "Aligning the features": 0.15,
            "Learning from pseudo-labels": 0.55,
            "Distilling the network": 0.11,
        },
        module="ghca.fit",
        seconds=200.0,
    ),
    "source_only": MethodInfo(
        title="Source only (no adaptation)",
        summary="Learns from the source alone and is applied to the target as it is: the yardstick for a transfer.",
        stages={"Learning from the source": 1.0},
        module="shared.source_only",
        seconds=45.0,
    ),
    "rf": MethodInfo(
        title="Random forest (RF)",
        summary="Learns 200 decision trees from the source alone, in seconds: the classifier most people start with.",
        stages={"Learning from the source": 1.0},
        module="baselines.random_forest",
        seconds=4.0,
    ),
    "dcm": MethodInfo(
        title="DeepCropMapping (DCM)",
        summary="Learns a recurrent network from the source alone that reads the season forwards and backwards; slow.",
        stages={"Learning from the source": 1.0},
        module="baselines.dcm",
        seconds=400.0,
    ),
    "transformer": MethodInfo(
        title="Transformer",
        summary="Learns from the source alone a network that compares every date of the season with every other.",
        stages={"Learning from the source": 1.0},
        module="baselines.transformer",
        seconds=60.0,
    ),
    "phenocropnet": MethodInfo(
        title="PhenoCropNet",
        summary="Learns from the source alone which parts of the season, and which dates in them, tell crops apart.",
        stages={"Learning from the source": 1.0},
        module="baselines.phenocropnet",
        seconds=20.0,
    ),
    "daccn": MethodInfo(
        title="Deep adaptation network (DACCN)",
        summary="Learns a convolutional network from the source while it keeps its features like those of the target.",
        stages={"Learning from both domains": 1.0},
        module="baselines.daccn",
        seconds=60.0,
    ),
    "pan": MethodInfo(
        title="Phenology alignment network (PAN)",
        summary="Learns a recurrent network from the source, then makes its features of source and target alike.",
        stages={"Learning from the source": 0.4, "Aligning the features": 0.6},
        module="baselines.pan",
        seconds=120.0,
    ),
    "cstn": MethodInfo(
        title="Contrastive self-training (CSTN)",
        summary="Learns from the source, then from its own sure predictions in the target, crop by crop.",
        stages={"Learning from the source": 0.2, "Learning from pseudo-labels": 0.8},
        module="baselines.cstn",
        seconds=80.0,
    ),
    "dann": MethodInfo(
        title="Domain-adversarial network (DANN)",
        summary="Learns from the source with features by which an opponent cannot tell source from target.",
        stages={"Learning from both domains": 1.0},
        module="baselines.dann",
        seconds=90.0,
    ),
    "cdan": MethodInfo(
        title="Conditional adversarial network (CDAN)",
        summary="As DANN, but the opponent also sees which crop is predicted, so that each crop is aligned by itself.",
        stages={"Learning from both domains": 1.0},
        module="baselines.cdan",
        seconds=90.0,
    ),
    "timematch": MethodInfo(
        title="TimeMatch",
        summary="Estimates how many days the target's season runs early or late, then learns from sure predictions.",
        stages={
            "Learning from the source": 0.32,
            "Estimating the shift": 0.13,
            "Learning from pseudo-labels": 0.55,
        },
        module="baselines.timematch",
        seconds=40.0,
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
    """Learn a model from the labelled source and the unlabelled target.

    Parameters
    ----------
    method : key of ``METHODS``.
    source : labelled series, at least ``MINIMUM_SAMPLES`` of each of two or more classes.
    target : series of the region or year to map, with the bands of the source; its labels are never seen.
    seed : seed of everything random: the same seed gives the same model on a CPU.
    progress : receives stages, fractions, metrics and warnings; asked for cancel at every step.
    options : overrides of the method's settings by name.

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
            f"The target has no band '{missing[0]}', which the source has.",
            "Use the same bands in both stacks.",
        )
    target = target.without_labels().with_bands(source.bands)
    target = target.take(target.observed.any(axis=1))
    if not len(target):
        raise InputError("all-nodata", "No pixel of the target was observed on any date.", "Check its nodata value.")
    return target
