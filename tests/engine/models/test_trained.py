"""A model's predictions and its file: gaps say nothing, a file gives back what was saved or says why not."""

import json
import re
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.models import TrainedModel
from engine.models.encoder import CropNetwork, NetworkSize
from engine.models.networks import build_network, size_to_json
from engine.models.standardise import Statistics
from engine.models.trained import Calendar
from engine.series.magnitudes import Magnitude

DAY = np.arange(100, 260, 16, dtype=np.float32)


@pytest.fixture(scope="module", params=[1, 2], ids=["date by date", "dates in pairs"])
def model(request):
    torch.manual_seed(0)
    size = NetworkSize(bands=2, classes=3, width=16, layers=2, heads=2, dates_per_token=request.param)
    network = CropNetwork(size).eval()
    return TrainedModel(
        network=network,
        classes=("maize", "Müsli", "soy"),
        bands=("B04", "B08"),
        method="ghca",
        seed=3,
        calendar=Calendar(100, 244, 16),
        statistics=Statistics(np.array([0.1, 0.3]), np.array([0.05, 0.1])),
        shift_days=-4.0,
        temperature=1.3,
        log_shares=np.log(np.array([0.5, 0.3, 0.2]) * 3),
        summary={"class_shares": {"maize": 0.5}},
        magnitudes={"B04": Magnitude(0.02, 0.05, 0.12, 0.05, 0.12), "B08": Magnitude(0.2, 0.3, 0.5, 0.3, 0.5)},
    )


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 0.5, size=(300, len(DAY), 2)).astype(np.float32)
    values[rng.random(values.shape[:2]) < 0.3] = np.nan
    values[7] = np.nan
    return values


def test_the_size_in_a_model_file_keeps_the_keys_of_the_first_version(model):
    """Files of the first version load, and the same model keeps its id."""
    keys = {"bands", "classes", "width", "layers", "heads", "projection", "dropout", "together"}
    written = size_to_json(model.network.size)
    assert written.keys() == keys and written["together"] == model.network.size.dates_per_token
    assert build_network("attention", written).size == model.network.size


def test_probabilities_sum_to_one_and_an_unseen_pixel_has_none(model, values):
    p = model.predict_proba(values, DAY)
    assert p.shape == (300, 3) and p.dtype == np.float32
    assert np.isnan(p[7]).all()
    np.testing.assert_allclose(np.delete(p, 7, axis=0).sum(axis=1), 1, atol=1e-5)


def test_a_pixel_is_classified_alike_alone_and_among_others(model, values):
    np.testing.assert_allclose(model.predict_proba(values[5:6], DAY), model.predict_proba(values, DAY)[5:6], atol=1e-6)


def test_dates_on_which_nothing_was_seen_change_nothing(model, values):
    expected = model.predict_proba(values, DAY)
    day = np.sort(np.concatenate([DAY, DAY + 5]))
    padded = np.full((300, len(day), 2), np.nan, np.float32)
    padded[:, ::2] = values
    np.testing.assert_array_equal(model.predict_proba(padded, day), expected)


def test_a_date_with_one_band_missing_counts_as_unseen(model, values):
    half = values.copy()
    half[0, np.flatnonzero(np.isfinite(values[0, :, 0]))[0], 1] = np.nan
    gone = values.copy()
    gone[0, np.isnan(half[0]).any(axis=1)] = np.nan
    np.testing.assert_array_equal(model.predict_proba(half, DAY), model.predict_proba(gone, DAY))
    assert not np.array_equal(model.predict_proba(half, DAY)[0], model.predict_proba(values, DAY)[0])


def test_the_network_ignores_whatever_stands_at_a_gap(model):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 10, 2, generator=generator)
    observed = torch.rand(4, 10, generator=generator) > 0.4
    observed[:, 0] = True
    day = torch.from_numpy(DAY)
    with torch.no_grad():
        expected, _ = model.network(x, observed, day)
        other, _ = model.network(torch.where(observed[..., None], x, torch.full_like(x, float("nan"))), observed, day)
    assert torch.equal(expected, other)


def test_the_year_of_a_stack_does_not_matter(model, values):
    np.testing.assert_array_equal(model.predict_proba(values, DAY + 365), model.predict_proba(values, DAY))


def test_dates_out_of_the_source_season_are_left_out_while_others_are_there(model, values):
    day = np.concatenate([DAY, [300.0]]).astype(np.float32)
    late = np.concatenate([values, np.full((300, 1, 2), 0.4, np.float32)], axis=1)
    known, found = model.predict_proba(values, DAY), model.predict_proba(late, day)
    np.testing.assert_allclose(np.delete(found, 7, axis=0), np.delete(known, 7, axis=0), atol=1e-6)
    assert np.isfinite(model.predict_proba(late, day)[7]).all()


def test_packing_the_dates_of_cloudy_series_changes_nothing(model, values, monkeypatch):
    cloudy = values.copy()
    cloudy[:, 2:8][np.random.default_rng(1).random((300, 6)) < 0.7] = np.nan
    packed = model.predict_proba(cloudy, DAY)
    monkeypatch.setattr("engine.models.trained.PACK_BELOW", 0.0)
    np.testing.assert_allclose(packed, model.predict_proba(cloudy, DAY), atol=1e-6)


def test_values_that_do_not_fit_the_bands_are_refused(model, values):
    one = values[:, :, :1]
    with pytest.raises(ValueError, match=re.escape(str(one.shape))):
        model.predict_proba(one, DAY)


def test_a_saved_model_comes_back_bit_by_bit(model, values, tmp_path):
    model.save(tmp_path / "m.safetensors")
    back = TrainedModel.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(back.predict_proba(values, DAY), model.predict_proba(values, DAY))
    for name in ("classes", "bands", "method", "seed", "shift_days", "calendar", "summary", "model_id", "magnitudes"):
        assert getattr(back, name) == getattr(model, name), name


def test_a_model_of_an_earlier_version_has_no_magnitudes_and_loads(model, values, tmp_path):
    path = tmp_path / "m.safetensors"
    model.save(path)
    tampered(path, lambda meta, content: content.pop("magnitudes"))
    back = TrainedModel.load(path)
    assert back.magnitudes == {} and back.model_id == model.model_id


def test_the_id_follows_weights_and_settings(model):
    assert replace(model, shift_days=0.0).model_id != model.model_id
    assert replace(model, summary={}).model_id == model.model_id
    assert len(model.model_id) == 16


def tampered(path, change):
    """Rewrite the JSON metadata of a model file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    content = json.loads(header["__metadata__"]["model"])
    change(header["__metadata__"], content)
    header["__metadata__"]["model"] = json.dumps(content)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"not a model"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes()[:40]),
        lambda path: path.unlink(),
        lambda path: tampered(path, lambda meta, content: meta.update(format="other")),
        lambda path: tampered(path, lambda meta, content: content.pop("mean")),
        lambda path: tampered(path, lambda meta, content: content["classes"].append("more")),
        lambda path: tampered(path, lambda meta, content: content["size"].update(width=2**30)),
        lambda path: tampered(path, lambda meta, content: content["size"].update(width=32)),
        lambda path: tampered(path, lambda meta, content: content.update(std=[0.0, 1.0])),
        lambda path: tampered(path, lambda meta, content: content.update(magnitudes={"B04": [0.1, 0.2]})),
        lambda path: tampered(path, lambda meta, content: content.update(temperature=float("nan"))),
    ],
)
def test_anything_else_is_refused_by_name(model, tmp_path, spoil):
    path = tmp_path / "broken.safetensors"
    model.save(path)
    spoil(path)
    with pytest.raises(InputError) as raised:
        TrainedModel.load(path)
    assert raised.value.code == "model-unreadable" and "broken.safetensors" in raised.value.message


def test_a_folder_is_not_a_model(tmp_path):
    with pytest.raises(InputError) as raised:
        TrainedModel.load(tmp_path)
    assert raised.value.code == "model-unreadable"
