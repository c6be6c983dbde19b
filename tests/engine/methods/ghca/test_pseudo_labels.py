"""The choice of pseudo-labels: who is chosen, how many, and who is not."""

import numpy as np
import pytest

from engine.methods.ghca.pseudo_labels import Selection, mutual_information, select_pseudo_labels


def passes_of(classes, top, k=3, s=4):
    """Equal passes in which each pixel's class has probability ``top``."""
    top = np.broadcast_to(top, len(classes))
    p = np.repeat(((1 - top) / (k - 1))[:, None], k, axis=1)
    p[np.arange(len(classes)), classes] = top
    return np.repeat(p[None], s, axis=0)


def test_the_quota_takes_the_most_reliable_of_each_class():
    classes = np.repeat([0, 1, 2], 50)
    top = np.tile(np.linspace(0.85, 0.99, 50), 3)
    chosen = select_pseudo_labels(passes_of(classes, top), quota=0.4)
    np.testing.assert_array_equal(chosen.count(3), [20, 20, 20])
    np.testing.assert_array_equal(chosen.label, classes[chosen.index])
    assert top[chosen.index].min() > np.quantile(top, 0.58)


def test_no_class_has_more_than_three_times_the_median():
    classes = np.repeat([0, 1, 2], [1000, 40, 50])
    chosen = select_pseudo_labels(passes_of(classes, 0.95), quota=1.0)
    np.testing.assert_array_equal(chosen.count(3), [150, 40, 50])


def test_a_class_with_fewer_than_ten_picks_gives_none():
    classes = np.repeat([0, 1, 2], [100, 100, 8])
    np.testing.assert_array_equal(select_pseudo_labels(passes_of(classes, 0.95), quota=0.5).count(3), [50, 50, 0])


def test_pixels_whose_class_changed_since_the_last_round_are_left_out():
    classes = np.repeat([0, 1, 2], 40)
    before = classes.copy()
    before[:20] = 1
    chosen = select_pseudo_labels(passes_of(classes, 0.95), quota=1.0, previous=before)
    assert not np.isin(chosen.index, np.arange(20)).any() and chosen.count(3)[0] == 20


def test_pixels_on_which_the_passes_disagree_are_left_out():
    passes = passes_of(np.repeat([0, 1, 2], 40), 0.95)
    passes[::2, :15] = np.array([0.05, 0.9, 0.05])
    chosen = select_pseudo_labels(passes, quota=1.0)
    assert not np.isin(chosen.index, np.arange(15)).any() and len(chosen.index) >= 100


def test_a_class_of_which_the_teacher_is_less_sure_has_a_lower_threshold():
    top = np.repeat([0.98, 0.97, 0.7], 40)
    chosen = select_pseudo_labels(passes_of(np.repeat([0, 1, 2], 40), top), quota=1.0)
    np.testing.assert_array_equal(chosen.count(3), [40, 40, 40])
    assert chosen.relaxed == ()
    assert chosen.weight[chosen.label == 2].max() < chosen.weight[chosen.label == 0].min()


def test_a_starving_class_relaxes_its_thresholds_and_says_so():
    passes = passes_of(np.repeat([0, 1, 2], 40), 0.95, s=6)
    passes[:3, 80:] = np.array([0.15, 0.15, 0.7])
    chosen = select_pseudo_labels(passes, quota=1.0)
    assert chosen.count(3)[2] == 40 and chosen.relaxed == (2,)


def test_pixels_unlike_any_known_crop_come_last():
    """A fifth of the pixels is a crop the source does not know, as surely predicted as the rest."""
    classes = np.repeat([0, 1], 100)
    typicality = np.ones(200)
    typicality[:20] = typicality[100:120] = 0.1
    chosen = select_pseudo_labels(passes_of(classes, 0.95, k=2), quota=0.8, typicality=typicality)
    assert len(chosen.index) == 160 and (typicality[chosen.index] == 1).all()


def test_a_map_of_one_pixel_gives_no_labels():
    assert len(select_pseudo_labels(passes_of(np.array([0]), 0.99), quota=1.0).index) == 0


def test_mutual_information_is_zero_for_equal_passes_and_one_for_opposed_sure_ones():
    opposed = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert mutual_information(opposed)[0] == pytest.approx(1, abs=1e-6)
    assert mutual_information(opposed[[0, 0]])[0] == pytest.approx(0, abs=1e-9)


def test_without_certainty_the_spread_of_the_passes_counts_no_more():
    passes = passes_of(np.repeat([0, 1, 2], 40), 0.97)
    passes[::2, :15] = np.array([0.67, 0.32, 0.01])  # the class stays, its probability does not
    assert not np.isin(select_pseudo_labels(passes, quota=1.0).index, np.arange(15)).any()
    chosen = select_pseudo_labels(passes, quota=1.0, selection=Selection(certainty=False))
    np.testing.assert_array_equal(chosen.count(3), [40, 40, 40])


def test_without_stability_a_changed_class_counts_no_less():
    classes = np.repeat([0, 1, 2], 40)
    before = np.roll(classes, 40)
    assert len(select_pseudo_labels(passes_of(classes, 0.95), quota=1.0, previous=before).index) == 0
    loose = Selection(stability=False)
    chosen = select_pseudo_labels(passes_of(classes, 0.95), quota=1.0, previous=before, selection=loose)
    np.testing.assert_array_equal(chosen.count(3), [40, 40, 40])
