"""The profiles' voice: silent where the networks agree with it, heard where they contradict it in most series."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from engine.estimation.class_shares import adjust_to_shares
from engine.methods.ghca.profile_voice import AGREE, DIFFER, ProfileVoice, SourceProfiles, standardise
from engine.methods.shared.source_domain import prepare_source
from tests.helpers.series import crops

CLASSES = 3


def one_hot(labels, confidence=0.9):
    rest = (1 - confidence) / (CLASSES - 1)
    return np.where(np.arange(CLASSES) == np.asarray(labels)[:, None], confidence, rest)


@pytest.mark.parametrize("evidence", [1.0, 0.6])
def test_the_weight_grows_steadily_as_the_agreement_falls(evidence):
    labels = np.random.default_rng(0).integers(0, CLASSES, 1000)
    voice = ProfileVoice(one_hot(labels, 0.8), evidence)
    weights = []
    for agreement in np.arange(0.0, 1.01, 0.05):
        other = (np.arange(1000) >= round(1000 * agreement)).astype(int)
        networks = one_hot((labels + other) % CLASSES)
        mixed, weight = voice.blend(networks)
        expected = evidence * np.clip((AGREE - agreement) / (AGREE - DIFFER), 0, 1)
        assert weight == pytest.approx(expected)
        np.testing.assert_allclose(mixed, (1 - weight) * networks + weight * voice.probability)
        np.testing.assert_allclose(mixed.sum(axis=1), 1)
        weights.append(weight)
    assert weights[0] == evidence and weights[-1] == 0 and np.abs(np.diff(weights)).max() < 0.2


def test_passes_have_one_weight_and_class_shares_count():
    labels = np.random.default_rng(0).integers(0, CLASSES, 200)
    voice, shares = ProfileVoice(one_hot(labels, 0.5), 0.8), np.array([0.7, 0.2, 0.1])
    passes = np.stack([one_hot((labels + 1) % CLASSES), one_hot((labels + 2) % CLASSES)])
    mixed, weight = voice.blend(passes, shares, 0.5)
    own = adjust_to_shares(voice.probability, shares, strength=0.5)
    np.testing.assert_allclose(mixed, (1 - weight) * passes + weight * own)
    assert mixed.shape == passes.shape and 0 < weight <= 0.8


def test_profiles_of_a_source_are_calibrated_on_series_they_were_not_fitted_to():
    source = crops((60, 60, 60), seed=0)
    domain = prepare_source(source, 0.3, 0, torch.device("cpu"))
    found = SourceProfiles.of(domain, source)
    target = crops((40, 40, 40), seed=1)
    voice = found.voice(standardise(domain, target.values), target.day)
    assert (voice.probability.argmax(axis=1) == target.labels).mean() > 0.9 and found.evidence > 0.7
    likelihood = found.profiles.log_likelihood(standardise(domain, target.values), target.day)
    np.testing.assert_allclose(voice.probability, softmax(likelihood / found.temperature, axis=1))
    # A gap in one band is one in all.
    gap = target.values[:1].copy()
    gap[0, 2, 0] = np.nan
    assert np.isnan(standardise(domain, gap)[0, 2]).all() and np.isfinite(standardise(domain, gap)[0, 3]).all()
