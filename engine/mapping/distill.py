"""Distil a trained model into a small student on the stack to be mapped (Hinton et al. 2015, arXiv:1503.02531).

The student learns only the teacher's probabilities, for a sample of the stack's pixels and for mixtures of them: it
needs no label of source or target. Test pixels show how often it predicts the teacher's class, and below which of its
own probabilities the teacher has to classify for that to be often enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..models import TrainedModel
from ..models.device import compute_device, seeded
from ..models.student import DistilledClassifier, StudentNetwork, new_student
from ..progress import Progress

STEPS = 1500
BATCH = 512
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.1
"""Optimiser steps, their batch, the greatest learning rate and the weight decay (AdamW)."""
WIDTH = 128
"""Features of the student's first hidden layer; twice as many agreed no better on real targets."""
MIXTURES_PER_PIXEL = 1.0
"""Mixtures of two pixels to train on, in multiples of the pixels."""
MIN_WEIGHT = 0.5
"""Least weight of the first pixel in a mixture."""
TARGET_AGREEMENT = 0.99
"""Share of pixels on which student and teacher together must give the teacher's class."""


@dataclass(frozen=True)
class StudentData:
    """Pixels that train and test a student, with the teacher's probabilities."""

    train: np.ndarray
    """(n, t, c) float32 series, mixtures included; NaN for gaps."""
    train_probability: np.ndarray
    """(n, k) float32."""
    test: np.ndarray
    """(m, t, c) float32 series, none of them in ``train``."""
    test_probability: np.ndarray
    """(m, k) float32."""


def distill(
    model: TrainedModel, day: np.ndarray, data: StudentData, seed: int, progress: Progress
) -> DistilledClassifier:
    """Train a student.

    Parameters
    ----------
    model : TrainedModel
        The teacher.
    day : ndarray (t,) of float32
        Days of the stack.
    data : StudentData
        Pixels on these days.
    seed : int
        Seed of weights and batches.
    progress : Progress
        Updated at every step.

    Returns
    -------
    DistilledClassifier
        With the threshold that reaches ``TARGET_AGREEMENT`` on the test pixels.

    Raises
    ------
    Cancelled
        At a step after a cancel.
    """
    device = compute_device()
    with seeded(seed) as generator:
        network, dates = new_student(model, day, WIDTH)
        network.to(device)
        # The inputs of a pixel are the same at every step.
        with torch.no_grad():
            inputs = network.inputs(torch.from_numpy(data.train[:, dates]).to(device))
        _train(network, inputs, torch.from_numpy(data.train_probability).to(device), generator, progress)
    network.eval()
    probability = DistilledClassifier(network, dates, 0.0, 0.0, 0.0).predict_proba(data.test)
    wrong = probability.argmax(axis=1) != data.test_probability.argmax(axis=1)
    return DistilledClassifier(network, dates, *choose_threshold(probability.max(axis=1), wrong, TARGET_AGREEMENT))


def mix_pixels(pixels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Weighted means of two random pixels each, which fall where classes meet.

    Parameters
    ----------
    pixels : ndarray (n, t, c) of float32
        Series; NaN for gaps.
    count : int
        Number of mixtures.
    rng : Generator
        Chooses pixels and weights.

    Returns
    -------
    ndarray (count, t, c) of float32
        With the gaps of the first pixel; a gap of the second leaves the first as it is.
    """
    first, second = pixels[rng.integers(len(pixels), size=count)], pixels[rng.integers(len(pixels), size=count)]
    weight = rng.uniform(MIN_WEIGHT, 1.0, (count, 1, 1)).astype(np.float32)
    return np.where(np.isnan(second), first, weight * first + (1 - weight) * second)


def choose_threshold(top: np.ndarray, wrong: np.ndarray, goal: float) -> tuple[float, float, float]:
    """The least probability above which the student's class may be used.

    Parameters
    ----------
    top : ndarray (n,) of float32
        The student's probability of its best class.
    wrong : ndarray (n,) of bool
        Where that is not the teacher's class.
    goal : float
        Share of pixels, 0 to 1, that must get the teacher's class when it classifies all others.

    Returns
    -------
    tuple of float
        The threshold, the share that then gets the teacher's class, and the share that the teacher classifies.
    """
    order = np.argsort(top, kind="stable")
    # Wrong pixels above the threshold if the i least certain ones go to the teacher.
    wrong_above = np.concatenate([[wrong.sum()], wrong.sum() - np.cumsum(wrong[order])])
    fallbacks = int(np.argmax(wrong_above <= (1 - goal) * len(top) + 1e-9))
    threshold = float(top[order[fallbacks - 1]]) if fallbacks else 0.0
    certain = top > threshold
    return threshold, float(1 - (wrong & certain).mean()), float(1 - certain.mean())


def _train(
    network: StudentNetwork, inputs: Tensor, probability: Tensor, generator: torch.Generator, progress: Progress
) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for step in range(STEPS):
        progress.update(step / STEPS)
        index = torch.randint(len(inputs), (BATCH,), generator=generator)
        loss = -(probability[index] * network.layers(inputs[index]).log_softmax(dim=1)).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
