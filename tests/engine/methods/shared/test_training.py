"""What trainings share: balanced batches, splits by block, options, the teacher, vetoes."""

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.methods.ghca.context import GHCASettings
from engine.methods.ghca.distillation import DistillationData, distill
from engine.methods.ghca.safeguards import StageMetrics, StageTrust, stage_trust
from engine.methods.shared.augment import STRONG, mixup, perturb, thin_dates
from engine.methods.shared.options import read_settings
from engine.methods.shared.sampling import BalancedSampler, split_source, stratified_sample
from engine.methods.shared.source_domain import prepare_source
from engine.methods.shared.source_only import make_network
from engine.methods.shared.tensors import SeriesTensors
from engine.methods.shared.training import Teacher, mixup_errors
from engine.models.encoder import NetworkSize
from engine.progress import Progress
from engine.series import SeriesSet
from tests.helpers.facts import numbers


def test_batches_hold_every_class_equally_often():
    labels = np.repeat([0, 1, 2], [1000, 50, 5])
    sampler = BalancedSampler(labels, 3, torch.Generator().manual_seed(0))
    drawn = np.concatenate([sampler.draw(30).numpy() for _ in range(50)])
    np.testing.assert_array_equal(np.bincount(labels[drawn]), [500, 500, 500])
    assert len(np.unique(drawn[labels[drawn] == 2])) == 5


def test_a_class_without_samples_is_never_drawn():
    sampler = BalancedSampler(np.array([0, 2, 2]), 3, torch.Generator().manual_seed(0))
    assert set(sampler.draw(40).tolist()) == {0, 1, 2}


def test_blocks_are_not_split_and_small_classes_keep_their_samples():
    rng = np.random.default_rng(0)
    labels = np.concatenate([rng.integers(0, 3, 600), np.full(5, 3)])
    block = np.concatenate([rng.integers(0, 80, 600), [80, 81, 82, 83, 84]])
    train, held = split_source(labels, block, 0.15, rng)
    assert sorted([*train, *held]) == list(range(605))
    assert not set(block[train]) & set(block[held])
    share = np.bincount(labels[held], minlength=4) / np.bincount(labels)
    assert (share[:3] > 0.08).all() and (share[:3] <= 0.25).all()
    assert (labels[train] == 3).sum() >= 4


def test_without_blocks_every_class_is_held_out_in_its_share():
    labels = np.repeat([0, 1], [100, 40])
    train, held = split_source(labels, None, 0.15, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(labels[held]), [15, 6])


def test_a_sample_of_many_keeps_the_rare_class():
    labels = np.repeat([0, 1, 2], [5000, 3000, 20])
    sample = stratified_sample(np.arange(8020), labels, 300, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(labels[sample]), [100, 100, 20])
    np.testing.assert_array_equal(
        stratified_sample(np.arange(50), labels, 300, np.random.default_rng(0)), np.arange(50)
    )


def test_perturbed_series_keep_a_date_and_gain_none():
    generator = torch.Generator().manual_seed(0)
    observed = torch.rand(200, 12, generator=generator) > 0.8
    observed[:, 3] = True
    _, seen, day = perturb(torch.zeros(200, 12, 2), observed, torch.arange(12.0), STRONG, generator)
    assert seen.any(dim=1).all() and not (seen & ~observed).any()
    assert seen.sum() < observed.sum()
    assert day.shape == (200, 12) and (day.diff(dim=1).diff(dim=1)).abs().max() < 1e-4


def test_thinned_dates_stay_in_order():
    generator = torch.Generator().manual_seed(0)
    counts = set()
    for _ in range(40):
        dates = thin_dates(20, (0.4, 0.9), generator)
        assert (dates.diff() > 0).all()
        counts.add(len(dates))
    assert min(counts) >= 8 and max(counts) <= 18 and len(counts) > 4
    assert len(thin_dates(3, (0.4, 0.9), generator)) == 3


def test_the_teacher_follows_the_student():
    student = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(student.weight)
    teacher = Teacher(student, steps=100)
    torch.nn.init.ones_(student.weight)
    path = []
    for _ in range(60):
        teacher.update(student)
        path.append(float(teacher.network.weight))
    assert path == sorted(path) and 0 < path[0] < 1 and path[-1] > 0.99
    assert not teacher.network.weight.requires_grad


def test_options_override_settings_and_wrong_ones_are_named():
    assert read_settings(GHCASettings(), {"rounds": 2, "pseudo": 1}).rounds == 2
    for options in (
        *({"stepps": 3}, {"rounds": "two"}, {"rounds": -1}, {"rounds": True}, {"rounds": 1.5}),
        *({"dates_per_token": 0}, {"dates_per_token": 2000}, {"prior_strength": 1.5}),
    ):
        with pytest.raises(InputError) as raised:
            read_settings(GHCASettings(), options)
        assert raised.value.code == "option" and next(iter(options)) in raised.value.message


def test_earlier_option_names_still_work_with_one_warning_that_names_the_new_ones():
    progress = Progress()
    earlier = {"together": 1, "least_own": 0.75, "trust_shares": 1.0, "condense_steps": 7}
    settings = read_settings(GHCASettings(), earlier, progress)
    assert (settings.dates_per_token, settings.mixup_min_weight) == (1, 0.75)
    assert (settings.prior_strength, settings.distill_steps) == (1.0, 7)
    [warning] = progress.warnings
    new = ("dates_per_token", "mixup_min_weight", "prior_strength", "distill_steps")
    assert all(name in warning for name in (*earlier, *new))
    with pytest.raises(InputError) as raised:
        read_settings(GHCASettings(), {"together": 1, "dates_per_token": 2}, progress)
    assert raised.value.code == "option" and "dates_per_token" in raised.value.message
    assert read_settings(GHCASettings(), {"dates_per_token": 1}, progress).dates_per_token == 1
    assert progress.warnings == [warning]


@pytest.mark.parametrize(
    ("name", "lowest", "highest", "step"),
    [("dates_per_token", 1, 1024, 1), ("prior_strength", 0, 1, 0.5), ("width", 4, 1024, 4), ("members", 1, 1024, 1)],
)
def test_the_limits_of_an_option_are_those_of_its_field(name, lowest, highest, step):
    for value in (lowest, highest):
        assert getattr(read_settings(GHCASettings(), {name: value}), name) == value
    for value in (lowest - step, highest + step, float("nan"), str(lowest), None):
        with pytest.raises(InputError) as raised:
            read_settings(GHCASettings(), {name: value})
        assert raised.value.code == "option" and name in raised.value.message


CROPS = ("rice", "wheat", "maize")
GOOD = StageMetrics("Learning from the source", 0.9, 200, np.array([0.6, 0.3, 0.1]), True)


def test_a_stage_that_does_no_harm_is_trusted_in_full():
    trust = stage_trust(StageMetrics("Aligning", 0.88, 200, np.array([0.4, 0.45, 0.15]), True), GOOD, CROPS)
    assert trust == StageTrust(1.0, "")


@pytest.mark.parametrize(
    ("now", "crop", "figures"),
    [
        (StageMetrics("Aligning", 0.7, 200, GOOD.shares, True), None, ["0.90", "0.70"]),
        (StageMetrics("Aligning", 0.9, 200, np.array([0.65, 0.35, 0.0]), True), "maize", ["10", "0"]),
        (StageMetrics("Aligning", 0.9, 200, GOOD.shares, False), None, []),
    ],
)
def test_a_stage_that_does_harm_has_no_weight_and_says_why(now, crop, figures):
    trust = stage_trust(now, GOOD, CROPS)
    assert trust.weight == 0 and trust.reason.startswith("Aligning") and numbers(trust.reason) == figures
    assert [name for name in CROPS if name in trust.reason] == [crop] * bool(crop)


def test_trust_falls_steadily_with_the_harm_and_is_half_at_the_limit():
    error = np.sqrt(0.9 * 0.1 / 200)
    falls = np.linspace(0, 0.2, 201)
    of_accuracy = [
        stage_trust(StageMetrics("Aligning", 0.9 - fall, 200, GOOD.shares, True), GOOD, CROPS).weight for fall in falls
    ]
    assert np.interp(0.05 + 2 * error, falls, of_accuracy) == pytest.approx(0.5, abs=0.01)
    shares = np.linspace(0.1, 0.0, 201)
    of_class = [
        stage_trust(StageMetrics("", 0.9, 200, np.array([0.5, 0.5 - maize, maize]), True), GOOD, CROPS).weight
        for maize in shares
    ]
    assert np.interp(0.025, shares[::-1], of_class[::-1]) == pytest.approx(0.5, abs=0.01)
    for weights in (of_accuracy, of_class):
        assert weights[0] == 1 and weights[-1] == 0 and (np.diff(weights) <= 0).all() and np.diff(weights).min() > -0.03


def test_few_validation_samples_show_only_a_large_fall():
    few = StageMetrics("Learning from the source", 0.9, 10, GOOD.shares, True)
    assert stage_trust(StageMetrics("Aligning", 0.8, 10, GOOD.shares, True), few, CROPS).weight == 1
    assert stage_trust(StageMetrics("Aligning", 0.4, 10, GOOD.shares, True), few, CROPS).weight < 0.3


def test_a_class_that_was_hardly_there_may_vanish():
    before = StageMetrics("Learning from the source", 0.9, 200, np.array([0.6, 0.38, 0.02]), True)
    after = StageMetrics("Aligning", 0.9, 200, np.array([0.6, 0.4, 0.0]), True)
    assert stage_trust(after, before, CROPS).weight == pytest.approx(2 / 3)


def test_mixed_series_are_the_proportional_mean_and_so_is_their_loss():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(200, 5, 2)
    mixed, partner, share = mixup(values, 0.5, generator)
    np.testing.assert_allclose(mixed[7], share[7] * values[7] + (1 - share[7]) * values[partner[7]], rtol=1e-5)
    assert 0.5 <= share.min() < 0.52 and 0.98 < share.max() <= 1 and sorted(partner.tolist()) == list(range(200))
    logits, labels = torch.randn(200, 3), torch.randint(3, (200,))
    log_p = logits.log_softmax(dim=1)
    expected = -share * log_p[range(200), labels] - (1 - share) * log_p[range(200), labels[partner]]
    np.testing.assert_allclose(mixup_errors(logits, labels, partner, share, 0.0), expected, rtol=1e-4)
    same, _, _ = mixup(values, 1.0, generator)
    np.testing.assert_array_equal(same, values)


def series_of(seen, begin=0.0, labels=None):
    """Six series of 24 dates, ten days apart, of which the last ``seen`` were observed."""
    values = np.full((6, 24, 3), np.nan, np.float32)
    values[:, 24 - seen :] = np.random.default_rng(0).normal(size=(6, seen, 3))
    return SeriesSet(values, begin + np.arange(24) * 10.0, ("red", "nir", "swir"), labels, ("wheat", "maize"))


@pytest.mark.parametrize(
    ("source", "target", "begin", "together"),
    [(24, 24, 0, 2), (24, 20, 0, 2), (24, 19, 0, 1), (19, 24, 0, 1), (8, 8, 0, 1), (24, 24, 100, 1)],
)
def test_dates_are_read_in_pairs_where_both_sides_have_enough_in_season(source, target, begin, together):
    labels = np.array([0, 0, 0, 1, 1, 1])
    domain = prepare_source(series_of(source, labels=labels), 0.15, 0, torch.device("cpu"))
    network = make_network(domain, series_of(target, begin), GHCASettings()).eval()
    assert network.size.dates_per_token == together
    logits, _ = network(domain.tensors.values, domain.tensors.observed, domain.tensors.day)
    assert logits.shape == (6, 2) and logits.isfinite().all()


def test_the_small_network_reads_dates_as_the_members_do():
    generator = torch.Generator().manual_seed(0)
    tensors = SeriesTensors(
        torch.randn(6, 24, 3, generator=generator), torch.ones(6, 24, dtype=torch.bool), torch.arange(24) * 10.0
    )
    taught = DistillationData(
        tensors, torch.full((6, 4), 0.25), lambda count: torch.randint(6, (count,), generator=generator)
    )
    member = NetworkSize(bands=3, classes=4, dates_per_token=2)
    network = distill(member, taught, taught, GHCASettings(distill_steps=1), generator, lambda done: None)
    assert network.size == NetworkSize(bands=3, classes=4, width=32, layers=2, heads=2, dates_per_token=2)
