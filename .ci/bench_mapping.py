"""How fast, how well and in how much memory a stack is mapped, side by side in one run.

Part of `make bench`; alone: `.ci/bench_mapping.py [--side 1024] [--large 2048 5120 10240] [--kills 20]`.
The stack (bench_stack.py) has 24 dates x 10 bands. A large one is a mosaic (VRT) of that stack repeated; the side is a
multiple of 256, since otherwise its parts cut through the blocks of a window. Rows:

- speed: pixels a second from file to file by the fast network, by the model's own, by a student of
  GHCA that reads date by date and by a random forest of 200 trees of scikit-learn, through the same reader, tiles and
  writer; seconds of the processor beside those of the clock; operations a pixel, and the share of the cores' peak that
  they are;
- agreement: on the targets of real transfers, how often the fast way gives the network's class, and its accuracy;
- size: pixels a second and peak memory on the stack and on the large ones;
- kills: how many of so many jobs, killed at random and resumed, end in the bytes of one that was not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_stack import DATA, DATES, FIRST_DATE, ROOT, TRANSFER, generate, repeat

SIDE, LARGE = 1024, (4096,)
WAYS = ("fast", "exact", "student", "forest")
GOAL_AGREEMENT, GOAL_GROWTH = 0.98, 1.1
GOALS = {"fast": " (goals: 4 times the forest, 10 times the student)", "exact": " (goal: 1 time the forest)"}


def measure_mapping(
    side: int = SIDE, large: Sequence[int] = LARGE, kills: int = 0, transfers: Sequence[str] = (TRANSFER,),
    models: Path | None = None, progress: Callable[[str], None] = print,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows ready for JSON; everything is written to a temporary folder and removed.

    Parameters
    ----------
    side : width and height of the stack. ``large``: those of the large ones.
    kills : how many jobs are killed.
    transfers : for the agreement; the first also gives the model that maps.
    models : folder that keeps the models of the transfers, fitted where they are not there yet.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        kept = models or Path(folder)
        fitted = {name: fitted_model(name, kept) for name in dict.fromkeys((TRANSFER, *transfers))}
        stack = Path(folder) / "stack.tif"
        generate(stack, side)
        student = fitted_model(TRANSFER, kept, distill_steps=0, dates_per_token=1)
        for way in WAYS:
            model = student if way == "student" else fitted[TRANSFER]
            rows.append({"row": "speed", **map_apart(way, model, stack, Path(folder))})
        add_ratios(rows)
        for row in rows:
            progress(line(row))
        for name in transfers:
            rows.append({"row": "agreement", "transfer": name, **agreement(name, fitted[name])})
            progress(line(rows[-1]))
        for size in large:
            mosaic = Path(folder) / f"large_{size}.vrt"
            repeat(stack, mosaic, side, size)
            row = {"row": "size", **map_apart("fast", fitted[TRANSFER], mosaic, Path(folder))}
            small = rows[0]
            row["memory_growth"] = round(row["peak_memory_mb"] / small["peak_memory_mb"], 3)
            row["time_growth"] = round(small["mapping_pixels_per_second"] / row["mapping_pixels_per_second"], 3)
            rows.append(row)
            progress(line(row))
        if kills:
            rows.append({"row": "kills", **survive(kills, fitted[TRANSFER], Path(folder))})
            progress(line(rows[-1]))
    return rows


def fitted_model(transfer: str, folder: Path, **options: Any) -> Path:
    """The model of GHCA with seed 0 for a transfer, and with its defaults but for the options."""
    from engine.evaluation.transfers import read_transfers
    from engine.methods import fit

    path = folder / f"{'_'.join((transfer, *options))}.safetensors"
    if not path.exists():
        _, source, target = next(iter(read_transfers(DATA / "splits.json", [transfer])))
        fit("ghca", source, target, 0, options=options).save(path)
    return path


def map_apart(way: str, model: Path, stack: Path, folder: Path) -> dict[str, Any]:
    """One map in a process of its own: its figures."""
    command = [sys.executable, str(Path(__file__).resolve()), "--map", way, str(model), str(stack), str(folder)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def map_here(way: str, model: str, stack: str, folder: str) -> dict[str, Any]:
    """Map a stack in this process, from file to file, and tell how long it took and in how much memory."""
    from bench_reading import own_peak

    from engine.imagery import describe
    from engine.models import TrainedModel
    from engine.progress import Progress
    from engine.tasks import Job, run

    if way == "forest":
        forest_classifies()
    output = Path(folder) / f"{way}_{Path(stack).stem}.tif"
    job = Job(
        output=str(output),
        confidence=str(output.with_name(f"{output.stem}_confidence.tif")),
        target=describe([stack]),
        use_model=model,
        exact=way != "fast",
    )
    clock, processor = time.perf_counter(), time.process_time()
    summary = run(job, Progress()).summary
    seconds, used = time.perf_counter() - clock, time.process_time() - processor
    pixels = summary["mapped_pixels"] + summary["unobserved_pixels"]
    stages = summary["seconds"]
    teaching = stages.get("Training the distilled model", 0.0)
    mapping = stages["Mapping the target"] + stages["Writing the files"]
    return {
        "way": way,
        "pixels": pixels,
        "seconds": round(seconds, 1),
        "processor_seconds": round(used, 1),
        "teaching_seconds": round(teaching, 1),
        "mapping_pixels_per_second": round(pixels / mapping),
        "whole_pixels_per_second": round(pixels / seconds),
        "peak_memory_mb": own_peak(),
        "operations": operations(TrainedModel.load(model)) if way in ("exact", "student") else None,
        "peak_share": None,
        "mapping": summary["mapping"],
        "load_average": round(os.getloadavg()[0], 1),
    }


def forest_classifies() -> None:
    """Replace the full model by a scikit-learn forest of 200 trees, trained on the source of the transfer."""
    from sklearn.ensemble import RandomForestClassifier

    from engine.evaluation.transfers import read_transfers
    from engine.mapping.classify import Classified, ModelClassifier

    _, source, _ = next(iter(read_transfers(DATA / "splits.json", [TRANSFER])))
    values = np.nan_to_num(source.values[:, FIRST_DATE : FIRST_DATE + DATES])
    forest = RandomForestClassifier(200, n_jobs=1, random_state=0)
    forest.fit(values.reshape(len(values), -1), source.labels)

    def classify(self: Any, pixels: np.ndarray, tick: Callable[[int], None]) -> Classified:
        best, percent = np.empty(len(pixels), np.int64), np.empty(len(pixels), np.int64)
        # Large pieces, for a forest takes its time to start; gaps as zeros, for filling them would cost it more.
        for start in range(0, len(pixels), 16_384):
            part = slice(start, start + 16_384)
            probability = forest.predict_proba(np.nan_to_num(pixels[part]).reshape(-1, values[0].size))
            best[part], percent[part] = probability.argmax(axis=1), np.rint(100 * probability.max(axis=1))
            tick(len(probability))
        return Classified(best, percent)

    ModelClassifier.classify = classify  # type: ignore[method-assign]


def operations(model: Any) -> int:
    """Floating-point operations of the network for one pixel of the stack, by torch's own count."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    day = torch.linspace(60, 300, DATES)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.network(torch.zeros(64, DATES, len(model.bands)), torch.ones(64, DATES, dtype=torch.bool), day)
    return round(counter.get_total_flops() / 64)


def core_peak() -> float:
    """Operations a second that one core reaches in multiplying matrices of float32."""
    import torch

    torch.set_num_threads(1)
    a = torch.rand(1536, 1536)
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        a @ a
        best = max(best, 2 * 1536**3 / (time.process_time() - started))
    return best


def add_ratios(rows: list[dict[str, Any]]) -> None:
    """How many times as fast as the forest and as the networks, by clock and by processor time."""
    of = {row["way"]: row for row in rows}
    peak = core_peak()
    for row in rows:
        for other in ("forest", "exact", "student"):
            row[f"of_{other}"] = round(row["mapping_pixels_per_second"] / of[other]["mapping_pixels_per_second"], 2)
            row[f"of_{other}_whole"] = round(
                (row["pixels"] / row["processor_seconds"]) / (of[other]["pixels"] / of[other]["processor_seconds"]), 2
            )
    for network in (of["exact"], of["student"]):
        done = network["operations"] * network["pixels"] / network["processor_seconds"]
        network["peak_share"] = round(done / peak, 3)


def agreement(transfer: str, path: Path) -> dict[str, Any]:
    """On held-out quarters of a real target: how often the fast way gives the network's class, and how right."""
    from engine.evaluation.transfers import read_transfers
    from engine.mapping.classifier_plan import predict_parallel
    from engine.mapping.classify import ModelClassifier, StudentClassifier
    from engine.mapping.distill import MIXTURES_PER_PIXEL, StudentData, distill, mix_pixels
    from engine.models import TrainedModel
    from engine.progress import Progress

    _, _, target = next(iter(read_transfers(DATA / "splits.json", [transfer])))
    target = target.take(target.observed.any(axis=1))
    model, progress = TrainedModel.load(path), Progress()
    rng = np.random.default_rng(0)
    part = rng.integers(4, size=len(target))
    exact = predict_parallel(model, target.values, target.day, progress.check)
    found, fallbacks = np.empty(len(target), np.int64), 0
    for number in range(4):
        # A real raster has thousands of pixels to train on; here mixtures replace them.
        own = target.values[part != number]
        held = rng.random(len(own)) < 0.2
        train = np.concatenate(
            [own[~held], mix_pixels(own[~held], max(int(MIXTURES_PER_PIXEL * len(own)), 12_000), rng)]
        )
        answers = predict_parallel(model, train, target.day, progress.check)
        data = StudentData(train, answers, own[held], exact[part != number][held])
        student = distill(model, target.day, data, 0, progress)
        classified = StudentClassifier(student, ModelClassifier(model, target.day)).classify(
            target.values[part == number], lambda pixels: None
        )
        found[part == number] = classified.best
        fallbacks += classified.exact
    return {
        "pixels": len(target),
        "agreement": round(float((found == exact.argmax(axis=1)).mean()), 4),
        "asked": round(fallbacks / len(target), 4),
        "oa_fast": round(float((found == target.labels).mean()), 4),
        "oa_exact": round(float((exact.argmax(axis=1) == target.labels).mean()), 4),
    }


def survive(kills: int, model: Path, folder: Path) -> dict[str, Any]:
    """Kill a job at random moments, each time with signal 9, resume it, and compare the bytes of the map."""
    stack = folder / "kills.tif"
    # Large enough for the fast network to be taught.
    generate(stack, 1024)
    command = [sys.executable, "-m", "engine", "classify", "--model", str(model), "--target", str(stack)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}

    def start(output: Path, *more: str) -> subprocess.Popen:
        arguments = [*command, "--output", str(output), "--memory", "256", *more]
        return subprocess.Popen(
            arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    whole, killed = folder / "whole.tif", folder / "killed.tif"
    started = time.perf_counter()
    if start(whole).wait():
        raise SystemExit("the job that is to be killed fails by itself")
    long = time.perf_counter() - started
    rng, identical, late, done = random.Random(0), 0, 0, 0
    while done < kills:
        job = start(killed)
        try:
            job.wait(rng.uniform(0.1, 1.0) * long)
            late += 1
            killed.unlink()
            continue
        except subprocess.TimeoutExpired:
            job.send_signal(signal.SIGKILL)
            job.wait()
        done += 1
        if not killed.exists() and start(killed, "--resume").wait():
            continue
        identical += killed.read_bytes() == whole.read_bytes()
        for left in folder.glob("*killed*"):
            left.unlink()
    return {"kills": kills, "identical": identical, "came_too_late": late, "seconds_uninterrupted": round(long, 1)}


def line(row: dict[str, Any]) -> str:
    """A row in a sentence."""
    if row["row"] == "agreement":
        return (
            f"Distilled model on {row['transfer']}: the full model's class on {row['agreement']:.1%} of "
            f"{row['pixels']:,} series (goal {GOAL_AGREEMENT:.0%}), full model used for {row['asked']:.1%}; accuracy "
            f"{row['oa_fast']:.3f}, full model {row['oa_exact']:.3f}."
        )
    if row["row"] == "kills":
        return (
            f"Killed at random: {row['identical']} of {row['kills']} end in the bytes of an uninterrupted job "
            f"({row['came_too_late']} had ended before)."
        )
    text = (
        f"Mapping {row['pixels']:,} pixels, {row['way']}: {row['mapping_pixels_per_second']:,} pixels a second from "
        f"file to file, teaching the fast network {row['teaching_seconds']} s, {row['processor_seconds']} s of the "
        f"processor, "
        f"peak memory {row['peak_memory_mb']:,} MB (load {row['load_average']})"
    )
    if row["row"] == "size":
        grown = f"memory {row['memory_growth']:.2f} and time a pixel {row['time_growth']:.2f} of the stack's"
        return f"{text}; {grown} (goal {GOAL_GROWTH})."
    text += (
        f"; {row['of_forest']:.2f} times the forest, {row['of_exact']:.2f} times the model's own network and "
        f"{row['of_student']:.2f} times a student that reads date by date{GOALS.get(row['way'], '')}"
    )
    if row["peak_share"] is not None:
        text += f"; {row['operations']:,} operations a pixel, {row['peak_share']:.0%} of what the cores can multiply"
    return text + "."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--large", type=int, nargs="*", default=LARGE)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--transfers", nargs="+", default=[TRANSFER])
    parser.add_argument("--models", type=Path, help="folder that keeps the fitted models")
    parser.add_argument("--output", help="file for the rows as JSON")
    parser.add_argument("--map", nargs=4, metavar=("WAY", "MODEL", "STACK", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.map:
        print(json.dumps(map_here(*options.map)))
        return
    rows = measure_mapping(options.side, options.large, options.kills, options.transfers, options.models)
    if options.output:
        Path(options.output).write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
