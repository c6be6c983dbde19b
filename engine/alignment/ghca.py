"""GHCA: global-hierarchical-categorical alignment of a labelled source and an unlabelled target.

An implementation of the idea published by Yang, Hu, Belgiu and Wu (EGU26-10174, doi
10.5194/egusphere-egu26-10174): MK-MMD at several depths before pseudo-labelling, pseudo-labels chosen by
confidence, certainty and stability with a teacher, and contrast of the crops across both domains. What the
abstract leaves open is this project's: class shares and the shift of the season are estimated first.

The order is: source model, shift and standardisation, class shares, weighted pre-alignment, rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..models.device import compute_device, seeded
from ..models.encoder import CropNetwork
from ..models.trained import TrainedModel
from ..progress import Progress
from ..series import SeriesSet
from .adaptation import AdaptationSettings, Student
from .class_shares import estimate_class_shares, shrink_shares
from .pseudo_labels import PseudoLabels, select_pseudo_labels
from .reading import Reading, choose_reading
from .source_only import (
    SourceDomain,
    SourceSettings,
    Validation,
    learn_source,
    make_network,
    prepare_source,
    validate,
)
from .training import make_pool, predict, read_settings, softmax
from .vetoes import Standing, veto


@dataclass(frozen=True)
class GHCASettings(AdaptationSettings, SourceSettings):
    """Settings of GHCA; those of learning from the source and of the adaptation steps are inherited."""

    source_steps: int = 500
    """Optimiser steps of the source model."""
    align_steps: int = 200
    """Optimiser steps of the pre-alignment."""
    rounds: int = 5
    """Rounds of pseudo-labels."""
    round_steps: int = 100
    """Optimiser steps of a round."""
    passes: int = 6
    """Stochastic passes of the teacher in a round."""
    first_quota: float = 0.2
    """Share of each class's predicted pixels that the first round may choose."""
    last_quota: float = 0.8
    """The same in the last round."""
    target_pixels: int = 4000
    """Most target pixels that are learnt from, a random choice: the cost must not grow with the raster."""
    scan_pixels: int = 800
    """Target pixels on which the shift is estimated."""
    least_target: int = 30
    """With fewer target pixels nothing is adapted."""
    doubt_source: float = 0.25
    """How far the class shares seen by the source model are moved towards equal shares."""
    doubt_aligned: float = 0.1
    """The same for the aligned models."""
    find_shift: bool = True
    """Whether to look for a shift of the season."""


@dataclass
class Log:
    """What goes into the model's summary."""

    stages: list[dict[str, Any]] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    vetoes: list[str] = field(default_factory=list)


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source and adapt to the target; see :func:`engine.alignment.fit`."""
    settings = read_settings(GHCASettings(), options)
    device = compute_device()
    log = Log()

    def tick() -> None:
        progress.check()

    with seeded(seed) as generator:
        progress.stage("Learning from the source")
        domain = prepare_source(source, settings, seed, device)
        network = make_network(len(source.bands), domain.classes, settings, device)
        teacher = learn_source(network, domain, settings, generator, progress).network
        validation = validate(teacher, domain, tick)
        progress.metric("source_validation_accuracy", round(validation.accuracy, 4))

        progress.stage("Estimating shift and class shares")
        rng = np.random.default_rng([seed, 1])
        pixels = rng.permutation(len(target))[: settings.target_pixels]
        values = target.values[np.sort(pixels)]
        reading = choose_reading(
            teacher, domain, source, values, target.day, validation.temperature, settings.doubt_source,
            settings.scan_pixels if len(values) >= settings.least_target else 0,
            settings.find_shift, rng, progress,
        )  # fmt: skip
        day = domain.calendar.place(target.day, reading.shift)
        pool = make_pool(values, day, reading.statistics, domain.calendar, device)
        standing, shares = judge("Learning from the source", teacher, domain, pool, validation, settings.doubt_source, tick)
        progress.metric("class_shares_source_model", _named(source.classes, shares))
        log.stages.append(_stage(standing))

        if len(values) < settings.least_target:
            progress.warning(
                f"The target has only {len(values)} observed pixels; the model of the source is used as it is."
            )
            log.vetoes.append("Too few target pixels to adapt to.")
            return finish(teacher, validation, shares, reading, domain, source, seed, log, progress)

        student = Student(network, teacher, domain, pool, settings, generator)
        good = Good(teacher, validation, shares, standing)
        progress.stage("Aligning the features")
        good = _align(student, good, domain, pool, settings, tick, log, progress)
        progress.metric("class_shares_aligned", _named(source.classes, good.shares))
        if not log.vetoes:
            reading = reading.with_shares(good.shares, domain, source, values, day)
            pool = student.target = make_pool(values, day, reading.statistics, domain.calendar, device)
        progress.stage("Learning from pseudo-labels")
        good = _rounds(student, good, domain, pool, settings, source.classes, generator, tick, log, progress)
        return finish(good.teacher, good.validation, good.shares, reading, domain, source, seed, log, progress)


@dataclass(frozen=True)
class Good:
    """The last stage that passed, to fall back to."""

    teacher: CropNetwork
    """Its teacher."""
    validation: Validation
    """Its accuracy and temperature on held-out source samples."""
    shares: np.ndarray
    """(k,) class shares of the target estimated with it."""
    standing: Standing
    """What the source model was, against which later stages are judged."""


def judge(
    stage: str, network: CropNetwork, domain: SourceDomain, pool: Any, validation: Validation, doubt: float, tick: Any
) -> tuple[Standing, np.ndarray]:
    """Standing of a network after a stage, and the class shares it sees in the target."""
    logits = predict(network, pool, tick).logits
    finite = bool(np.isfinite(logits).all()) and all(bool(torch.isfinite(p).all()) for p in network.parameters())
    shares = (
        estimate_class_shares(softmax(logits, validation.temperature))
        if finite
        else np.full(domain.classes, 1.0 / domain.classes)
    )
    return Standing(stage, validation.accuracy, validation.samples, shares, finite), shrink_shares(shares, doubt)


def _align(
    student: Student, good: Good, domain: SourceDomain, pool: Any, settings: GHCASettings, tick: Any,
    log: Log, progress: Progress,
) -> Good:  # fmt: skip
    """Weighted MK-MMD, the class shares re-estimated once in the middle."""
    steps = settings.scaled(settings.align_steps)
    shares, begun = good.shares, good
    for half, count in enumerate((steps // 2, steps - steps // 2)):
        for step in range(count):
            done = half * (steps // 2) + step
            progress.update(done / steps)
            student.align_step(done, steps, shares)
        validation = validate(student.teacher.network, domain, tick)
        standing, shares = judge("Aligning the features", student.teacher.network, domain, pool, validation, settings.doubt_aligned, tick)
    log.stages.append(_stage(standing))
    reason = veto(standing, begun.standing)
    if reason:
        _record(reason, log, progress)
        student.restore(begun.teacher)
        return begun
    return Good(student.snapshot(), validation, shares, begun.standing)


def _rounds(
    student: Student, good: Good, domain: SourceDomain, pool: Any, settings: GHCASettings,
    classes: tuple[str, ...], generator: torch.Generator, tick: Any, log: Log, progress: Progress,
) -> Good:  # fmt: skip
    """Rounds of pseudo-labels; the first that is vetoed ends them."""
    previous = None
    steps = settings.scaled(settings.round_steps)
    for number in range(settings.rounds):
        picks = _pick(student, good, pool, settings, number, previous, generator, tick)
        previous = picks.predicted
        accepted = dict(zip(classes, picks.count(len(classes)).tolist()))
        log.rounds.append({"round": number + 1, "accepted": accepted})
        progress.metric(f"pseudo_labels_round_{number + 1}", accepted)
        if picks.relaxed:
            log.rounds[-1]["relaxed"] = [classes[c] for c in picks.relaxed]
        for step in range(steps):
            progress.update((number + step / steps) / settings.rounds)
            student.round_step(number * steps + step, settings.rounds * steps, good.shares, picks)
        stage = f"Learning from pseudo-labels, round {number + 1}"
        validation = validate(student.teacher.network, domain, tick)
        standing, shares = judge(stage, student.teacher.network, domain, pool, validation, settings.doubt_aligned, tick)
        log.stages.append(_stage(standing))
        reason = veto(standing, Standing(stage, good.standing.accuracy, good.standing.samples, good.shares, True))
        if reason:
            _record(reason, log, progress)
            return good
        good = Good(student.snapshot(), validation, shares, good.standing)
    return good


def _pick(
    student: Student, good: Good, pool: Any, settings: GHCASettings, number: int,
    previous: np.ndarray | None, generator: torch.Generator, tick: Any,
) -> PseudoLabels:  # fmt: skip
    passes, typicality = student.stochastic_passes(pool, settings.passes, good, generator, tick)
    ramp = number / max(settings.rounds - 1, 1)
    quota = settings.first_quota + ramp * (settings.last_quota - settings.first_quota)
    return select_pseudo_labels(passes, quota, previous, typicality)


def finish(
    teacher: CropNetwork, validation: Validation, shares: np.ndarray, reading: Reading, domain: SourceDomain,
    source: SeriesSet, seed: int, log: Log, progress: Progress,
) -> TrainedModel:  # fmt: skip
    """Put the model together; it predicts under the class shares estimated for the target."""
    progress.metric("class_shares", _named(source.classes, shares))
    progress.metric("vetoes", log.vetoes)
    summary = {
        "source_validation": {"accuracy": round(validation.accuracy, 4), "samples": validation.samples},
        "shift": reading.report(),
        "statistics": reading.name,
        "class_shares": _named(source.classes, shares),
        "stages": log.stages,
        "pseudo_labels": log.rounds,
        "vetoes": log.vetoes,
        "warnings": list(progress.warnings),
    }
    return TrainedModel(
        network=teacher,
        classes=source.classes,
        bands=source.bands,
        method="ghca",
        seed=seed,
        calendar=domain.calendar,
        statistics=reading.statistics,
        shift_days=reading.shift,
        temperature=validation.temperature,
        log_shares=np.log(shares * len(shares)),
        summary=summary,
    )


def _record(reason: str, log: Log, progress: Progress) -> None:
    log.vetoes.append(reason)
    progress.warning(f"A stage was undone to do no harm. {reason}")


def _named(classes: tuple[str, ...], shares: np.ndarray) -> dict[str, float]:
    return {name: round(float(share), 4) for name, share in zip(classes, shares)}


def _stage(standing: Standing) -> dict[str, Any]:
    return {
        "stage": standing.stage,
        "source_accuracy": round(standing.accuracy, 4),
        "shares": [round(float(s), 4) for s in standing.shares],
    }
