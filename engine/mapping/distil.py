"""A student learnt from its teacher on the very stack that is to be mapped (Hinton et al. 2015, arXiv:1503.02531).

The teacher's probabilities for a sample of the stack's pixels, and for mixtures of them, are all it learns from: no
label, neither of the source nor of the target. Pixels from which it did not learn say how often it gives the teacher's
class, and up to which probability of its own the teacher has to be asked for that to be often enough.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..models import TrainedModel
from ..models.device import compute_device, seeded
from ..models.student import DistilledClassifier, StudentNetwork, new_student
from ..progress import Progress

STEPS = 1500
BATCH = 512
RATE = 2e-3
DECAY = 0.1
"""Optimiser steps, their size, the greatest learning rate and the weight decay (AdamW)."""
WIDTH = 128
"""Features of the student's first hidden layer; twice as many agreed no better on real targets."""
MIXTURES = 1.0
"""Mixtures of two pixels that are learnt from, in multiples of the pixels."""
LEAST_OWN = 0.5
"""Least share a pixel keeps of itself in a mixture."""
GOAL = 0.99
"""Share of pixels on which student and teacher together shall give the teacher's class."""


def distil(
    model: TrainedModel, day: np.ndarray, learnt: np.ndarray, taught: np.ndarray, held: np.ndarray,
    answers: np.ndarray, seed: int, progress: Progress,
) -> DistilledClassifier:  # fmt: skip
    """Learn a student.

    Parameters
    ----------
    model : the teacher. ``day``: (t,) days of the stack.
    learnt : (n, t, c) pixels to learn from, mixtures among them; ``taught`` (n, k) the teacher's probabilities.
    held : (m, t, c) pixels to judge the student by; ``answers`` (m, k) the teacher's probabilities.

    Raises
    ------
    Cancelled
        At every step.
    """
    device = compute_device()
    with seeded(seed) as generator:
        network, dates = new_student(model, day, WIDTH)
        network.to(device)
        # What is computed of the pixels is the same at every step.
        with torch.no_grad():
            inputs = network.inputs(torch.from_numpy(learnt[:, dates]).to(device))
        _learn(network, inputs, torch.from_numpy(taught).to(device), generator, progress)
    network.eval()
    student = DistilledClassifier(network, dates, 0.0, 0.0, 0.0)
    probability = student.predict_proba(held)
    wrong = probability.argmax(axis=1) != answers.argmax(axis=1)
    sure, agreement, asked = choose_sureness(probability.max(axis=1), wrong, GOAL)
    return DistilledClassifier(network, dates, sure, agreement, asked)


def mixtures(pixels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, t, c) weighted means of two pixels each, which lie where classes meet; a gap of the first stays one."""
    first, second = pixels[rng.integers(len(pixels), size=count)], pixels[rng.integers(len(pixels), size=count)]
    own = rng.uniform(LEAST_OWN, 1.0, (count, 1, 1)).astype(np.float32)
    return np.where(np.isnan(second), first, own * first + (1 - own) * second)


def choose_sureness(top: np.ndarray, wrong: np.ndarray, goal: float) -> tuple[float, float, float]:
    """The least probability above which a student may be believed.

    Parameters
    ----------
    top : (n,) probability of its first class. ``wrong``: (n,) bool, where that is not the teacher's.
    goal : share of pixels that shall get the teacher's class when it is asked for all others.

    Returns
    -------
    The probability, the share that then gets the teacher's class, and the share for which the teacher is asked.
    """
    order = np.argsort(top, kind="stable")
    believed_wrong = np.concatenate([[wrong.sum()], wrong.sum() - np.cumsum(wrong[order])])
    enough = believed_wrong <= (1 - goal) * len(top) + 1e-9
    asked = int(np.argmax(enough))  # all of them always are
    sure = float(top[order[asked - 1]]) if asked else 0.0
    taken = top > sure
    return sure, float(1 - (wrong & taken).mean()), float(1 - taken.mean())


def _learn(
    network: StudentNetwork, inputs: Tensor, taught: Tensor, generator: torch.Generator, progress: Progress
) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for step in range(STEPS):
        progress.update(step / STEPS)
        index = torch.randint(len(inputs), (BATCH,), generator=generator)
        loss = -(taught[index] * network.layers(inputs[index]).log_softmax(dim=1)).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
