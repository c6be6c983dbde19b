"""The optimiser steps of GHCA after the source model: pre-alignment, and learning from pseudo-labels."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...estimation.class_shares import adjust_to_shares
from ...models.encoder import CropNetwork, seed_dropout
from ...models.network import Features
from ..shared.adversary import Discriminator, domain_loss, reversal_factor, reverse_gradient
from ..shared.augment import MODERATE, STOCHASTIC, STRONG, WEAK, mixup
from ..shared.contrast import prototype_loss, supervised_contrast, update_prototypes
from ..shared.mmd import hierarchical_mk_mmd
from ..shared.options import option
from ..shared.sampling import BalancedSampler
from ..shared.source_domain import SourceDomain, SourceSampler
from ..shared.tensors import SeriesTensors, predict, softmax
from ..shared.training import (
    StepSettings,
    Teacher,
    learning_rate_factor,
    make_optimiser,
    mixup_errors,
    set_learning_rate,
    take_step,
)
from .knn_smoothing import nearest_neighbours, smooth_over_neighbours
from .pseudo_labels import PseudoLabels

LEVELS: tuple[float, ...] = (0.25, 0.5, 1.0)
"""Weights of the three depths in MK-MMD."""
DISCRIMINATOR = 256
"""Features of the discriminator's hidden layers."""


@dataclass(frozen=True)
class AdaptationSettings(StepSettings):
    """Settings of the adaptation steps."""

    align_steps: int = 250
    """Optimiser steps of the pre-alignment."""
    rounds: int = 6
    """Rounds of pseudo-labels."""
    round_steps: int = 100
    """Optimiser steps of a round."""
    batch: int = option(64, 1)
    """Source series in a batch."""
    target_batch: int = option(48, 1)
    """Target series in a batch, for MK-MMD."""
    pseudo_batch: int = option(64, 1)
    """Pseudo-labelled series in a batch."""
    body_rate: float = 1e-3
    """Greatest learning rate of the encoder."""
    head_rate: float = 1e-3
    """Greatest learning rate of the heads."""
    smoothing: float = 0.05
    """Label smoothing."""
    alignment: float = 1.0
    """Greatest weight of MK-MMD (g)."""
    alignment_late: float = 0.3
    """Weight of MK-MMD at the end of the rounds."""
    adversary: float = 1.0
    """Weight of the domain adversary (a), whose reversed gradient grows over all steps."""
    mixup_min_weight: float = option(0.5, 0, 1, formerly="least_own")
    """Least weight of a series when it is mixed with another; 1 for no mixing."""
    pseudo: float = 2.0
    """Weight of the pseudo-labels' cross-entropy (p)."""
    contrast: float = 0.3
    """Weight of the contrast across domains (c)."""
    prototypes: float = 0.3
    """Weight of the contrast with the class prototypes that both domains share (c)."""
    hierarchical: bool = True
    """Whether MK-MMD compares three depths; else the embedding alone."""
    certainty: bool = True
    """Whether pseudo-labels are also chosen by the spread of the teacher's passes."""
    stability: bool = True
    """Whether pseudo-labels are also chosen by their agreement over passes and rounds."""
    prior: float = 0.1
    """Weight of the guard against collapse (d)."""
    prior_strength: float = option(0.5, 0, 1, formerly="trust_shares")
    """How far pseudo-labels and maps follow the estimated class shares: 0 not at all, 1 by Bayes' rule. The shares are
    estimates themselves. With few data they are far off, and pseudo-labels that follow them fully drive them further
    (control transfer, NDVI of 12 dates: OA .51 instead of .73); a strength of one half lost nothing elsewhere."""
    neighbours: int = 10
    """Nearest target pixels over which a prediction is smoothed before it may become a pseudo-label."""
    neighbour_share: float = option(0.5, 0, 1)
    """Weight of those neighbours."""


@dataclass
class AdaptationData:
    """What the students of one fit share."""

    domain: SourceDomain
    """The source."""
    target: SeriesTensors
    """The target under its present preprocessing."""
    settings: AdaptationSettings


class StochasticPredictions(NamedTuple):
    """Predictions of a teacher for the target."""

    passes: np.ndarray
    """(s, n, k) probabilities of perturbed passes."""
    typicality: np.ndarray
    """(n,) how typical of its predicted class a pixel is, 0 to 1."""


class _SourceTerm(NamedTuple):
    """The part of the loss that every step has."""

    loss: Tensor
    features: Features
    """Of the source batch."""
    labels: Tensor


def share_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """KL divergence of the mean prediction from the estimated class shares.

    Parameters
    ----------
    logits : Tensor (b, k)
        Logits of a class-balanced classifier, which are first adjusted to the shares.
    shares : Tensor (k,)
        Class shares.

    Returns
    -------
    Tensor
        Scalar, zero or above.
    """
    mean = (logits + shares.log()).softmax(dim=1).mean(dim=0)
    return (shares * (shares.log() - mean.clamp_min(1e-8).log())).sum()


class _Optimisation:
    """Optimiser, learning rate and averaged teacher over all steps of a student."""

    def __init__(self, network: CropNetwork, discriminator: Discriminator, settings: AdaptationSettings) -> None:
        self._network = network
        self._total = settings.scaled(settings.align_steps) + settings.rounds * settings.scaled(settings.round_steps)
        self._taken = 0
        self.teacher = Teacher(network, self._total)
        adversary = discriminator if settings.adversary else None
        self._optimiser = make_optimiser(network, settings.body_rate, settings.head_rate, adversary)

    @property
    def done(self) -> float:
        """Share of the steps that are taken."""
        return self._taken / self._total

    def step(self, loss: Tensor) -> None:
        """Take one step and move the teacher."""
        set_learning_rate(self._optimiser, learning_rate_factor(self._taken, self._total))
        self._taken += 1
        if take_step(loss, self._optimiser):
            self.teacher.update(self._network)


class Student:
    """One member of GHCA: a student network and its averaged teacher.

    Parameters
    ----------
    network : CropNetwork
        Becomes the student.
    teacher : CropNetwork
        Whose weights it starts from.
    data : AdaptationData
        Source, target and settings.
    generator : torch.Generator
        Random numbers of its own.
    """

    def __init__(
        self, network: CropNetwork, teacher: CropNetwork, data: AdaptationData, generator: torch.Generator
    ) -> None:
        self.network, self.data, self.generator = network, data, generator
        self.network.load_state_dict(teacher.state_dict())
        self.network.train()
        device = data.target.values.device
        self._discriminator = Discriminator(network.size.width, DISCRIMINATOR).to(device)
        self._optimisation = _Optimisation(network, self._discriminator, data.settings)
        self._sampler = SourceSampler(data.domain, generator)
        self._prototypes = torch.zeros(data.domain.classes, network.size.projection, device=device)
        self._pseudo_labels: tuple[PseudoLabels, BalancedSampler] | None = None
        seed_dropout(self._discriminator, generator.initial_seed() + 1)

    @property
    def teacher(self) -> CropNetwork:
        """The averaged network."""
        return self._optimisation.teacher.network

    def snapshot(self) -> CropNetwork:
        """A copy of the teacher."""
        return copy.deepcopy(self.teacher)

    def align_step(self, step: int, steps: int, shares: np.ndarray) -> None:
        """Take a step of source cross-entropy, the guard against collapse, and MK-MMD whose weight ramps up.

        ``step``, ``steps`` and ``shares`` as of :meth:`Student.round_step`.
        """
        weight = self.data.settings.alignment * min(1.0, 2 * (step + 1) / steps)
        self._optimisation.step(self._source_term(weight, shares).loss)

    def start_round(self, pseudo_labels: PseudoLabels) -> None:
        """Use other pseudo-labels from the next step.

        Parameters
        ----------
        pseudo_labels : PseudoLabels
            Those of the round.
        """
        self._pseudo_labels = None
        if len(pseudo_labels.index):
            sampler = BalancedSampler(pseudo_labels.label, self.data.domain.classes, self.generator)
            self._pseudo_labels = pseudo_labels, sampler

    def round_step(self, step: int, steps: int, shares: np.ndarray) -> None:
        """Take a step with all losses; pseudo-labels and contrast ramp up while MK-MMD ramps down.

        Parameters
        ----------
        step, steps : int
            The step, from 0, and their number.
        shares : ndarray (k,)
            Class shares of the target.
        """
        s = self.data.settings
        ramp = min(1.0, 3 * (step + 1) / steps)
        loss, features, labels = self._source_term(s.alignment + (s.alignment_late - s.alignment) * ramp, shares)
        projected = self.network.project(features.embedding)
        weight = torch.ones(len(labels), device=labels.device)
        if self._pseudo_labels is not None:
            chosen, sampler = self._pseudo_labels
            drawn = sampler.draw(s.pseudo_batch)
            index = torch.from_numpy(chosen.index)[drawn]
            pseudo = torch.from_numpy(chosen.label)[drawn].to(labels.device)
            trust = torch.from_numpy(chosen.weight)[drawn].to(labels.device, torch.float32)
            values, observed, day = self.data.target.batch(index, STRONG, self.generator)
            values, partner, share = mixup(values, s.mixup_min_weight, self.generator)
            logits, features = self.network(values, observed, day)
            errors = mixup_errors(logits, pseudo, partner, share, s.smoothing)
            loss = loss + s.pseudo * ramp * (trust * errors).sum() / trust.sum()
            projected = torch.cat([projected, self.network.project(features.embedding)])
            labels, weight = torch.cat([labels, pseudo]), torch.cat([weight, trust])
        loss = loss + s.contrast * ramp * supervised_contrast(projected, labels, weight)
        loss = loss + s.prototypes * ramp * prototype_loss(projected, labels, self._prototypes, weight)
        self._prototypes = update_prototypes(self._prototypes, projected, labels, weight)
        self._optimisation.step(loss)

    def stochastic_predictions(
        self, passes: int, temperature: float, shares: np.ndarray, tick: Callable[[], None]
    ) -> StochasticPredictions:
        """Predict the target with the teacher, perturbed series and dropout.

        Parameters
        ----------
        passes : int
            Number of passes s.
        temperature : float
            Divisor of the logits.
        shares : ndarray (k,)
            Class shares of the target, to which predictions are adjusted.
        tick : callable
            Called at every chunk; may raise to cancel.

        Returns
        -------
        StochasticPredictions
            Probabilities and typicality.
        """
        settings, target, result = self.data.settings, self.data.target, []
        plain = predict(self.teacher, target, tick)
        neighbours = nearest_neighbours(plain.embedding, settings.neighbours, tick)
        for _ in range(passes):
            logits = predict(self.teacher, target, tick, STOCHASTIC, self.generator, dropout=True).logits
            smoothed = smooth_over_neighbours(softmax(logits, temperature), neighbours, settings.neighbour_share)
            result.append(adjust_to_shares(smoothed, shares, strength=settings.prior_strength))
        predicted = np.mean(result, axis=0).argmax(axis=1)
        return StochasticPredictions(np.stack(result), self._typicality(plain.embedding, predicted, tick))

    def _typicality(self, embedding: Tensor, predicted: np.ndarray, tick: Callable[[], None]) -> np.ndarray:
        """Similarity to the predicted class's centre, 0 at the least of the held-out source's to 1 at its median."""
        held_out, labels = self.data.domain.validation()
        device = held_out.values.device
        with torch.no_grad():
            own, seen = (
                self.teacher.project(part.to(device)).cpu()
                for part in (predict(self.teacher, held_out, tick).embedding, embedding)
            )
        member = F.one_hot(torch.from_numpy(labels), self.data.domain.classes).to(own.dtype)
        centres = F.normalize(member.T @ own, dim=1)
        source = (own * centres[torch.from_numpy(labels)]).sum(dim=1).numpy()
        target = (seen * centres[torch.from_numpy(predicted)]).sum(dim=1).numpy()
        low, middle = np.quantile(source, (0.05, 0.5))
        low = min(low, float(np.median(target)))  # a domain that is off as a whole is ranked, not refused
        return np.clip((target - low) / max(middle - low, 1e-6), 0.0, 1.0) * 0.9 + 0.1

    def _source_term(self, alignment: float, shares: np.ndarray) -> _SourceTerm:
        s, domain, target = self.data.settings, self.data.domain, self.data.target
        index, labels = self._sampler.draw(s.batch)
        logits, features = self.network(*domain.tensors.batch(index, MODERATE, self.generator))
        loss = F.cross_entropy(logits, labels, label_smoothing=s.smoothing)
        drawn = torch.randint(len(target), (s.target_batch,), generator=self.generator)
        seen, others = self.network(*target.batch(drawn, WEAK, self.generator))
        wanted = torch.as_tensor(shares, dtype=torch.float32, device=labels.device)
        weight = (wanted / torch.bincount(labels, minlength=domain.classes).clamp_min(1))[labels]
        if alignment:
            depths = slice(None) if s.hierarchical else slice(-1, None)
            loss = loss + alignment * hierarchical_mk_mmd(
                features.levels[depths], others.levels[depths], LEVELS[depths], weight
            )
        loss = loss + s.prior * share_loss(seen, wanted)
        if s.adversary:
            factor = reversal_factor(self._optimisation.done)
            first, second = (self._discriminator(reverse_gradient(x.embedding, factor)) for x in (features, others))
            loss = loss + s.adversary * domain_loss(first, second, weight, torch.ones_like(second))
        return _SourceTerm(loss, features, labels)
