"""What worker processes of Dask gain in mapping, and whether a map is the same when they are killed at random.

Part of `make bench`; alone: `.ci/bench_cluster.py [--side 768] [--rounds 3] [--kills 4] [--output FILE]`. The stack is
that of bench_stack.py, every pixel classified by a network of the usual size. Rows:

- workers: pixels a second by one worker, by two (one thread each) and by two threads of one process, in turns, and
  their ratios round by round; workers were started and had loaded torch before. By the clock it takes two idle cores:
  with other work on the machine the ratio is that of the moment. By processor time, the seconds of the one worker by
  those of the busier of the two: what two idle cores would give, but for what a worker waits;
- killed: how often a worker was killed (signal 9) while two of them made a map, and whether its bytes are those of the
  map made by threads.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_stack import DATA, TRANSFER, generate

SIDE, ROUNDS, KILLS = 768, 3, 4
GOAL = 1.7
WAYS = {"one worker": 1, "two workers": 2, "two threads": 0}
MEMORY = 256
"""MB: small, so that there are many tiles."""


def measure_workers(
    side: int = SIDE, rounds: int = ROUNDS, kills: int = KILLS, progress: Callable[[str], None] = print
) -> list[dict[str, Any]]:
    """Rows ready for JSON; everything is written to a temporary folder and removed.

    Parameters
    ----------
    side : width and height of the stack. ``rounds``: how often each way maps it.
    kills : how many workers are killed, one after another.
    """
    os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"] = "2", "PASSIVE"
    from distributed import Client

    from engine.imagery import describe
    from engine.tasks import Job
    from engine.tasks.cluster.dask_executor import local_cluster

    with tempfile.TemporaryDirectory() as name, ExitStack() as open_things:
        folder = Path(name)
        generate(folder / "stack.tif", side)
        generate(folder / "small.tif", 64)
        job = Job(
            output=str(folder / "map.tif"),
            confidence=str(folder / "confidence.tif"),
            target=describe([str(folder / "stack.tif")]),
            use_model=str(untrained_model(folder)),
            exact=True,
            memory=MEMORY,
        )
        clients = {}
        for way, workers in WAYS.items():
            if workers:
                address = open_things.enter_context(local_cluster(workers))
                clients[way] = open_things.enter_context(Client(address, set_as_default=False))
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        processor: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        warm = replace(job, target=describe([str(folder / "small.tif")]))
        for way in WAYS:
            map_once(warm, clients.get(way))
        wanted = b""
        for _ in range(rounds):
            for way in WAYS:
                clock, spent = map_once(job, clients.get(way))
                seconds[way].append(clock)
                processor[way].append(spent)
                maps = contents(job)
                if wanted and maps != wanted:
                    raise SystemExit(f"the map of {way} is another one")
                wanted = maps
        rows = [workers_row(side, seconds, processor)]
        progress(line(rows[0]))
        rows.append({"row": "killed", **survive(job, clients["two workers"], kills, wanted)})
        progress(line(rows[1]))
        return rows


def untrained_model(folder: Path, dates: int = 24, bands: int = 10) -> Path:
    """A barely trained network of the size of GHCA's: its speed counts, not its accuracy."""
    from engine.evaluation.transfers import read_transfers
    from engine.methods.ghca.distillation import DistillationSettings
    from engine.methods.shared.request import FitRequest
    from engine.methods.shared.source_domain import prepare_source
    from engine.methods.shared.source_only import SourceSettings, build_model, train_source
    from engine.models.device import compute_device, seeded
    from engine.models.encoder import CropNetwork
    from engine.progress import Progress

    _, source, _ = next(iter(read_transfers(DATA / "splits.json", [TRANSFER])))
    source = replace(source, values=source.values[:, :, :bands], bands=source.bands[:bands])
    settings, device = SourceSettings(source_steps=30), compute_device()
    with seeded(0) as generator:
        domain = prepare_source(source, settings.held_out, 0, device)
        member = settings.network_size(bands, domain.classes, dates)
        network = CropNetwork(DistillationSettings().size(member)).to(device)
        trained = train_source(network, domain, settings, generator, Progress())
        path = folder / f"model_{dates}_{bands}.safetensors"
        request = FitRequest("source_only", source, source, 0, Progress(), {})
        build_model(trained, domain, request).save(path)
    return path


def map_once(job: Any, client: Any) -> tuple[float, list[float]]:
    """Seconds of the mapping stage by the clock, and of the processor in each process that mapped."""
    from engine.progress import Progress
    from engine.tasks import run

    def spent() -> list[float]:
        times = {"": time.process_time()} if client is None else client.run(time.process_time)
        return [times[place] for place in sorted(times)]

    before = spent()
    address = "" if client is None else client.scheduler.address
    result = run(replace(job, dask=address), Progress())
    return result.summary["seconds"]["Mapping the target"], [b - a for a, b in zip(before, spent())]


def contents(job: Any) -> bytes:
    return Path(job.output).read_bytes() + Path(job.confidence).read_bytes()


def workers_row(side: int, seconds: dict[str, list[float]], processor: dict[str, list[list[float]]]) -> dict[str, Any]:
    def ratios(way: str) -> list[float]:
        return [round(one / own, 2) for one, own in zip(seconds["one worker"], seconds[way])]

    return {
        "row": "workers",
        "side": side,
        "pixels_per_second": {way: round(side * side / statistics.median(times)) for way, times in seconds.items()},
        "processor_seconds": {way: round(statistics.median(map(sum, own)), 1) for way, own in processor.items()},
        "ratio_two_workers": ratios("two workers"),
        "ratio_two_workers_processor": [
            round(sum(one) / max(two), 2) for one, two in zip(processor["one worker"], processor["two workers"])
        ],
        "ratio_two_threads": ratios("two threads"),
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def survive(job: Any, client: Any, kills: int, wanted: bytes) -> dict[str, Any]:
    """Kill workers at random moments until enough were, each as soon as there are two again; map, and compare."""
    from engine.progress import Progress
    from engine.tasks import run

    rng, over = random.Random(0), threading.Event()
    done: list[int] = []

    def kill() -> None:
        while len(done) < kills and not over.wait(rng.uniform(0.5, 3.0)):
            places = client.run(os.getpid, on_error="ignore")
            if len(places) == 2:
                done.append(rng.choice(sorted(places.values())))
                os.kill(done[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        run(replace(job, dask=client.scheduler.address), Progress())
    finally:
        over.set()
        killer.join()
    return {"kills": len(done), "identical": contents(job) == wanted}


def line(row: dict[str, Any]) -> str:
    """A row in a sentence."""
    if row["row"] == "killed":
        same = "the same bytes" if row["identical"] else "ANOTHER MAP"
        return f"Two workers, killed {row['kills']} times while they mapped: {same} as by threads."
    rates = ", ".join(f"{way} {rate:,}" for way, rate in row["pixels_per_second"].items())
    spent = ", ".join(f"{way} {seconds}" for way, seconds in row["processor_seconds"].items())
    return (
        f"Mapping {row['side']} x {row['side']} pixels, pixels a second: {rates}; two workers to one, round by round: "
        f"{row['ratio_two_workers']} (goal {GOAL}), by processor time {row['ratio_two_workers_processor']}; "
        f"two threads to one worker {row['ratio_two_threads']}; seconds of "
        f"the processor: {spent} (load {row['load_average']})."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=SIDE, help="width and height of the stack")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each way maps it")
    parser.add_argument("--kills", type=int, default=KILLS, help="how many workers are killed")
    parser.add_argument("--output", help="file for the rows as JSON")
    options = parser.parse_args()
    rows = measure_workers(options.side, options.rounds, options.kills)
    if options.output:
        Path(options.output).write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
