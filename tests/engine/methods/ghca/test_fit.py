"""The methods end to end on synthetic crops whose truth is known."""

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import Cancelled, InputError
from engine.methods import METHODS, fit
from engine.methods.ghca import context as ghca_context
from engine.methods.ghca import fit as ghca
from engine.methods.ghca import training_steps as adaptation
from engine.methods.ghca.safeguards import StageTrust
from engine.progress import Progress
from engine.series import SeriesSet
from tests.helpers.facts import lacking, numbers
from tests.helpers.paths import ROOT
from tests.helpers.scenes import SMALL
from tests.helpers.series import accuracy, crops

pytestmark = pytest.mark.slow

QUICK = {
    **SMALL,
    "source_steps": 150,
    "align_steps": 50,
    "rounds": 2,
    "round_steps": 40,
    "distill_steps": 150,
    "passes": 3,
    "scan_pixels": 150,
}


@pytest.fixture(scope="module")
def source():
    return crops((80, 80, 80), seed=0)


@pytest.fixture(scope="module")
def target():
    """Another sensor, other class shares, and crops that grow six days later."""
    return crops((40, 220, 100), seed=1, gain=0.55, offset=0.25, delay=6.0)


@pytest.fixture(scope="module")
def fitted(source, target):
    """GHCA's model, and what its members predict together before the small network is learnt from them."""
    kept = []
    build = ghca.build_model

    def remember(context, outcome, joint):
        kept.append(joint)
        return build(context, outcome, joint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ghca, "build_model", remember)
        model = fit("ghca", source, target, 0, Progress(), QUICK)
    return model, kept[0]


@pytest.fixture(scope="module")
def adapted(fitted):
    return fitted[0]


def test_ghca_beats_source_only_across_sensors_and_class_shares(source, target, adapted):
    alone = fit(
        "source_only", source, target, 0, Progress(), {"width": 32, "layers": 2, "batch": 32, "source_steps": 150}
    )
    assert accuracy(alone, source) > 0.97
    assert accuracy(adapted, target) > max(0.93, accuracy(alone, target) + 0.03)


def test_class_shares_of_the_target_are_found(target, adapted):
    true = np.bincount(target.labels) / len(target)
    found = np.array([adapted.summary["class_shares"][name] for name in target.classes])
    assert np.abs(found - true).max() < 0.1


def test_the_summary_tells_what_happened(adapted):
    summary = adapted.summary
    assert summary["stages"][0]["stage"] == list(METHODS["ghca"].stages)[0]
    assert len(summary["pseudo_labels"]) == 2 and summary["pseudo_labels"][1]["accepted"]["late"] > 50
    assert summary["source_validation"]["accuracy"] > 0.9 and summary["source_validation"]["samples"] > 20
    assert summary["statistics"] == "matched" and summary["doubts"] == []
    assert summary["voices"] == {"Learning from pseudo-labels": 1.0}


def test_the_labels_of_the_target_change_nothing_and_the_seed_fixes_everything_else(source, target, adapted):
    liar = replace(target, labels=np.full(len(target), 2))
    again = fit("ghca", source, liar, 0, Progress(), QUICK)
    np.testing.assert_array_equal(
        again.predict_proba(target.values, target.day), adapted.predict_proba(target.values, target.day)
    )
    assert again.model_id == adapted.model_id


def test_another_seed_gives_another_model(source, target):
    first, second = (fit("source_only", source, target, seed, Progress(), {"source_steps": 3}) for seed in (0, 1))
    assert first.model_id != second.model_id


def test_an_injected_shift_is_found_undone_in_mapping_and_none_is_invented(source):
    few = {**QUICK, "align_steps": 4, "rounds": 0}
    for shift in (20.0, -25.0):
        target = crops((90, 60, 90), seed=2, shift=shift)
        model = fit("ghca", source, target, 0, Progress(), few)
        assert model.shift_days == pytest.approx(-shift, abs=5)
        assert accuracy(model, target) > 0.95
    assert fit("ghca", source, crops((90, 60, 90), seed=2), 0, Progress(), few).shift_days == 0


def test_known_class_shares_are_used_as_they_are(source, target):
    known = {"early": 0.11, "late": 0.61, "long": 0.28}
    model = fit("ghca", source, target, 0, Progress(), {**QUICK, "steps_scale": 0.1, "class_shares": known})
    assert model.summary["class_shares"] == pytest.approx(known, abs=0.01)
    # Trusted whole, as estimated ones are not: the map follows them as Bayes' rule has it.
    assert np.ptp(model.log_shares) == pytest.approx(np.log(0.61 / 0.11), abs=0.02)
    with pytest.raises(InputError) as raised:
        fit("ghca", source, target, 0, Progress(), {"class_shares": {"early": 1.0}})
    assert raised.value.code == "option" and not lacking(raised.value.message, "class_shares", *known)


@pytest.mark.parametrize("pixels", [1, 40])
def test_a_tiny_target_and_a_tiny_source_still_give_a_model(pixels):
    source = crops((5, 5), seed=3, names=("early", "late"))
    target = crops((60, 60), seed=4, names=("early", "late")).take(np.arange(120)[:: 120 // pixels][:pixels])
    progress = Progress()
    model = fit(
        "ghca", source, target, 0, progress, {**QUICK, "source_steps": 120, "align_steps": 10, "round_steps": 5}
    )
    assert np.isfinite(model.predict_proba(target.values, target.day)).all()
    assert accuracy(model, crops((40, 40), seed=5, names=("early", "late"))) > 0.8
    if pixels < 30:
        assert numbers(progress.warnings[0]) == [str(pixels)]
        assert not model.log_shares.any()


def test_one_date_and_one_band_are_enough_to_run():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    values = (labels + rng.normal(0, 0.2, 40)).astype(np.float32)[:, None, None]
    source = SeriesSet(values, np.array([150.0], np.float32), ("NDVI",), labels, ("bare", "green"))
    model = fit(
        "ghca", source, source, 0, Progress(), {**QUICK, "source_steps": 60, "align_steps": 10, "round_steps": 5}
    )
    assert accuracy(model, source) > 0.9


def test_a_target_of_crops_the_source_does_not_know_does_not_break_the_known_ones(source):
    """A third of the target is bare soil, which is no crop of the source."""
    target = crops((60, 120, 60), seed=6, gain=1.1)
    bare = crops((120, 0, 0), seed=7)
    bare = replace(
        bare,
        values=(0.22 + 0.0 * bare.values + np.random.default_rng(0).normal(0, 0.02, bare.values.shape)).astype(
            np.float32
        ),
    )
    both = replace(target, values=np.concatenate([target.values, bare.values]), labels=None, classes=(), group=None)
    model = fit("ghca", source, both, 0, Progress(), QUICK)
    assert accuracy(model, target) > 0.93


@pytest.mark.parametrize("trust", [0.0, 0.4])
def test_where_the_stages_do_harm_the_source_models_keep_a_voice(source, target, monkeypatch, trust):
    kept = []
    distill = ghca.distill_members

    def remember(context, outcome, joint, generator):
        kept.append((context, outcome, joint))
        return distill(context, outcome, joint, generator)

    monkeypatch.setattr(ghca, "distill_members", remember)
    made_up = lambda now, before, classes: StageTrust(trust, f"{now.stage}: made up.")  # noqa: E731
    monkeypatch.setattr(ghca_context, "stage_trust", made_up)
    monkeypatch.setattr(ghca, "stage_trust", made_up)
    progress = Progress()
    model = fit("ghca", source, target, 0, progress, {**QUICK, "rounds": 1, "steps_scale": 0.1})
    weight = 0.5 + 0.5 * trust
    [(context, outcome, joint)] = kept
    assert [voice.weight for voice in outcome.voices] == pytest.approx([weight, 1 - weight])
    assert list(model.summary["voices"].values()) == pytest.approx([weight, 1 - weight], abs=1e-3)
    tensors = outcome.target.tensors(context)
    each = [context.member_probabilities(voice.checkpoint, tensors).mean(axis=0) for voice in outcome.voices]
    np.testing.assert_allclose(joint, weight * each[0] + (1 - weight) * each[1], rtol=1e-6)
    assert sum("made up" in warning for warning in progress.warnings) == len(model.summary["doubts"]) == 3


def test_stages_are_reported_in_their_order_and_cancel_stops_at_once(source, target):
    events = []
    progress = Progress(events.append)
    progress.plan(METHODS["ghca"].stages)
    fit("ghca", source, target, 0, progress, {**QUICK, "steps_scale": 0.05})
    assert [e["name"] for e in events if e["event"] == "stage"] == list(METHODS["ghca"].stages)
    for stage in METHODS["ghca"].stages:
        entered = []
        seen = []

        def note(event, entered=entered):
            entered.append(event.get("name"))

        def cancelled(stage=stage, entered=entered, seen=seen):
            seen.append(stage in entered)
            return seen[-1]

        with pytest.raises(Cancelled):
            fit("ghca", source, target, 0, Progress(note, cancelled), {**QUICK, "steps_scale": 0.05})
        assert sum(seen) == 1


def test_bad_input_is_named(source, target):
    def refused(*arguments, **options):
        with pytest.raises(InputError) as raised:
            fit(*arguments, 0, Progress(), options)
        return raised.value

    assert refused("magic", source, target).code == "method"
    assert refused("ghca", source, target, stepps=1).code == "option"
    none = refused("ghca", source, target, passes=0)
    assert none.code == "option" and not lacking(none.message, "passes", 0)
    few = source.take(np.concatenate([np.arange(4), np.arange(80, 240)]))
    error = refused("ghca", few, target)
    assert error.code == "few-samples" and not lacking(error.message, "early", 4)
    assert refused("ghca", source.take(source.labels == 1), target).code == "one-class"
    error = refused("ghca", source, target.with_bands(["NIR"]))
    assert error.code == "bands-differ" and not lacking(error.message, "RED")
    unseen = replace(target, values=np.full_like(target.values, np.nan))
    assert refused("ghca", source, unseen).code == "all-nodata"


def test_mixed_precision_learns_the_same_crops(source, target, monkeypatch):
    """What a graphics card does, on a CPU: the same code in bfloat16."""
    from engine.models import device

    monkeypatch.setattr(device, "half_precision", lambda used: True)
    model = fit("ghca", source, target, 0, Progress(), QUICK)
    assert accuracy(model, target) > 0.93
    logits, features = model.network(torch.zeros(2, 4, 2), torch.ones(2, 4, dtype=torch.bool), torch.arange(4.0))
    assert {logits.dtype, features.embedding.dtype, *(p.dtype for p in model.network.parameters())} == {torch.float32}
    monkeypatch.undo()
    exact, _ = model.network(torch.zeros(2, 4, 2), torch.ones(2, 4, dtype=torch.bool), torch.arange(4.0))
    assert 0 < (exact - logits).abs().max() < 0.2


def test_listing_the_methods_does_not_import_torch():
    code = "import sys; from engine.methods import METHODS; sys.exit('torch' in sys.modules or not METHODS)"
    root = str(ROOT)
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0


def test_the_model_is_a_small_network_that_says_what_the_members_say_together(target, fitted):
    adapted, joint = fitted
    assert (adapted.network.size.width, adapted.network.size.layers, adapted.network.size.heads) == (16, 2, 2)
    assert adapted.summary["condensed"]["agreement"] > 0.95
    together = joint.argmax(axis=1)
    said = adapted.predict_proba(target.values, target.day).argmax(axis=1)
    order = np.sort(np.random.default_rng([0, 1]).permutation(len(target))[:3000])
    assert (said[order] == together).mean() > 0.93
    # It is judged by the mean of what it says under equal class shares.
    equal = replace(adapted, log_shares=np.zeros_like(adapted.log_shares))
    shares = equal.predict_proba(target.values, target.day)[order].mean(axis=0)
    judged = next(row for row in adapted.summary["stages"] if row["stage"] == "Distilling the network")
    assert list(judged["class_shares"].values()) == pytest.approx(shares.tolist(), abs=1e-3)


def test_without_distillation_the_model_is_a_member(source, target):
    member = fit("ghca", source, target, 0, Progress(), {**QUICK, "steps_scale": 0.1, "distill_steps": 0})
    assert member.network.size.width == QUICK["width"] and member.summary["condensed"] == {}


PARTS = {
    "alignment": 0.0,
    "alignment_late": 0.0,
    "hierarchical": False,
    "adversary": 0.0,
    "contrast": 0.0,
    "prototypes": 0.0,
    "mixup_min_weight": 1.0,
    "members": 1,
    "aligned_share_error": 0.0,
    "prior_strength": 1.0,
    "rounds": 0,
    "match_statistics": False,
    "distill_steps": 0,
}


def test_each_part_that_an_ablation_leaves_out_has_a_say_in_the_model(source, target, monkeypatch):
    options = {**QUICK, "steps_scale": 0.05, "find_shift": False, "passes": 2, "width": 16, "target_pixels": 120}
    models = {None: fit("ghca", source, target, 0, Progress(), options)}
    models |= {name: fit("ghca", source, target, 0, Progress(), {**options, name: PARTS[name]}) for name in PARTS}
    weights = {b"".join(p.numpy().tobytes() for p in m.network.state_dict().values()) for m in models.values()}
    assert len(weights) == len(PARTS) + 1
    assert models[None].summary["statistics"] == "matched"
    assert models["match_statistics"].summary["statistics"] == "source"


def test_a_shift_is_left_alone_where_none_is_to_be_found(source):
    options = {**QUICK, "align_steps": 4, "rounds": 0, "find_shift": False}
    assert fit("ghca", source, crops((90, 60, 90), seed=2, shift=20.0), 0, Progress(), options).shift_days == 0


class Told(Progress):
    """Keeps how far each stage was said to be."""

    def __init__(self):
        super().__init__()
        self.told = {}

    def stage(self, name):
        self.told[name] = []
        super().stage(name)

    def update(self, fraction):
        self.told[self._stage].append(fraction)
        super().update(fraction)


def test_the_model_is_the_same_on_one_core_and_on_two(monkeypatch):
    """The two students learn in threads where there are cores for them, each with random numbers of its own."""
    from engine.models import device

    source, target = crops((30, 30, 30), seed=0, every=10), crops((30, 60, 40), seed=1, every=10)
    threads, models = set(), []
    step = adaptation.Student.round_step

    def note(student, *arguments):
        threads.add(threading.get_ident())
        step(student, *arguments)

    monkeypatch.setattr(adaptation.Student, "round_step", note)
    for cores in (1, 2):
        threads.clear()
        monkeypatch.setattr(device, "core_count", lambda cores=cores: cores)
        progress = Told()
        models.append(fit("ghca", source, target, 0, progress, {**QUICK, "steps_scale": 0.1}))
        assert (threads == {threading.get_ident()}) == (cores == 1)
        for stage in ("Aligning the features", "Learning from pseudo-labels"):
            told = progress.told[stage]
            assert told == sorted(told) and told[-1] > 0.7
            assert cores == 2 or max(np.diff(told)) < 0.11  # five steps, of two students in turn
    assert models[0].model_id == models[1].model_id
    assert models[0].network.size.dates_per_token == 2


def test_cancel_stops_both_students_in_their_threads(source, target, monkeypatch):
    from engine.models import device

    taken = []
    step = adaptation.Student.align_step

    def note(student, *arguments):
        taken.append(threading.get_ident())
        step(student, *arguments)

    monkeypatch.setattr(adaptation.Student, "align_step", note)
    monkeypatch.setattr(device, "core_count", lambda: 2)
    with pytest.raises(Cancelled):
        fit("ghca", source, target, 0, Progress(cancelled=lambda: len(taken) >= 6), {**QUICK, "source_steps": 5})
    assert len(set(taken)) == 2 and 6 <= len(taken) <= 8
