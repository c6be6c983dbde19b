"""`make bench`: accuracy, speed and memory, as a table and as bench/results.json.

Accuracy: overall accuracy and macro-F1 of `source_only` and `ghca` on the transfers of
../shared/data/splits.json named below, over seeds; target labels only score. Speed and memory: one
whole job through the worker process, as QGIS starts it, on a stack that
repeats the pixels of the sample scene's target.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from osgeo import gdal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
DATA = ROOT.parent / "shared" / "data"
GOALS = {"CA_N2S": 0.85, "MT15_MT16": 0.93, "MT15-16_PG11-13": 0.90, "PG11-13_MT15-16": 0.88}
METHODS = ("source_only", "ghca")
SAMPLE = ROOT / "resources" / "sample"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--transfers", nargs="+", default=list(GOALS))
    parser.add_argument("--side", type=int, default=600, help="width and height of the mapped stack in pixels")
    parser.add_argument("--output", default=str(ROOT / "bench" / "results.json"))
    options = parser.parse_args()
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "job": measure_job(options.side),
        "accuracy": [],
    }
    if (DATA / "splits.json").exists():
        results["accuracy"] = measure_accuracy(options.transfers, options.seeds)
    else:
        print(f"no accuracy: {DATA} is not there", file=sys.stderr)
    Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    Path(options.output).write_text(json.dumps(results, indent=1), "utf-8")
    print(table(results))
    print(f"\nresults: {options.output}")


def measure_accuracy(transfers: list[str], seeds: int) -> list[dict]:
    """One run a transfer, method and seed, each on one thread, as many at once as there are cores."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        runs = [
            pool.submit(score, name, method, seed) for name in transfers for method in METHODS for seed in range(seeds)
        ]
        return [run.result() for run in runs]


def score(transfer: str, method: str, seed: int) -> dict:
    from engine.trust.compare import compare, read_transfers

    [result] = compare(read_transfers(DATA / "splits.json", [transfer]), [method], [seed], print)
    return result


def measure_job(side: int) -> dict:
    """Seconds and peak memory of one job, from labels and stacks to the finished map."""
    from engine.imagery import describe
    from engine.job import Job, LabelLayer

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "target.tif"
        tile_stack(SAMPLE / "target.tif", target, side)
        job = Job(
            output=str(Path(folder) / "map.tif"),
            confidence=str(Path(folder) / "confidence.tif"),
            labels=LabelLayer(str(SAMPLE / "fields.gpkg"), "", "crop"),
            source=describe([str(SAMPLE / "source.tif")]),
            target=describe([str(target)]),
        )
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        environment.pop("OMP_NUM_THREADS", None)
        worker = subprocess.Popen(
            [sys.executable, "-I", str(ROOT / "engine" / "__main__.py"), "worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        worker.stdin.write(job.to_json() + "\n")
        worker.stdin.flush()
        events = [json.loads(line) for line in worker.stdout]
        _, _, usage = os.wait4(worker.pid, 0)
    if events[-1]["event"] != "result":
        raise SystemExit(f"the job failed: {events[-1]}")
    summary = events[-1]["summary"]
    seconds = summary["seconds"]
    mapping = seconds.pop("Mapping the target")
    reading = sum(seconds.pop(name) for name in ("Reading the source", "Reading the target"))
    writing = seconds.pop("Writing the files")
    return {
        "pixels": summary["mapped_pixels"],
        "reading_seconds": round(reading, 1),
        "fit_seconds": round(sum(seconds.values()), 1),
        "map_seconds": round(mapping, 1),
        "writing_seconds": round(writing, 1),
        "pixels_per_second": round(summary["mapped_pixels"] / mapping),
        "peak_memory_mb": round(usage.ru_maxrss / 1024),
    }


def tile_stack(sample: Path, path: Path, side: int) -> None:
    """Repeat the sample stack to ``side`` x ``side`` pixels, with the same dates and bands."""
    source = gdal.Open(str(sample))
    block = source.ReadAsArray()
    repeats = [-(-side // size) for size in block.shape[1:]]
    driver = gdal.GetDriverByName("GTiff")
    options = ["TILED=YES", "COMPRESS=DEFLATE", "BLOCKXSIZE=256", "BLOCKYSIZE=256"]
    stack = driver.Create(str(path), side, side, source.RasterCount, source.GetRasterBand(1).DataType, options)
    stack.SetGeoTransform(source.GetGeoTransform())
    stack.SetProjection(source.GetProjection())
    for number in range(1, source.RasterCount + 1):
        band, original = stack.GetRasterBand(number), source.GetRasterBand(number)
        band.SetDescription(original.GetDescription())
        if original.GetNoDataValue() is not None:
            band.SetNoDataValue(original.GetNoDataValue())
        band.WriteArray(np.tile(block[number - 1], repeats)[:side, :side])
    stack.FlushCache()


def table(results: dict) -> str:
    """The results as Markdown."""
    lines = [
        "| transfer | method | OA | macro-F1 | goal | fit (s) |",
        "|---|---|---|---|---|---|",
    ]
    runs: dict[tuple[str, str], list[dict]] = {}
    for run in results["accuracy"]:
        runs.setdefault((run["transfer"], run["method"]), []).append(run)
    for (transfer, method), several in runs.items():
        oa, f1 = ([run[key] for run in several] for key in ("oa", "macro_f1"))
        goal = f"{GOALS[transfer]:.2f}" if method == "ghca" and transfer in GOALS else ""
        fit = np.mean([run["fit_seconds"] for run in several])
        lines.append(f"| {transfer} | {method} | {mean_spread(oa)} | {mean_spread(f1)} | {goal} | {fit:.0f} |")
    job = results["job"]
    lines += [
        "",
        f"One job on {results['machine']} ({results['date']}): reading {job['reading_seconds']} s, "
        f"fit {job['fit_seconds']} s, mapping {job['pixels']:,} pixels {job['map_seconds']} s "
        f"({job['pixels_per_second']:,} pixels a second), writing {job['writing_seconds']} s, "
        f"peak memory {job['peak_memory_mb']:,} MB.",
    ]
    return "\n".join(lines)


def mean_spread(values: list[float]) -> str:
    """Mean and standard deviation over seeds."""
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


if __name__ == "__main__":
    main()
