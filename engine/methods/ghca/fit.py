"""GHCA: global-hierarchical-categorical alignment of a labelled source and an unlabelled target.

An implementation of the idea published by Yang, Hu, Belgiu and Wu (EGU26-10174, doi
10.5194/egusphere-egu26-10174): MK-MMD at several depths before pseudo-labelling, pseudo-labels chosen by
confidence, certainty and stability with a teacher, and contrast of the crops across both domains. What the
abstract leaves open is this project's: class shares and the shift of the season are estimated first, and beside
MK-MMD an adversary weighted by class shares aligns the embedding.

The order is: source models, shift and standardisation, class shares, weighted pre-alignment, rounds of pseudo-labels,
and at the end the distillation of all members to one small network. No stage is undone: what makes the models worse by
what can be known counts less in class shares and in the mean that is distilled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...errors import InputError
from ...estimation.class_shares import expected_shares
from ...models.device import NetworkThreads, compute_device, seeded
from ...models.encoder import CropNetwork, seed_dropout
from ...models.trained import TrainedModel
from ..shared.options import read_settings
from ..shared.request import FitRequest
from ..shared.sampling import BalancedSampler
from ..shared.source_domain import prepare_source
from ..shared.source_only import make_network, train_source
from .context import Checkpoint, FitContext, GHCASettings
from .distillation import DistillationData, distill
from .outcome import Outcome, TargetData, Voice, build_model
from .pseudo_labels import Selection, select_pseudo_labels
from .safeguards import StageMetrics, stage_trust
from .target_preprocessing import choose_preprocessing
from .training_steps import AdaptationData, StochasticPredictions, Student

HALF = 0.5
"""Trust in the small network below which the member that agrees best with all maps instead."""


@dataclass(frozen=True)
class Member:
    """One of the networks that are trained in parallel."""

    network: CropNetwork
    generator: torch.Generator
    """Random numbers of its own."""


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source and adapt to the target; the source model where no stage passed.

    ``request`` as of :func:`fit_supervised`.
    """
    progress = request.progress
    settings = read_settings(GHCASettings(), request.options, progress)
    known = _known_shares(settings.class_shares, request.source.classes)
    if known is not None and not {"prior_strength", "trust_shares"} & set(request.options):
        settings = replace(settings, prior_strength=1.0)
    with seeded(request.seed) as generator, NetworkThreads(settings.members) as executor:
        progress.stage("Learning from the source")
        domain = prepare_source(request.source, settings.held_out, request.seed, compute_device())
        context = FitContext(request, domain, settings, known, executor)
        members = _make_members(context, generator)
        teachers = context.validate(_train_on_source(context, members))
        progress.metric("source_validation_accuracy", round(teachers.accuracy, 4))
        progress.stage("Estimating shift and class shares")
        target = _preprocess(context, teachers)
        checkpoint, baseline = context.evaluate_stage(
            "Learning from the source", teachers, target.tensors(context), settings.source_uncertainty, expected_shares
        )
        progress.metric("class_shares_source_model", context.named(baseline.shares))
        if len(target.values) < settings.min_target_pixels:
            reason = f"The target has only {len(target.values)} observed pixels: the source model is used as it is."
            progress.warning(reason)
            checkpoint = replace(checkpoint, shares=context.equal_shares() if known is None else known)
            outcome = Outcome((Voice("Learning from the source", checkpoint, 1.0),), target)
        else:
            outcome = _adapt(context, members, checkpoint, baseline, target)
        joint = outcome.joint(context, outcome.target.tensors(context))
        if settings.distill_steps and len(target.values) >= settings.min_target_pixels:
            outcome = replace(outcome, distilled=distill_members(context, outcome, joint, generator))
        return build_model(context, outcome, joint)


def _make_members(context: FitContext, generator: torch.Generator) -> list[Member]:
    count = context.settings.members
    networks = [make_network(context.domain, context.request.target, context.settings) for _ in range(count)]
    seeds = torch.randint(2**31, (count,), generator=generator).tolist()
    members = [Member(network, torch.Generator().manual_seed(seed)) for network, seed in zip(networks, seeds)]
    for member in members:
        seed_dropout(member.network, member.generator.initial_seed())
    return members


def _train_on_source(context: FitContext, members: Sequence[Member]) -> list[CropNetwork]:
    def train(number: int) -> CropNetwork:
        # One member reports how far they are; all stop when the user cancels.
        progress = context.request.progress if number == 0 else context.request.progress.quiet()
        member = members[number]
        return train_source(member.network, context.domain, context.settings, member.generator, progress)

    return context.executor.map(train, range(len(members)))


def _preprocess(context: FitContext, teachers: Checkpoint) -> TargetData:
    """Choose the target pixels to use, and their preprocessing."""
    target, rng = context.request.target, np.random.default_rng([context.request.seed, 1])
    values = target.values[np.sort(rng.permutation(len(target))[: context.settings.target_pixels])]
    preprocessing = choose_preprocessing(context, teachers, values, target.day, rng)
    return TargetData(values, context.domain.calendar.align_days(target.day, preprocessing.shift), preprocessing)


def _adapt(
    context: FitContext, members: Sequence[Member], source: Checkpoint, baseline: StageMetrics, target: TargetData
) -> Outcome:
    """Align, then learn from pseudo-labels; the source models keep a voice where that makes them worse."""
    domain, progress = context.domain, context.request.progress
    data = AdaptationData(domain, target.tensors(context), context.settings)
    students = [
        Student(member.network, teacher, data, member.generator) for member, teacher in zip(members, source.networks)
    ]
    progress.stage("Aligning the features")
    checkpoint, metrics = align(context, students, source)
    trust = context.trust(metrics, baseline)
    if not metrics.finite:
        return Outcome((Voice("Learning from the source", source, 1.0),), target)
    checkpoint = _moderated(checkpoint, source, trust.weight)
    updated = target.preprocessing.with_shares(
        checkpoint.shares, domain, context.request.source, target.values, target.day
    )
    target = replace(target, preprocessing=updated)
    data.target = target.tensors(context)
    progress.metric("class_shares_aligned", context.named(checkpoint.shares))
    progress.stage("Learning from pseudo-labels")
    checkpoint, metrics = learn_from_pseudo_labels(context, students, checkpoint, metrics)
    weight = 0.5 + 0.5 * context.trust(metrics, baseline).weight
    voices = (
        Voice("Learning from pseudo-labels", checkpoint, weight),
        Voice("Learning from the source", source, 1 - weight),
    )
    return Outcome(voices if weight < 1 else voices[:1], target)


def _moderated(now: Checkpoint, before: Checkpoint, trust: float) -> Checkpoint:
    """A checkpoint with class shares between its own and those before, by how far it is trusted."""
    return replace(now, shares=trust * now.shares + (1 - trust) * before.shares)


def align(context: FitContext, students: Sequence[Student], checkpoint: Checkpoint) -> tuple[Checkpoint, StageMetrics]:
    """Weighted MK-MMD; the class shares are estimated again after one half, and at the end.

    Parameters
    ----------
    context : FitContext
        The fit.
    students : sequence of Student
        Trained in place.
    checkpoint : Checkpoint
        The source models.

    Returns
    -------
    tuple of Checkpoint and StageMetrics
        The aligned models and their figures.
    """
    steps = context.settings.scaled(context.settings.align_steps)
    for part in (range(steps // 2), range(steps // 2, steps)):
        context.train_students(students, Student.align_step, part, steps, checkpoint.shares)
        checkpoint, metrics = _evaluate_students(context, "Aligning the features", students)
    return checkpoint, metrics


def learn_from_pseudo_labels(
    context: FitContext, students: Sequence[Student], checkpoint: Checkpoint, metrics: StageMetrics
) -> tuple[Checkpoint, StageMetrics]:
    """Rounds of pseudo-labels, chosen by all members together.

    Returns the models of the last round and their figures; the first round that diverges ends them. ``context`` and
    ``students`` as of :func:`align`.

    Parameters
    ----------
    checkpoint : Checkpoint
        The models to start from.
    metrics : StageMetrics
        Their figures.
    """
    settings, previous = context.settings, None
    selection = Selection(certainty=settings.certainty, stability=settings.stability)
    steps = settings.scaled(settings.round_steps)
    for number in range(settings.rounds):
        predictions = _stochastic_predictions(context, students, checkpoint)
        passes = np.concatenate([member.passes for member in predictions])
        typicality = np.mean([member.typicality for member in predictions], axis=0)
        ramp = number / max(settings.rounds - 1, 1)
        quota = settings.first_quota + ramp * (settings.last_quota - settings.first_quota)
        chosen = select_pseudo_labels(passes, quota, previous, typicality, selection)
        previous = chosen.predicted
        classes = context.request.source.classes
        accepted = dict(zip(classes, chosen.count(len(classes)).tolist()))
        relaxed = [classes[c] for c in chosen.relaxed]
        context.rounds.append({"round": number + 1, "accepted": accepted, "relaxed": relaxed})
        context.request.progress.metric(f"pseudo_labels_round_{number + 1}", accepted)
        for student in students:
            student.start_round(chosen)
        part = range(number * steps, (number + 1) * steps)
        context.train_students(students, Student.round_step, part, settings.rounds * steps, checkpoint.shares)
        stage = f"Learning from pseudo-labels, round {number + 1}"
        trained, after = _evaluate_students(context, stage, students)
        if not after.finite:
            context.trust(after, metrics)
            break
        trust = stage_trust(after, metrics, classes).weight
        checkpoint, metrics = _moderated(trained, checkpoint, trust), after
    return checkpoint, metrics


def _stochastic_predictions(
    context: FitContext, students: Sequence[Student], checkpoint: Checkpoint
) -> list[StochasticPredictions]:
    def predict(number: int) -> StochasticPredictions:
        temperature, passes = checkpoint.validations[number].temperature, context.settings.passes
        return students[number].stochastic_predictions(passes, temperature, checkpoint.shares, context.tick)

    return context.executor.map(predict, range(len(students)))


def _evaluate_students(context: FitContext, stage: str, students: Sequence[Student]) -> tuple[Checkpoint, StageMetrics]:
    teachers = context.validate([student.snapshot() for student in students])
    return context.evaluate_stage(stage, teachers, students[0].data.target, context.settings.aligned_uncertainty)


def distill_members(
    context: FitContext, outcome: Outcome, joint: np.ndarray, generator: torch.Generator
) -> Checkpoint | None:
    """Train one small network on the predictions of all voices.

    Parameters
    ----------
    context : FitContext
        The fit.
    outcome : Outcome
        The voices and the target.
    joint : ndarray (n, k)
        Their predictions for the target.
    generator : torch.Generator
        Random numbers.

    Returns
    -------
    Checkpoint or None
        The small network; None where it would do harm.
    """
    settings, domain, members = context.settings, context.domain, outcome.members
    stage = "Distilling the network"
    context.request.progress.stage(stage)
    tensors, known = outcome.target.tensors(context), domain.tensors.take(domain.sample)
    sampler = BalancedSampler(domain.labels[domain.sample], domain.classes, generator)

    def wanted(probability: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(probability.astype(np.float32)).to(tensors.values.device)

    target = DistillationData(
        tensors, wanted(joint), lambda count: torch.randint(len(tensors), (count,), generator=generator)
    )
    source = DistillationData(known, wanted(outcome.joint(context, known)), sampler.draw)
    network = distill(members.networks[0].size, source, target, settings, generator, context.request.progress.update)
    # It has learnt calibrated probabilities. Their mean is evaluated: expectation-maximisation would exaggerate
    # uncertain ones.
    small = context.validate([network])
    small = replace(small, validations=(replace(small.validations[0], temperature=1.0),))
    small, metrics = context.evaluate_stage(stage, small, tensors, settings.aligned_uncertainty, expected_shares)
    shares = expected_shares(target.probability.cpu().numpy())
    before = StageMetrics("", members.accuracy, members.validations[0].samples, shares, True)
    trust = stage_trust(metrics, before, context.request.source.classes)
    if trust.weight > HALF:
        return replace(small, shares=members.shares)
    context.doubts.append(f"{trust.reason} The member that agrees best with all maps instead.")
    return None


def _known_shares(given: Mapping[str, float], classes: tuple[str, ...]) -> np.ndarray | None:
    """Shares (k,) that the user knows, in the order of the classes; None where none are given."""
    if not given:
        return None
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) and v >= 0 for v in given.values())
    if set(given) != set(classes) or not numbers or not sum(given.values()) > 0:
        raise InputError(
            "option",
            f"Option 'class_shares' must give a share of 0 or more for each class of the source: {', '.join(classes)}.",
        )
    shares = np.array([given[name] for name in classes], float) + 1e-3 * sum(given.values())
    return shares / shares.sum()
