"""How fast and in how much memory stacks are read, side by side with a bare GDAL read of the same windows.

Part of `make bench`; alone: `.ci/bench_reading.py [--side 5000] [--output FILE]`. Rows:

- ratio: throughput of `Stack.read` (values in float32, gaps, scale, series by pixel) as a share of that of
  `ReadRaster` of the same windows in the files' own type, each in one thread and with files newly opened, in turns;
  by the clock, and by processor time, which other work on the machine disturbs less;
- overlapped: how much of the shorter of reading and computing is hidden behind the other by `Stack.read_ahead`
  (one thread each, so it takes two idle cores to mean anything: see the load average);
- memory: peak resident memory of a process that reads a whole stack, for a small and a large one.

The generated stack has 24 dates x 10 bands UInt16, deflate, clouds as nodata, once in tiles of 256 and once in
strips. It is 2,000 x 2,000 pixels unless another side is given: 5,000 takes 12 GB before compression, 7 GB on disk
and, on cores shared with other work, most of an hour.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal, osr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
CBERS = ROOT.parent / "shared" / "data" / "rasters" / "cbers_bahia"
SIDE, WHOLE_SIDE, SMALL_SIDE = 2000, 5000, 1000
DATES, BANDS = 24, "B02 B03 B04 B05 B06 B07 B08 B8A B11 B12".split()
LAYOUTS = {"tiled": ["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"], "strips": []}
NODATA = 65535
TIMED_WINDOWS = 12
"""Windows of a stack that are timed, spread over it."""
REPEATS = 3
ENOUGH, GROWTH = 0.7, 1.1
"""Goals: the least ratio, the largest growth of memory."""


def measure_reading(side: int = SIDE, progress: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Rows ready for JSON; the generated stacks are written to a temporary folder and removed.

    Parameters
    ----------
    side : width and height of the large generated stack.
    """
    if side <= SMALL_SIDE:
        raise SystemExit(f"The side of the large stack is {side}: give more than {SMALL_SIDE}, that of the small one.")
    rows = []
    paths = sorted(str(path) for path in CBERS.glob("*.tif"))
    if paths:
        rows.append({"stack": "cbers_bahia", "side": 1000, "layout": "strips", **compare(paths)})
        progress(line(rows[-1]))
    else:
        progress(f"no real stack: {CBERS} is not there")
    with tempfile.TemporaryDirectory() as folder:
        for layout in LAYOUTS:
            small, large = (Path(folder) / f"{layout}_{pixels}.tif" for pixels in (SMALL_SIDE, side))
            generate(small, SMALL_SIDE, layout)
            generate(large, side, layout)
            row = {"stack": "generated", "side": side, "layout": layout, **compare([str(large)])}
            memory = {str(pixels): peak_memory(path) for pixels, path in ((SMALL_SIDE, small), (side, large))}
            rows.append(
                {
                    **row,
                    "peak_memory_mb": memory,
                    "memory_growth": round(memory[str(side)] / memory[str(SMALL_SIDE)], 3),
                }
            )
            progress(line(rows[-1]))
            small.unlink()
            large.unlink()
    return rows


def compare(paths: Sequence[str]) -> dict[str, Any]:
    """Throughput of a bare read and of a stack's, and how reading and computing overlap."""
    from engine.imagery import Stack, describe

    bands = describe(list(paths))
    with Stack(bands, "target") as stack:
        everything = stack.windows()
        depth = len(stack.dates) * len(stack.bands)
    chosen = sorted({round(i) for i in np.linspace(0, len(everything) - 1, min(TIMED_WINDOWS, len(everything)))})
    windows = [everything[i] for i in chosen]

    def bare() -> None:
        datasets = [gdal.Open(path) for path in paths]
        for w in windows:
            for dataset in datasets:
                dataset.ReadRaster(w.column, w.row, w.width, w.height)

    def whole() -> None:
        for window in windows:
            stack.read(window)

    def computed() -> None:
        for _ in windows:
            compute(load)

    def both() -> None:
        for _ in stack.read_ahead(windows):
            compute(load)

    seconds: dict[str, list[tuple[float, float]]] = {}
    load = 1
    for repeat in range(REPEATS):
        for name, work in (("bare", bare), ("read", whole), ("compute", computed), ("both", both)):
            with Stack(bands, "target") as stack:
                if name == "compute" and not repeat:
                    # As much work as reading, so that hiding one behind the other could halve the time.
                    load = max(1, round(seconds["read"][0][1] / timed(computed)[1]))
                seconds.setdefault(name, []).append(timed(work))
    wall, processor = (
        {name: statistics.median(t[i] for t in times) for name, times in seconds.items()} for i in (0, 1)
    )
    pixels = sum(w.width * w.height for w in windows)
    hidden = [
        (r[0] + c[0] - b[0]) / min(r[0], c[0]) for r, c, b in zip(*(seconds[k] for k in ("read", "compute", "both")))
    ]
    return {
        "files": len(paths),
        "window": [windows[0].width, windows[0].height],
        "megabytes_timed": round(
            pixels * depth * gdal.GetDataTypeSize(gdal.Open(paths[0]).GetRasterBand(1).DataType) / 8e6
        ),
        "bare_seconds": round(wall["bare"], 3),
        "read_seconds": round(wall["read"], 3),
        "pixels_per_second": round(pixels / wall["read"]),
        "ratio": round(statistics.median(b[0] / r[0] for b, r in zip(seconds["bare"], seconds["read"])), 3),
        "ratio_processor": round(processor["bare"] / processor["read"], 3),
        "overlapped": round(statistics.median(hidden), 3),
        "load_average": [round(load, 1) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def compute(load: int) -> None:
    """Work of the kind that a model does, on one core whatever the linear algebra is built with."""
    values = np.full((256, 1024), 0.5, np.float32)
    for _ in range(8 * load):
        np.tanh(values, out=values)


def peak_memory(path: Path) -> int:
    """Peak resident memory, in MB, of a process that reads a stack from end to end."""
    command = [sys.executable, str(Path(__file__).resolve()), "--read-whole", str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def read_whole(path: str) -> None:
    """Read a stack as mapping does and print the peak resident memory in MB."""
    from engine.imagery import Stack, describe

    with Stack(describe([path]), "target") as stack:
        for _ in stack.read_ahead(stack.windows()):
            pass
    print(own_peak())


def own_peak() -> int:
    """Peak resident memory of this process in MB."""
    try:
        # What `getrusage` says starts with the memory of the process that started this one.
        status = Path("/proc/self/status").read_text()
        return round(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    except (OSError, IndexError):
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def generate(path: Path, side: int, layout: str) -> None:
    """A season of fields in ``side`` x ``side`` pixels: one file of 24 dates x 10 bands with noise and clouds."""
    options = [
        *LAYOUTS[layout],
        "COMPRESS=DEFLATE",
        "ZLEVEL=1",  # a third of the time to write goes, and the noise compresses no worse
        "PREDICTOR=2",
        "INTERLEAVE=BAND",
        "BIGTIFF=YES",
        "NUM_THREADS=ALL_CPUS",
    ]
    count = DATES * len(BANDS)
    out = gdal.GetDriverByName("GTiff").Create(str(path), side, side, count, gdal.GDT_UInt16, options)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    out.SetGeoTransform((500000, 10, 0, 5200000, 0, -10))
    out.SetProjection(crs.ExportToWkt())
    rng = np.random.default_rng(0)
    fields, noise = squares(rng, side, 37), rng.normal(0, 60, (side, side)).astype(np.float32)
    for number in range(count):
        date, band = divmod(number, len(BANDS))
        if band == 0:
            cloud = squares(rng, side, 150) > 0.75
        # The same noise elsewhere: it compresses as badly and costs less to draw.
        plane = 2500 + 2000 * fields * np.sin(date / 5 + band) + np.roll(noise, 7919 * number)
        stored = plane.clip(1, 20000).astype(np.uint16)
        stored[cloud] = NODATA
        raster = out.GetRasterBand(number + 1)
        day = datetime.date(2021, 3, 1) + datetime.timedelta(10 * date)
        raster.SetDescription(f"{BANDS[band]}_{day.isoformat()}")
        raster.SetNoDataValue(NODATA)
        raster.WriteRaster(0, 0, side, side, stored.tobytes())
    out.FlushCache()


def squares(rng: np.random.Generator, side: int, cell: int) -> np.ndarray:
    """(side, side) float32, 0 to 1, constant in squares of ``cell`` pixels."""
    cells = rng.random((-(-side // cell),) * 2).astype(np.float32)
    return np.kron(cells, np.ones((cell, cell), np.float32))[:side, :side]


def line(row: dict[str, Any]) -> str:
    """A row in a sentence."""
    text = (
        f"Reading {row['stack']} ({row['side']} x {row['side']}, {row['layout']}, {row['files']} files): "
        f"{row['pixels_per_second']:,} pixels a second, {row['ratio']:.2f} of a bare GDAL read "
        f"({row['ratio_processor']:.2f} by processor time; goal {ENOUGH}), {row['overlapped']:.0%} of reading or "
        "computing hidden behind the other"
    )
    if "peak_memory_mb" in row:
        small, large = row["peak_memory_mb"].values()
        text += (
            f"; peak memory {large} MB, of {SMALL_SIDE} x {SMALL_SIDE} {small} MB, "
            f"growth {row['memory_growth']:.2f} (goal {GROWTH})"
        )
    if row["stack"] == "generated" and row["side"] < WHOLE_SIDE:
        text += f". This is not the whole size: --side {WHOLE_SIDE} measures that"
    return text + "."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=SIDE, help="width and height of the generated stack")
    parser.add_argument("--output", help="file for the rows as JSON")
    parser.add_argument("--read-whole", metavar="STACK", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read_whole:
        read_whole(options.read_whole)
        return
    rows = measure_reading(options.side)
    if options.output:
        Path(options.output).write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
