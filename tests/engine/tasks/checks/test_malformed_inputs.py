"""Whatever is wrong with an input, the command says it in one sentence, ends with 2 and writes nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr

from engine.errors import InputError
from engine.tasks.cli import main as cli
from tests.helpers.facts import lacking, naming
from tests.helpers.malformed import NAMES, QUICK, SIDE, Case, Desk
from tests.helpers.malformed_choices import CHOICES
from tests.helpers.malformed_files import FILES
from tests.helpers.malformed_labels import LABELS
from tests.helpers.malformed_rasters import RASTERS
from tests.helpers.paths import ROOT
from tests.helpers.rasters import UTM, box, write_layer, write_raster
from tests.helpers.scenes import make_scene

pytestmark = pytest.mark.slow

CASES = (*RASTERS, *LABELS, *FILES, *CHOICES)
LONGEST_SENTENCE = 250
"""Characters beyond the paths in it that a person reads in a message window; a hint may list more."""


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """A scene with all that a command may be given."""
    folder = tmp_path_factory.mktemp("scene")
    make_scene(folder)
    from engine.imagery import LabelLayer, Stack, describe, sample_labels
    from engine.series import write_series

    with Stack(describe([str(folder / "source.tif")]), "source") as stack:
        series = sample_labels(LabelLayer(str(folder / "fields.gpkg"), "", "crop"), stack, 0, 60)
    write_series(folder / "series.npz", series)
    model, unwanted = folder / "model.safetensors", folder / "unwanted"
    unwanted.mkdir()
    assert (
        command(
            "map",
            "--series",
            folder / "series.npz",
            "--target",
            folder / "target.tif",
            "--method",
            "source_only",
            "--option",
            "steps_scale=0.01",
            "--model",
            model,
            "--output",
            unwanted / "m.tif",
        )
        == 0
    )
    shutil.rmtree(unwanted)
    return folder


def command(*arguments) -> int:
    """The exit code of the command, in this process, which keeps its own signal handlers."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as end:  # argparse
        return int(end.code)
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file below a folder."""
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return {str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in files}


@pytest.fixture
def shown(monkeypatch):
    """The input errors that were put into words, in their order."""
    found: list[InputError] = []
    in_words = InputError.__str__

    def note(error):
        found.append(error)
        return in_words(error)

    monkeypatch.setattr(InputError, "__str__", note)
    return found


def require_one_sentence(case: Case, stderr: str) -> str:
    """The one line in which the command says what is wrong."""
    assert "Traceback" not in stderr, stderr
    told = [line for line in stderr.splitlines() if line.startswith("croptransfer:")]
    assert len(told) == 1 and stderr.splitlines()[-1] == told[0], stderr
    before = stderr.splitlines()[:-1]
    assert all(re.match(r"warning: |Reading |Joining |Learning |Mapping |Writing ", line) for line in before), stderr
    assert not lacking(told[0], *case.facts), told[0]
    return told[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_malformed_input_ends_in_one_sentence_and_nothing_is_written(case, given, tmp_path, capfd, shown):
    desk = Desk(tmp_path, given)
    arguments = case.make(desk)
    before = listing(tmp_path)
    capfd.readouterr()
    start = time.process_time()  # not by the clock: the machine may have other work
    code = command(*arguments)
    seconds = time.process_time() - start
    stderr = capfd.readouterr().err
    assert code == 2, stderr
    told = require_one_sentence(case, stderr)
    assert shown and shown[-1].code == case.code, told
    sentence = shown[-1].message
    assert sentence.endswith(".") and "\n" not in str(shown[-1])
    assert len(re.sub(r"\S*/\S*", "", sentence)) < LONGEST_SENTENCE, sentence
    assert listing(tmp_path) == before
    assert seconds < case.seconds, f"answered after {seconds:.1f} s"


def test_there_are_more_than_sixty_of_them():
    assert len({case.name for case in CASES}) == len(CASES) >= 60


STRANGE = "-1 \"a\" 'b' Äpfel карта 地图 50% #2 & $HOME; (x) [y] {z} ~ é | ü"
"""A name that a file system takes and a careless program does not."""
STRANGE_CROPS = {"maize": "кукуруза", "rapeseed": 'blé d\'hiver "dur"', "wheat": "小麦 100% #1"}


def strange_labels(given: Path, path: Path, field: str) -> None:
    """The fields of the scene with all names as strange as can be."""
    plain = ogr.Open(str(given / "fields.gpkg"))
    features = [(STRANGE_CROPS[f["crop"]], f.GetGeometryRef().ExportToWkt()) for f in plain.GetLayer(0)]
    write_layer(path, features, field=field, name="Flächen 'x' %")


@pytest.mark.parametrize("relative", [False, True])
def test_quotes_and_letters_of_all_alphabets_in_every_name_are_fine(given, tmp_path, monkeypatch, capfd, relative):
    folder = tmp_path / STRANGE
    folder.mkdir()
    field = "Kultur \"a\" 'b' это %"
    for name in ("source", "target"):
        shutil.copy(given / f"{name}.tif", folder / f"{name} {STRANGE}.tif")
    strange_labels(given, folder / f"{STRANGE}.gpkg", field)
    write_layer(folder / f"mask {STRANGE}.geojson", [("a", box(0, 0, 24, 12))], driver="GeoJSON")
    monkeypatch.chdir(tmp_path)
    start = Path(f"./{STRANGE}") if relative else folder
    outputs = {role: f"{start}{os.sep}{role} {STRANGE}.{ending}" for role, ending in OUTPUTS.items()}
    arguments = [f"--{role}={path}" for role, path in outputs.items()]
    code = command(
        *("map", "--labels", f"{start}{os.sep}{STRANGE}.gpkg|layername=Flächen 'x' %", "--class-field", field),
        *("--where", '"Kultur ""a"" \'b\' это %" IS NOT NULL', "--mask", f"{start}{os.sep}mask {STRANGE}.geojson"),
        *("--source", f"{start}{os.sep}source {STRANGE}.tif", "--target", f"{start}{os.sep}target {STRANGE}.tif"),
        *("--method", "source_only", "--option", QUICK, *arguments),
    )
    printed = capfd.readouterr()
    assert code == 0, printed.err
    assert all(name in printed.out for name in STRANGE_CROPS.values())
    assert all(os.path.isfile(path) for path in outputs.values())
    plane = gdal.Open(outputs["output"])
    plane.GetMetadata()  # GDAL 3.6 loads the sidecar with the names at this question
    assert [plane.GetRasterBand(1).GetCategoryNames()[i] for i in (1, 2, 3)] == sorted(STRANGE_CROPS.values())
    shown = np.frombuffer(plane.ReadRaster(), np.uint8).reshape(24, 24)
    assert (shown[:12] > 0).all() and (shown[12:] == 0).all()
    again = [f"--output={start}{os.sep}again {STRANGE}.tif", f"--target={start}{os.sep}target {STRANGE}.tif"]
    assert command("classify", f"--model={outputs['model']}", *again) == 0


OUTPUTS = {"output": "tif", "confidence": "tif", "model": "safetensors", "report": "html"}


def turned(transform, planes):
    """The same pixels with the rows from south to north."""
    left, across, _, top, _, down = transform
    height = planes.shape[1]
    return (left, across, 0.0, top + height * down, 0.0, -down), planes[:, ::-1]


def test_what_looks_wrong_and_is_not_is_mapped(given, tmp_path, capfd):
    """South-up and rotated rasters, a file without CRS, half a footprint, infinity here and there, one value."""
    rng = np.random.default_rng(0)
    planes = rng.uniform(0.05, 0.5, (6, SIDE, SIDE)).astype(np.float32)
    holes = planes.copy()
    holes[:, 3, 3], holes[0, 4, 4], holes[1, 5, 5] = np.inf, -np.inf, np.nan
    angle = np.radians(30)
    spun = (500000.0, 10 * np.cos(angle), 10 * np.sin(angle), 5200000.0, 10 * np.sin(angle), -10 * np.cos(angle))
    later = tuple(name.replace("2022", "2021") for name in NAMES)
    half = (UTM[0] + 120, *UTM[1:])
    southward, upside_down = turned(UTM, planes)
    targets = {
        "south up": [write_raster(tmp_path / "south.tif", upside_down, names=NAMES, transform=southward)],
        "rotated": [write_raster(tmp_path / "rotated.tif", planes, names=NAMES, transform=spun)],
        "no CRS": [write_raster(tmp_path / "plain.tif", planes, names=NAMES, epsg=None)],
        "infinity": [write_raster(tmp_path / "holes.tif", holes, names=NAMES)],
        "one value": [write_raster(tmp_path / "flat.tif", np.full_like(planes, 0.3), names=NAMES)],
        "half": [
            write_raster(tmp_path / "whole.tif", planes, names=NAMES),
            write_raster(tmp_path / "half.tif", planes, names=later, transform=half),
        ],
    }
    maps = {}
    for title, paths in targets.items():
        output = tmp_path / f"{title} map.tif"
        arguments = ("--model", given / "model.safetensors", "--target", *paths, "--output", output)
        assert command("classify", *arguments) == 0, (title, capfd.readouterr().err)
        maps[title] = np.frombuffer(gdal.Open(str(output)).ReadRaster(), np.uint8).reshape(SIDE, SIDE)
        assert (maps[title] > 0).sum() >= SIDE * SIDE - 1, title
    np.testing.assert_array_equal(maps["south up"][::-1], maps["no CRS"])
    np.testing.assert_array_equal(maps["rotated"], maps["no CRS"])
    assert maps["infinity"][3, 3] == 0 and (maps["infinity"] == 0).sum() == 1
    assert len(np.unique(maps["one value"])) == 1


def test_self_intersecting_and_multiple_polygons_are_mended(given, tmp_path, capfd):
    x, y = UTM[0], UTM[3]
    bow = f"POLYGON(({x} {y},{x + 120} {y - 120},{x + 120} {y},{x} {y - 120},{x} {y}))"
    folded = f"POLYGON(({x} {y - 120},{x + 60} {y - 240},{x + 60} {y - 120},{x} {y - 240},{x} {y - 120}))"
    labels = write_layer(tmp_path / "bows.gpkg", [("maize", bow), ("wheat", folded), (None, bow), ("wheat", None)])
    code = command(
        *("map", "--labels", labels, "--class-field", "crop", "--source", given / "source.tif"),
        *("--target", given / "target.tif", "--method", "source_only", "--option", QUICK),
        *("--output", tmp_path / "map.tif"),
    )
    stderr = capfd.readouterr().err
    assert code == 0, stderr
    assert len(naming(stderr.splitlines(), "warning", "bows.gpkg", 1, "'crop'")) == 1, stderr


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="the administrator may read every file")
def test_a_file_that_may_not_be_read_is_named(given, tmp_path, shown):
    desk = Desk(tmp_path, given)
    (desk / "target.tif").chmod(0)
    assert command(*desk.map()) == 2
    assert shown[-1].code == "raster-unreadable" and not lacking(shown[-1].message, "target.tif")


@pytest.mark.parametrize("name", ["target cut off", "series of text", "method that is none", "VRT of itself"])
def test_the_command_in_a_process_of_its_own_says_the_same(name, given, tmp_path):
    case = next(case for case in CASES if case.name == name)
    arguments = case.make(Desk(tmp_path, given))
    before = listing(tmp_path)
    done = subprocess.run([sys.executable, "-m", "engine", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    require_one_sentence(case, done.stderr)
    assert listing(tmp_path) == before
