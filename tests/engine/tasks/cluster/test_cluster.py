"""A map made by worker processes of Dask distributed: the same as by threads, whatever happens to the workers."""

import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from distributed import Client
from osgeo import gdal

from engine.errors import Cancelled, InputError
from engine.imagery import LabelLayer, Stack, describe, sample_labels
from engine.mapping import memory
from engine.methods import fit
from engine.progress import Progress
from engine.tasks import Job, check, run
from engine.tasks.cli import main as cli
from engine.tasks.cluster import dask_executor as cluster
from engine.tasks.cluster import tile_worker
from engine.tasks.runs.many_targets import read_targets
from engine.tasks.storage.checkpoint import unfinished_folders
from tests.helpers.facts import lacking
from tests.helpers.paths import ROOT
from tests.helpers.scenes import make_scene

pytestmark = pytest.mark.slow

TILES = 14
IDLE = "--idle-timeout", "300"
"""A scheduler whose tests were killed ends by itself, and its workers with it."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    made = make_scene(tmp_path_factory.mktemp("scene é 'x'"), side=160)
    # Compressed in strips, so that a part of it can be damaged.
    packed = made.target.with_name("packed.tif")
    gdal.Translate(str(packed), str(made.target), creationOptions=["COMPRESS=DEFLATE", "BLOCKYSIZE=4"])
    return replace(made, target=packed)


@pytest.fixture(scope="module")
def model(scene, tmp_path_factory):
    """A small network, learnt for a second: it need not be right."""
    with Stack(describe([str(scene.source)]), "source") as stack:
        source = sample_labels(LabelLayer(str(scene.labels), "fields", "crop"), stack, 0, 60)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    fit("source_only", source, source.without_labels(), 0, options={"source_steps": 20, "width": 16}).save(path)
    return path


@pytest.fixture(scope="module")
def threaded(scene, model, tmp_path_factory):
    """The map and its confidence made by threads of this process."""
    folder = tmp_path_factory.mktemp("threaded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "window_bytes", small_windows)
        run(job_of(scene, model, folder), Progress())
    return files_of(folder)


class Cluster:
    """A scheduler and two workers as separate processes, as on two machines."""

    def __init__(self, folder):
        self.folder, self.processes, self.workers = folder, [], []
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(folder / "s.json"), *IDLE)
        wait(lambda: (folder / "s.json").exists() and '"address"' in (folder / "s.json").read_text())
        self.address = [part for part in (folder / "s.json").read_text().split('"') if part.startswith("tcp:")][0]
        self.add_worker()
        self.add_worker()
        with Client(self.address) as client:
            client.wait_for_workers(2, timeout=90)

    def add_worker(self):
        options = ["--nthreads", "1", "--no-nanny", "--death-timeout", "60", "--local-directory", str(self.folder)]
        self.workers.append(self.start("worker", self.address, *options))

    def start(self, what, *options):
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options, "--no-dashboard"]
        log = (self.folder / f"{len(self.processes)}.log").open("w")
        self.processes.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        log.close()
        return self.processes[-1]

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask_cluster(tmp_path_factory):
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(memory, "window_bytes", small_windows)


def small_windows(memory, workers=0):
    return 160 * 12 * 13 * 2 * 4


def wait(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def job_of(scene, model, folder, **more):
    return Job(
        output=str(folder / "map.tif"),
        confidence=str(folder / "confidence.tif"),
        target=describe([str(scene.target)]),
        use_model=str(model),
        **more,
    )


def files_of(folder):
    return {name: (folder / name).read_bytes() for name in ("map.tif", "map.tif.aux.xml", "confidence.tif")}


def tiles_in(folder):
    return sorted(folder.glob(".*.tiles/tile_*.tif"))


def when_tiles(folder, count, act):
    """An ``emit`` for a progress that acts once, as soon as so many tiles are there."""
    acted = []

    def emit(event):
        if not acted and len(tiles_in(folder)) >= count:
            acted.append(act())

    return emit


def test_the_map_of_two_workers_is_that_of_threads_byte_for_byte(scene, model, threaded, dask_cluster, tmp_path):
    shown = []
    run(job_of(scene, model, tmp_path, dask=dask_cluster.address), Progress(shown.append))
    assert files_of(tmp_path) == threaded
    assert sorted(p.name for p in tmp_path.iterdir()) == ["confidence.tif", "map.qml", "map.tif", "map.tif.aux.xml"]
    fractions = [event["fraction"] for event in shown if event["event"] == "progress"]
    assert fractions[-1] == 1.0
    assert not [event for event in shown if event["event"] == "warning" and "Dask" in event["message"]]


def test_tiles_of_a_killed_worker_are_done_by_another(scene, model, threaded, dask_cluster, tmp_path):
    first = dask_cluster.workers.pop(0)
    dask_cluster.add_worker()
    run(job_of(scene, model, tmp_path, dask=dask_cluster.address), Progress(when_tiles(tmp_path, 2, first.kill)))
    assert first.wait(5) < 0
    assert files_of(tmp_path) == threaded


@pytest.fixture
def damaged(scene):
    """The target with its last strip, of the rows from 156 on, damaged; a function that mends it."""
    whole, state = scene.target.read_bytes(), scene.target.stat()
    dataset = gdal.Open(str(scene.target))
    place = int(dataset.GetRasterBand(1).GetMetadataItem("BLOCK_OFFSET_0_39", "TIFF"))

    def write(content):
        scene.target.write_bytes(content)
        os.utime(scene.target, ns=(state.st_atime_ns, state.st_mtime_ns))

    write(whole[:place] + b"\0" * 50 + whole[place + 50 :])
    yield lambda: write(whole)
    write(whole)


def test_a_tile_that_keeps_failing_is_told_and_all_others_are_kept(
    scene, model, threaded, dask_cluster, damaged, tmp_path
):
    job = job_of(scene, model, tmp_path, dask=dask_cluster.address)
    with pytest.raises(InputError) as failure:
        run(job, Progress())
    assert failure.value.code == "tiles-failed"
    assert not lacking(failure.value.message, 1, TILES, 156, 159, "packed.tif")
    [folder] = unfinished_folders(job.output)
    kept = {path: path.stat().st_mtime_ns for path in tiles_in(tmp_path)}
    assert len(kept) == TILES - 1 and list(tmp_path.iterdir()) == [folder]

    damaged()
    seen = {}
    look = when_tiles(tmp_path, TILES, lambda: seen.update({path: path.stat().st_mtime_ns for path in kept}))
    run(replace(job, resume=True, id="another"), Progress(look))
    assert seen == kept
    assert files_of(tmp_path) == threaded


def test_a_cancelled_map_leaves_nothing_behind_its_workers_neither(scene, model, dask_cluster, tmp_path):
    cancel = []
    note = when_tiles(tmp_path, 1, lambda: cancel.append(True))
    with pytest.raises(Cancelled):
        run(job_of(scene, model, tmp_path, dask=dask_cluster.address), Progress(note, lambda: bool(cancel)))
    # No worker comes back to the folder with a tile that was at work.
    assert cancel and list(tmp_path.iterdir()) == []


def test_a_list_of_targets_is_mapped_on_one_cluster_and_the_bad_one_is_told(
    scene, model, threaded, dask_cluster, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(cli.signal, "signal", lambda *arguments: None)  # this process keeps its own
    listed = tmp_path / "targets.txt"
    listed.write_text(f"# name=files\nnorth={scene.target}\n\n{tmp_path / 'gone.tif'}\nsouth={scene.target}\n", "utf-8")
    arguments = ["classify", "--model", model, "--targets", listed, "--output-folder", tmp_path / "maps"]
    arguments = [*map(str, arguments), "--confidence", "--dask", dask_cluster.address]
    assert cli.main(arguments) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("croptransfer: ")]
    assert len(told) == 1 and told[0].startswith("croptransfer: gone: ") and "gone.tif" in told[0]
    rasters = {path.name for path in (tmp_path / "maps").iterdir() if path.suffix == ".tif"}
    assert rasters == {"north.tif", "north_confidence.tif", "south.tif", "south_confidence.tif"}
    assert (tmp_path / "maps" / "south.tif").read_bytes() == threaded["map.tif"]

    before = (tmp_path / "maps" / "north.tif").stat().st_mtime_ns
    listed.write_text(f"north={scene.target}\nwest={scene.target}\n", "utf-8")
    assert cli.main([*arguments, "--resume"]) == 0
    assert (tmp_path / "maps" / "north.tif").stat().st_mtime_ns == before
    assert (tmp_path / "maps" / "west.tif").read_bytes() == threaded["map.tif"]


def test_a_scheduler_that_is_gone_is_told_and_what_was_done_is_kept(scene, model, threaded, dask_cluster, tmp_path):
    """The last test of this cluster."""
    job = job_of(scene, model, tmp_path, dask=dask_cluster.address)
    with pytest.raises(InputError) as lost:
        run(job, Progress(when_tiles(tmp_path, 2, dask_cluster.processes[0].kill)))
    assert lost.value.code == "dask-lost" and dask_cluster.address in lost.value.message
    assert len(tiles_in(tmp_path)) >= 2
    run(replace(job, resume=True, dask="", id="another"), Progress())
    assert files_of(tmp_path) == threaded


def test_local_worker_processes_make_the_same_map_and_end_with_it(scene, model, threaded, tmp_path):
    before = set(psutil.Process().children(recursive=True))
    run(job_of(scene, model, tmp_path, workers=1), Progress())
    assert files_of(tmp_path) == threaded
    left = {
        one for one in set(psutil.Process().children(recursive=True)) - before if "spawn_main" in str(one.cmdline())
    }
    assert left == set()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1", "nonsense://x:1"])
def test_a_scheduler_that_does_not_answer_is_told_before_anything_is_learnt(scene, model, tmp_path, address):
    stages = []
    with pytest.raises(InputError) as refused:
        run(job_of(scene, model, tmp_path, dask=address), Progress(stages.append))
    assert refused.value.code == "dask-address" and address in refused.value.message
    assert [event for event in stages if event["event"] == "stage"] == [] and list(tmp_path.iterdir()) == []


def test_without_dask_one_sentence_says_what_to_install(scene, model, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(InputError) as refused:
        run(job_of(scene, model, tmp_path, workers=2), Progress())
    assert refused.value.code == "dask-missing" and "croptransfer[cluster]" in refused.value.hint


def test_a_worker_names_what_it_does_not_share_with_the_client(tmp_path):
    from engine.mapping.tile_store import write_journal

    for code, named in (("dask-folder", str(tmp_path)), ("dask-version", "0.0.1")):
        with pytest.raises(InputError) as refused:
            tile_worker.check_worker(str(tmp_path / "tiles"), code)
        assert refused.value.code == code and named in refused.value.message
        (tmp_path / "tiles").mkdir(exist_ok=True)
        write_journal(tmp_path / "tiles", {"version": "0.0.1"})


def test_a_worker_opens_a_job_with_a_mask_and_labels(scene, tmp_path, monkeypatch):
    """Of both the journal of the unfinished map keeps in its settings only what decides the classes."""
    job = Job(
        output=str(tmp_path / "threads.tif"),
        target=describe([str(scene.target)]),
        labels=LabelLayer(str(scene.labels), "fields", "crop"),
        source=describe([str(scene.source)]),
        mask=f"{scene.labels}|layername=fields",
        method="source_only",
        options={"steps_scale": 0.01},
    )
    run(job, Progress())

    def do_tiles(job, store, progress):
        for number in range(len(store.windows)):
            tile_worker.do_tile(str(store.folder), "a run", number)
        tile_worker._end("a run")

    monkeypatch.setattr(cluster, "map_on_cluster", do_tiles)
    run(replace(job, output=str(tmp_path / "workers.tif"), workers=1, id="other"), Progress())
    assert (tmp_path / "workers.tif").read_bytes() == (tmp_path / "threads.tif").read_bytes()


def test_workers_are_given_with_neither_a_scheduler_nor_parcels(scene, model, tmp_path):
    job = job_of(scene, model, tmp_path)
    for change in (
        {"workers": -1},
        {"workers": 2, "dask": "tcp://127.0.0.1:8786"},
        {"workers": 2, "parcels": "p.gpkg"},
    ):
        assert "workers" in [problem.code for problem in check(replace(job, **change))]
    assert Job.from_json(replace(job, dask="tcp://host:1", cog=True).to_json()).dask == "tcp://host:1"


def test_an_error_of_a_worker_comes_back_as_it_was():
    error = pickle.loads(pickle.dumps(InputError("code", "A sentence.", "A hint.")))
    assert (error.code, error.message, error.hint) == ("code", "A sentence.", "A hint.")


def test_targets_of_a_list_are_named_by_their_files_or_as_the_list_says(tmp_path):
    (tmp_path / "date=2021").mkdir()
    (tmp_path / "list.txt").write_text(f"a/one.tif\nb/; c.tif\nme = d.tif;e.tif\n{tmp_path}/date=2021\n", "utf-8")
    (tmp_path / "list.csv").write_text('name,files\nme,"d.tif;e.tif"\nyou,"f, g.tif"\n', "utf-8")
    named = [(target.name, target.paths) for target in read_targets(str(tmp_path / "list.txt"))]
    assert named[:3] == [("one", ("a/one.tif",)), ("b", ("b/", "c.tif")), ("me", ("d.tif", "e.tif"))]
    assert named[3] == ("date=2021", (f"{tmp_path}/date=2021",))
    rows = [(target.name, target.paths) for target in read_targets(str(tmp_path / "list.csv"))]
    assert rows == [("me", ("d.tif", "e.tif")), ("you", ("f, g.tif",))]


@pytest.mark.parametrize(
    "text, named", [("a.tif\nb/a.tif\n", ["'a'"]), ("\n# none\n", []), ("../x=a.tif\n.=b\n", ["'.'"])]
)
def test_a_list_that_names_no_map_is_refused(tmp_path, text, named):
    (tmp_path / "list.txt").write_text(text, "utf-8")
    with pytest.raises(InputError) as refused:
        read_targets(str(tmp_path / "list.txt"))
    assert refused.value.code == "targets" and not lacking(refused.value.message, "list.txt", *named)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(InputError) as refused:
        read_targets(str(tmp_path / "none.txt"))
    assert refused.value.code == "targets" and "none.txt" in refused.value.message
