"""The tables of the bench and the ablations, made from result files with different numbers of seeds."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.facts import lacking, numbers
from tests.helpers.paths import ROOT

CI = ROOT / ".ci"


@pytest.fixture()
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(CI))
    import bench_accuracy

    return bench_accuracy


@pytest.fixture()
def ablations(monkeypatch):
    monkeypatch.syspath_prepend(str(CI))
    import bench_ablations

    return bench_ablations


@pytest.fixture()
def disturbed(monkeypatch):
    monkeypatch.syspath_prepend(str(CI))
    import bench_disturbed

    return bench_disturbed


def row(method, seed, oa, transfer="CA_N2S", **more):
    plain = {"kappa": oa, "f1_per_class": {"a": oa}, "confusion": None, "fit_seconds": 10.0, "predict_seconds": 0.1}
    plain |= {"peak_memory_mb": 300, "code": "c", "options": {}, "notes": [], "prediction_id": str(oa)}
    return {"transfer": transfer, "method": method, "seed": seed, "oa": oa, "macro_f1": oa, **plain, **more}


def write(path, rows):
    path.write_text(json.dumps(rows), "utf-8")
    return path


def cells(text, begin):
    """The cells of each line of a table that begins so."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith(begin)]


def legends(text):
    """The lines below the tables that explain the spread and the mark of one seed."""
    return [line for line in text.splitlines() if "±" in line and r"\*" in line and not line.startswith("|")]


def test_files_of_different_seeds_become_one_table_that_marks_what_rests_on_one(bench, tmp_path):
    first = [
        row(method, 0, oa) for method, oa in (("ghca", 0.90), ("source_only", 0.70), ("rf", 0.60), ("oracle", 1.0))
    ]
    later = [row("ghca", 1, 0.92), row("source_only", 1, 0.72), row("oracle", 1, 1.0)]
    files = [write(tmp_path / f"{n}.json", rows) for n, rows in enumerate(([row("cdan", 0, 0.95)], later, first))]
    text = bench.tables(bench.read_rows(files))
    [beside] = cells(text, "| CA_N2S")
    assert beside[1:5] == ["0.910 ± 0.014, 0.910 ± 0.014", "CDAN 0.950*", "CDAN 0.950*", "0.710 ± 0.014"]
    assert [line[:3] for line in cells(text, "| ") if len(line) == 4][1:] == [
        ["Source only", "0.710 / 0.710", "2"],
        ["RF", "0.600 / 0.600*", "1"],
        ["CDAN", "0.950 / 0.950*", "1"],
        ["GHCA", "0.910 / 0.910", "2"],
        ["Oracle", "1.000 / 1.000", "2"],
    ]
    assert [numbers(line) for line in legends(text)] == [["2"], ["2"]]
    [mean] = [line for line in text.splitlines() if not line.startswith("|") and "GHCA" in line]
    assert not lacking(mean, "GHCA", "0.910", "CDAN", "0.950", "-4.0")


def test_where_all_have_one_seed_nothing_is_marked(bench):
    text = bench.tables([row("ghca", 0, 0.9), row("rf", 0, 0.6)])
    assert "*" not in text and "±" not in text


def test_a_run_in_two_files_counts_once_and_a_contradiction_is_refused(bench, tmp_path):
    failed = row("rf", 0, None, macro_f1=None)
    a = write(tmp_path / "a.json", [row("ghca", 0, 0.9), failed])
    b = write(tmp_path / "b.json", [row("ghca", 0, 0.9), row("rf", 0, 0.6)])
    c = write(tmp_path / "c.json", [row("ghca", 0, 0.8)])
    for files in ([a, b], [b, a]):
        assert [(one["method"], one["oa"]) for one in bench.read_rows(files)] == [("ghca", 0.9), ("rf", 0.6)]
    with pytest.raises(SystemExit) as ended:
        bench.read_rows([a, b, c])
    assert not lacking(str(ended.value), "a.json", "c.json", "'ghca'", 0)
    with pytest.raises(SystemExit) as ended:
        bench.read_rows([tmp_path / "none.json"])
    assert not lacking(str(ended.value), "none.json")


def test_the_page_gets_tables_of_the_default_settings_alone(bench, tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{bench.BEGIN}\nold\n{bench.END}\nafter\n", "utf-8")
    bench.publish("draft", [row("ghca", 0, 0.9, options={"steps_scale": 0.1})], page)
    assert "old" in page.read_text("utf-8") and page.name in capsys.readouterr().err
    bench.publish("new", [row("ghca", 0, 0.9)], page)
    assert page.read_text("utf-8") == f"before\n{bench.BEGIN}\nnew\n{bench.END}\nafter\n"


def test_runs_of_different_code_are_told(bench):
    mixed = bench.tables([row("ghca", 0, 0.9), row("rf", 0, 0.6, code="d")]).splitlines()
    same = bench.tables([row("ghca", 0, 0.9), row("rf", 0, 0.6)]).splitlines()
    assert len([line for line in mixed if line and line not in same]) == 1 and not set(same) - set(mixed)


def test_an_oracle_that_is_not_possible_is_told_as_that(bench, capsys):
    value = row("oracle", 0, None, macro_f1=None, notes=["No oracle: a class has too few samples in the target."])
    bench._tell({"event": "metric", "value": value})
    assert capsys.readouterr().err == "CA_N2S oracle seed 0: No oracle: a class has too few samples in the target.\n"


def test_the_command_makes_the_tables_of_files(tmp_path):
    """A draft, so that the page of the checkout stays as it is."""
    file = write(tmp_path / "a.json", [row("ghca", 0, 0.9, options={"steps_scale": 0.1})])
    command = [sys.executable, str(CI / "bench.py"), "--from", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and cells(done.stdout, "| CA_N2S")[0][1] == "0.900, 0.900"
    assert "benchmarks.md" in done.stderr


def runs_of(ablations, bench, files):
    def place(one):
        return ablations.variant_of(one), one["transfer"], one["seed"]

    return bench.read_runs(files, place)


def test_ablations_are_compared_on_the_runs_that_every_variant_has(ablations, bench, tmp_path):
    rows = [row("ghca", seed, oa, "MT15_MT16") for seed, oa in ((0, 0.90), (1, 0.94))]
    rows += [row("ghca", seed, 0.80, "MT15_MT16", options={"find_shift": False}) for seed in (0, 1)]
    rows += [row("ghca", 0, 0.50, "CA_N2S", options={"steps_scale": 1.0})]
    text = ablations.table(runs_of(ablations, bench, [write(tmp_path / "a.json", rows)]))
    assert cells(text, "| all")[0] == ["all of it", "0.920 ± 0.028 / 0.920 ± 0.028", "0.500 / 0.500*", "0.920"]
    assert cells(text, "| without")[0] == ["without shift", "0.800 ± 0.000 / 0.800 ± 0.000", "–", "0.800, -12.0"]
    [head] = legends(text)
    # After the date.
    assert numbers(head)[3:] == ["2", "2"]


def test_the_page_of_ablations_wants_every_variant_on_one_transfer_and_seed(ablations, tmp_path, monkeypatch, capsys):
    page = tmp_path / "ablations.md"
    page.write_text(f"{ablations.BEGIN}\nold\n{ablations.END}\n", "utf-8")
    monkeypatch.setattr(ablations, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["bench_ablations.py", "--output", str(tmp_path), "--from"])
    variants = [row("ghca", 4, 0.9, "MT15_MT16", options=options) for options in ablations.VARIANTS.values()]
    write(tmp_path / "some.json", variants[:-1])
    ablations.main()
    assert "old" in page.read_text("utf-8") and page.name in capsys.readouterr().err
    write(tmp_path / "last.json", variants[-1:])
    ablations.main()
    shown = page.read_text("utf-8")
    assert "old" not in shown and "±" not in shown
    assert [line[0] for line in cells(shown, "| ")[1:]] == list(ablations.VARIANTS)


def test_variants_are_told_by_their_mean_difference_over_the_transfers_made_harder(disturbed):
    transfers = disturbed.draw(3, seed=0)
    oa = {"all of it": (0.9, 0.8, 0.7), "without contrast": (0.88, 0.8, 0.66), "source only": (0.5, 0.9, 0.4)}
    rows = [
        {"seed": one.seed, "fit": name, "fit_seed": 0, "oa": value, "macro_f1": value / 2}
        for name, values in oa.items()
        for one, value in zip(transfers, values)
    ]
    text = disturbed.variants_table(transfers, rows, list(oa), "all of it")
    assert any(numbers(line)[3:4] == ["3"] for line in text.splitlines() if not line.startswith("|"))
    # -2, 0 and -4 points: a standard deviation of 2, by the root of 3.
    assert [line for line in cells(text, "| ") if len(line) == 4][1:] == [
        ["all of it", "0.800 / 0.400", "", ""],
        ["without contrast", "0.780 / 0.390", "-2.0 ± 1.2", "-4.0 to +0.0"],
        ["source only", "0.600 / 0.300", "-20.0 ± 15.3", "-40.0 to +10.0"],
    ]


def test_a_draw_of_transfers_made_harder_has_every_kind_of_disturbance_and_is_the_same_each_time(disturbed):
    drawn = disturbed.draw(9, seed=7)
    assert drawn == disturbed.draw(9, seed=7) != disturbed.draw(9, seed=8)
    assert {one.shift for one in drawn} >= {0, 16, 24, -24, 32, -32, 40}
    assert {one.missing for one in drawn} == {0.0, 0.25} and {one.shares for one in drawn} == {True, False}
    assert {one.dates for one in drawn} == {"all", "second", "own"}


def test_the_season_of_a_window_has_moved_by_what_its_name_says(disturbed):
    if not disturbed.SPLITS.exists():
        pytest.skip("the real data is not there: ../shared/data")
    windows = disturbed.draw_windows(200, seed=0)
    assert len({replace(one, seed=0) for one in windows}) == len(windows) == 120
    of = {(one.transfer, one.dates, one.shift, one.missing): one for one in windows}
    kept, moved = (disturbed.disturb(of["MT_N2S", "window 5", shift, 0.0]) for shift in (0, 32))
    source, target = kept
    assert len(source.day) == 10 and np.array_equal(source.day, target.day)
    assert np.array_equal(moved[1].day, target.day)
    # The target's calendar is 32 days ahead: what it shows on a day the unmoved one showed two composites before.
    assert np.array_equal(moved[1].values[:, 2:], target.values[:, :-2])
