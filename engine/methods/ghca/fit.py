"""GHCA: global-hierarchical-categorical alignment of a labelled source and an unlabelled target.

An implementation of the idea published by Yang, Hu, Belgiu and Wu (EGU26-10174, doi
10.5194/egusphere-egu26-10174): MK-MMD at several depths before pseudo-labelling, pseudo-labels chosen by
confidence, certainty and stability with a teacher, and contrast of the crops across both domains. What the
abstract leaves open is this project's: class shares and the shift of the season are estimated first, and beside
MK-MMD an adversary weighted by class shares aligns the embedding.

The order is: source model, shift and standardisation, class shares, weighted pre-alignment, rounds, and at the end a
small network that learns what the students say together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from ...errors import InputError
from ...models.device import NetworkThreads, compute_device, seeded
from ...models.encoder import CropNetwork, seed_dropout
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.class_shares import expected_shares
from ..shared.options import read_settings
from ..shared.source_only import Validation, make_network, prepare_source, train_source
from ..shared.training import BalancedSampler, SeriesTensors, make_tensors
from .distillation import DistillationData, distill
from .pseudo_labels import Selection, select_pseudo_labels
from .run import Checkpoint, GHCASettings, Run
from .safeguards import StageMetrics
from .target_preprocessing import SourceEnsemble, TargetPreprocessing, choose_preprocessing
from .training_steps import Student


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source and adapt to the target; see :func:`engine.methods.fit`."""
    settings = read_settings(GHCASettings(), options, progress)
    known = _known_shares(settings.class_shares, source.classes)
    if known is not None and not {"prior_strength", "trust_shares"} & set(options):
        settings = replace(settings, prior_strength=1.0)
    device = compute_device()
    with seeded(seed) as generator, NetworkThreads(settings.members) as executor:
        progress.stage("Learning from the source")
        domain = prepare_source(source, settings.held_out, seed, device)
        run = Run(source, domain, settings, known, executor, progress)
        members = settings.members
        networks = [make_network(domain, target, settings) for _ in range(members)]
        generators = [
            torch.Generator().manual_seed(int(s)) for s in torch.randint(2**31, (members,), generator=generator)
        ]
        for network, own in zip(networks, generators):
            seed_dropout(network, own.initial_seed())

        def learn(number: int) -> CropNetwork:
            # One of them tells how far they are; all stop when the user cancels.
            told = progress if number == 0 else progress.quiet()
            return train_source(networks[number], domain, settings, generators[number], told).network

        teachers = executor.map(learn, range(members))
        validations = run.validate(teachers)
        progress.metric("source_validation_accuracy", round(float(np.mean([v.accuracy for v in validations])), 4))

        progress.stage("Estimating shift and class shares")
        rng = np.random.default_rng([seed, 1])
        values = target.values[np.sort(rng.permutation(len(target))[: settings.target_pixels])]
        enough = len(values) >= settings.min_target_pixels
        reading = choose_preprocessing(
            SourceEnsemble(
                teachers, [v.temperature for v in validations], executor, domain, source, settings.of_source(), run.tick
            ),
            values,
            target.day,
            settings.scan_pixels if enough else 0,
            settings.find_shift,
            settings.match_statistics,
            rng,
            progress,
        )
        day = domain.calendar.align_days(target.day, reading.shift)
        pool = make_tensors(values, day, reading.statistics, domain.calendar, device)
        good, begun = run.stand(
            "Learning from the source", teachers, validations, pool, settings.of_source(), expected_shares
        )
        progress.metric("class_shares_source_model", run.named(begun.shares))
        if not enough:
            reason = f"The target has only {len(values)} observed pixels: the source model is used as it is."
            run.vetoes.append(reason)
            progress.warning(reason)
            good = run.unadapted(good)
            return finish(run, good, run.predictions(good, pool), None, pool, reading, seed)

        first = good
        students = [
            Student(network, teacher, domain, pool, settings, own)
            for network, teacher, own in zip(networks, teachers, generators)
        ]
        progress.stage("Aligning the features")
        aligned, standing = align(run, students, good)
        if run.passes(standing, begun):
            good = aligned
            reading = reading.with_shares(good.shares, domain, source, values, day)
            pool = make_tensors(values, day, reading.statistics, domain.calendar, device)
            for student in students:
                student.target = pool
        else:
            for student, teacher in zip(students, teachers):
                student.restore(teacher)
        progress.metric("class_shares_aligned", run.named(good.shares))
        progress.stage("Learning from pseudo-labels")
        good = learn_from_pseudo_labels(run, students, good, begun)
        if good is first:
            good, reading = run.unadapted(good), reading.unadapted(domain)
            pool = make_tensors(values, day, reading.statistics, domain.calendar, device)
        said = run.predictions(good, pool)
        small = distill_members(run, good, said, pool, generator) if settings.distill_steps else None
        return finish(run, good, said, small, pool, reading, seed)


def align(run: Run, students: Sequence[Student], good: Checkpoint) -> tuple[Checkpoint, StageMetrics]:
    """Weighted MK-MMD; the class shares are estimated again half way, and at the end."""
    steps = run.settings.scaled(run.settings.align_steps)
    for part in (range(steps // 2), range(steps // 2, steps)):
        run.learn(students, Student.align_step, part, steps, good.shares)
        good, standing = _stand(run, "Aligning the features", students)
    return good, standing


def learn_from_pseudo_labels(
    run: Run, students: Sequence[Student], good: Checkpoint, begun: StageMetrics
) -> Checkpoint:
    """Rounds of pseudo-labels, chosen by all members together; the first that is vetoed ends them.

    ``begun`` is the standing of the source model, against which the source accuracy is judged; a collapse of
    class shares is judged against the round before.
    """
    settings, previous = run.settings, None
    selection = Selection(certainty=settings.certainty, stability=settings.stability)
    steps = settings.scaled(settings.round_steps)
    for number in range(settings.rounds):
        seen = run.executor.map(partial(_look, run, good.shares), list(zip(students, good.validations)))
        passes = np.concatenate([member for member, _ in seen])
        typicality = np.mean([member for _, member in seen], axis=0)
        ramp = number / max(settings.rounds - 1, 1)
        quota = settings.first_quota + ramp * (settings.last_quota - settings.first_quota)
        picks = select_pseudo_labels(passes, quota, previous, typicality, selection)
        previous = picks.predicted
        accepted = dict(zip(run.source.classes, picks.count(run.domain.classes).tolist()))
        relaxed = [run.source.classes[c] for c in picks.relaxed]
        run.rounds.append({"round": number + 1, "accepted": accepted, "relaxed": relaxed})
        run.progress.metric(f"pseudo_labels_round_{number + 1}", accepted)
        part = range(number * steps, (number + 1) * steps)
        run.learn(students, Student.round_step, part, settings.rounds * steps, good.shares, picks)
        learnt, standing = _stand(run, f"Learning from pseudo-labels, round {number + 1}", students)
        if not run.passes(standing, replace(begun, shares=good.shares)):
            return good
        good = learnt
    return good


def _look(run: Run, shares: np.ndarray, member: tuple[Student, Validation]) -> tuple[np.ndarray, np.ndarray]:
    student, validation = member
    return student.stochastic_passes(run.settings.passes, validation.temperature, shares, run.tick)


def _stand(run: Run, stage: str, students: Sequence[Student]) -> tuple[Checkpoint, StageMetrics]:
    teachers = [student.snapshot() for student in students]
    return run.stand(stage, teachers, run.validate(teachers), students[0].target, run.settings.of_aligned())


def distill_members(
    run: Run, good: Checkpoint, said: np.ndarray, pool: SeriesTensors, generator: torch.Generator
) -> Checkpoint | None:
    """One small network in the place of all members; None where it would do harm."""
    settings, domain = run.settings, run.domain
    run.progress.stage("Condensing the network")
    known = domain.pool.take(domain.sample)
    sampler = BalancedSampler(domain.labels[domain.sample], domain.classes, generator)
    device = pool.values.device

    def together(probability: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(probability.mean(axis=0).astype(np.float32)).to(device)

    target = DistillationData(
        pool, together(said), lambda count: torch.randint(len(pool), (count,), generator=generator)
    )
    source = DistillationData(known, together(run.predictions(good, known)), sampler.draw)
    steps = settings.scaled(settings.distill_steps)
    member = good.teachers[0].size
    network = distill(
        member, source, target, settings, steps, settings.mixup_min_weight, generator, run.progress.update
    )
    # It has learnt calibrated probabilities. Their mean is judged: what expectation-maximisation makes of unsure ones
    # is too much by chance.
    validation = replace(run.validate([network])[0], temperature=1.0)
    small, standing = run.stand(
        "Condensing the network", [network], [validation], pool, settings.of_aligned(), expected_shares
    )
    samples = good.validations[0].samples
    accuracy = float(np.mean([v.accuracy for v in good.validations]))
    shares = expected_shares(target.probability.cpu().numpy())
    if not run.passes(standing, StageMetrics("", accuracy, samples, shares, True)):
        return None
    return replace(small, shares=good.shares)


def finish(
    run: Run,
    good: Checkpoint,
    said: np.ndarray,
    small: Checkpoint | None,
    pool: SeriesTensors,
    reading: TargetPreprocessing,
    seed: int,
) -> TrainedModel:
    """Put the model together under the class shares of the target, of which the members said (m, n, k).

    It is the ``small`` network of :func:`distill_members`, or else the member that agrees best with all together.
    """
    together = said.mean(axis=0).argmax(axis=1)
    agrees = (said.argmax(axis=2) == together).mean(axis=1)
    chosen, agreement = int(agrees.argmax()), float(agrees.min())
    network, validation = good.teachers[chosen], good.validations[chosen]
    run.progress.metric("agreement_of_members", round(agreement, 4))
    condensed = {}
    if small is not None:
        network, validation = small.teachers[0], small.validations[0]
        agrees = run.predictions(small, pool)[0].argmax(axis=1) == together
        condensed = {
            "width": network.size.width,
            "layers": network.size.layers,
            "agreement": round(float(agrees.mean()), 4),
        }
        run.progress.metric("agreement_of_small_network", condensed["agreement"])
    shares = run.named(good.shares)
    run.progress.metric("class_shares", shares)
    run.progress.metric("vetoes", run.vetoes)
    return TrainedModel(
        network=network,
        classes=run.source.classes,
        bands=run.source.bands,
        method="ghca",
        seed=seed,
        calendar=run.domain.calendar,
        statistics=reading.statistics,
        shift_days=reading.shift,
        temperature=validation.temperature,
        log_shares=run.settings.prior_strength * np.log(good.shares * run.domain.classes),
        summary={
            "source_validation": {
                "accuracy": round(validation.accuracy, 4),
                "samples": validation.samples,
            },
            "shift": reading.report(),
            "statistics": reading.name,
            "class_shares": shares,
            "stages": run.stages,
            "pseudo_labels": run.rounds,
            "agreement_of_members": round(agreement, 4),
            "condensed": condensed,
            "vetoes": run.vetoes,
            "warnings": list(run.progress.warnings),
        },
    )


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
