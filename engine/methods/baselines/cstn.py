"""CSTN: contrastive self-training network, pseudo-labels and class prototypes that both domains share.

Published (abstract): Peng et al. 2025, Int. J. Appl. Earth Obs. Geoinf.: pseudo-labels of the target by self-training
assist the supervised learning, and class-aware prototypes align the features across the regions.

Ours, as the rest is not public: encoder, perturbed batches (not mixed in pairs) and optimiser are those of GHCA and
source only. A third of the steps learns from the source alone. Then come six rounds; at the start of each the
network labels the target, and the predictions of a probability above .9 are learnt from, drawn at random. Embeddings
of both domains are drawn to prototypes of the classes at a temperature of .1, which follow them with a momentum of
.99. All three losses weigh the same. The last weights are kept: held-out source says nothing of self-training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.device import seeded
from ...models.encoder import CropNetwork
from ...models.trained import TrainedModel
from ...progress import Progress
from ...series import SeriesSet
from ..shared.augment import MODERATE, STRONG
from ..shared.contrast import TEMPERATURE, prototype_loss, update_prototypes
from ..shared.options import read_settings
from ..shared.source_only import EncoderSettings, SourceDomain, finish, make_network
from ..shared.training import SeriesTensors, learning_rate_factor, make_optimiser, predict, set_learning_rate, softmax
from .training_loop import BaselineSettings, prepare, train, warn_few_pixels


@dataclass(frozen=True)
class CstnSettings(EncoderSettings, BaselineSettings):
    """Settings of CSTN."""

    source_share: float = 1 / 3
    """Share of the steps that learn from the source alone."""
    rounds: int = 6
    """How often the target is labelled."""
    confidence: float = 0.9
    """Probability above which a prediction is taken for a label."""
    momentum: float = 0.99
    """Momentum of the prototypes."""
    pseudo: float = 1.0
    """Weight of the pseudo-labels' cross-entropy."""
    contrast: float = 1.0
    """Weight of the contrast with the prototypes."""


def confident(probability: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices (m,) and classes (m,) of the predictions (n, k) whose greatest probability is above ``least``."""
    index = np.flatnonzero(probability.max(axis=1) > least)
    return index, probability[index].argmax(axis=1)


class SelfTraining:
    """The network in its rounds of self-training, with its pseudo-labels and prototypes."""

    def __init__(
        self,
        network: CropNetwork,
        domain: SourceDomain,
        target: SeriesTensors,
        settings: CstnSettings,
        generator: torch.Generator,
        progress: Progress,
    ) -> None:
        self.network, self.domain, self.target = network, domain, target
        self.settings, self.generator, self.progress = settings, generator, progress
        self.prototypes = torch.zeros(domain.classes, network.size.width, device=target.values.device)
        self.accepted: list[list[int]] = []
        self._index, self._label = torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)

    def loss(self, index: Tensor, labels: Tensor, done: float) -> Tensor:
        """The losses of one step after a share ``done`` of the rounds; each begins by labelling the target."""
        s = self.settings
        if len(self.accepted) <= done * s.rounds and len(self.accepted) < s.rounds:
            self._label_target()
        logits, features = self.network(*self.domain.pool.batch(index, MODERATE, self.generator))
        loss = F.cross_entropy(logits, labels, label_smoothing=s.smoothing)
        embedding = F.normalize(features.embedding, dim=1)
        if len(self._index):
            drawn = torch.randint(len(self._index), (s.batch,), generator=self.generator)
            pseudo = self._label[drawn].to(labels.device)
            others, seen = self.network(*self.target.batch(self._index[drawn], MODERATE, self.generator))
            loss = loss + s.pseudo * F.cross_entropy(others, pseudo, label_smoothing=s.smoothing)
            embedding = torch.cat([embedding, F.normalize(seen.embedding, dim=1)])
            labels = torch.cat([labels, pseudo])
        weight = torch.ones(len(labels), device=labels.device)
        self.prototypes = update_prototypes(self.prototypes, embedding, labels, weight, s.momentum)
        return loss + s.contrast * prototype_loss(embedding, labels, self.prototypes, temperature=TEMPERATURE)

    def _label_target(self) -> None:
        probability = softmax(predict(self.network, self.target, self.progress.check).logits)
        self.network.train()
        index, label = confident(probability, self.settings.confidence)
        self._index, self._label = torch.from_numpy(index), torch.from_numpy(label)
        self.accepted.append(np.bincount(label, minlength=self.domain.classes).tolist())


def fit(
    source: SeriesSet, target: SeriesSet, seed: int, progress: Progress, options: Mapping[str, Any]
) -> TrainedModel:
    """Learn from the source, then from the network's own confident predictions in the target."""
    settings = read_settings(CstnSettings(), options, progress)
    first = round(settings.source_share * settings.steps)
    with seeded(seed) as generator:
        progress.stage("Learning from the source")
        warn_few_pixels(target, progress)
        domain, seen = prepare(source, target, settings, seed, on_grid=False)
        network = make_network(domain, target, settings)
        optimiser = make_optimiser(network, settings.rate, settings.rate)
        steps = settings.scaled(settings.steps)

        def source_loss(index: Tensor, labels: Tensor, done: float) -> Tensor:
            set_learning_rate(optimiser, learning_rate_factor(round(done * settings.source_share * steps), steps))
            logits, _ = network(*domain.pool.batch(index, MODERATE, generator))
            return F.cross_entropy(logits, labels, label_smoothing=settings.smoothing)

        train(network, domain, settings, optimiser, source_loss, generator, progress, steps=first)
        progress.stage("Learning from pseudo-labels")
        training = SelfTraining(network, domain, seen, settings, generator, progress)

        def loss_of(index: Tensor, labels: Tensor, done: float) -> Tensor:
            passed = settings.source_share + done * (1 - settings.source_share)
            set_learning_rate(optimiser, learning_rate_factor(round(passed * steps), steps))
            return training.loss(index, labels, done)

        train(
            network,
            domain,
            settings,
            optimiser,
            loss_of,
            generator,
            progress,
            steps=settings.steps - first,
            earliest=1.0,
        )
        model = finish(network, domain, source, "cstn", seed, progress, by=STRONG)
    rounds = [dict(zip(source.classes, counts)) for counts in training.accepted]
    return replace(model, summary={**model.summary, "pseudo_labels": [{"accepted": counts} for counts in rounds]})
