"""In how much memory and time a source of any size is read: series files of ten thousand to a million series.

Part of `make bench`; alone: `.ci/bench_training.py [--most 1000000] [--output FILE]`. A row is one file, compressed
(as `croptransfer extract` and `np.savez_compressed` write it) or not (`np.savez`), read as a job reads it: the header,
then at most 2,000 series of each class, spread over the blocks. Figures:

- memory: peak resident memory of the process that reads, Python and NumPy included, and how much more it is than that
  of one that only imports the engine;
- seconds: by the clock, for the header alone (what the dialog waits for) and for the whole.

The generated files have 24 dates x 10 bands in float32 with gaps, 10 classes of unequal shares in 1,000 blocks; a
million series are 960 MB before compression. They are written block by block to a temporary folder and removed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SIZES = (10_000, 100_000, 1_000_000)
DATES, BANDS, CLASSES, BLOCKS = 24, "B02 B03 B04 B05 B06 B07 B08 B8A B11 B12".split(), 10, 1000
FORMS = {"uncompressed": zipfile.ZIP_STORED, "compressed": zipfile.ZIP_DEFLATED}
AT_ONCE = 10_000
"""Series that are generated at once."""


def measure_training(most: int = SIZES[-1], progress: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Rows ready for JSON, for files of up to ``most`` series."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMS:
            for count in (size for size in SIZES if size <= most):
                path = Path(folder) / "series.npz"
                generate(path, count, form)
                row = {"series": count, "form": form, "file_mb": round(path.stat().st_size / 1e6), **read_apart(path)}
                rows.append(row)
                progress(training_line(row))
                path.unlink()
    return rows


def read_apart(path: Path) -> dict[str, Any]:
    """What a process of its own says of reading ``path``."""
    command = [sys.executable, str(Path(__file__).resolve()), "--read", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def read(path: str) -> dict[str, Any]:
    """Read a series file as a job does; memory in MB and seconds."""
    from bench_reading import own_peak

    from engine.series import SeriesFile
    from engine.tasks.specs.limits import SAMPLES_PER_CLASS

    before, begin, busy = own_peak(), time.perf_counter(), time.process_time()
    with SeriesFile(path) as file:
        header = time.perf_counter() - begin
        opened = own_peak()
        series = file.read(SAMPLES_PER_CLASS)
    return {
        "used": len(series),
        "header_seconds": round(header, 2),
        "read_seconds": round(time.perf_counter() - begin, 2),
        "processor_seconds": round(time.process_time() - busy, 2),
        "import_memory_mb": before,
        "header_memory_mb": opened,
        "peak_memory_mb": own_peak(),
    }


def generate(path: Path, count: int, form: str) -> None:
    """A series file of ``count`` series, of which no more than ``AT_ONCE`` are ever held."""
    rng = np.random.default_rng(0)
    curve = np.sin(np.arange(DATES)[:, None] / 5 + np.arange(len(BANDS)))
    block = (2500 + 1500 * curve + rng.normal(0, 300, (AT_ONCE, DATES, len(BANDS)))).clip(1).round() / 10_000
    block[rng.random(block.shape[:2]) < 0.1] = np.nan
    share = np.arange(1, CLASSES + 1) ** 2.0
    fields = {
        "doy": np.arange(60, 60 + 10 * DATES, 10),
        "bands": np.array(BANDS),
        "y": rng.choice(CLASSES, count, p=share / share.sum()).astype(np.int16),
        "class_names": np.array([f"crop {number}" for number in range(CLASSES)]),
        "group": rng.integers(0, BLOCKS, count),
        "lon": rng.uniform(-5, 5, count),
        "lat": rng.uniform(45, 50, count),
    }
    with zipfile.ZipFile(path, "w", FORMS[form], compresslevel=1) as archive:
        with archive.open("X.npy", "w", force_zip64=True) as file:
            shape = (count, DATES, len(BANDS))
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for start in range(0, count, AT_ONCE):
                file.write(np.roll(block, start, axis=1)[: count - start].astype("<f4").tobytes())
        for key, values in fields.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, values, allow_pickle=False)


def training_line(row: dict[str, Any]) -> str:
    """A row in a sentence."""
    return (
        f"Reading a source of {row['series']:,} series ({row['form']}, {row['file_mb']:,} MB): {row['used']:,} used, "
        f"header {row['header_seconds']} s, all {row['read_seconds']} s ({row['processor_seconds']} s of processor); "
        f"peak memory {row['peak_memory_mb']:,} MB, of which {row['import_memory_mb']} MB are Python's imports."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="series of the largest file")
    parser.add_argument("--output", help="file for the rows as JSON")
    parser.add_argument("--read", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read(options.read)))
        return
    rows = measure_training(options.most)
    if options.output:
        Path(options.output).write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
