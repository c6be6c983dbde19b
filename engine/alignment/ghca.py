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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..models.device import SideBySide, compute_device, seeded
from ..models.encoder import CropNetwork, draw_from
from ..models.trained import TrainedModel
from ..progress import Progress
from ..series import SeriesSet
from .adaptation import AdaptationSettings, Student
from .class_shares import Doubt, estimate_class_shares, expected_shares, shrink_shares
from .condense import CondensedSettings, Taught, condense
from .pseudo_labels import Selection, select_pseudo_labels
from .reading import Judge, Reading, choose_reading
from .source_only import (
    SourceDomain,
    SourceSettings,
    Validation,
    learn_source,
    make_network,
    prepare_source,
    validate,
)
from .training import BalancedSampler, Pool, make_pool, predict, read_settings, softmax
from .vetoes import Standing, veto


@dataclass(frozen=True)
class GHCASettings(CondensedSettings, AdaptationSettings, SourceSettings):
    """Settings of GHCA; those of learning from the source, of the adaptation and of the last step are inherited."""

    source_steps: int = 500
    """Optimiser steps of the source model."""
    members: int = 2
    """Students that learn side by side from different beginnings and share their pseudo-labels: what one gets wrong
    by chance the other one need not. The cost of a fit grows with it, that of a map does not."""
    passes: int = 4
    """Stochastic passes of every member's teacher in a round."""
    first_quota: float = 0.2
    """Share of each class's predicted pixels that the first round may choose."""
    last_quota: float = 0.8
    """The same in the last round."""
    target_pixels: int = 3000
    """Most target pixels that are learnt from, a random choice: the cost must not grow with the raster."""
    scan_pixels: int = 1000
    """Target pixels on which shift and standardisation are judged."""
    least_target: int = 30
    """With fewer target pixels nothing is adapted."""
    doubt_source: float = 0.15
    """Typical error (Euclidean) of the class shares that the source model sees in the target; see
    :func:`shrink_shares`."""
    doubt_aligned: float = 0.1
    """The same of the aligned models."""
    least_source: float = 0.25
    """Least class share that is taken from the source model, in multiples of an equal share."""
    least_aligned: float = 0.1
    """The same from the aligned models."""
    find_shift: bool = True
    """Whether to look for a shift of the season."""
    match_statistics: bool = True
    """Whether the target may be standardised by its own statistics, matched to its class shares."""
    class_shares: dict[str, float] = field(default_factory=dict)
    """Known class shares of the target (regional crop statistics) by class name, which are trusted whole unless
    ``trust_shares`` is given, too; empty: they are estimated."""

    def of_source(self) -> Doubt:
        """Doubt of the class shares that the source model sees."""
        return Doubt(self.doubt_source, self.least_source)

    def of_aligned(self) -> Doubt:
        """Doubt of those that the aligned models see."""
        return Doubt(self.doubt_aligned, self.least_aligned)


@dataclass(frozen=True)
class Good:
    """The last stage that passed: what the model is made of, and what is fallen back to."""

    teachers: tuple[CropNetwork, ...]
    """The teacher of every member."""
    validations: tuple[Validation, ...]
    """Their accuracy and temperature on held-out source samples."""
    shares: np.ndarray
    """(k,) class shares of the target to work with from here."""


@dataclass
class Run:
    """One fit: its fixed inputs, and the log that becomes the model's summary."""

    source: SeriesSet
    domain: SourceDomain
    settings: GHCASettings
    known_shares: np.ndarray | None
    """(k,) class shares that the user gave; None where they are estimated."""
    crew: SideBySide
    """What lets the students learn at the same time."""
    progress: Progress
    stages: list[dict[str, Any]] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    vetoes: list[str] = field(default_factory=list)

    def tick(self) -> None:
        """Ask for cancel where no fraction is known."""
        self.progress.check()

    def learn(
        self, students: Sequence[Student], step_of: Callable[..., None], steps: range, whole: int, *arguments: object
    ) -> None:  # fmt: skip
        """Let all students take these steps of a ``whole`` side by side; all stop when the user cancels.

        ``step_of`` is called with a student, the step, the whole, and the other arguments.
        """

        taken = count()  # by all of them

        def of(number: int) -> None:
            told = self.progress if number == 0 or self.crew.in_turn else self.progress.quiet()
            for step in steps:
                told.update((steps.start + next(taken) / len(students)) / whole)
                step_of(students[number], step, whole, *arguments)

        self.crew.each(of, range(len(students)))

    def validate(self, networks: Sequence[CropNetwork]) -> list[Validation]:
        """What the held-out source says of each."""
        return self.crew.each(lambda network: validate(network, self.domain, self.tick), networks)

    def predictions(self, good: Good, pool: Pool) -> np.ndarray:
        """Calibrated predictions (m, n, k) of every member under equal class shares; NaN where a network broke."""

        def of(member: tuple[CropNetwork, Validation]) -> np.ndarray:
            network, validation = member
            return softmax(predict(network, pool, self.tick).logits, validation.temperature)

        return np.stack(self.crew.each(of, list(zip(good.teachers, good.validations))))

    def stand(
        self, stage: str, networks: Sequence[CropNetwork], validations: Sequence[Validation], pool: Pool, doubt: Doubt,
        estimate: Callable[[np.ndarray], np.ndarray] = estimate_class_shares,
    ) -> tuple[Good, Standing]:  # fmt: skip
        """How the members, validated, stand after a stage: the class shares of the target are estimated with them.

        ``doubt`` says how far that ``estimate`` from predictions (n, k) is trusted.
        """
        good = Good(tuple(networks), tuple(validations), np.full(self.domain.classes, 1.0 / self.domain.classes))
        probability = self.predictions(good, pool).mean(axis=0)
        weights = [p for network in networks for p in network.parameters()]
        finite = bool(np.isfinite(probability).all()) and all(bool(torch.isfinite(p).all()) for p in weights)
        shares = estimate(probability) if finite else good.shares
        used = shrink_shares(shares, self.domain.shares, doubt) if self.known_shares is None else self.known_shares
        accuracy = float(np.mean([v.accuracy for v in validations]))
        standing = Standing(stage, accuracy, validations[0].samples, shares, finite)
        self.stages.append({"stage": stage, "source_accuracy": round(accuracy, 4), "class_shares": self.named(shares)})
        return replace(good, shares=used), standing

    def unadapted(self, good: Good) -> Good:
        """The source models as source only applies them, where no stage after them passed.

        The class shares that they saw in the target are not followed then: where all stages are undone they are mostly
        wrong (control transfer, NDVI of 12 dates: OA .65 with them, .75 without). Known ones are.
        """
        if self.known_shares is not None:
            return good
        return replace(good, shares=np.full(self.domain.classes, 1.0 / self.domain.classes))

    def passes(self, now: Standing, before: Standing) -> bool:
        """Whether a stage does no harm; the reason is logged where it does."""
        reason = veto(now, before)
        if reason is None:
            return True
        self.vetoes.append(reason)
        self.progress.warning(f"A stage was undone to do no harm. {reason}")
        return False

    def named(self, shares: np.ndarray) -> dict[str, float]:
        """Shares (k,) by class name."""
        return {name: round(float(share), 4) for name, share in zip(self.source.classes, shares)}


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source and adapt to the target; see :func:`engine.alignment.fit`."""
    settings = read_settings(GHCASettings(), options)
    known = _known_shares(settings.class_shares, source.classes)
    if known is not None and "trust_shares" not in options:
        settings = replace(settings, trust_shares=1.0)
    device = compute_device()
    with seeded(seed) as generator, SideBySide(settings.members) as crew:
        progress.stage("Learning from the source")
        domain = prepare_source(source, settings.held_out, seed, device)
        run = Run(source, domain, settings, known, crew, progress)
        members = settings.members
        networks = [make_network(domain, target, settings) for _ in range(members)]
        generators = [
            torch.Generator().manual_seed(int(s)) for s in torch.randint(2**31, (members,), generator=generator)
        ]
        for network, own in zip(networks, generators):
            draw_from(network, own.initial_seed())

        def learn(number: int) -> CropNetwork:
            # One of them tells how far they are; all stop when the user cancels.
            told = progress if number == 0 else progress.quiet()
            return learn_source(networks[number], domain, settings, generators[number], told).network

        teachers = crew.each(learn, range(members))
        validations = run.validate(teachers)
        progress.metric("source_validation_accuracy", round(float(np.mean([v.accuracy for v in validations])), 4))

        progress.stage("Estimating shift and class shares")
        rng = np.random.default_rng([seed, 1])
        values = target.values[np.sort(rng.permutation(len(target))[: settings.target_pixels])]
        enough = len(values) >= settings.least_target
        reading = choose_reading(
            Judge(teachers, [v.temperature for v in validations], crew, domain, source, settings.of_source(), run.tick),
            values,
            target.day,
            settings.scan_pixels if enough else 0,
            settings.find_shift,
            settings.match_statistics,
            rng,
            progress,
        )
        day = domain.calendar.place(target.day, reading.shift)
        pool = make_pool(values, day, reading.statistics, domain.calendar, device)
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
            pool = make_pool(values, day, reading.statistics, domain.calendar, device)
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
            pool = make_pool(values, day, reading.statistics, domain.calendar, device)
        said = run.predictions(good, pool)
        small = condense_members(run, good, said, pool, generator) if settings.condense_steps else None
        return finish(run, good, said, small, pool, reading, seed)


def align(run: Run, students: Sequence[Student], good: Good) -> tuple[Good, Standing]:
    """Weighted MK-MMD; the class shares are estimated again half way, and at the end."""
    steps = run.settings.scaled(run.settings.align_steps)
    for part in (range(steps // 2), range(steps // 2, steps)):
        run.learn(students, Student.align_step, part, steps, good.shares)
        good, standing = _stand(run, "Aligning the features", students)
    return good, standing


def learn_from_pseudo_labels(run: Run, students: Sequence[Student], good: Good, begun: Standing) -> Good:
    """Rounds of pseudo-labels, chosen by all members together; the first that is vetoed ends them.

    ``begun`` is the standing of the source model, against which the source accuracy is judged; a collapse of
    class shares is judged against the round before.
    """
    settings, previous = run.settings, None
    selection = Selection(certainty=settings.certainty, stability=settings.stability)
    steps = settings.scaled(settings.round_steps)
    for number in range(settings.rounds):
        seen = run.crew.each(partial(_look, run, good.shares), list(zip(students, good.validations)))
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


def _stand(run: Run, stage: str, students: Sequence[Student]) -> tuple[Good, Standing]:
    teachers = [student.snapshot() for student in students]
    return run.stand(stage, teachers, run.validate(teachers), students[0].target, run.settings.of_aligned())


def condense_members(run: Run, good: Good, said: np.ndarray, pool: Pool, generator: torch.Generator) -> Good | None:
    """One small network in the place of all members, who said (m, n, k) of the target; None where it would do harm."""
    settings, domain = run.settings, run.domain
    run.progress.stage("Condensing the network")
    known = domain.pool.take(domain.sample)
    sampler = BalancedSampler(domain.labels[domain.sample], domain.classes, generator)
    device = pool.values.device

    def together(probability: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(probability.mean(axis=0).astype(np.float32)).to(device)

    target = Taught(pool, together(said), lambda count: torch.randint(len(pool), (count,), generator=generator))
    source = Taught(known, together(run.predictions(good, known)), sampler.draw)
    steps = settings.scaled(settings.condense_steps)
    member = good.teachers[0].size
    network = condense(member, source, target, settings, steps, settings.least_own, generator, run.progress.update)
    small, standing = run.stand(
        "Condensing the network", [network], run.validate([network]), pool, settings.of_aligned()
    )
    samples = good.validations[0].samples
    accuracy = float(np.mean([v.accuracy for v in good.validations]))
    shares = estimate_class_shares(target.probability.cpu().numpy())
    if not run.passes(standing, Standing("", accuracy, samples, shares, True)):
        return None
    # It has learnt calibrated probabilities.
    return replace(small, validations=(replace(small.validations[0], temperature=1.0),), shares=good.shares)


def finish(
    run: Run, good: Good, said: np.ndarray, small: Good | None, pool: Pool, reading: Reading, seed: int
) -> TrainedModel:
    """Put the model together under the class shares of the target, of which the members said (m, n, k).

    It is the ``small`` network of :func:`condense_members`, or else the member that agrees best with all together.
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
        log_shares=run.settings.trust_shares * np.log(good.shares * run.domain.classes),
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
