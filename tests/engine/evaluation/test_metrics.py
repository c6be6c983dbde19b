"""Scores against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score

from engine.evaluation.metrics import Scores


def test_scores_equal_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    reference = rng.integers(0, 4, 500)
    predicted = np.where(rng.random(500) < 0.7, reference, rng.integers(0, 4, 500))
    scores = Scores.of(reference, predicted, 4)
    np.testing.assert_array_equal(scores.confusion, confusion_matrix(reference, predicted))
    assert scores.overall_accuracy == pytest.approx(accuracy_score(reference, predicted))
    assert scores.kappa == pytest.approx(cohen_kappa_score(reference, predicted))
    np.testing.assert_allclose(scores.f1, f1_score(reference, predicted, average=None))
    assert scores.macro_f1 == pytest.approx(f1_score(reference, predicted, average="macro"))


def test_a_class_that_never_occurs_does_not_count():
    scores = Scores.of(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]), 3)
    assert np.isnan(scores.f1[2])
    assert scores.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
