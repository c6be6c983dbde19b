"""The distilled model: its training, the threshold of its use, what the map reports, and when it is not used."""

from dataclasses import replace
from html import unescape

import numpy as np
import pytest
import torch
from osgeo import gdal

from engine.imagery import LabelLayer, Stack, describe, sample_labels
from engine.mapping import classifier_plan, distill
from engine.mapping.classify import MIN_BATCH, ModelClassifier, StudentClassifier, batches
from engine.methods import fit
from engine.models.student import DistilledClassifier, new_student
from engine.models.trained import TrainedModel
from engine.progress import Progress
from engine.tasks import Job, run
from tests.helpers.facts import lacking, numbers
from tests.helpers.scenes import make_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.mktemp("scene"), side=120)


@pytest.fixture(scope="module")
def model(scene):
    with Stack(describe([str(scene.source)]), "source") as stack:
        source = sample_labels(LabelLayer(str(scene.labels), "fields", "crop"), stack, 0, 200)
    return fit("source_only", source, source.without_labels(), 0, options={"source_steps": 150})


def pixels_of(scene):
    with Stack(describe([str(scene.target)]), "target") as stack:
        window = stack.tiles(10**9)[0]
        values = stack.read(window)
        return values.reshape(-1, *values.shape[2:])[np.isfinite(values).all(axis=3).any(axis=2).ravel()], stack.day


@pytest.fixture(scope="module")
def taught(scene, model):
    """Pixels of the target, their days, and a student of half of them."""
    pixels, day = pixels_of(scene)
    train, held = pixels[::2], pixels[1::2]
    answers = [classifier_plan.predict_parallel(model, part, day, lambda: None) for part in (train, held)]
    return (
        pixels,
        day,
        distill.distill(model, day, distill.StudentData(train, answers[0], held, answers[1]), 0, Progress()),
    )


def test_asking_the_teacher_below_a_probability_reaches_the_goal_with_the_fewest_questions():
    top = np.array([0.9, 0.5, 0.6, 0.95, 0.7, 0.8, 0.99, 0.55, 0.85, 0.65])
    wrong = np.array([0, 1, 0, 0, 1, 0, 0, 1, 0, 0], bool)  # at .5, .55 and .7
    # One wrong pixel in ten is allowed: those up to .55 go to the teacher, two of ten.
    assert distill.choose_threshold(top, wrong, 0.9) == pytest.approx((0.55, 0.9, 0.2))
    # None is: everything up to .7 goes to the teacher.
    assert distill.choose_threshold(top, wrong, 1.0) == pytest.approx((0.7, 1.0, 0.5))
    # All three are: nothing does.
    assert distill.choose_threshold(top, wrong, 0.7) == pytest.approx((0.0, 0.7, 0.0))


def test_pixels_with_gaps_on_the_same_dates_go_together_and_none_is_lost():
    rng = np.random.default_rng(0)
    # Three clouds over 70 dates (more than a word of bits has), and pixels with gaps of their own.
    clouds = rng.random((3, 70)) < 0.4
    hidden = np.concatenate([clouds[rng.integers(3, size=900)], rng.random((40, 70)) < 0.4])[rng.permutation(940)]
    pixels = np.where(hidden[:, :, None], np.nan, rng.random((940, 70, 2))).astype(np.float32)
    found = list(batches(pixels, 128))
    assert sorted(np.concatenate(found)) == list(range(940)) and max(map(len, found)) <= 128
    uniform = [len(np.unique(hidden[part], axis=0)) == 1 for part in found]
    assert sum(len(part) for part, same in zip(found, uniform) if same) == 900
    assert [same for part, same in zip(found, uniform) if len(part) >= MIN_BATCH].count(False) == 0
    whole = np.zeros((300, 70, 2), np.float32)
    assert [range(300)[part] for part in batches(whole, 128)] == [range(128), range(128, 256), range(256, 300)]
    assert list(batches(whole[:0], 128)) == []


@pytest.mark.slow
def test_the_order_in_which_pixels_are_classified_changes_nothing(scene, model):
    pixels, day = pixels_of(scene)
    pixels = pixels.copy()
    pixels[::3, 1] = pixels[1::5, 2] = np.nan
    wanted = model.predict_proba(pixels, day)
    found = ModelClassifier(model, day).classify(pixels, lambda count: None)
    sure = np.sort(wanted, axis=1)
    clear = sure[:, -1] - sure[:, -2] > 1e-4
    assert clear.mean() > 0.99 and (found.best == wanted.argmax(axis=1))[clear].all()
    assert np.abs(found.percent - 100 * wanted.max(axis=1)).max() < 0.51


@pytest.mark.slow
def test_a_student_gives_its_teachers_class_on_pixels_it_never_saw_and_is_asked_for_few(taught, model):
    pixels, day, student = taught
    fast, exact = (
        c.classify(pixels[1::2], lambda n: None)
        for c in (StudentClassifier(student, ModelClassifier(model, day)), ModelClassifier(model, day))
    )
    agreement = (fast.best == exact.best).mean()
    assert agreement >= 0.985 and agreement == pytest.approx(student.agreement, abs=0.01)
    assert (
        fast.exact / len(pixels[1::2]) == pytest.approx(student.fallback_share, abs=1e-9)
        and student.fallback_share < 0.2
    )
    assert np.abs(fast.percent - exact.percent).mean() < 8
    assert fast.checked > 0 and fast.agreed <= fast.checked


@pytest.mark.slow
def test_where_it_sees_no_date_of_its_own_the_teacher_is_asked(taught, model):
    pixels, day, student = taught
    blind = pixels[:50].copy()
    blind[:, student.dates] = np.nan
    blind[:, 0] = 0.3  # one observation, outside of what the student below reads
    few = replace(student, dates=student.dates[1:], network=new_student(model, day[1:], 16)[0])
    found = StudentClassifier(few, ModelClassifier(model, day)).classify(blind, lambda n: None)
    assert found.exact == 50
    np.testing.assert_array_equal(found.best, ModelClassifier(model, day).classify(blind, lambda n: None).best)


def test_its_inputs_are_the_standardised_values_zero_at_gaps_and_which_dates_were_seen(model):
    network, dates = new_student(model, model.calendar.first + np.array([0.0, 20.0, 40.0], np.float32), 8)
    values = torch.tensor([[[0.1, 0.2], [float("nan"), 0.3], [0.5, 1e6]]])
    inputs = network.inputs(values)[0].numpy()
    mean, std = model.statistics.mean, model.statistics.std
    first = (np.array([0.1, 0.2]) - mean) / std
    last = np.clip((np.array([0.5, 1e6]) - mean) / std, -8, 8)
    np.testing.assert_allclose(inputs, [*first, 0, 0, *last, 1, 0, 1], rtol=1e-4, atol=1e-5)
    assert dates.tolist() == [0, 1, 2]


@pytest.mark.slow
def test_a_saved_student_says_the_same_to_the_last_bit(taught, tmp_path):
    pixels, _, student = taught
    student.save(tmp_path / "student.safetensors")
    again = DistilledClassifier.load(tmp_path / "student.safetensors", torch.device("cpu"))
    np.testing.assert_array_equal(again.predict_proba(pixels[:200]), student.predict_proba(pixels[:200]))
    assert (again.confidence_threshold, again.agreement, again.fallback_share) == (
        student.confidence_threshold,
        student.agreement,
        student.fallback_share,
    )
    with pytest.raises(ValueError):
        (tmp_path / "cut.safetensors").write_bytes((tmp_path / "student.safetensors").read_bytes()[:500])
        DistilledClassifier.load(tmp_path / "cut.safetensors", torch.device("cpu"))


def test_a_mixture_lies_between_its_pixels_and_keeps_the_gaps_of_the_first():
    pixels = np.array([[[0.0], [np.nan], [1.0]], [[2.0], [3.0], [np.nan]]], np.float32)
    mixed = distill.mix_pixels(pixels, 200, np.random.default_rng(0))
    assert (mixed[:, 0] >= 0).all() and (mixed[:, 0] <= 2).all() and len(np.unique(mixed[:, 0])) > 50
    of_first = mixed[np.isnan(mixed[:, 1, 0])]  # the first pixel was the one that is not seen on the second date
    assert (of_first[:, 0] <= 1.0).all() and np.isfinite(mixed[:, 2]).any()


def job_of(scene, model, tmp_path, name, **more):
    path = tmp_path / "model.safetensors"
    model.save(path)
    return Job(output=str(tmp_path / name), target=describe([str(scene.target)]), use_model=str(path), **more)


@pytest.mark.slow
def test_a_large_map_is_left_to_the_fast_network_and_says_how_well_it_agrees(scene, model, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_plan, "MIN_MAP_PIXELS", 1000)
    monkeypatch.setattr(classifier_plan, "TRAIN_PIXELS", 5000)
    fast = run(job_of(scene, model, tmp_path, "fast.tif", report=str(tmp_path / "fast.html")), Progress()).summary
    exact = run(job_of(scene, model, tmp_path, "exact.tif", exact=True), Progress()).summary
    planes = [gdal.Open(str(tmp_path / name)).ReadAsArray() for name in ("fast.tif", "exact.tif")]
    assert (planes[0] == planes[1]).mean() >= 0.98
    mapping = fast["mapping"]
    assert not lacking(mapping["way"], f"{mapping['agreement']:.1%}", f"{mapping['asked']:.1%}")
    assert mapping["map_checked_pixels"] > 10 and mapping["map_agreement"] >= 0.9
    assert mapping["map_asked"] == pytest.approx(mapping["asked"], abs=0.05)
    assert set(exact["mapping"]) == {"way"} and numbers(exact["mapping"]["way"]) == []
    assert mapping["way"] in unescape((tmp_path / "fast.html").read_text("utf-8"))
    # Once more: the same map to the last byte.
    again = run(job_of(scene, model, tmp_path, "again.tif"), Progress()).summary
    assert again["mapping"]["agreement"] == mapping["agreement"]
    np.testing.assert_array_equal(gdal.Open(str(tmp_path / "again.tif")).ReadAsArray(), planes[0])


def test_a_small_map_is_not_worth_a_student(scene, model, tmp_path):
    mapping = run(job_of(scene, model, tmp_path, "map.tif"), Progress()).summary["mapping"]
    assert set(mapping) == {"way"} and numbers(mapping["way"]) == ["14,400"]


@pytest.mark.slow
def test_a_student_that_has_to_ask_too_often_is_not_used(scene, model, monkeypatch):
    monkeypatch.setattr(classifier_plan, "MIN_MAP_PIXELS", 1000)
    monkeypatch.setattr(TrainedModel, "predict_proba", noise)
    monkeypatch.setattr(classifier_plan, "TRAIN_PIXELS", 5000)
    with Stack(describe([str(scene.target)]), "target") as stack:
        plan = classifier_plan.plan_classifier(model, stack, None, False, 0, Progress())
    assert plan.student is None and plan.metrics["asked"] > 0.5
    assert not lacking(plan.description, f"{plan.metrics['agreement']:.1%}", f"{plan.metrics['asked']:.1%}")


def noise(self, values, day):
    """Classes that nothing in the pixels tells."""
    codes = np.ascontiguousarray(np.nan_to_num(values[:, -1])).view(np.int32).sum(axis=1) % 3
    return np.eye(3, dtype=np.float32)[codes]


def test_pixels_that_were_learnt_from_do_not_judge():
    train = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    held = np.concatenate([train[1:2], train[1:2] + np.float32(0.5)])
    assert classifier_plan._contained(held, train).tolist() == [True, False]


def test_a_mask_is_counted_and_not_guessed(scene, monkeypatch):
    class Corner:
        """A mask of the upper right: no window of the diagonal meets it."""

        def read(self, window):
            rows, columns = np.mgrid[
                window.row : window.row + window.height, window.column : window.column + window.width
            ]
            return (rows < 40) & (columns >= 80)

    monkeypatch.setattr(classifier_plan, "MIN_MAP_PIXELS", 5000)
    with Stack(describe([str(scene.target)]), "target") as stack:
        monkeypatch.setattr(stack, "windows", lambda: stack.tiles(1600))
        assert classifier_plan.pixels_to_map(stack, Corner()) == 1600
