"""The shift of the season: found where there is one, kept at 0 where there is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.alignment.class_shares import Doubt
from engine.alignment.phenology_shift import Evidence, ShiftEstimate, ShiftSafeguard, estimate_shift, inception_score
from engine.alignment.reading import Judge, Reading, choose_reading
from engine.alignment.source_only import prepare_source
from engine.models.device import SideBySide
from engine.models.encoder import CropNetwork, NetworkSize
from engine.progress import Progress
from engine.series import SeriesSet


def evidence(discrepancy, inception, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    wobble = 1 + noise * rng.normal(size=(2, 101))
    return Evidence(discrepancy * wobble[0], inception * wobble[1], np.array([0.5, 0.5]))


def valley(best, depth=0.1):
    """Evidence as of a target whose season is ``best`` days off."""

    def judge(shift):
        apart = ((shift - best) / 30) ** 2
        return evidence(depth * (0.1 + apart), 0.9 / (1 + apart))

    return judge


@pytest.mark.parametrize("best", [-20, -3 * 16, 13, 31])
def test_the_best_shift_is_found_to_two_days(best):
    assert estimate_shift(valley(best)).days == pytest.approx(best, abs=2)


def test_source_models_judge_together():
    first, second = evidence(0.02, 0.9, noise=0.1), evidence(0.08, 0.4, noise=0.1, seed=1)
    both = Evidence.of_all([first, second])
    np.testing.assert_allclose(both.score, (first.score + second.score) / 2)
    np.testing.assert_allclose(both.discrepancy, np.sqrt(first.discrepancy * second.discrepancy))
    np.testing.assert_allclose(both.inception, np.sqrt(first.inception * second.inception))
    sure = replace(second, shares=np.array([0.9, 0.1]))
    np.testing.assert_allclose(Evidence.of_all([first, sure]).shares, [0.7, 0.3])
    one = Evidence.of_all([first])
    np.testing.assert_allclose(one.discrepancy, first.discrepancy)


def test_every_source_model_is_asked():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 12, 2)).astype(np.float32)
    labels, day = np.repeat([0, 1, 2], 30), np.arange(12) * 16.0
    values += labels[:, None, None] * np.sin(day / 50)[:, None].astype(np.float32)
    source = SeriesSet(values, day, ("red", "nir"), labels, ("wheat", "maize", "rape"))
    domain = prepare_source(source, 0.15, 0, torch.device("cpu"))
    torch.manual_seed(0)
    networks = [CropNetwork(NetworkSize(2, 3, 16, 1)).eval() for _ in range(2)]
    scores = []
    with SideBySide(1) as crew:
        for asked in (networks[:1], networks[1:], networks):
            judge = Judge(asked, [1.0] * len(asked), crew, domain, source, Doubt(0.1, 0.1), lambda: None)
            rng = np.random.default_rng(1)
            reading = choose_reading(judge, values[::2] * 0.8, day, 40, True, False, rng, Progress())
            scores.append({d: e.score for d, e in reading.estimates["source"].evidence.items()})
    for shift in (0.0, 16.0, -48.0):  # others are looked at around the best, which need not be the same
        assert scores[2][shift] == pytest.approx((scores[0][shift] + scores[1][shift]) / 2)
        assert scores[0][shift] != pytest.approx(scores[1][shift], abs=1e-3)


@pytest.mark.parametrize(("matched", "left"), [(0.9, "source"), (0.2, "matched")])
def test_matched_statistics_outlive_undone_stages_only_where_they_are_far_better(matched, left):
    """``matched`` is the discrepancy under them, that under the source's being one."""
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(40, 6, 1)).astype(np.float32), np.repeat([0, 1], 20)
    source = SeriesSet(values, np.arange(6) * 16.0, ("NDVI",), labels, ("wheat", "maize"))
    domain = prepare_source(source, 0.15, 0, torch.device("cpu"))
    other = replace(domain.statistics, mean=domain.statistics.mean + 1)
    estimates = {
        name: ShiftEstimate(8.0, 8.0, {8.0: evidence(d, 0.5)}) for name, d in (("source", 1.0), ("matched", matched))
    }
    reading = Reading(8.0, other, "matched", estimates).unadapted(domain)
    assert (reading.name, reading.shift) == (left, 8.0)
    assert reading.statistics is (other if left == "matched" else domain.statistics)


def test_one_source_model_that_errs_is_outvoted():
    # One takes -30 for the shift; two see that there is next to none.
    def judge(shift):
        return Evidence.of_all([valley(-30, depth=0.05)(shift), valley(0, depth=0.1)(shift), valley(2)(shift)])

    assert valley(-30, depth=0.05)(-30).clearly_better(valley(-30, depth=0.05)(0), ShiftSafeguard())
    assert abs(estimate_shift(judge).days) < 10


def test_every_shift_is_judged_once():
    asked = []

    def judge(shift):
        asked.append(shift)
        return valley(20)(shift)

    estimate_shift(judge)
    assert len(asked) == len(set(asked)) and 0.0 in asked


def test_a_gain_of_one_kind_alone_keeps_the_calendar():
    def only_inception(shift):
        return evidence(0.05, 0.5 + abs(shift) / 200)

    found = estimate_shift(only_inception)
    assert found.best != 0 and found.days == 0


def test_a_gain_within_the_noise_keeps_the_calendar():
    def noisy(shift):
        return evidence(0.05 if shift else 0.075, 0.85 if shift else 0.8, noise=0.3, seed=int(shift) + 100)

    assert estimate_shift(noisy).days == 0
    assert estimate_shift(lambda shift: evidence(0.05 if shift else 0.075, 0.85 if shift else 0.8)).days != 0


def test_a_small_drift_for_a_tiny_gain_keeps_the_calendar():
    found = estimate_shift(lambda shift: evidence(0.05 + 1e-4 * abs(shift - 8), 0.8 - 1e-4 * abs(shift - 8)))
    assert found.best == 8 and found.days == 0


def test_better_needs_both_margins_where_neither_is_decisive():
    safeguard = ShiftSafeguard()
    here = evidence(0.05, 0.8)
    assert evidence(0.03, 0.9).clearly_better(here, safeguard)
    assert not evidence(0.033, 0.8).clearly_better(here, safeguard)
    assert not evidence(0.05, 0.9).clearly_better(here, safeguard)
    assert not evidence(0.0443, 0.816).clearly_better(here, safeguard)  # each by a little: 0.12 and 0.02


def test_a_decisive_fall_of_the_discrepancy_is_enough_for_a_network_that_is_sure_of_everything():
    safeguard, here = ShiftSafeguard(), evidence(0.05, 0.8)
    assert evidence(0.02, 0.79).clearly_better(here, safeguard)
    assert not evidence(0.02, 0.7).clearly_better(here, safeguard)
    assert not evidence(0.035, 0.79).clearly_better(here, safeguard)


def test_the_inception_score_is_one_for_sure_and_even_and_zero_for_one_class_or_none():
    assert inception_score(np.eye(4))[0] == pytest.approx(1, abs=1e-6)
    assert inception_score(np.eye(4)[[2, 2, 2]])[0] == pytest.approx(0, abs=1e-6)
    assert inception_score(np.full((5, 4), 0.25))[0] == pytest.approx(0, abs=1e-6)
    weights = np.array([[1, 1, 0, 0.0], [1, 1, 1, 1]])
    np.testing.assert_allclose(inception_score(np.eye(4), weights), [0.5, 1.0], atol=1e-6)
