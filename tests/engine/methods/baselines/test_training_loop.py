"""The loop in which all compared networks learn: which weights are kept, and when it ends."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from engine.methods.baselines import training_loop as learner
from engine.methods.baselines.training_loop import BaselineSettings, Stage, Training
from engine.methods.shared.source_domain import prepare_source
from engine.models.temporal_cnn import TemporalCnn, TemporalCnnSize
from engine.progress import Progress
from tests.helpers.series import crops


@pytest.fixture
def learnt(monkeypatch):
    """Learn with made-up held-out losses; gives the steps taken, and after how many the kept weights stood."""

    def learn(losses, **more):
        domain = prepare_source(crops((20, 20, 20), seed=0), 0.15, 0, torch.device("cpu"), on_grid=True)
        network = TemporalCnn(TemporalCnnSize(2, 3, len(domain.tensors.day), width=4))
        settings = BaselineSettings(steps=40, batch=8, validate_every=2, patience=3)
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        after, told = [], iter(losses)

        def loss(step):
            after.append(network.classifier.bias.detach().clone())
            tensors = domain.tensors
            return F.cross_entropy(
                network(tensors.values[step.index], tensors.observed[step.index], tensors.day)[0], step.labels
            )

        monkeypatch.setattr(learner, "held_out_loss", lambda *arguments: next(told))
        generator = torch.Generator().manual_seed(0)
        Training(settings, domain, generator, Progress()).run(network, Stage(optimiser, loss, **more))
        assert not network.training
        kept = [steps for steps, bias in enumerate(after) if torch.equal(bias, network.classifier.bias)]
        return len(after), kept[0] if kept else len(after)

    return learn


def test_the_weights_with_the_least_held_out_loss_are_kept_and_training_ends_when_it_stays_higher(learnt):
    assert learnt([5.0, 3.0, 4.0, 2.0, 2.5, 2.5, 2.5, 1.0]) == (14, 8)


def test_a_loss_that_goes_on_falling_takes_all_steps(learnt):
    assert learnt(np.linspace(5, 1, 20)) == (40, 40)


def test_no_weights_are_kept_while_an_adaptation_ramps_up(learnt):
    # The first look is after half of the steps, and then the loss only rises.
    assert learnt(np.linspace(1, 5, 20), keep_after=0.5) == (26, 20)


def test_a_network_that_broke_is_taken_back_to_where_it_began(learnt):
    assert learnt([float("nan")] * 20, keep_after=1.0) == (40, 0)
