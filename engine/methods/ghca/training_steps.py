"""The optimiser steps of GHCA after the source model: pre-alignment, and learning from pseudo-labels."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.encoder import CropNetwork, seed_dropout
from ..shared.adversary import Discriminator, domain_loss, reversal_factor, reverse_gradient
from ..shared.augment import DOUBT, MODERATE, STRONG, WEAK, mixup
from ..shared.class_shares import adjust_to_shares
from ..shared.contrast import prototype_loss, supervised_contrast, update_prototypes
from ..shared.mmd import hierarchical_mk_mmd
from ..shared.options import option
from ..shared.source_only import SourceDomain
from ..shared.training import (
    BalancedSampler,
    SeriesTensors,
    StepSettings,
    Teacher,
    learning_rate_factor,
    make_optimiser,
    mixup_errors,
    predict,
    set_learning_rate,
    softmax,
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
    """Weight of MK-MMD at its height (g)."""
    alignment_late: float = 0.3
    """Weight of MK-MMD at the end of the rounds."""
    adversary: float = 1.0
    """Weight of the domain adversary (a), whose reversed gradient grows over all steps."""
    mixup_min_weight: float = option(0.5, 0, 1, formerly="least_own")
    """Least share that a series keeps of itself when it is mixed with another; 1 for no mixing."""
    pseudo: float = 2.0
    """Weight of the pseudo-labels' cross-entropy (p)."""
    contrast: float = 0.3
    """Weight of the contrast across domains (c)."""
    prototypes: float = 0.3
    """Weight of the contrast with the class prototypes that both domains share (c)."""
    hierarchical: bool = True
    """Whether MK-MMD looks at three depths; else at the embedding alone."""
    certainty: bool = True
    """Whether pseudo-labels are chosen by the spread of the teacher's passes, too."""
    stability: bool = True
    """Whether pseudo-labels are chosen by their agreement over passes and rounds, too."""
    prior: float = 0.1
    """Weight of the guard against collapse (d)."""
    prior_strength: float = option(0.5, 0, 1, formerly="trust_shares")
    """How far pseudo-labels and maps follow the estimated class shares: 0 not at all, 1 as Bayes' rule has it. The
    shares are estimates themselves. With little to see they are far off, and pseudo-labels that follow them whole drive
    them further (control transfer, NDVI of 12 dates: OA .51 instead of .73); half way lost nothing elsewhere."""
    neighbours: int = 10
    """Nearest target pixels over which a prediction is smoothed before it may become a pseudo-label."""
    neighbour_share: float = option(0.5, 0, 1)
    """Weight of those neighbours."""


def share_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """KL divergence of the mean prediction from the estimated class shares.

    The classifier is trained on balanced classes, so its logits (b, k) are first moved to the shares (k,).
    """
    mean = (logits + shares.log()).softmax(dim=1).mean(dim=0)
    return (shares * (shares.log() - mean.clamp_min(1e-8).log())).sum()


class Student:
    """Student and teacher with what the steps need."""

    def __init__(
        self,
        network: CropNetwork,
        teacher: CropNetwork,
        domain: SourceDomain,
        target: SeriesTensors,
        settings: AdaptationSettings,
        generator: torch.Generator,
    ) -> None:
        self.network = network
        self.network.load_state_dict(teacher.state_dict())
        self.network.train()
        self.domain, self.target, self.settings, self.generator = domain, target, settings, generator
        self.total = settings.scaled(settings.align_steps) + settings.rounds * settings.scaled(settings.round_steps)
        self.done = 0
        self.teacher = Teacher(network, self.total)
        self.sampler = BalancedSampler(domain.labels[domain.train], domain.classes, generator)
        self.train = torch.from_numpy(domain.train)
        self.labels = torch.from_numpy(domain.labels).to(target.values.device)
        self.prototypes = torch.zeros(domain.classes, network.size.projection, device=target.values.device)
        self.discriminator = Discriminator(network.size.width, DISCRIMINATOR).to(target.values.device)
        seed_dropout(self.discriminator, generator.initial_seed() + 1)
        self.optimiser = self._make_optimiser()
        self._bank: tuple[PseudoLabels, BalancedSampler | None] | None = None

    def snapshot(self) -> CropNetwork:
        """A copy of the teacher as it stands."""
        return copy.deepcopy(self.teacher.network)

    def restore(self, teacher: CropNetwork) -> None:
        """Go on from an earlier teacher."""
        self.network.load_state_dict(teacher.state_dict())
        self.teacher.network.load_state_dict(teacher.state_dict())
        self.optimiser = self._make_optimiser()

    def align_step(self, step: int, steps: int, shares: np.ndarray) -> None:
        """Source cross-entropy, the guard against collapse, and MK-MMD whose weight ramps up."""
        loss = self._source_and_alignment(self.settings.alignment * min(1.0, 2 * (step + 1) / steps), shares)[0]
        self._take(loss)

    def round_step(self, step: int, steps: int, shares: np.ndarray, picks: PseudoLabels) -> None:
        """All losses; pseudo-labels and contrast ramp up while MK-MMD ramps down."""
        s = self.settings
        ramp = min(1.0, 3 * (step + 1) / steps)
        alignment = s.alignment + (s.alignment_late - s.alignment) * ramp
        loss, projected, labels = self._source_and_alignment(alignment, shares)
        weight = torch.ones(len(labels), device=labels.device)
        sampler = self._sampler_of(picks)
        if sampler is not None:
            drawn = sampler.draw(s.pseudo_batch)
            index = torch.from_numpy(picks.index)[drawn]
            pseudo = torch.from_numpy(picks.label)[drawn].to(labels.device)
            trust = torch.from_numpy(picks.weight)[drawn].to(labels.device, torch.float32)
            values, observed, day = self.target.batch(index, STRONG, self.generator)
            values, partner, share = mixup(values, s.mixup_min_weight, self.generator)
            logits, features = self.network(values, observed, day)
            errors = mixup_errors(logits, pseudo, partner, share, s.smoothing)
            loss = loss + s.pseudo * ramp * (trust * errors).sum() / trust.sum()
            projected = torch.cat([projected, self.network.project(features.embedding)])
            labels, weight = torch.cat([labels, pseudo]), torch.cat([weight, trust])
        loss = loss + s.contrast * ramp * supervised_contrast(projected, labels, weight)
        loss = loss + s.prototypes * ramp * prototype_loss(projected, labels, self.prototypes, weight)
        self.prototypes = update_prototypes(self.prototypes, projected, labels, weight)
        self._take(loss)

    def stochastic_passes(
        self, passes: int, temperature: float, shares: np.ndarray, tick: Callable[[], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Perturbed predictions (s, n, k) of the teacher for the target under its class shares, and typicality (n,)."""
        teacher, result = self.teacher.network, []
        plain = predict(teacher, self.target, tick)
        neighbours = nearest_neighbours(plain.embedding, self.settings.neighbours, tick)
        for _ in range(passes):
            logits = predict(teacher, self.target, tick, DOUBT, self.generator, dropout=True).logits
            smoothed = smooth_over_neighbours(softmax(logits, temperature), neighbours, self.settings.neighbour_share)
            result.append(adjust_to_shares(smoothed, shares, trust=self.settings.prior_strength))
        predicted = np.mean(result, axis=0).argmax(axis=1)
        return np.stack(result), self._typicality(plain.embedding, predicted, tick)

    def _typicality(self, embedding: Tensor, predicted: np.ndarray, tick: Callable[[], None]) -> np.ndarray:
        """Similarity to the predicted class's centre, 0 at the least of the held-out source's to 1 at its median."""
        teacher = self.teacher.network
        held, labels = self.domain.validation()
        with torch.no_grad():
            own = teacher.project(predict(teacher, held, tick).embedding.to(held.values.device)).cpu()
            seen = teacher.project(embedding.to(held.values.device)).cpu()
        member = F.one_hot(torch.from_numpy(labels), self.domain.classes).to(own.dtype)
        centres = F.normalize(member.T @ own, dim=1)
        source = (own * centres[torch.from_numpy(labels)]).sum(dim=1).numpy()
        target = (seen * centres[torch.from_numpy(predicted)]).sum(dim=1).numpy()
        low, middle = np.quantile(source, (0.05, 0.5))
        low = min(low, float(np.median(target)))  # a domain that is off as a whole is ranked, not refused
        return np.clip((target - low) / max(middle - low, 1e-6), 0.0, 1.0) * 0.9 + 0.1

    def _sampler_of(self, picks: PseudoLabels) -> BalancedSampler | None:
        if self._bank is None or self._bank[0] is not picks:
            sampler = BalancedSampler(picks.label, self.domain.classes, self.generator) if len(picks.index) else None
            self._bank = (picks, sampler)
        return self._bank[1]

    def _source_and_alignment(self, alignment: float, shares: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        s = self.settings
        index = self.train[self.sampler.draw(s.batch)]
        labels = self.labels[index]
        logits, features = self.network(*self.domain.pool.batch(index, MODERATE, self.generator))
        loss = F.cross_entropy(logits, labels, label_smoothing=s.smoothing)
        drawn = torch.randint(len(self.target), (s.target_batch,), generator=self.generator)
        seen, others = self.network(*self.target.batch(drawn, WEAK, self.generator))
        wanted = torch.as_tensor(shares, dtype=torch.float32, device=labels.device)
        number = torch.bincount(labels, minlength=self.domain.classes).clamp_min(1)
        depths = slice(None) if s.hierarchical else slice(-1, None)
        loss = loss + alignment * hierarchical_mk_mmd(
            features.levels[depths], others.levels[depths], LEVELS[depths], (wanted / number)[labels]
        )
        loss = loss + s.prior * share_loss(seen, wanted)
        if s.adversary:
            factor = reversal_factor(self.done / self.total)
            first, second = (self.discriminator(reverse_gradient(x.embedding, factor)) for x in (features, others))
            loss = loss + s.adversary * domain_loss(first, second, (wanted / number)[labels], torch.ones_like(second))
        projected = self.network.project(features.embedding)
        return loss, projected, labels

    def _make_optimiser(self) -> torch.optim.Optimizer:
        s = self.settings
        optimiser = make_optimiser(self.network, s.body_rate, s.head_rate)
        if s.adversary:
            parameters = list(self.discriminator.parameters())
            optimiser.add_param_group({"params": parameters, "lr": s.head_rate, "base_rate": s.head_rate})
        return optimiser

    def _take(self, loss: Tensor) -> None:
        set_learning_rate(self.optimiser, learning_rate_factor(self.done, self.total))
        self.done += 1
        if take_step(loss, self.optimiser):
            self.teacher.update(self.network)
