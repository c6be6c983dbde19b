"""How the target is read: what the source models say of a standardisation."""

import numpy as np
import pytest
import torch

from engine.estimation.phenology_shift import ShiftEstimate
from engine.methods.ghca import target_preprocessing as reading
from engine.methods.ghca.context import Checkpoint, FitContext, GHCASettings
from engine.methods.ghca.target_preprocessing import choose_preprocessing
from engine.methods.shared.adaptation_score import AdaptationScore, inception_score, score_adaptation
from engine.methods.shared.request import FitRequest
from engine.methods.shared.source_domain import prepare_source
from engine.methods.shared.source_only import Validation
from engine.models.device import NetworkThreads
from engine.models.encoder import CropNetwork, NetworkSize
from engine.progress import Progress
from engine.series import SeriesSet


def evidence(discrepancy, inception, shares=(0.5, 0.5)):
    return AdaptationScore(discrepancy, inception, np.array(shares))


def test_source_models_judge_together():
    first, second = evidence(0.02, 0.9), evidence(0.08, 0.4, (0.9, 0.1))
    both = AdaptationScore.mean_of([first, second])
    assert both.score == pytest.approx((first.score + second.score) / 2)
    assert both.discrepancy == pytest.approx(0.04) and both.inception == pytest.approx(0.6)
    np.testing.assert_allclose(both.shares, [0.7, 0.3])
    assert AdaptationScore.mean_of([first]).discrepancy == pytest.approx(first.discrepancy)


def small_source():
    """Three crops of two bands, 12 dates; their calendar."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 12, 2)).astype(np.float32)
    labels, day = np.repeat([0, 1, 2], 30), np.arange(12) * 16.0
    values += labels[:, None, None] * np.sin(day / 50)[:, None].astype(np.float32)
    return SeriesSet(values, day, ("red", "nir"), labels, ("wheat", "maize", "rape"))


def read(source, networks, told, find_shift=True):
    """The reading that these networks choose for half of the source, darker."""
    domain = prepare_source(source, 0.15, 0, torch.device("cpu"))
    request = FitRequest("ghca", source, source, 0, Progress(told.append), {})
    settings = GHCASettings(scan_pixels=40, find_shift=find_shift, source_share_error=0.1, min_source_share=0.1)
    teachers = Checkpoint(tuple(networks), (Validation(1.0, 1.0, 1),) * len(networks), np.full(3, 1 / 3))
    with NetworkThreads(1) as executor:
        context = FitContext(request, domain, settings, None, executor)
        return choose_preprocessing(context, teachers, source.values[::2] * 0.8, source.day, np.random.default_rng(1))


def two_networks():
    torch.manual_seed(0)
    return [CropNetwork(NetworkSize(2, 3, 16, 1)).eval() for _ in range(2)]


def test_every_source_model_is_asked():
    networks, source = two_networks(), small_source()
    scores, told = [], []
    for asked in (networks[:1], networks[1:], networks):
        chosen = read(source, asked, told)
        scores.append(chosen.scores["source"].score)
        assert set(chosen.scores) == {"source", "matched"}
    assert scores[2] == pytest.approx((scores[0] + scores[1]) / 2)
    assert scores[0] != pytest.approx(scores[1], abs=1e-3)
    metric = next(event["value"] for event in told if event.get("name") == "shift_evidence")
    assert metric["days"] == 0 and metric["gain"]["0"] == 0 and set(metric["score"]) == {"source", "matched"}


def test_seasons_that_lie_too_far_apart_are_told(monkeypatch):
    monkeypatch.setattr(reading, "estimate_shift", lambda *_, **__: ShiftEstimate(((0.0, 1.0),), -64.0, 3.0, True))
    told = []
    assert read(small_source(), two_networks(), told).shift == 0
    [warning] = [event["message"] for event in told if event["event"] == "warning"]
    assert "-64" in warning
    told.clear()
    assert read(small_source(), two_networks(), told, find_shift=False).estimate.gain is None
    assert not [event for event in told if event["event"] == "warning"]


def test_evidence_is_best_where_the_embeddings_lie_as_the_sources_do():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    near = rng.normal(size=(100, 4)) + 4 * labels[:, None]
    probability = np.where(labels[:, None] == [0, 1], 0.95, 0.05)
    here = torch.from_numpy(near)
    same = score_adaptation(here, labels, torch.from_numpy(near + rng.normal(0, 0.1, near.shape)), probability)
    apart = score_adaptation(here, labels, here + 2, probability)
    unsure = score_adaptation(here, labels, here, np.full((100, 2), 0.5))
    assert same.score > apart.score and same.discrepancy < 0.1 * apart.discrepancy
    assert unsure.inception == pytest.approx(1e-6) and same.inception > 0.5
    # Other class shares are no discrepancy.
    few = np.r_[0:50, 50:60]
    fewer = score_adaptation(here, labels, here[few], probability[few])
    assert fewer.discrepancy < 0.02 and fewer.shares[0] == pytest.approx(5 / 6, abs=0.06)


def test_the_inception_score_is_one_for_sure_and_even_and_zero_for_one_class_or_none():
    assert inception_score(np.eye(4)) == pytest.approx(1, abs=1e-6)
    assert inception_score(np.eye(4)[[2, 2, 2]]) == pytest.approx(0, abs=1e-6)
    assert inception_score(np.full((5, 4), 0.25)) == pytest.approx(0, abs=1e-6)
    assert inception_score(np.eye(4)[[0, 0, 1, 1]]) == pytest.approx(0.5, abs=1e-6)
