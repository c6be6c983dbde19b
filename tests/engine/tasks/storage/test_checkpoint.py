"""A job that was killed goes on from its finished tiles, to the bytes of one that was not; what changed is refused."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from osgeo import gdal, ogr

from engine.errors import Cancelled, InputError
from engine.imagery import describe
from engine.imagery.stack import reader
from engine.methods import fit
from engine.progress import Progress
from engine.series import SeriesSet
from engine.tasks import Job, run
from engine.tasks.storage.checkpoint import unfinished_folders
from tests.helpers.facts import lacking
from tests.helpers.paths import ROOT
from tests.helpers.scenes import CROPS, make_scene

pytestmark = pytest.mark.slow

TILE = 2048
TILES = 14
COMMAND = f"""
import sys
from engine.imagery.stack import reader
from engine.tasks.cli.main import main
reader.WINDOW_PIXELS = {TILE}
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.mktemp("scene"), side=160)


@pytest.fixture(scope="module")
def model(scene, tmp_path_factory):
    """A small network, learnt for a second: it need not be right."""
    from engine.imagery import LabelLayer, Stack, sample_labels

    with Stack(describe([str(scene.source)]), "source") as stack:
        source: SeriesSet = sample_labels(LabelLayer(str(scene.labels), "fields", "crop"), stack, 0, 60)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    fit("source_only", source, source.without_labels(), 0, options={"source_steps": 20, "width": 16}).save(path)
    assert source.classes == CROPS
    return path


def start(scene, model, output, *more):
    arguments = ["classify", "--model", str(model), "--target", str(scene.target), "--output", str(output)]
    arguments += ["--confidence", str(output.with_name("confidence.tif")), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    _, told = process.communicate(timeout=120)
    return process.returncode, told


def kill_after(process, folder, tiles):
    """Kill the process without a word as soon as so many tiles are finished."""
    wait(lambda: len(list(folder.glob(".*.tiles/tile_*.tif"))) >= tiles, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def wait(condition, process):
    end = time.monotonic() + 100
    while not condition():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.005)


def files_of(folder):
    return {name: (folder / name).read_bytes() for name in ("map.tif", "map.tif.aux.xml", "confidence.tif")}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_job_killed_twice_goes_on_to_the_bytes_of_one_that_was_not(scene, model, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert finish(start(scene, model, whole / "map.tif"))[0] == 0

    kill_after(start(scene, model, killed / "map.tif"), killed, 1)
    # Nothing of the map itself may lie there as if it were finished.
    assert not (killed / "map.tif").exists() and len(unfinished_folders(str(killed / "map.tif"))) == 1
    kill_after(start(scene, model, killed / "map.tif", "--resume"), killed, 6)
    resumed = start(scene, model, killed / "map.tif", "--resume")
    code, told = finish(resumed)

    assert code == 0, told
    assert files_of(killed) == files_of(whole)
    assert names_in(killed) == names_in(whole)


def test_a_map_that_is_being_written_is_refused_to_a_second_run(scene, model, tmp_path):
    first = start(scene, model, tmp_path / "map.tif")
    wait(lambda: tiles(tmp_path), first)
    with pytest.raises(InputError) as refused:
        run(small(scene, model, tmp_path), Progress())
    assert refused.value.code == "output-busy" and "map.tif" in refused.value.message and tiles(tmp_path)
    code, told = finish(first)
    assert code == 0, told
    assert names_in(tmp_path) == ["confidence.tif", "map.qml", "map.tif", "map.tif.aux.xml"]


def small(scene, model, tmp_path, **more):
    return Job(output=str(tmp_path / "map.tif"), target=describe([str(scene.target)]), use_model=str(model), **more)


@pytest.fixture
def interrupted(scene, model, tmp_path, monkeypatch):
    """A job whose run was cancelled after some of its tiles, by something else than its user."""
    monkeypatch.setattr(reader, "WINDOW_PIXELS", TILE)
    job = small(scene, model, tmp_path)
    with pytest.raises(Cancelled):
        run(job, Progress(cancelled=lambda: tiles(tmp_path) >= 2), keep=lambda: True)
    assert 2 <= tiles(tmp_path) < TILES
    return replace(job, id="other", resume=True)


def tiles(folder):
    return len(list(folder.glob(".*.tiles/tile_*.tif")))


@pytest.fixture
def done(interrupted, monkeypatch):
    """The windows that are done after the interruption."""
    from engine.mapping import TileMapper

    windows, original = [], TileMapper.map_tile
    monkeypatch.setattr(
        TileMapper, "map_tile", lambda self, window, tick: windows.append(window) or original(self, window, tick)
    )
    return windows


def test_finished_tiles_are_not_done_again_and_the_folder_is_gone_at_the_end(interrupted, tmp_path, done):
    before = tiles(tmp_path)
    result = run(interrupted, Progress())
    assert len(done) == TILES - before
    assert result.summary["mapped_pixels"] == 160 * 160
    assert names_in(tmp_path) == ["map.qml", "map.tif", "map.tif.aux.xml"]


@pytest.mark.parametrize("change", ["target", "model", "setting"])
def test_what_changed_since_is_noticed_refused_and_loses_nothing(interrupted, model, scene, tmp_path, change):
    before = tiles(tmp_path)
    if change == "setting":
        job, named = replace(interrupted, exact=True), "exact"
    else:
        path = model if change == "model" else scene.target
        kept = path.stat()
        os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns + 1))
        job, named = interrupted, path.name
    with pytest.raises(InputError) as caught:
        run(job, Progress())
    assert caught.value.code == "resume-changed" and named in caught.value.message
    assert tiles(tmp_path) == before and not (tmp_path / "map.tif").exists()
    if change != "setting":
        os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        assert run(interrupted, Progress()).summary["mapped_pixels"] == 160 * 160


@pytest.mark.parametrize("moved", [False, True])
def test_the_same_polygons_in_another_file_are_the_same_mask_and_others_are_not(
    scene, model, tmp_path, monkeypatch, moved
):
    """QGIS hands on a copy of a layer of its own, each time under another name."""
    monkeypatch.setattr(reader, "WINDOW_PIXELS", TILE)
    folder = tmp_path / "out"
    folder.mkdir()
    first, copy = tmp_path / "first.gpkg", tmp_path / "copy.gpkg"
    write_square(first, scene.target, 0.0)
    write_square(copy, scene.target, 10.0 if moved else 0.0)
    job = small(scene, model, folder, mask=f"{first}|layername=mask")
    with pytest.raises(Cancelled):
        run(job, Progress(cancelled=lambda: tiles(folder) >= 2), keep=lambda: True)
    first.unlink()
    again = replace(job, id="other", resume=True, mask=f"{copy}|layername=mask")
    if moved:
        with pytest.raises(InputError) as caught:
            run(again, Progress())
        assert caught.value.code == "resume-changed" and not lacking(caught.value.message, "map.tif", "'mask'")
    else:
        assert run(again, Progress()).summary["mapped_pixels"] == 150 * 160


def write_square(path, target, moved):
    """A mask of all but the ten columns in the east, moved by metres to the north."""
    raster = gdal.Open(str(target))
    x, step, _, y, _, down = raster.GetGeoTransform()
    corners = [(x, y), (x + 150 * step, y), (x + 150 * step, y + 160 * down), (x, y + 160 * down), (x, y)]
    ring = ", ".join(f"{east} {north + moved}" for east, north in corners)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("mask", raster.GetSpatialRef(), ogr.wkbPolygon)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON (({ring}))"))
    layer.CreateFeature(feature)


def test_of_several_interrupted_runs_that_of_the_same_job_is_gone_on_with(interrupted, tmp_path, done):
    later = replace(interrupted, id="later", exact=True, resume=False)
    with pytest.raises(Cancelled):
        run(later, Progress(cancelled=lambda: any(tmp_path.glob(".*.later.tiles/tile_*.tif"))), keep=lambda: True)
    newest, older = unfinished_folders(interrupted.output)
    assert ".later." in newest.name
    before = len(list(older.glob("tile_*.tif")))
    done.clear()
    run(interrupted, Progress())
    assert len(done) == TILES - before
    assert names_in(tmp_path) == ["map.qml", "map.tif", "map.tif.aux.xml"]


def test_without_resuming_a_job_starts_anew_and_says_what_it_leaves(interrupted, tmp_path):
    progress = Progress()
    run(replace(interrupted, resume=False), progress)
    assert [text for text in progress.warnings if not lacking(text, "map.tif")]
    assert names_in(tmp_path) == ["map.qml", "map.tif", "map.tif.aux.xml"]


def test_a_job_that_runs_twice_does_not_take_its_first_tiles_for_finished(interrupted, tmp_path, done):
    first = next(tmp_path.glob(".*.tiles")).name.split(".")[-2]
    run(replace(interrupted, resume=False, id=first), Progress())
    assert len(done) == TILES


def test_a_map_by_the_fast_network_is_gone_on_with_to_the_same_bytes(scene, model, tmp_path, monkeypatch):
    from engine.mapping import classifier_plan

    monkeypatch.setattr(reader, "WINDOW_PIXELS", TILE)
    monkeypatch.setattr(classifier_plan, "MIN_MAP_PIXELS", 1000)
    monkeypatch.setattr(classifier_plan, "MAX_FALLBACK_SHARE", 1.0)
    whole = small(scene, model, tmp_path)
    run(replace(whole, output=str(tmp_path / "whole.tif")), Progress())
    with pytest.raises(Cancelled):
        run(whole, Progress(cancelled=lambda: tiles(tmp_path) >= 2), keep=lambda: True)
    assert next(tmp_path.glob(".*.tiles/student.safetensors")).exists()
    monkeypatch.setattr(classifier_plan, "distill", lambda *_: pytest.fail("it learns again"))
    result = run(replace(whole, id="other", resume=True), Progress())
    assert {"agreement", "asked"} <= set(result.summary["mapping"])
    assert (tmp_path / "map.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


def test_a_damaged_tile_is_thrown_away_and_done_again(interrupted, tmp_path):
    tile = sorted(tmp_path.glob(".*.tiles/tile_*.tif"))[0]
    tile.write_bytes(tile.read_bytes()[:200])
    with pytest.raises(InputError) as caught:
        run(interrupted, Progress())
    assert caught.value.code == "unfinished-damaged" and not tile.exists()
    assert run(interrupted, Progress()).summary["mapped_pixels"] == 160 * 160


def test_with_nothing_to_go_on_from_it_starts_and_says_so(scene, model, tmp_path):
    progress = Progress()
    run(small(scene, model, tmp_path, resume=True), progress)
    assert [text for text in progress.warnings if not lacking(text, "map.tif")]
    assert (tmp_path / "map.tif").exists()


def test_a_cancel_by_the_user_leaves_nothing(scene, model, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "WINDOW_PIXELS", TILE)
    with pytest.raises(Cancelled):
        run(small(scene, model, tmp_path), Progress(cancelled=lambda: tiles(tmp_path) >= 2))
    assert names_in(tmp_path) == []


def test_a_full_disk_keeps_the_finished_tiles(scene, model, tmp_path, monkeypatch):
    from engine.mapping import tile_store

    monkeypatch.setattr(reader, "WINDOW_PIXELS", TILE)
    written = []

    def full(path, *more):
        if len(written) == 3:
            raise OSError("No space left on device")
        written.append(path)
        original(path, *more)

    original = tile_store.write_tile
    monkeypatch.setattr(tile_store, "write_tile", full)
    job = small(scene, model, tmp_path)
    with pytest.raises(InputError) as caught:
        run(job, Progress())
    assert caught.value.code == "output-unwritable" and "No space left on device" in caught.value.message
    assert tiles(tmp_path) == 3
    monkeypatch.setattr(tile_store, "write_tile", original)
    run(replace(job, resume=True), Progress())
    assert names_in(tmp_path) == ["map.qml", "map.tif", "map.tif.aux.xml"]


def test_a_learnt_model_is_gone_on_with_and_not_learnt_again(scene, tmp_path, monkeypatch):
    from engine.imagery import LabelLayer
    from engine.tasks.runs import job as runner

    monkeypatch.setattr(reader, "WINDOW_PIXELS", TILE)
    job = Job(
        output=str(tmp_path / "map.tif"),
        report=str(tmp_path / "map.html"),
        model=str(tmp_path / "model.safetensors"),
        labels=LabelLayer(str(scene.labels), "fields", "crop"),
        source=describe([str(scene.source)]),
        target=describe([str(scene.target)]),
        method="source_only",
        options={"source_steps": 20, "width": 16},
    )
    whole = run(replace(job, output=str(tmp_path / "whole.tif"), id="whole"), Progress())
    with pytest.raises(Cancelled):
        run(job, Progress(cancelled=lambda: tiles(tmp_path) >= 2), keep=lambda: True)
    monkeypatch.setattr(runner, "fit", lambda *_: pytest.fail("it learns again"))
    result = run(replace(job, resume=True), Progress())
    assert result.summary["model_id"] == whole.summary["model_id"]
    assert result.summary["classes"] == whole.summary["classes"]
    assert not lacking((tmp_path / "map.html").read_text("utf-8"), whole.summary["model_id"])
