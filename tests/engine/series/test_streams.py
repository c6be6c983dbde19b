"""Series are joined and written block by block: what lies in files is never whole in memory."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import InputError
from engine.progress import Progress
from engine.series import SeriesFile, SeriesSet, archive, read_series, series_set, write_series
from engine.series.join import join_series
from engine.tasks.runs.extraction import run_extraction
from engine.tasks.specs.extraction import Extraction
from tests.helpers.paths import ROOT

NAMES = ("one", "two")


@pytest.fixture
def parts(monkeypatch):
    """Two sets with other dates, bands, classes and gaps, of many blocks each."""
    monkeypatch.setattr(archive, "BLOCK_BYTES", 500)
    monkeypatch.setattr(series_set, "CHUNK", 7)
    made = []
    for seed, day, bands, classes in (
        (0, [60, 80, 100], ("RED", "NIR", "SWIR"), ("maize", "wheat")),
        (1, [62, 90, 140, 300], ("NIR", "RED"), ("rye", "maize", "oats")),
    ):
        rng = np.random.default_rng(seed)
        values = rng.uniform(0.1, 0.9, (150, len(day), len(bands))).astype(np.float32)
        values[rng.random(values.shape[:2]) < 0.2] = np.nan
        labels = rng.integers(0, len(classes) - (seed == 1), 150)
        place = rng.uniform(40, 50, (150, 2))
        made.append(SeriesSet(values, np.array(day, np.float32), bands, labels, classes, np.arange(150) // 9, place))
    made[1].labels[:2] = 2  # two series of oats
    return made


def test_files_are_joined_as_sets_in_memory_are(parts, tmp_path):
    for name, part in zip(NAMES, parts):
        write_series(tmp_path / f"{name}.npz", part)
    with SeriesFile(tmp_path / "one.npz") as one, SeriesFile(tmp_path / "two.npz") as two:
        write_series(tmp_path / "both.npz", join_series([one, two]))
    whole, back = join_series(parts).read(), read_series(tmp_path / "both.npz")
    for name in ("values", "day", "labels", "group", "lonlat"):
        np.testing.assert_array_equal(getattr(back, name), getattr(whole, name))
    assert (
        (back.bands, back.classes)
        == (whole.bands, whole.classes)
        == (("RED", "NIR"), (*parts[0].classes, "rye", "oats"))
    )
    with np.load(tmp_path / "both.npz") as plain:
        np.testing.assert_array_equal(plain["X"], whole.values)


def test_classes_left_out_of_joined_series_are_left_out_of_every_block(parts):
    whole = join_series(parts)
    some, expected = whole.with_classes(["rye", "wheat"]), whole.read().with_classes(["rye", "wheat"])
    again = some.with_classes(["wheat"]).read()
    for found, wanted in ((some.read(), expected), (again, expected.with_classes(["wheat"]))):
        for name in ("values", "labels", "group", "lonlat"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
        assert found.classes == wanted.classes


def test_one_part_alone_stays_as_it_is(parts):
    part = replace(parts[0], group=parts[0].group + 5)
    alone = join_series([part]).read()
    np.testing.assert_array_equal(alone.values, part.values)
    np.testing.assert_array_equal(alone.group, part.group)
    assert alone.bands == part.bands


def test_a_file_that_ends_too_early_leaves_no_joined_one(parts, tmp_path):
    for name, part in zip(NAMES, parts):
        np.savez(
            tmp_path / f"{name}.npz",
            X=part.values,
            doy=part.day,
            bands=part.bands,
            y=part.labels,
            class_names=part.classes,
        )
    content = bytearray((tmp_path / "two.npz").read_bytes())
    content[3000:3004] = b"\0\0\1\1"
    (tmp_path / "two.npz").write_bytes(content)
    with pytest.raises(InputError) as raised:
        run_extraction(
            Extraction(str(tmp_path / "both.npz"), join=tuple(str(tmp_path / f"{n}.npz") for n in NAMES)), Progress()
        )
    assert raised.value.code == "series-unreadable" and "two.npz" in raised.value.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]


PEAK = """
import json, sys
from pathlib import Path
from engine.tasks.runs.extraction import Extraction, run_extraction
from engine.progress import Progress
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
before = peak()
result = run_extraction(Extraction(sys.argv[1], join=tuple(sys.argv[2:])), Progress())
print(json.dumps([result.summary["samples"], peak() - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of its memory here")
def test_large_files_are_joined_in_little_memory(tmp_path):
    """Two of 48 MB become one of 96."""
    values = np.broadcast_to(np.arange(240, dtype=np.float32).reshape(24, 10) + 1, (50_000, 24, 10))
    labels, names = np.arange(50_000) % 2, [f"B{number}" for number in range(10)]
    for name, save in zip(NAMES, (np.savez, np.savez_compressed)):
        save(tmp_path / f"{name}.npz", X=values, doy=np.arange(24) + 1, bands=names, y=labels, class_names=["a", "b"])
    command = [sys.executable, "-c", PEAK, *(str(tmp_path / f"{name}.npz") for name in ("both", *NAMES))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    samples, megabytes = json.loads(done.stdout)
    assert samples == 100_000 and megabytes < 45
    assert (read_series(tmp_path / "both.npz").values[::999] == values[0]).all()
