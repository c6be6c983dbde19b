"""The compared methods that adapt: their pieces against closed forms, and the methods end to end on known crops."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from engine.errors import Cancelled, InputError
from engine.methods import METHODS, fit
from engine.methods.baselines import training_loop as learner
from engine.methods.baselines.adversarial import AdversarialSettings
from engine.methods.baselines.cdan import ConditionalAdversary, entropy_weight, outer_product
from engine.methods.baselines.cstn import confident
from engine.methods.baselines.shift_scan import am_score, best_shift, shifted
from engine.methods.baselines.timematch import focal_loss
from engine.methods.shared.adversary import domain_loss, reversal_factor, reverse_gradient
from engine.methods.shared.mmd import mk_mmd
from engine.methods.shared.source_domain import prepare_source
from engine.methods.shared.tensors import SeriesTensors, make_tensors, predict
from engine.models import TrainedModel
from engine.models.encoder import NetworkSize
from engine.models.ltae import LtaeNetwork, LtaeSize
from engine.models.trained import Calendar
from engine.progress import Progress
from engine.series import SeriesSet
from tests.helpers.facts import lacking, numbers
from tests.helpers.series import accuracy, crops

pytestmark = pytest.mark.slow

TRANSFER = ("daccn", "pan", "cstn", "dann", "cdan", "timematch")
BRIEF = {"steps": 12, "batch": 16}


@pytest.fixture(scope="module")
def source():
    return crops((60, 60, 60), seed=0)


@pytest.fixture(scope="module")
def target():
    return crops((30, 40, 30), seed=1, gain=0.9, offset=0.03, delay=6.0)


@pytest.fixture(scope="module", params=TRANSFER)
def brief(request, source, target):
    """A method and the model of a very short training."""
    return request.param, fit(request.param, source, target, 0, Progress(), BRIEF)


def test_the_gradient_comes_back_reversed_and_scaled():
    x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = reverse_gradient(x, 0.7)
    assert torch.equal(y, x)
    (y * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([-0.7, -7.0, -70.0]))


def test_the_reversal_grows_from_0_to_1_as_published():
    assert reversal_factor(0.0) == 0.0
    assert reversal_factor(0.25) == pytest.approx(math.tanh(1.25))  # the same curve, written otherwise
    assert reversal_factor(1.0) == pytest.approx(0.9999, abs=1e-4)


def test_the_discriminators_loss_counts_both_domains_alike():
    assert float(domain_loss(torch.zeros(3), torch.zeros(9), torch.ones(3), torch.rand(9))) == pytest.approx(
        math.log(2)
    )
    source, target = torch.tensor([2.0, -1.0]), torch.tensor([0.5])
    right = 0.5 * (
        (3 * -math.log(1 / (1 + math.exp(-2))) + 1 * -math.log(1 / (1 + math.exp(1)))) / 4 + math.log(1 + math.exp(0.5))
    )
    assert float(domain_loss(source, target, torch.tensor([3.0, 1.0]), torch.tensor([7.0]))) == pytest.approx(right)


def test_a_balanced_batch_counts_as_the_source_is(source):
    uneven = prepare_source(source.take(np.arange(30, 180)), 0.0, 0, torch.device("cpu"))
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    weight = learner.natural_weights(labels, uneven)
    shares = [float(weight[labels == c].sum() / weight.sum()) for c in range(3)]
    assert shares == pytest.approx([0.2, 0.4, 0.4])


def test_cdan_shows_the_discriminator_features_times_probabilities():
    features, probability = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 0.2, 0.3]])
    expected = [[0.5, 0.2, 0.3, -1.0, -0.4, -0.6]]
    torch.testing.assert_close(outer_product(features, probability), torch.tensor(expected))
    few = ConditionalAdversary(NetworkSize(1, 3, width=2), AdversarialSettings())
    torch.testing.assert_close(few.condition(features, probability), torch.tensor(expected))


def test_cdan_projects_large_products_and_keeps_their_geometry():
    torch.manual_seed(0)
    many = ConditionalAdversary(NetworkSize(1, 100, width=64), AdversarialSettings())
    f, g = torch.randn(40, 64), F.one_hot(torch.arange(40) % 3, 100).float()
    seen = many.condition(f, g)
    assert seen.shape == (40, 1024)
    exact = outer_product(f, g)
    exact, seen = exact @ exact.T, seen @ seen.T  # inner products are kept in the mean
    assert np.corrcoef(exact.flatten(), seen.flatten())[0, 1] > 0.95
    assert float(seen.diag().mean() / exact.diag().mean()) == pytest.approx(1.0, abs=0.1)


def test_cdan_counts_a_sure_prediction_twice_and_an_unsure_one_less():
    probability = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0]])
    torch.testing.assert_close(entropy_weight(probability), torch.tensor([2.0, 1.25, 1.5]))


def test_cstn_takes_only_predictions_above_the_threshold():
    probability = np.array([[0.9, 0.1], [0.91, 0.09], [0.5, 0.5], [0.02, 0.98]])
    index, label = confident(probability, 0.9)
    assert index.tolist() == [1, 3] and label.tolist() == [0, 1]


def test_timematch_scores_against_closed_forms():
    probability = np.array([[0.8, 0.2], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7]])
    entropy = -np.mean([p * math.log(p) + (1 - p) * math.log(1 - p) for p in (0.8, 0.8, 0.1, 0.3)])
    assert am_score(probability, np.array([0.5, 0.5])) == pytest.approx(entropy, abs=1e-4)
    shares = np.array([0.75, 0.25])
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert am_score(probability, shares) == pytest.approx(entropy + divergence, abs=1e-4)
    loss = focal_loss(torch.tensor([[0.0, 0.0], [math.log(3), 0.0]]), torch.tensor([1, 0]))
    assert float(loss) == pytest.approx((0.5 * math.log(2) + 0.25 * math.log(4 / 3)) / 2)


def test_of_equal_scores_the_smallest_shift_is_taken():
    assert best_shift([-2.0, -1.0, 0.0, 1.0], lambda shift: 0.0) == 0.0
    assert best_shift([-2.0, -1.0, 0.0, 1.0], lambda shift: abs(shift)) == -2.0


def test_a_shift_brings_dates_into_season_and_others_out_of_it():
    calendar = Calendar(100.0, 200.0, 10.0)
    tensors = SeriesTensors(
        torch.zeros(2, 3, 1),
        torch.tensor([[True, True, True], [True, False, False]]),
        torch.tensor([60.0, 150.0, 205.0]),
    )
    moved = shifted(tensors, calendar, 40.0)
    assert moved.day.tolist() == [100.0, 190.0, 245.0]
    assert moved.observed.tolist() == [[True, True, False], [True, False, False]]
    assert shifted(tensors, calendar, 0.0).observed.tolist() == [[False, True, True], [True, False, False]]


@pytest.fixture
def ltae():
    torch.manual_seed(0)
    network = LtaeNetwork(LtaeSize(bands=2, classes=3))
    observed = torch.rand(16, 9) < 0.6
    observed[:, 0] = True
    return network, torch.randn(16, 9, 2), observed, torch.arange(9.0) * 20


@pytest.mark.parametrize("training", [False, True])
def test_what_stands_at_a_gap_changes_nothing_in_ltae(ltae, training):
    network, values, observed, day = ltae
    other = values.masked_fill(~observed.unsqueeze(-1), 1e6)
    results = []
    for given in (values, other):
        twin = LtaeNetwork(network.size)
        twin.load_state_dict(network.state_dict())
        twin.train(training)
        torch.manual_seed(1)
        logits, _ = twin(given, observed, day)
        results.append((logits, twin.dates[0][1].running_mean))
    assert torch.equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])


def test_ltae_reads_days_and_not_positions(ltae):
    network, values, observed, day = ltae
    network.eval()
    whole, _ = network(values, observed, day)
    order = torch.randperm(9)
    torch.testing.assert_close(network(values[:, order], observed[:, order], day[order])[0], whole)
    last_gone = observed.clone()
    last_gone[:, -1] = False
    without, _ = network(values[:, :-1], observed[:, :-1], day[:-1])
    torch.testing.assert_close(network(values, last_gone, day)[0], without)
    assert not torch.allclose(network(values, observed, day + 30)[0], whole, atol=1e-3)


def discrepancy(model, source, target, level=-1):
    """MK-MMD of the embeddings of two series sets under a model."""
    embeddings = []
    for series in (source, target):
        grid = model.grid if len(model.grid) else None
        day = model.calendar.align_days(series.day, model.shift_days)
        tensors = make_tensors(series.values, day, model.statistics, model.calendar, torch.device("cpu"), grid)
        embeddings.append(predict(model.network, tensors, lambda: None).embedding)
    return float(mk_mmd(*embeddings))


@pytest.mark.parametrize(
    "method, without, options",
    [
        ("daccn", {"alignment": 0.0}, {"steps": 100, "batch": 32, "width": 16}),
        ("dann", {"adversary": 0.0}, {"steps": 150, "batch": 32, "width": 32, "layers": 2}),
        ("cdan", {"adversary": 0.0}, {"steps": 150, "batch": 32, "width": 32, "layers": 2}),
        ("pan", {"alignment": 0.0}, {"steps": 120, "batch": 32, "hidden": 32}),
    ],
)
def test_the_domains_come_closer_than_without_the_adaptation(method, without, options, source):
    target = crops((40, 40, 40), seed=1, gain=0.85, offset=0.06, delay=10.0)
    adapted = fit(method, source, target, 0, Progress(), options)
    plain = fit(method, source, target, 0, Progress(), {**options, **without})
    assert discrepancy(adapted, source, target) < 0.7 * discrepancy(plain, source, target)
    assert accuracy(adapted, source) > 0.9


def test_timematch_finds_an_injected_shift_and_undoes_it_in_mapping(source):
    target = crops((40, 60, 40), seed=2, shift=-50.0)
    model = fit("timematch", source, target, 0, Progress(), {"steps": 240, "batch": 32})
    assert model.shift_days == pytest.approx(50.0, abs=4.0)
    assert accuracy(model, target) > 0.95
    assert accuracy(replace(model, shift_days=0.0), target) < 0.85
    assert model.summary["shift"]["days"] == model.shift_days and len(model.summary["shift"]["teacher"]) == 5
    accepted = [one["accepted"] for one in json.loads(json.dumps(model.summary))["pseudo_labels"]]
    assert len(accepted) == 5 and accepted[-1].keys() == set(source.classes) and min(accepted[-1].values()) > 0


def test_cstn_learns_from_the_target_in_rounds_and_from_nothing_where_nothing_is_sure(source):
    target = crops((30, 40, 30), seed=3, delay=12.0)
    options = {"steps": 150, "batch": 32, "width": 32, "layers": 2}
    model = fit("cstn", source, target, 0, Progress(), options)
    accepted = [sum(one["accepted"].values()) for one in model.summary["pseudo_labels"]]
    assert len(accepted) == 6 and accepted[-1] > 80 and accepted[-1] > accepted[0]
    assert accuracy(model, target) > 0.95
    nothing = fit("cstn", source, target, 0, Progress(), {**options, "steps": 30, "confidence": 1.0})
    assert [sum(one["accepted"].values()) for one in nothing.summary["pseudo_labels"]] == [0] * 6


def test_a_model_file_gives_the_same_probabilities(brief, target, tmp_path):
    method, model = brief
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = TrainedModel.load(path)
    assert again.method == method and again.shift_days == model.shift_days and again.model_id == model.model_id
    expected = model.predict_proba(target.values, target.day)
    np.testing.assert_array_equal(again.predict_proba(target.values, target.day), expected)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0, atol=1e-5)


def test_a_model_file_whose_grid_does_not_fit_its_network_is_refused(source, target, tmp_path):
    model = fit("daccn", source, target, 0, Progress(), {"steps": 2, "batch": 8})
    replace(model, grid=model.grid[:-1]).save(tmp_path / "model.safetensors")
    with pytest.raises(InputError) as raised:
        TrainedModel.load(tmp_path / "model.safetensors")
    assert raised.value.code == "model-unreadable" and "model.safetensors" in raised.value.message


def test_the_labels_of_the_target_change_nothing_and_the_seed_fixes_everything_else(brief, source, target):
    method, model = brief
    liar = replace(target, labels=np.random.default_rng(0).permutation(target.labels))
    again = fit(method, source, liar, 0, Progress(), BRIEF)
    assert again.model_id == model.model_id


def test_the_target_is_used(brief, source, target):
    method, model = brief
    other = replace(target, values=target.values[::-1] * 0.8)
    if method in ("cstn", "timematch"):  # so young a network is sure of nothing
        options = {**BRIEF, "confidence": 0.0}
        first, second = (fit(method, source, one, 0, Progress(), options).model_id for one in (target, other))
        assert first != second
    else:
        assert fit(method, source, other, 0, Progress(), BRIEF).model_id != model.model_id


@pytest.mark.parametrize("method", TRANSFER)
def test_all_phases_together_take_the_common_budget(method, source, target, monkeypatch):
    taken = []
    take = learner.take_step

    def count(loss, optimiser):
        taken.append(float(loss.detach()))
        return take(loss, optimiser)

    monkeypatch.setattr(learner, "take_step", count)
    fit(method, source, target, 0, Progress(), {"steps_scale": 0.02, "batch": 8})
    assert len(taken) == pytest.approx(0.02 * 1350, abs=1)
    assert np.isfinite(taken).all()


@pytest.mark.parametrize("method", TRANSFER)
def test_stages_are_reported_in_their_order_and_cancel_stops_at_once(method, source, target):
    stages = list(METHODS[method].stages)
    events = []
    fit(method, source, target, 0, Progress(events.append), {**BRIEF, "steps": 8})
    assert [e["name"] for e in events if e["event"] == "stage"] == stages
    for stage in stages:
        entered, seen = [], []

        def note(event, entered=entered):
            entered.append(event.get("name"))

        def cancelled(stage=stage, entered=entered, seen=seen):
            seen.append(stage in entered)
            return seen[-1]

        with pytest.raises(Cancelled):
            fit(method, source, target, 0, Progress(note, cancelled), {**BRIEF, "steps": 8})
        assert sum(seen) == 1


@pytest.mark.parametrize("method", TRANSFER)
def test_one_date_and_one_band_are_enough_to_run(method):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    values = (labels + rng.normal(0, 0.2, 40)).astype(np.float32)[:, None, None]
    source = SeriesSet(values, np.array([150.0], np.float32), ("NDVI",), labels, ("bare", "green"))
    model = fit(method, source, source, 0, Progress(), {"steps": 60, "batch": 16, "rate": 3e-3})
    assert accuracy(model, source) > 0.9


@pytest.mark.parametrize("pixels", [1, 5])
@pytest.mark.parametrize("method", TRANSFER)
def test_a_tiny_target_is_warned_of_and_still_gives_a_model(method, pixels, source, target):
    progress = Progress()
    model = fit(method, source, target.take(np.arange(pixels)), 0, progress, BRIEF)
    assert numbers(progress.warnings[0]) == [str(pixels)]
    assert model.summary["warnings"] == progress.warnings
    assert np.isfinite(model.predict_proba(target.values, target.day)).all()
    assert model.shift_days == 0


def test_a_wrong_option_is_named(source, target):
    with pytest.raises(InputError) as raised:
        fit("dann", source, target, 0, Progress(), {"rounds": 2})
    assert raised.value.code == "option" and not lacking(raised.value.message, "'rounds'")
