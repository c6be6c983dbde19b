"""A large series file is drawn from: which series, in how much memory, and what is told of the rest."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.evaluation import transfers as compare
from engine.evaluation.transfers import pack, read_files, unpack
from engine.methods.shared.source_domain import prepare_source
from engine.progress import Progress
from engine.series import SeriesFile, SeriesSet, describe_draw, read_series, require_source
from engine.tasks import Job, check, run
from engine.tasks.resolve.series_file import read_source_series
from engine.tasks.storage.comparison_log import content_digest
from tests.helpers.facts import lacking, numbers
from tests.helpers.paths import ROOT
from tests.helpers.scenes import make_scene

COUNTS = {"maize": 600, "wheat": 90, "rice": 30}


@pytest.fixture
def path(tmp_path):
    """720 series whose value is their number; a block of 400 and twenty of 16, in each of which is some maize."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(3), list(COUNTS.values())))
    np.savez(
        tmp_path / "s.npz",
        X=np.arange(720, dtype=np.float32)[:, None, None] + np.zeros((1, 2, 1), np.float32),
        doy=[10, 20],
        bands=["NDVI"],
        y=labels,
        class_names=list(COUNTS),
        group=[f"field {max(0, (i - 384) // 16)}" for i in range(720)],
        lon=np.arange(720) / 10,
        lat=np.full(720, 45),
        year=np.arange(720) % 2,
    )
    return tmp_path / "s.npz"


def change(path, **changes):
    with np.load(path) as file:
        kept = dict(file)
    np.savez(path, **{**kept, **changes})


def test_a_class_with_more_is_drawn_from_the_others_are_whole(path):
    drawn, whole = read_series(path, most=60), read_series(path)
    assert np.bincount(drawn.labels).tolist() == [60, 60, 30]
    number = drawn.values[:, 0, 0].astype(int)
    assert (np.diff(number) > 0).all()
    for mine, all_of_them in ((drawn.labels, whole.labels), (drawn.group, whole.group), (drawn.lonlat, whole.lonlat)):
        np.testing.assert_array_equal(mine, all_of_them[number])
    assert drawn.population.tolist() == list(COUNTS.values()) and whole.population is None
    assert read_series(path, most=600).population is None


def test_the_draw_comes_from_all_blocks_before_one_gives_a_second(path):
    drawn = read_series(path, most=63)
    blocks = np.bincount(drawn.group[drawn.labels == 0])
    assert len(blocks) == 21 and blocks.tolist() == [3] * 21
    # Without blocks the large field has its share of the series: more than half.
    alike = read_series(path, most=63, by_class=False)
    assert len(alike) == 63 and 25 <= np.bincount(alike.group)[0] <= 45


def test_the_same_seed_draws_the_same_series(path):
    one, again, other = (read_series(path, most=30, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.values, again.values)
    assert (one.values != other.values).any()


def test_every_series_of_a_block_has_its_chance(path):
    seen = np.zeros(720, int)
    for seed in range(60):
        seen[read_series(path, most=60, seed=seed).values[:, 0, 0].astype(int)] += 1
    assert (seen[400:] > 0).all() and (seen[:400] > 0).sum() > 100


def test_series_never_observed_are_replaced_where_most_are(path):
    values = np.load(path)["X"].copy()
    labels = np.load(path)["y"]
    values[np.flatnonzero(labels == 0)[:-70], 1] = np.nan  # seen once: stays
    values[np.flatnonzero(labels == 0)[:-70], 0] = np.nan
    change(path, X=values)
    drawn = read_series(path, most=60)
    assert np.bincount(drawn.labels).tolist()[0] >= 30 and drawn.observed.any(axis=1).all()
    values[labels == 0] = np.nan
    change(path, X=values)
    drawn = read_series(path, most=60)
    assert np.bincount(drawn.labels, minlength=3).tolist() == [0, 60, 30]
    with pytest.raises(InputError) as raised:
        require_source(drawn, "the file")
    assert raised.value.code == "few-samples" and not lacking(raised.value.message, "'maize'", 0)


def test_a_part_is_chosen_before_the_draw(path):
    drawn = read_series(path, {"year": [1]}, ("wheat", "maize"), most=20)
    assert drawn.classes == ("wheat", "maize") and np.bincount(drawn.labels).tolist() == [20, 20]
    assert (drawn.values[:, 0, 0] % 2 == 1).all()
    whole = read_series(path, {"year": [1]}, ("wheat", "maize"))
    assert drawn.population.tolist() == np.bincount(whole.labels).tolist()


def test_a_natural_draw_keeps_the_shares(tmp_path):
    labels = np.repeat([0, 1], [9000, 1000])
    np.savez(tmp_path / "s.npz", X=np.zeros((10000, 1, 1)), doy=[1], bands=["A"], y=labels, class_names=["a", "b"])
    drawn = read_series(tmp_path / "s.npz", most=4000, by_class=False)
    assert len(drawn) == 4000 and abs((drawn.labels == 1).mean() - 0.1) < 0.02


def test_the_shares_of_the_whole_file_go_with_the_draw(path):
    """And reach what GHCA takes for the source's class shares."""
    drawn = read_series(path, most=60)
    expected = np.array([600, 90, 30]) / 720
    np.testing.assert_allclose(drawn.class_shares, expected)
    np.testing.assert_allclose(drawn.take(np.arange(40)).with_bands(["NDVI"]).class_shares, expected)
    np.testing.assert_allclose(unpack(pack(drawn, labels=True)).class_shares, expected)
    two = drawn.with_classes(["rice", "barley", "maize"])
    assert two.population.tolist() == [30, 0, 600]
    assert drawn.without_labels().population is None and unpack(pack(drawn, labels=False)).population is None
    domain = prepare_source(drawn, 0.15, 0, torch.device("cpu"))
    np.testing.assert_allclose(domain.shares, expected)
    plain = prepare_source(replace(drawn, population=None), 0.15, 0, torch.device("cpu"))
    np.testing.assert_allclose(plain.shares, [0.4, 0.4, 0.2])
    assert content_digest(drawn) != content_digest(replace(drawn, population=None))


def test_opened_only_the_values_may_be_damaged(path):
    """What the dialog looks at: header and small keys."""
    with SeriesFile(path) as file:
        assert len(file) == 720 and dict(zip(file.classes, file.counts)) == COUNTS and file.bands == ("NDVI",)
    content = path.read_bytes()
    at = content.index(np.arange(720, dtype=np.float32)[300:301].repeat(2).tobytes())
    path.write_bytes(content[:at] + b"damaged!" + content[at + 8 :])
    job = Job(output="map.tif", target=(), series=str(path))
    assert not any(problem.code.startswith("series") for problem in check(job))
    with pytest.raises(InputError) as raised:
        read_source_series(job, 100)
    assert raised.value.code == "series-unreadable" and path.name in raised.value.message


def test_a_job_tells_that_it_learns_from_a_draw(tmp_path, monkeypatch):
    from engine.imagery import LabelLayer, Stack, describe, sample_labels
    from engine.series import write_series

    scene = make_scene(tmp_path)
    with Stack(describe([str(scene.source)]), "source") as stack:
        source = sample_labels(LabelLayer(str(scene.labels), "fields", "crop"), stack, 0, 60)
    write_series(tmp_path / "s.npz", source)
    monkeypatch.setattr("engine.tasks.runs.job.SAMPLES_PER_CLASS", 40)
    job = Job(
        output=str(tmp_path / "map.tif"),
        series=str(tmp_path / "s.npz"),
        target=describe([str(scene.target)]),
        method="source_only",
        options={"steps_scale": 0.02},
    )
    told = run(job, Progress()).summary["warnings"]
    assert len(source) == 180 and [numbers(text) for text in told if "s.npz" in text] == [["120", "180", "40"]]


def test_a_comparison_tells_what_it_draws_and_scores_natural_shares(path, monkeypatch):
    # The series have two dates, which is few; nothing else is left to report.
    (few,) = read_files(path, path).notes
    assert not lacking(few, "2")
    monkeypatch.setattr(compare, "SOURCE_SERIES", 50)
    monkeypatch.setattr(compare, "TARGET_SERIES", 400)
    transfer = read_files(path, path)
    assert len(transfer.source) == 130 and len(transfer.target) == 400
    assert (transfer.target.labels == 0).mean() > 0.75
    assert list(map(numbers, transfer.notes))[:2] == [["130", "720", "50"], ["400", "720"]]


def test_without_a_draw_nothing_is_told():
    series = SeriesSet(np.zeros((2, 1, 1), np.float32), np.ones(1, np.float32), ("A",), np.zeros(2, int), ("a",))
    assert describe_draw(series, 5, "it") == ()


PEAK = """
import json, sys
from pathlib import Path
from engine.series import read_series
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
before = peak()
series = read_series(sys.argv[1], most=1000)
print(json.dumps([len(series), peak() - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of its memory here")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_large_file_takes_the_memory_of_the_draw(tmp_path, save):
    """96 MB of values, of which 2 MB are taken."""
    count = 100_000
    values = np.broadcast_to(np.arange(240, dtype=np.float32).reshape(24, 10), (count, 24, 10))
    labels, group = np.arange(count) % 2, np.arange(count) // 500
    names = [f"B{number}" for number in range(10)]
    save(
        tmp_path / "s.npz", X=values, doy=np.arange(24) + 1, bands=names, y=labels, class_names=["a", "b"], group=group
    )
    command = [sys.executable, "-c", PEAK, str(tmp_path / "s.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    read, megabytes = json.loads(done.stdout)
    assert read == 2000 and megabytes < 35
