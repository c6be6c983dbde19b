"""What a pixel costs to be mapped against its dates and its bands.

Part of `make bench`; alone: `.ci/bench_series.py [--side 1024] [--output FILE]`. Stacks of bench_stack.py, with
fewer and more of the dates and bands of California; the networks have the size of GHCA's and are barely trained,
because the cost does not depend on their weights. Rows: microseconds of the processor a pixel from file to file,
by the distilled model (its training is reported apart) and by the full model, and their share of those at
24 dates x 10 bands, in one run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench_cluster import untrained_model
from bench_mapping import map_apart
from bench_stack import generate

SIDE = 1024
SHAPES = ((24, 10), (12, 10), (36, 10), (24, 5), (24, 2))
"""Dates x bands; the first is what the others are compared with."""
WAYS = ("fast", "exact")


def measure_series(side: int = SIDE, progress: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Rows ready for JSON, one a shape; everything is written to a temporary folder and removed.

    Parameters
    ----------
    side : width and height of the stacks; with less than a million pixels no fast network is taught.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for dates, bands in SHAPES:
            stack = folder / f"{dates}_{bands}.tif"
            generate(stack, side, dates, (36 - dates) // 2, bands)
            model = untrained_model(folder, dates, bands)
            row: dict[str, Any] = {"row": "series", "dates": dates, "bands": bands, "pixels": side * side}
            for way in WAYS:
                found = map_apart(way, model, stack, folder)
                # Training takes the same whatever the pixels; it uses all cores, as mapping does.
                training = found["processor_seconds"] * found["teaching_seconds"] / found["seconds"]
                row[way] = round(1e6 * (found["processor_seconds"] - training) / row["pixels"], 2)
                row[f"{way}_pixels_per_second"] = found["mapping_pixels_per_second"]
                row[f"{way}_of_first"] = round(row[way] / (rows[0] if rows else row)[way], 2)
                if way == "fast":
                    # The share left to the full model depends on what is mapped and costs more than the student.
                    row["asked"] = found["mapping"].get("map_asked", 1.0)
                    row["teaching_seconds"] = found["teaching_seconds"]
            rows.append(row)
            progress(line(row))
            stack.unlink()
    return rows


def line(row: dict[str, Any]) -> str:
    """A row in a sentence."""
    first = f"{SHAPES[0][0]} dates x {SHAPES[0][1]} bands"
    ways = "; ".join(
        f"{way} {row[way]} microseconds of the processor a pixel ({row[f'{way}_of_first']:.2f} of {first}; "
        f"{row[f'{way}_pixels_per_second']:,} pixels a second)"
        for way in WAYS
    )
    return f"Mapping {row['dates']} dates x {row['bands']} bands: {ways}; full model used for {row['asked']:.1%}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=SIDE, help="width and height of the stacks")
    parser.add_argument("--output", help="file for the rows as JSON")
    options = parser.parse_args()
    rows = measure_series(options.side)
    if options.output:
        Path(options.output).write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
