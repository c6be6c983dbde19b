"""What a comparison says of its runs: scores, gaps, folds of the oracle, feature maps, the page."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from engine.errors import InputError
from engine.evaluation.feature_projection import feature_map
from engine.evaluation.oracle import cross_validate, oracle_folds
from engine.evaluation.ranking import (
    MeanStd,
    add_gaps,
    describe_results,
    gap_closed,
    mean_over,
    method_title,
    summarize_methods,
)
from engine.evaluation.run_method import options_of
from engine.evaluation.transfers import Transfer, pack, score, unpack
from engine.methods import METHODS, fit
from engine.progress import Progress
from engine.reports.comparison_report import ComparisonPage, write_comparison_report
from engine.series import SeriesSet
from engine.tasks.storage.comparison_log import ComparisonLog, content_digest
from tests.helpers.facts import lacking, numbers

CROPS = ("maize", "<wheat> & rye", "soy")
DAY = np.arange(20, 300, 20, dtype=np.float32)


def series(count, seed, classes=CROPS, group=None):
    """Series of crops that peak at different times."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(classes)
    peak = 80 + 60 * labels[:, None] + rng.normal(0, 5, (count, 1))
    green = 0.2 + 0.6 * np.exp(-(((DAY - peak) / 30) ** 2)) + rng.normal(0, 0.02, (count, len(DAY)))
    values = np.stack([green, 0.4 - 0.3 * green], axis=2).astype(np.float32)
    return SeriesSet(values, DAY, ("NIR", "RED"), labels, classes, group)


@pytest.fixture
def transfer():
    return Transfer.of("north to south", series(60, 0), series(45, 1))


def row(method, seed, oa, macro_f1=None, transfer="T", **more):
    plain = {"kappa": oa, "f1_per_class": {"a": oa, "b": None}, "confusion": None, "fit_seconds": 1.0, "notes": []}
    plain |= {"predict_seconds": 0.1, "peak_memory_mb": 300, "code": "c", "options": {}}
    return {"transfer": transfer, "method": method, "seed": seed, "oa": oa, "macro_f1": macro_f1 or oa, **plain, **more}


def test_what_a_fit_gets_of_the_target_holds_no_label_no_class_and_no_block():
    target = series(30, 1, group=np.arange(30))
    seen = unpack(pack(target, labels=False))
    assert seen.labels is None and seen.classes == () and seen.group is None
    np.testing.assert_array_equal(seen.values, target.values)
    whole = unpack(pack(target, labels=True))
    np.testing.assert_array_equal(whole.labels, target.labels)
    np.testing.assert_array_equal(whole.group, target.group)
    assert whole.classes == CROPS and whole.bands == target.bands


def test_target_classes_in_another_order_are_scored_by_name():
    mixed = series(45, 1)
    order = ("soy", "maize", "<wheat> & rye")
    target = replace(mixed, labels=np.array([order.index(CROPS[i]) for i in mixed.labels]), classes=order)
    transfer = Transfer.of("T", series(60, 0), target)
    assert score(transfer, mixed.labels)["oa"] == 1.0


def test_crops_that_the_source_lacks_are_left_out_and_told():
    target = series(40, 1, (*CROPS, "cotton"))
    target.values[0] = np.nan
    transfer = Transfer.of("T", series(60, 0), target)
    assert len(transfer.target) == 29 and transfer.target.classes == CROPS
    assert list(map(numbers, transfer.notes)) == [["10"], ["1"]] and "cotton" in transfer.notes[0]


def test_a_target_in_another_unit_is_noted_once():
    target = series(45, 1)
    assert Transfer.of("T", series(60, 0), target).notes == ()
    notes = Transfer.of("T", series(60, 0), replace(target, values=target.values * 100)).notes
    assert len(notes) == 1 and not lacking(notes[0], "NIR, RED", "percent")


@pytest.mark.parametrize(
    "change, code",
    [
        (lambda target: target.without_labels(), "no-labels"),
        (lambda target: target.with_bands(["NIR"]), "bands-differ"),
        (lambda target: replace(target, classes=("x", "y", "z")), "classes-differ"),
        (lambda target: replace(target, values=np.full_like(target.values, np.nan)), "all-nodata"),
    ],
)
def test_a_target_that_cannot_be_scored_is_refused_by_name(change, code):
    with pytest.raises(InputError) as raised:
        Transfer.of("north to south", series(60, 0), change(series(45, 1)))
    assert raised.value.code == code


def test_a_class_neither_true_nor_predicted_is_null_in_json():
    transfer = Transfer.of("T", series(60, 0), series(45, 1).take(np.arange(45) % 3 < 2))
    scored = score(transfer, np.zeros(30, np.int64))
    assert scored["f1_per_class"] == {"maize": pytest.approx(2 / 3), "<wheat> & rye": 0.0, "soy": None}
    assert scored["oa"] == 0.5 and scored["macro_f1"] == pytest.approx(1 / 3)
    json.dumps(scored, allow_nan=False)


def test_the_gap_closed_lies_between_source_only_and_the_oracle():
    assert gap_closed(0.9, 0.7, 0.95) == pytest.approx(0.8)
    assert gap_closed(0.6, 0.7, 0.9) == pytest.approx(-0.5)
    assert gap_closed(0.9, 0.90, 0.909) is None and gap_closed(0.9, None, 0.95) is None
    rows = [row("oracle", 0, 0.95), row("rf", 0, 0.75), row("ghca", 0, 0.88), row("ghca", 1, 0.92)]
    rows.append(row("source_only", 0, 0.70))
    add_gaps(rows, summarize_methods(rows))
    assert rows[2]["gap_closed_oa"] == pytest.approx(0.72) and rows[2]["rf_gap_closed_oa"] == pytest.approx(0.65)
    assert rows[0]["gap_closed_oa"] is None and rows[1]["rf_gap_closed_oa"] is None
    found = {one.method: one for one in summarize_methods(rows)}
    assert found["ghca"].gap_closed_oa == pytest.approx(0.8)
    assert found["ghca"].oa.mean == pytest.approx(0.9) and found["ghca"].oa.sd == pytest.approx(0.02 * 2**0.5)
    assert found["rf"].oa.sd is None and found["ghca"].f1_per_class == {"a": pytest.approx(0.9), "b": None}


def test_a_figure_stands_with_its_spread_where_it_has_one():
    assert MeanStd.of([0.5, 0.7]).text() == "0.600 ± 0.141"
    assert MeanStd.of([0.5]).text() == "0.500" and MeanStd.of([1234.5]).text(1) == "1,234.5"
    assert MeanStd.of([]) is None


def test_a_mean_over_transfers_needs_the_method_on_each_of_them():
    rows = [row(method, 0, oa, transfer=where) for method in ("oracle", "rf") for where, oa in (("T", 0.8), ("U", 0.6))]
    rows.append(row("ghca", 0, 0.9))
    assert mean_over(summarize_methods(rows), ["T", "U"], "oa") == pytest.approx({"oracle": 0.7, "rf": 0.7})
    assert mean_over(summarize_methods(rows), ["T"], "oa")["ghca"] == 0.9


def test_a_failed_run_takes_no_part_in_the_means():
    bad = row("rf", 1, 0.5, notes=["Failed: no memory"]) | {"oa": None, "macro_f1": None, "f1_per_class": None}
    [found] = summarize_methods([row("rf", 0, 0.8), bad])
    assert (found.runs, found.failed, found.oa.mean, found.notes) == (1, 1, 0.8, ("Failed: no memory",))
    [none] = summarize_methods([bad])
    assert none.oa is None and none.f1_per_class == {}
    [text] = describe_results([none])
    assert text.startswith("T:") and numbers(text) == []


def named(text):
    """The methods that a text names, in its order."""
    return re.findall(r"GHCA|DANN|RF", text)


def test_the_reading_tells_who_is_first_and_who_does_harm():
    rows = [row("oracle", 0, 0.97), row("source_only", 0, 0.85), row("rf", 0, 0.80), row("ghca", 0, 0.95, 0.90)]
    rows.append(row("dann", 0, 0.93, 0.92))
    [text] = describe_results(summarize_methods(rows))
    assert numbers(text) == ["0.950", "2.0", "0.930", "0.970", "0.920", "83"]
    assert named(text) == ["GHCA", "DANN", "DANN", "GHCA", "RF"]  # first and second, first in macro-F1, the gap, harm
    near = [row("dann", seed, oa) for seed, oa in enumerate((0.90, 0.96))] + [row("ghca", 0, 0.92)]
    [text] = describe_results(summarize_methods(near))
    assert numbers(text) == ["0.930", "1.0", "0.920", "2", "2", "0.920"] and named(text) == ["DANN", "GHCA", "GHCA"]
    [apart] = describe_results(summarize_methods([row("dann", 0, 0.93), row("ghca", 0, 0.92)]))
    assert len(text) > len(apart) and numbers(apart) == numbers(text)  # the spread of the seeds is named besides
    [text] = describe_results(summarize_methods([row("rf", 0, 0.9), row("dann", 0, 0.9), row("ghca", 0, 0.8)]))
    assert named(text) == ["RF", "DANN", "GHCA"] and numbers(text) == ["0.900", "3", "3", "0.800"]
    both = describe_results(summarize_methods([*rows, *(one | {"transfer": "U"} for one in rows)]))
    assert len(both) == 3 and named(both[0]) == ["GHCA", "DANN"] and numbers(both[0]) == ["2", "0.950", "0.930"]


def test_settings_for_one_method_reach_only_it():
    options = {"steps_scale": 0.5, "ghca.rounds": 2}
    assert options_of("ghca", options) == {"steps_scale": 0.5, "rounds": 2}
    assert options_of("rf", options) == {"steps_scale": 0.5}


def test_folds_of_the_oracle_are_whole_blocks_where_they_can_be():
    labels, block = np.arange(120) % 3, np.arange(120) // 6
    folds = oracle_folds(labels, block, 0)
    assert folds.note == "" and sorted(np.concatenate(folds.parts)) == list(range(120))
    assert [len(set(block[part])) for part in folds.parts] == [4] * 5
    assert sum(len(set(block[part])) for part in folds.parts) == 20
    single = oracle_folds(labels, labels, 0)  # each class in one block: what is tested would never be learnt
    unknown = oracle_folds(labels, None, 0)
    assert len(single.parts) == len(unknown.parts) == 5
    few = oracle_folds(np.array([0] * 50 + [1] * 4), None, 0)
    assert few.parts == () and len({folds.note, single.note, unknown.note, few.note}) == 4


def test_the_oracle_does_not_profit_from_neighbours_of_one_block():
    """All pixels of a block look alike and its crop is a coin's toss: only a leak between folds predicts it."""
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(40), 8)
    own = rng.normal(0, 1, (40, len(DAY), 2))[block] + rng.normal(0, 0.01, (320, len(DAY), 2))
    target = SeriesSet(own.astype(np.float32), DAY, ("NIR", "RED"), (rng.permutation(40) % 2)[block], ("a", "b"), block)
    by_block = cross_validate(target, "rf", 0, {"trees": 20}, Progress())
    leaking = cross_validate(replace(target, group=None), "rf", 0, {"trees": 20}, Progress())
    assert (by_block.predicted == target.labels).mean() < 0.7 < 0.95 < (leaking.predicted == target.labels).mean()


def test_one_domain_lies_upon_itself_in_the_feature_map(transfer):
    options = {"source_steps": 20, "width": 16, "layers": 1}
    model = fit("source_only", transfer.source, transfer.source, 0, Progress(), options)
    found = feature_map(model, transfer.source, transfer.source.without_labels())
    source, target = ({i: (x, y) for i, x, y in zip(*found[name].values())} for name in ("source", "target"))
    assert source.keys() == target.keys() == set(range(60))
    np.testing.assert_allclose([source[i] for i in range(60)], [target[i] for i in range(60)], atol=0.01)
    assert 0.3 < found["explained"] <= 1


def test_a_journal_keeps_whole_lines_and_forgets_one_that_was_cut_off(tmp_path):
    journal = ComparisonLog.beside(str(tmp_path / "r.json"))
    assert journal.read() == {}
    journal.add("first", {"oa": 0.9})
    file = tmp_path / "r.json.runs"
    file.write_bytes(file.read_bytes() + b'{"key": "second", "run": {"o')
    journal.add("third", {"oa": 0.7})
    assert journal.read() == {"first": {"oa": 0.9}, "third": {"oa": 0.7}}


def test_any_change_of_the_data_makes_a_run_another(transfer):
    target = transfer.target
    other = {content_digest(transfer.source, changed) for changed in (target, target.take(np.arange(44)))}
    for field, value in (("values", target.values + 1e-3), ("day", target.day + 1), ("labels", target.labels[::-1])):
        other.add(content_digest(transfer.source, replace(target, **{field: value})))
    other.add(content_digest(target, transfer.source))
    assert len(other) == 6 and content_digest(transfer.source, target) in other


class Page(HTMLParser):
    """Counts tags and collects the text of table cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "td":
            self.cells.append(data.strip())


def test_the_page_shows_every_method_with_its_figures_and_pictures(transfer, tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for method in ("oracle", *METHODS):
        for seed in (0, 1):
            predicted = np.where(rng.random(45) < 0.8, transfer.target.labels, 0)
            scored = score(transfer, predicted)
            rows.append(row(method, seed, scored["oa"]) | scored | {"transfer": transfer.name, "method": method})
    for one in rows:
        one["options"] = {"steps_scale": 0.5} | ({"rounds": 2} if one["method"] == "ghca" else {})
    rows[-1] |= dict.fromkeys(("oa", "macro_f1", "kappa", "f1_per_class", "confusion"))
    rows[-1]["notes"] = ["Failed: <it> broke"]
    found = summarize_methods(rows)
    add_gaps(rows, found)
    points = {name: {"index": [0, 1, 2], "x": [0.0, 1.0, 0.5], "y": [0.0, 0.2, 0.1]} for name in ("source", "target")}
    maps = {(transfer.name, method): {**points, "explained": 0.8} for method in ("source_only", "ghca", "dann")}
    path = tmp_path / "page.html"
    page = ComparisonPage("My <test>", [transfer], rows, found, describe_results(found), maps)
    write_comparison_report(path, page, Progress())
    text = path.read_text("utf-8")
    page = Page(text)
    assert page.tags.count("img") == text.count('src="data:image/png;base64,') == 5
    assert "My &lt;test&gt;" in text and "Failed: &lt;it&gt; broke" in text and "<it>" not in text
    for one in found:
        assert any(cell.startswith(method_title(one.method)) for cell in page.cells)
        assert f"{one.oa.mean:.3f}" in text
    assert [(one.method, one.failed) for one in found if one.failed] == [(rows[-1]["method"], 1)]
    assert re.search(r"rounds = 2 \(GHCA\), steps_scale = 0\.5 \(", " ".join(text.split()))
