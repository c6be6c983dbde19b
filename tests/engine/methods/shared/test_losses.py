"""MK-MMD, contrast and prototypes against formulas written out in numpy."""

import numpy as np
import pytest
import torch

from engine.methods.ghca.training_steps import share_loss
from engine.methods.shared.contrast import prototype_loss, supervised_contrast, update_prototypes
from engine.methods.shared.mmd import hierarchical_mk_mmd, mean_squared_distance, mk_mmd


def plain_mk_mmd(u, v, a, b):
    """The formula of METHODS, pair by pair."""
    both = np.concatenate([u, v])
    pairs = [((x - y) ** 2).sum() for i, x in enumerate(both) for j, y in enumerate(both) if i != j]
    scale = np.mean(pairs)

    def k(x, y):
        return np.mean([np.exp(-((x - y) ** 2).sum() / (2 * 2.0**m * scale)) for m in (-3, -2, -1, 0, 1)])

    total = sum(a[i] * a[j] * k(u[i], u[j]) for i in range(len(u)) for j in range(len(u)))
    total += sum(b[i] * b[j] * k(v[i], v[j]) for i in range(len(v)) for j in range(len(v)))
    return total - 2 * sum(a[i] * b[j] * k(u[i], v[j]) for i in range(len(u)) for j in range(len(v)))


def test_mk_mmd_equals_the_formula_with_sample_weights():
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(7, 3)), rng.normal(0.5, 1.5, size=(5, 3))
    a, b = rng.random(7), rng.random(5)
    expected = plain_mk_mmd(u, v, a / a.sum(), b / b.sum())
    found = mk_mmd(*map(torch.tensor, (u, v, a, b)))
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_mk_mmd_of_equal_sets_is_zero_and_of_others_never_negative():
    generator = torch.Generator().manual_seed(1)
    u = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    assert float(mk_mmd(u, u[torch.randperm(20, generator=generator)])) == pytest.approx(0, abs=1e-12)
    for _ in range(30):
        v = torch.randn(15, 4, generator=generator, dtype=torch.float64)
        assert float(mk_mmd(u, v)) > 0


def test_weights_undo_a_shift_of_class_shares():
    """Two clusters 1:1 against 4:1 differ; weighted to 4:1 they do not."""
    u = torch.cat([torch.zeros(50, 2), torch.ones(50, 2)]).double()
    v = torch.cat([torch.zeros(80, 2), torch.ones(20, 2)]).double()
    weight = torch.cat([torch.full((50,), 0.8), torch.full((50,), 0.2)]).double()
    assert float(mk_mmd(u, v)) > 0.05
    assert float(mk_mmd(u, v, weight)) == pytest.approx(0, abs=1e-12)


def test_levels_are_summed_by_their_weights():
    rng = np.random.default_rng(3)
    u, v = torch.tensor(rng.normal(size=(6, 2))), torch.tensor(rng.normal(1, 1, size=(6, 2)))
    both = hierarchical_mk_mmd([u, v], [v, u], (0.25, 1.0))
    assert float(both) == pytest.approx(1.25 * float(mk_mmd(u, v)))


def test_the_gradient_of_mk_mmd_brings_the_domains_together():
    u = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    v = (torch.randn(40, 2, generator=torch.Generator().manual_seed(1)) + 2).requires_grad_()
    before = mk_mmd(u, v)
    before.backward()
    assert float(mk_mmd(u, v.detach() - 5 * v.grad)) < before.item()


def test_the_mean_distance_of_one_point_or_equal_points_is_one():
    assert float(mean_squared_distance(torch.zeros(1, 3))) == 1
    assert float(mean_squared_distance(torch.ones(5, 3))) == 1
    assert float(mean_squared_distance(torch.tensor([[0.0], [3.0]]))) == pytest.approx(9)


def test_supervised_contrast_equals_its_formula():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(6, 4))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    labels, t = np.array([0, 0, 1, 1, 1, 2]), 0.1
    losses = []
    for i in range(6):
        positives = [p for p in range(6) if p != i and labels[p] == labels[i]]
        if positives:
            below = np.log(sum(np.exp(z[i] @ z[j] / t) for j in range(6) if j != i))
            losses.append(-np.mean([z[i] @ z[p] / t - below for p in positives]))
    found = supervised_contrast(torch.tensor(z), torch.tensor(labels))
    assert float(found) == pytest.approx(np.mean(losses), rel=1e-9)


def test_a_sample_without_trust_changes_only_the_denominator_of_the_contrast():
    z = torch.nn.functional.normalize(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    labels = torch.tensor([0, 0, 1, 1, 0])
    trust = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0])
    relabelled = torch.tensor([0, 0, 1, 1, 1])
    assert float(supervised_contrast(z, labels, trust)) == pytest.approx(
        float(supervised_contrast(z, relabelled, trust)), rel=1e-6
    )


def test_supervised_contrast_without_any_pair_is_zero():
    assert float(supervised_contrast(torch.eye(3), torch.tensor([0, 1, 2]))) == 0


def test_prototype_loss_is_the_cross_entropy_of_cosines():
    z, prototypes = torch.eye(3).double()[:2], torch.eye(3).double()
    expected = -10 + np.log(np.exp(10) + 2)
    assert float(prototype_loss(z, torch.tensor([0, 1]), prototypes)) == pytest.approx(expected, rel=1e-4)


def test_prototypes_take_the_first_mean_then_follow_and_absent_classes_stay():
    fresh = update_prototypes(torch.zeros(3, 2), torch.tensor([[1.0, 0.0]]), torch.tensor([1]), torch.ones(1))
    np.testing.assert_allclose(fresh.numpy(), [[0, 0], [1, 0], [0, 0]])
    moved = update_prototypes(fresh, torch.tensor([[0.0, 1.0]]), torch.tensor([1]), torch.ones(1), momentum=0.5)
    np.testing.assert_allclose(moved.numpy(), [[0, 0], [0.5**0.5, 0.5**0.5], [0, 0]], atol=1e-6)


def test_the_share_loss_is_zero_where_the_mean_prediction_has_the_shares():
    shares = torch.tensor([0.7, 0.3])
    assert float(share_loss(torch.zeros(8, 2), shares)) == pytest.approx(0, abs=1e-6)
    collapsed = torch.tensor([[9.0, -9.0]]).expand(8, 2)
    assert float(share_loss(collapsed, shares)) > 1
