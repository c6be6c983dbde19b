"""The compared methods that learn from the source alone: forest, linear, DeepCropMapping, Transformer, PhenoCropNet."""

import json
import math
import struct
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from engine.errors import Cancelled, InputError
from engine.methods import METHODS, fit
from engine.methods.baselines import linear as linear_recipe
from engine.methods.baselines import random_forest as forest_recipe
from engine.methods.baselines import supervised
from engine.methods.baselines.dcm import DcmSettings
from engine.methods.shared.source_domain import prepare_source
from engine.models import TrainedModel
from engine.models.dcm import DcmNetwork, DcmSize
from engine.models.phenocropnet import PhenoCropNetSize, PhenoCropNetwork, period_lengths
from engine.models.transformer import TransformerNetwork, TransformerSize, encode_positions
from engine.progress import Progress
from engine.series import SeriesSet
from tests.helpers.facts import lacking
from tests.helpers.paths import ROOT
from tests.helpers.series import accuracy, crops

pytestmark = pytest.mark.slow

QUICK = {
    "rf": {"trees": 30},
    "linear": {},
    "dcm": {"steps": 45, "validate_every": 15, "width": 32, "rate": 5e-3},
    "transformer": {"steps": 45, "validate_every": 15},
    "phenocropnet": {"steps": 45, "validate_every": 15},
}
LEAST = {method: {**options, "steps": 2} for method, options in QUICK.items()}
every_method = pytest.mark.parametrize("method", QUICK)


@pytest.fixture(scope="module")
def source():
    return crops((60, 60, 60), seed=0)


@pytest.fixture(scope="module")
def target():
    return crops((30, 60, 40), seed=1)


@pytest.fixture(scope="module")
def models(source, target):
    return {method: fit(method, source, target, 0, Progress(), options) for method, options in QUICK.items()}


@pytest.fixture(scope="module")
def grown(source):
    """The source as the forest sees it, scikit-learn's forest, and ours."""
    domain = prepare_source(source, 0.15, 0, torch.device("cpu"), on_grid=True)
    theirs = forest_recipe.grow(domain, 40, 3, Progress())
    return domain, theirs, forest_recipe.flatten(theirs, domain)


@every_method
def test_it_learns_the_crops_and_maps_series_that_it_has_not_seen(models, source, target, method):
    model = models[method]
    assert accuracy(model, source) > 0.9 and accuracy(model, target) > 0.9
    assert model.method == method and model.shift_days == 0.0
    assert model.summary["source_validation"]["accuracy"] > 0.9
    np.testing.assert_allclose(model.predict_proba(target.values, target.day).sum(axis=1), 1.0, atol=1e-5)


@every_method
def test_a_saved_model_gives_the_same_probabilities_to_the_bit(models, target, tmp_path, method):
    models[method].save(tmp_path / "m.safetensors")
    back = TrainedModel.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        back.predict_proba(target.values, target.day), models[method].predict_proba(target.values, target.day)
    )
    assert back.model_id == models[method].model_id and back.method == method


@every_method
def test_gaps_are_filled_and_only_a_pixel_never_seen_gets_no_class(models, target, method):
    values = target.values[target.labels == 1][:4].copy()
    values[0] = np.nan
    seen = np.flatnonzero(np.isfinite(values[1, :, 0]))
    values[1, seen[:-1]] = np.nan  # one date is left
    values[2, seen[::2]] = np.nan
    found = models[method].predict_proba(values, target.day)
    assert np.isnan(found[0]).all() and np.isfinite(found[1:]).all()
    assert found[2].argmax() == 1


@every_method
def test_the_target_decides_nothing_and_the_seed_everything_else(models, source, target, method):
    first, other = (fit(method, source, target, seed, Progress(), LEAST[method]) for seed in (0, 1))
    assert first.model_id != other.model_id
    permuted = replace(target, labels=np.random.default_rng(0).permutation(target.labels))
    for same in (permuted, target.without_labels(), crops((9, 4, 7), seed=8, gain=0.5)):
        assert fit(method, source, same, 0, Progress(), LEAST[method]).model_id == first.model_id


@every_method
@pytest.mark.parametrize(("dates", "bands"), [(1, 1), (3, 2)])
def test_a_single_date_or_band_is_enough(method, dates, bands):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    values = labels[:, None, None] + rng.normal(0, 0.1, (80, dates, bands))
    day = np.arange(100, 100 + 16 * dates, 16, dtype=np.float32)
    source = SeriesSet(values.astype(np.float32), day, ("NDVI", "EVI")[:bands], labels, ("bare", "green"))
    model = fit(method, source, source, 0, Progress(), QUICK[method])
    assert model.grid.tolist() == day.tolist()
    assert accuracy(model, source) > 0.9


@every_method
def test_cancel_stops_it_and_its_one_stage_is_the_planned_one(source, target, method):
    events, asked = [], []

    def cancelled():
        asked.append(None)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        fit(method, source, target, 0, Progress(events.append, cancelled), QUICK[method])
    assert len(asked) == 4
    assert [e["name"] for e in events if e["event"] == "stage"] == list(METHODS[method].stages)


@every_method
def test_an_unknown_option_is_named(source, target, method):
    with pytest.raises(InputError) as raised:
        fit(method, source, target, 0, Progress(), {"tree": 3})
    assert raised.value.code == "option" and not lacking(raised.value.message, "'tree'")


def test_the_forest_says_what_scikit_learn_says(grown):
    domain, theirs, ours = grown
    rng = np.random.default_rng(0)
    known = domain.tensors.values.numpy()
    values = known[rng.integers(0, len(known), 500)] + rng.normal(0, 0.2, (500, *known.shape[1:])).astype(np.float32)
    # A third of the values stand exactly on a threshold of some tree, or on a float32 beside it.
    edges = np.concatenate([member.tree_.threshold for member in theirs.estimators_]).astype(np.float32)
    edges = np.concatenate([edges, np.nextafter(edges, np.float32(9)), np.nextafter(edges, np.float32(-9))])
    put = rng.random(values.shape) < 0.33
    values[put] = rng.choice(edges, put.sum())
    logits, features = ours(torch.from_numpy(values), torch.ones(values.shape[:2], dtype=torch.bool), torch.zeros(1))
    expected = theirs.predict_proba(values.reshape(500, -1))
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(features.embedding.numpy(), expected, atol=1e-6)
    ends = np.stack([member.apply(values.reshape(500, -1)) for member in theirs.estimators_], axis=1)
    for tree in range(40):  # the same leaf, node by node
        pairs = {tuple(p) for p in np.stack([ends[:, tree], ours.leaves(torch.from_numpy(values))[:, tree]], 1)}
        assert len(pairs) == len(set(ends[:, tree])) == len({p[1] for p in pairs})


def test_a_forest_grown_piece_by_piece_is_the_one_grown_at_once(grown):
    domain, theirs, _ = grown
    values = domain.tensors.values.numpy()[domain.train].reshape(len(domain.train), -1)
    whole = RandomForestClassifier(40, random_state=3).fit(values, domain.labels[domain.train])
    np.testing.assert_array_equal(whole.predict_proba(values), theirs.predict_proba(values))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_linear_model_says_what_scikit_learn_says(source, classes):
    source = source.with_classes(source.classes[:classes])
    domain = prepare_source(source, 0.15, 0, torch.device("cpu"), on_grid=True)
    settings = linear_recipe.LinearSettings(inverse_strength=0.05)
    network = linear_recipe.train_linear(domain, source.group, settings, 0, Progress())
    values = domain.tensors.values.numpy()
    flat = values.reshape(len(values), -1).astype(float)
    known = flat[domain.sample]
    middle, spread = known.mean(axis=0), np.maximum(known.std(axis=0), linear_recipe.MIN_SPREAD)
    theirs = LogisticRegression(C=0.05, class_weight="balanced", max_iter=300)
    theirs.fit((known - middle) / spread, domain.labels[domain.sample])
    logits, _ = network(domain.tensors.values, domain.tensors.observed, domain.tensors.day)
    expected = theirs.predict_proba((flat - middle) / spread)
    np.testing.assert_allclose(logits.detach().softmax(dim=1).numpy(), expected, atol=1e-5)


def test_the_linear_model_is_as_strongly_regularised_as_costs_nothing():
    rng = np.random.default_rng(0)
    labels, group = np.tile([0, 1], 120), np.repeat(np.arange(12), 20)
    common = rng.normal(0, 1, 240)
    # One value alone tells the crop; or only the small difference of two, which takes large weights.
    plain = np.stack([labels + rng.normal(0, 0.1, 240), common], axis=1)
    difference = np.stack([common + 0.2 * labels, common], axis=1) + rng.normal(0, 0.02, (240, 2))
    chosen = []
    for values in (plain, difference):
        day = np.array([100, 116], np.float32)
        source = SeriesSet(values[:, :, None].astype(np.float32), day, ("NDVI",), labels, ("bare", "green"), group)
        events = []
        fit("linear", source, source, 0, Progress(events.append))
        chosen += [event["value"] for event in events if event.get("name") == "inverse_strength"]
    assert chosen[0] == min(linear_recipe.STRENGTHS) and chosen[1] >= 0.1


def test_a_class_without_a_training_sample_is_never_predicted_by_the_linear_model(source):
    domain = prepare_source(source, 0.15, 0, torch.device("cpu"), on_grid=True)
    domain = replace(domain, sample=domain.sample[domain.labels[domain.sample] != 1])
    network = linear_recipe.train_linear(domain, source.group, linear_recipe.LinearSettings(), 0, Progress())
    logits, _ = network(domain.tensors.values, domain.tensors.observed, domain.tensors.day)
    assert not (logits.argmax(dim=1) == 1).any() and accuracy_of(logits.detach(), domain.labels, (0, 2)) > 0.9


def test_a_forest_has_200_trees_where_nothing_else_is_said(source, target):
    assert fit("rf", source, target, 0, Progress()).network.size.trees == 200


def test_a_class_of_the_source_without_a_training_sample_gets_its_column(source):
    domain = prepare_source(source, 0.15, 0, torch.device("cpu"), on_grid=True)
    domain = replace(domain, train=domain.train[domain.labels[domain.train] != 1])
    network = forest_recipe.flatten(forest_recipe.grow(domain, 5, 0, Progress()), domain)
    _, features = network(domain.tensors.values, domain.tensors.observed, domain.tensors.day)
    assert features.embedding.shape[1] == 3 and float(features.embedding[:, 1].max()) == 0.0
    assert accuracy_of(features.embedding, domain.labels, (0, 2)) > 0.9


def accuracy_of(share, labels, classes):
    rows = np.isin(labels, classes)
    return float((share.argmax(dim=1).numpy() == labels)[rows].mean())


@pytest.mark.parametrize(("method", "module"), [("rf", "sklearn.ensemble"), ("linear", "sklearn.linear_model")])
def test_a_python_without_scikit_learn_is_told_so(source, target, monkeypatch, method, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError) as raised:
        fit(method, source, target, 0, Progress())
    assert raised.value.code == "needs-scikit-learn" and "scikit-learn" in raised.value.message


def test_a_forest_maps_without_scikit_learn(models, target, tmp_path):
    models["rf"].save(tmp_path / "m.safetensors")
    np.save(tmp_path / "x.npy", target.values)
    code = (
        "import sys, numpy as np; sys.modules['sklearn'] = None; from engine.models import TrainedModel;"
        f"m = TrainedModel.load({str(tmp_path / 'm.safetensors')!r});"
        f"x = np.load({str(tmp_path / 'x.npy')!r}); np.save({str(tmp_path / 'p.npy')!r},"
        " m.predict_proba(x, np.arange(10, 300, 16)))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    np.testing.assert_array_equal(
        np.load(tmp_path / "p.npy"), models["rf"].predict_proba(target.values, np.arange(10, 300, 16))
    )


def forge(path, change):
    """Rewrite the tables and the metadata of a model file."""
    tensors = load_file(path)
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    content = json.loads(metadata["model"])
    change(tensors, content)
    save_file(tensors, path, {**metadata, "model": json.dumps(content)})


def put(name, place, value):
    """A change of one entry of a table; ``place`` is an index or 'inner' or 'leaf', the first such node."""

    def change(tensors, content):
        own = torch.arange(len(tensors["left"]))
        leaf = tensors["left"] == own
        index = {"inner": int((~leaf).nonzero()[0]), "leaf": int(leaf.nonzero()[0])}.get(place, place)
        tensors[name][index] = value

    return change


def two_less(tensors, content):
    for name in ("feature", "threshold", "left", "share"):
        tensors[name] = tensors[name][:-2].clone()
    content["size"]["nodes"] -= 2


@pytest.mark.parametrize(
    "change",
    [
        put("left", "inner", -5),
        put("left", "inner", 10**9),
        put("left", 7, 2),  # a circle
        put("left", "leaf", 0),
        put("threshold", "leaf", 0.5),  # would step on to the next tree, or out of the table
        put("threshold", "inner", math.nan),
        two_less,
        put("feature", "inner", -1),
        put("feature", "inner", 38),
        put("root", 0, -1),
        put("root", 0, 10**8),
        put("share", "leaf", math.nan),
        put("share", "leaf", torch.tensor([-1.0, 1.0, 1.0])),
        put("share", "leaf", 0.0),
        lambda tensors, content: content["grid"].pop(),
        lambda tensors, content: content["size"].update(dates=1),
        lambda tensors, content: content["size"].update(nodes=50_000_000),
        lambda tensors, content: content["size"].update(trees=10**6),
        lambda tensors, content: tensors.pop("root"),
    ],
)
def test_a_forged_forest_is_refused_in_a_sentence(models, tmp_path, change):
    path = tmp_path / "forged.safetensors"
    models["rf"].save(path)
    forge(path, lambda tensors, content: None)
    assert TrainedModel.load(path).model_id == models["rf"].model_id  # so what is refused below is the change
    forge(path, change)
    with pytest.raises(InputError) as raised:
        TrainedModel.load(path)
    assert raised.value.code == "model-unreadable" and path.name in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize("method", ["dcm", "transformer", "phenocropnet"])
def test_a_weight_that_is_no_number_is_refused(models, tmp_path, method):
    path = tmp_path / "forged.safetensors"
    models[method].save(path)
    forge(path, lambda tensors, content: tensors["classifier.bias"].fill_(math.nan))
    with pytest.raises(InputError) as raised:
        TrainedModel.load(path)
    assert raised.value.code == "model-unreadable" and path.name in raised.value.message


def test_a_forest_maps_100_000_pixels_in_less_than_20_seconds_of_a_core():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 500)
    values = rng.normal(0, 1, (500, 24, 10)).astype(np.float32)
    values[:, 0, 0] += labels
    day = np.arange(24, dtype=np.float32) * 10
    source = SeriesSet(values, day, tuple(f"B{i}" for i in range(10)), labels, tuple("abcdef"))
    model = fit("rf", source, source, 0, Progress())
    started = time.process_time()
    model.predict_proba(np.tile(values, (10, 1, 1)), day)
    assert time.process_time() - started < 20 * 5000 / 100_000


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_deepcropmapping_has_the_published_size_and_open_forget_gates():
    b, k, w = 10, 6, 256
    network = DcmNetwork(DcmSize(b, k))
    layer = [2 * 4 * w * (features + w + 2) for features in (b, 2 * w)]
    assert count(network) == sum(layer) + (2 * w + 1) + k * (2 * w + 1)
    assert network.lstm.dropout == 0.5
    settings = DcmSettings()
    assert (settings.rate, settings.weight_decay, settings.width) == (5e-4, 1e-3, 256)
    for layer in ("l0", "l0_reverse", "l1", "l1_reverse"):
        bias = getattr(network.lstm, f"bias_ih_{layer}") + getattr(network.lstm, f"bias_hh_{layer}")
        assert (bias[w : 2 * w] == 3.0).all()
        assert (bias[:w].abs() < 0.5).all() and (bias[2 * w :].abs() < 0.5).all()


def test_deepcropmapping_weighs_dates_by_the_softmax_of_a_relu():
    torch.manual_seed(0)
    network = DcmNetwork(DcmSize(3, 2, width=8)).eval()
    x = torch.randn(4, 7, 3)
    with torch.no_grad():
        network.attend.weight.mul_(20.0)
        _, features = network(x, torch.ones(4, 7, dtype=torch.bool), torch.arange(7.0))
        states = network.lstm(x)[0].numpy()
        score = np.maximum(states @ network.attend.weight.numpy()[0] + network.attend.bias.numpy()[0], 0.0)
    weight = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(features.embedding, (weight[..., None] * states).sum(axis=1), atol=1e-5)


def test_deepcropmapping_halves_its_rate_on_a_plateau(source, target, monkeypatch):
    rates = []

    def pretend(training, network, stage):
        group = stage.optimiser.param_groups[0]
        for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8):
            stage.on_validation(loss)
            rates.append(group["lr"])
        assert group["weight_decay"] == 1e-3

    monkeypatch.setattr(supervised.Training, "run", pretend)
    fit("dcm", source, target, 0, Progress(), {"width": 4})
    assert rates == [5e-4] * 4 + [2.5e-4] * 5  # at the third look that is no better


def test_the_transformer_has_the_published_size():
    b, k, d, inner = 10, 6, 64, 128
    network = TransformerNetwork(TransformerSize(b, k))
    layer = 4 * d * (d + 1) + inner * (d + 1) + d * (inner + 1) + 4 * d
    assert count(network) == d * (b + 1) + 5 * layer + 2 * d + k * (d + 1)
    assert network.layers[0].self_attn.num_heads == 2 and network.layers[0].dropout.p == 0.018


def test_the_transformer_knows_the_order_of_dates_and_takes_the_maximum_over_them():
    torch.manual_seed(0)
    network = TransformerNetwork(TransformerSize(2, 3)).eval()
    x, observed, day = torch.randn(4, 9, 2), torch.ones(4, 9, dtype=torch.bool), torch.arange(9.0)
    with torch.no_grad():
        forward, features = network(x, observed, day)
        backward, _ = network(x.flip(1), observed, day)
        assert (forward - backward).abs().max() > 1e-2
        # Without positions the same dates in another order are the same to it: what is left is a maximum.
        bare = pytest.MonkeyPatch()
        bare.setattr("engine.models.transformer.encode_positions", lambda n, d, device: torch.zeros(n, d))
        plain, pooled = network(x, observed, day)
        turned, _ = network(x.flip(1), observed, day)
        z = network.lift(x).relu()
        for layer in network.layers:
            z = layer(z)
        bare.undo()
    torch.testing.assert_close(plain, turned, atol=1e-4, rtol=0)
    torch.testing.assert_close(pooled.embedding, network.norm(z).max(dim=1).values.relu().detach(), atol=1e-5, rtol=0)
    assert features.embedding.shape == (4, 64) and (features.embedding >= 0).all()


def test_positions_are_encoded_as_published():
    code = encode_positions(12, 6, torch.device("cpu")).numpy()
    for position in (0, 5, 11):
        for i in range(3):
            angle = position / 10_000 ** (2 * i / 6)
            assert code[position, 2 * i] == pytest.approx(math.sin(angle), abs=1e-5)
            assert code[position, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_phenocropnet_has_its_stated_size():
    b, k, w = 10, 6, 64
    network = PhenoCropNetwork(PhenoCropNetSize(b, k))

    def level(features):
        return 2 * 3 * w * (features + w + 2) + 2 * w * (2 * w + 1) + 2 * w

    assert network.size.periods == 5
    assert count(network) == level(b) + level(2 * w) + k * (2 * w + 1)


@pytest.mark.parametrize("dates", [1, 2, 5, 7, 23, 24, 36])
def test_the_periods_cover_the_grid_without_overlap_in_equal_parts(dates):
    lengths = period_lengths(dates, 5)
    assert sum(lengths) == dates and len(lengths) == min(5, dates) and max(lengths) - min(lengths) <= 1
    network = PhenoCropNetwork(PhenoCropNetSize(2, 3, width=4)).eval()
    x = torch.arange(dates, dtype=torch.float32).view(1, dates, 1).expand(3, dates, 2)
    parts = network.split(x)
    assert torch.cat([part[0, :, 0] for part in parts]).tolist() == list(range(dates))
    with torch.no_grad():
        _, features = network(x, torch.ones(3, dates, dtype=torch.bool), torch.arange(float(dates)))
        one_by_one = torch.stack([network.dates(part) for part in parts], dim=1)
        season = network.periods(one_by_one)
    torch.testing.assert_close(features.embedding, season)
    torch.testing.assert_close(features.levels[0], one_by_one.mean(dim=1))
