"""`make ablations`: GHCA without one of its parts at a time, and the table of docs/ablations.md.

Every variant is a comparison of its own in bench/ablations, which goes on where it was interrupted. Target
labels only score.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SPLITS = ROOT.parent / "shared" / "data" / "splits.json"
PAGE = ROOT / "docs" / "ablations.md"
BEGIN, END = "<!-- ablations -->", "<!-- /ablations -->"
TRANSFERS = ("MT15_MT16", "PG11-13_MT15-16", "CA_N2S")
VARIANTS: dict[str, dict[str, Any]] = {
    "all of it": {},
    "without MK-MMD": {"alignment": 0.0, "alignment_late": 0.0},
    "MK-MMD at a single level": {"hierarchical": False},
    "without certainty": {"certainty": False},
    "without stability": {"stability": False},
    "without contrast": {"contrast": 0.0},
    "without prototypes": {"prototypes": 0.0},
    "without shift": {"find_shift": False},
    "fixed standardisation": {"match_statistics": False},
    "without mixing": {"least_own": 1.0},
    "one student": {"members": 1},
    "without pseudo-labels": {"rounds": 0},
}


def main() -> None:
    from bench_accuracy import measure_accuracy, refresh

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--transfers", nargs="+", default=list(TRANSFERS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--steps-scale", type=float, default=1.0, help="share of the optimiser steps, to try it out")
    parser.add_argument("--workers", type=int, default=0, help="fits at the same time (default: one a core)")
    parser.add_argument("--output", default=str(ROOT / "bench" / "ablations"), help="folder of the results")
    options = parser.parse_args()
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name in options.variants:
        settings = {**VARIANTS[name], "steps_scale": options.steps_scale}
        path = folder / f"{name.replace(' ', '_')}.json"
        if not _holds(path, options.transfers, options.seeds, settings):
            measure_accuracy(
                SPLITS, options.transfers, ["ghca"], options.seeds, path, settings, options.workers, oracle=""
            )
        rows[name] = [row for row in json.loads(path.read_text("utf-8")) if row["oa"] is not None]
    text = table(rows, options.transfers, options.seeds)
    print(text)
    whole = options.steps_scale == 1.0 and options.seeds >= 3 and list(options.variants) == list(VARIANTS)
    if not whole or list(options.transfers) != list(TRANSFERS):
        print(f"{PAGE.name} keeps its table: these were not all ablations.", file=sys.stderr)
    elif not refresh(PAGE, text, BEGIN, END):
        print(f"{PAGE.name} has no place for the table.", file=sys.stderr)


def _holds(path: Path, transfers: list[str], seeds: int, settings: dict[str, Any]) -> bool:
    """Whether the finished results at ``path`` are those wanted, of the code as it is."""
    from engine.job.journal import code_digest

    if not path.exists():
        return False
    rows = json.loads(path.read_text("utf-8"))
    found = {(row["transfer"], row["seed"]) for row in rows if row["oa"] is not None and row["options"] == settings}
    wanted = {(transfer, seed) for transfer in transfers for seed in range(seeds)}
    return wanted <= found and {row["code"] for row in rows} == {code_digest()}


def table(rows: dict[str, list[dict[str, Any]]], transfers: list[str], seeds: int) -> str:
    """OA and macro-F1, mean and deviation (of a sample) over seeds, and the difference to the whole, as Markdown."""
    head = [f"{datetime.date.today().isoformat()}, {seeds} seeds, defaults; overall accuracy / macro-F1.", ""]
    lines = [f"| GHCA | {' | '.join(transfers)} | mean OA, difference in points |", "|---" * (len(transfers) + 2) + "|"]
    means = {}
    for name, found in rows.items():
        cells = []
        for transfer in transfers:
            oa, f1 = ([row[key] for row in found if row["transfer"] == transfer] for key in ("oa", "macro_f1"))
            cells.append(f"{_spread(oa)} / {_spread(f1)}")
        means[name] = np.mean([row["oa"] for row in found if row["transfer"] in transfers])
        apart = (
            ""
            if name == "all of it" or "all of it" not in means
            else f", {100 * (means[name] - means['all of it']):+.1f}"
        )
        lines.append(f"| {name} | {' | '.join(cells)} | {means[name]:.3f}{apart} |")
    return "\n".join(head + lines)


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
