"""CSTN: contrastive self-training network, pseudo-labels and class prototypes that both domains share.

Published (abstract): Peng et al. 2025, Int. J. Appl. Earth Obs. Geoinf.: pseudo-labels of the target by self-training
assist the supervised learning, and class-aware prototypes align the features across the regions.

Ours, as the rest is not public: encoder, perturbed batches (not mixed in pairs) and optimiser are those of GHCA and
source only. A third of the steps learns from the source alone. Then come six rounds; at the start of each the
network labels the target, and predictions with a probability above .9 become pseudo-labels, drawn at random.
Embeddings of both domains are pulled to prototypes of the classes at a temperature of .1, which follow them with a
momentum of .99. All three losses have the same weight. The last weights are kept: the held-out source does not measure
self-training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.encoder import CropNetwork
from ...models.trained import TrainedModel
from ..shared.augment import MODERATE, STRONG
from ..shared.contrast import TEMPERATURE, prototype_loss, update_prototypes
from ..shared.options import read_settings
from ..shared.request import FitRequest
from ..shared.source_only import EncoderSettings, build_model, make_network
from ..shared.tensors import SeriesTensors, predict, softmax
from ..shared.training import learning_rate_factor, make_optimiser, set_learning_rate
from .training_loop import BaselineSettings, Stage, Step, Training, adaptation


@dataclass(frozen=True)
class CstnSettings(EncoderSettings, BaselineSettings):
    """Settings of CSTN."""

    source_share: float = 1 / 3
    """Share of the steps that learn from the source alone."""
    rounds: int = 6
    """Number of times that the target is labelled."""
    confidence: float = 0.9
    """Probability above which a prediction becomes a pseudo-label."""
    momentum: float = 0.99
    """Momentum of the prototypes."""
    pseudo: float = 1.0
    """Weight of the pseudo-labels' cross-entropy."""
    contrast: float = 1.0
    """Weight of the contrast with the prototypes."""


def confident(probability: np.ndarray, minimum: float) -> tuple[np.ndarray, np.ndarray]:
    """Select confident predictions.

    Parameters
    ----------
    probability : ndarray (n, k)
        Predictions.
    minimum : float
        Probability that the best class must exceed.

    Returns
    -------
    tuple of ndarray (m,) of int
        Indices and classes.
    """
    index = np.flatnonzero(probability.max(axis=1) > minimum)
    return index, probability[index].argmax(axis=1)


class SelfTraining:
    """The rounds of self-training: pseudo-labels and prototypes.

    Parameters
    ----------
    network : CropNetwork
        Trained on the source.
    training : Training
        With the source.
    target : SeriesTensors
        The target.
    """

    def __init__(self, network: CropNetwork, training: Training[CstnSettings], target: SeriesTensors) -> None:
        self.network, self.training, self.target = network, training, target
        self.prototypes = torch.zeros(training.domain.classes, network.size.width, device=target.values.device)
        self.accepted: list[list[int]] = []
        self._index, self._label = torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)

    def loss(self, step: Step) -> Tensor:
        """Return the losses of a step; each round begins by labelling the target; ``step`` as of :func:`plain_loss`."""
        settings, generator, labels = self.training.settings, self.training.generator, step.labels
        if len(self.accepted) <= step.done * settings.rounds and len(self.accepted) < settings.rounds:
            self._label_target()
        loss, features = _source_loss(self.network, self.training, step)
        embedding = F.normalize(features, dim=1)
        if len(self._index):
            drawn = torch.randint(len(self._index), (settings.batch,), generator=generator)
            pseudo = self._label[drawn].to(labels.device)
            others, other_features = self.network(*self.target.batch(self._index[drawn], MODERATE, generator))
            loss = loss + settings.pseudo * F.cross_entropy(others, pseudo, label_smoothing=settings.smoothing)
            embedding = torch.cat([embedding, F.normalize(other_features.embedding, dim=1)])
            labels = torch.cat([labels, pseudo])
        weight = torch.ones(len(labels), device=labels.device)
        self.prototypes = update_prototypes(self.prototypes, embedding, labels, weight, settings.momentum)
        return loss + settings.contrast * prototype_loss(embedding, labels, self.prototypes, temperature=TEMPERATURE)

    def _label_target(self) -> None:
        probability = softmax(predict(self.network, self.target, self.training.progress.check).logits)
        self.network.train()
        index, label = confident(probability, self.training.settings.confidence)
        self._index, self._label = torch.from_numpy(index), torch.from_numpy(label)
        self.accepted.append(np.bincount(label, minlength=self.training.domain.classes).tolist())


def _source_loss(network: CropNetwork, training: Training[CstnSettings], step: Step) -> tuple[Tensor, Tensor]:
    """Cross-entropy of perturbed source series, and their embeddings (b, d)."""
    logits, features = network(*training.domain.tensors.batch(step.index, MODERATE, training.generator))
    loss = F.cross_entropy(logits, step.labels, label_smoothing=training.settings.smoothing)
    return loss, features.embedding


def fit(request: FitRequest) -> TrainedModel:
    """Train on the source, then on the network's own confident predictions in the target.

    ``request`` as of :func:`fit_supervised`.
    """
    settings = read_settings(CstnSettings(), request.options, request.progress)
    share, first = settings.source_share, round(settings.source_share * settings.steps)
    with adaptation(request, settings, "Learning from the source", on_grid=False) as (training, target):
        network = make_network(training.domain, request.target, settings)
        optimiser = make_optimiser(network, settings.rate, settings.rate)
        steps = settings.scaled(settings.steps)

        def source_loss(step: Step) -> Tensor:
            set_learning_rate(optimiser, learning_rate_factor(round(step.done * share * steps), steps))
            return _source_loss(network, training, step)[0]

        training.run(network, Stage(optimiser, source_loss, first))
        request.progress.stage("Learning from pseudo-labels")
        rounds = SelfTraining(network, training, target)

        def loss(step: Step) -> Tensor:
            passed = share + step.done * (1 - share)
            set_learning_rate(optimiser, learning_rate_factor(round(passed * steps), steps))
            return rounds.loss(step)

        training.run(network, Stage(optimiser, loss, settings.steps - first, keep_after=1.0))
        model = build_model(network, training.domain, request, STRONG)
    accepted = [{"accepted": dict(zip(request.source.classes, counts))} for counts in rounds.accepted]
    return replace(model, summary={**model.summary, "pseudo_labels": accepted})
