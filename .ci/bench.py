"""`make bench`: accuracy, speed and memory, as tables and as bench/results.json.

Accuracy: every method on the transfers of ../shared/data/splits.json (see `bench_accuracy.py`), over seeds;
target labels only score, except in the oracle. An interrupted comparison continues where it stopped; its page with
pictures is bench/accuracy.html. A complete run rewrites the tables of docs/benchmarks.md; `--from FILE...` does so
from the results of earlier comparisons, whatever seeds each method has there. Speed and memory: one whole job
through the worker process, as QGIS starts it, on a stack that repeats the pixels of the sample scene's target.
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
from pathlib import Path

import numpy as np
from osgeo import gdal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
DATA = ROOT.parent / "shared" / "data"
SAMPLE = ROOT / "resources" / "sample"
PAGE = ROOT / "docs" / "benchmarks.md"


def parse_arguments() -> argparse.Namespace:
    """What is measured, and how much of it."""
    from bench_accuracy import TRANSFERS
    from bench_mapping import LARGE
    from bench_reading import SIDE

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--transfers", nargs="+", default=list(TRANSFERS))
    parser.add_argument("--methods", nargs="+", default=[], help="default: all")
    parser.add_argument("--steps-scale", type=float, default=1.0, help="share of the optimiser steps, to try it out")
    parser.add_argument("--workers", type=int, default=0, help="fits at the same time (default: one a core)")
    parser.add_argument("--side", type=int, default=600, help="width and height of the mapped stack in pixels")
    parser.add_argument("--no-job", action="store_true", help="leave speed and memory out")
    parser.add_argument("--no-reading", action="store_true", help="leave the reading of stacks and sources out")
    parser.add_argument("--no-mapping", action="store_true", help="leave the mapping of large stacks out")
    parser.add_argument(
        "--mapping-large", type=int, nargs="*", default=LARGE, help="sides of the large stacks that are mapped"
    )
    parser.add_argument(
        "--reading-side", type=int, default=SIDE, help="side of the stack that is read; 5000 is the whole"
    )
    parser.add_argument("--output", default=str(ROOT / "bench" / "results.json"))
    parser.add_argument("--from", dest="files", nargs="+", type=Path, metavar="FILE", help="measure nothing: tables")
    return parser.parse_args()


def main() -> None:
    from bench_accuracy import TRANSFERS, gains, measure_accuracy, publish, read_rows, tables
    from bench_cluster import line as workers_line
    from bench_cluster import measure_workers
    from bench_mapping import line as mapping_line
    from bench_mapping import measure_mapping
    from bench_reading import line, measure_reading
    from bench_series import line as series_line
    from bench_series import measure_series
    from bench_training import measure_training, training_line

    from engine.evaluation.ranking import summarize_methods

    options = parse_arguments()
    if options.files:
        rows = read_rows(options.files)
        print(tables(rows))
        publish(tables(rows), rows, PAGE)
        return
    output = Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "job": None if options.no_job else measure_job(options.side),
        "reading": [] if options.no_reading else measure_reading(options.reading_side, lambda text: None),
        "training": [] if options.no_reading else measure_training(progress=lambda text: None),
        "mapping": []
        if options.no_mapping
        else measure_mapping(large=options.mapping_large, kills=20, progress=_silent),
        "series": [] if options.no_mapping else measure_series(progress=_silent),
        "workers": [] if options.no_mapping else measure_workers(progress=_silent),
        "accuracy": [],
    }
    text = []
    if (DATA / "splits.json").exists():
        settings = {} if options.steps_scale == 1.0 else {"steps_scale": options.steps_scale}
        rows = measure_accuracy(
            DATA / "splits.json",
            options.transfers,
            options.methods,
            options.seeds,
            output.with_name("accuracy.json"),
            settings,
            options.workers,
        )
        summaries = summarize_methods(rows)
        results |= {
            "accuracy": rows,
            "standing": [one.as_json() for one in summaries],
            "gains": gains(summaries, options.transfers),
        }
        text.append(tables(rows))
        if not options.methods and options.seeds >= 3 and list(options.transfers) == list(TRANSFERS):
            publish(text[0], rows, PAGE)
        else:
            print(f"{PAGE.name} keeps its tables: this was not the whole bench.", file=sys.stderr)
    else:
        print(f"no accuracy: {DATA} is not there", file=sys.stderr)
    output.write_text(json.dumps(results, indent=1), "utf-8")
    if results["job"]:
        text.append(job_line(results))
    text += [line(row) for row in results["reading"]]
    text += [training_line(row) for row in results["training"]]
    text += [mapping_line(row) for row in results["mapping"]]
    text += [series_line(row) for row in results["series"]]
    text += [workers_line(row) for row in results["workers"]]
    print("\n\n".join(text))
    print(f"\nresults: {output}")


def _silent(text: str) -> None:
    """The sentences come at the end."""


def measure_job(side: int) -> dict:
    """Seconds and peak memory of one job, from labels and stacks to the finished map."""
    from engine.imagery import describe
    from engine.tasks import Job, LabelLayer

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


def job_line(results: dict) -> str:
    """Speed and memory in a sentence."""
    job = results["job"]
    return (
        f"One job on {results['machine']} ({results['date']}): reading {job['reading_seconds']} s, "
        f"fit {job['fit_seconds']} s, mapping {job['pixels']:,} pixels {job['map_seconds']} s "
        f"({job['pixels_per_second']:,} pixels a second), writing {job['writing_seconds']} s, "
        f"peak memory {job['peak_memory_mb']:,} MB."
    )


if __name__ == "__main__":
    main()
