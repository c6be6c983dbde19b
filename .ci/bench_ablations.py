"""`make ablations`: GHCA without one of its parts at a time, and the table of docs/ablations.md.

Every variant is a comparison of its own in bench/ablations, which continues where it was interrupted. Target
labels only score. `--from` fits nothing and makes the table of the runs that are there, whichever they are.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SPLITS = ROOT.parent / "shared" / "data" / "splits.json"
PAGE = ROOT / "docs" / "ablations.md"
BEGIN, END = "<!-- ablations -->", "<!-- /ablations -->"
WHOLE = "all of it"
TRANSFERS = ("MT15_MT16", "PG11-13_MT15-16", "CA_N2S")
VARIANTS: dict[str, dict[str, Any]] = {
    WHOLE: {},
    "without MK-MMD": {"alignment": 0.0, "alignment_late": 0.0},
    "MK-MMD at a single level": {"hierarchical": False},
    "without the adversary": {"adversary": 0.0},
    "shares as estimated": {"source_share_error": 0.0, "aligned_share_error": 0.0},
    "shares trusted whole": {"prior_strength": 1.0},
    "without certainty": {"certainty": False},
    "without stability": {"stability": False},
    "without contrast": {"contrast": 0.0},
    "without prototypes": {"prototypes": 0.0},
    "without shift": {"find_shift": False},
    "fixed standardisation": {"match_statistics": False},
    "without mixing": {"mixup_min_weight": 1.0},
    "one student": {"members": 1},
    "without pseudo-labels": {"rounds": 0},
    "date by date": {"dates_per_token": 1},
    "without distillation": {"distill_steps": 0},
}


def main() -> None:
    from bench_accuracy import measure_accuracy, read_runs, refresh

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--transfers", nargs="+", default=list(TRANSFERS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--steps-scale", type=float, default=1.0, help="share of the optimiser steps, to try it out")
    parser.add_argument("--workers", type=int, default=0, help="fits at the same time (default: one a core)")
    parser.add_argument("--output", default=str(ROOT / "bench" / "ablations"), help="folder of the results")
    parser.add_argument(
        "--from", dest="files", nargs="*", type=Path, metavar="FILE", help="fit nothing; default: all of that folder"
    )
    options = parser.parse_args()
    folder = Path(options.output)
    files = options.files or sorted(folder.glob("*.json"))
    if options.files is None:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{name.replace(' ', '_')}.json" for name in options.variants]
        for name, path in zip(options.variants, files):
            settings = {**VARIANTS[name], "steps_scale": options.steps_scale}
            if not _holds(path, options.transfers, options.seeds, settings):
                measure_accuracy(
                    SPLITS, options.transfers, ["ghca"], options.seeds, path, settings, options.workers, oracle=""
                )

    def place(row: dict[str, Any]) -> tuple[str, str, int] | None:
        """Variant, transfer and seed of a run; None where it is none of those wanted."""
        name = variant_of(row, options.steps_scale)
        wanted = name in options.variants and row["transfer"] in options.transfers and row["oa"] is not None
        return (name, row["transfer"], row["seed"]) if wanted else None

    runs = read_runs(files, place)
    if not runs:
        raise SystemExit(f"{folder if not options.files else options.files[0]} has no run of a variant.")
    text = table(runs)
    print(text)
    if options.steps_scale != 1.0 or not common_runs(runs, options.variants):
        print(
            f"{PAGE.name} keeps its table: it wants a whole run of each of these variants on one transfer and seed.",
            file=sys.stderr,
        )
    elif not refresh(PAGE, text, BEGIN, END):
        print(f"{PAGE.name} has no place for the table.", file=sys.stderr)


def variant_of(row: dict[str, Any], steps_scale: float = 1.0) -> str | None:
    """The variant that a row of any results is a run of, by its settings."""
    settings = {"steps_scale": 1.0, **row["options"]}
    known = (name for name, own in VARIANTS.items() if {**own, "steps_scale": steps_scale} == settings)
    return next(known, None) if row["method"] == "ghca" else None


def _holds(path: Path, transfers: list[str], seeds: int, settings: dict[str, Any]) -> bool:
    """Whether the finished results at ``path`` are those wanted, of the code as it is."""
    from engine.tasks.storage.comparison_log import code_digest

    if not path.exists():
        return False
    rows = json.loads(path.read_text("utf-8"))
    found = {(row["transfer"], row["seed"]) for row in rows if row["oa"] is not None and row["options"] == settings}
    wanted = {(transfer, seed) for transfer in transfers for seed in range(seeds)}
    return wanted <= found and {row["code"] for row in rows} == {code_digest()}


def table(runs: dict[tuple[str, str, int], dict[str, Any]]) -> str:
    """The runs by variant, transfer and seed as Markdown: OA and macro-F1 of each, and the difference to the whole.

    Mean and difference are of the transfers and seeds that every variant has, since others would not compare.
    """
    from bench_accuracy import ONE_SEED, code_line, seeds_line

    from engine.evaluation.ranking import MeanStd

    names = [name for name in VARIANTS if any(variant == name for variant, _, _ in runs)]
    found_in = {transfer for _, transfer, _ in runs}
    transfers = [name for name in TRANSFERS if name in found_in] + sorted(found_in - set(TRANSFERS))
    common = common_runs(runs, names)
    of = {
        (name, transfer): [row for (variant, where, _), row in runs.items() if (variant, where) == (name, transfer)]
        for name in names
        for transfer in transfers
    }
    counts = [len(rows) for rows in of.values() if rows]
    head = f"{datetime.date.today().isoformat()}, defaults; overall accuracy / macro-F1. {seeds_line(counts)}"
    if len(common) < len({(transfer, seed) for _, transfer, seed in runs}):
        head += f" Mean and difference: of the {len(common)} pairs of transfer and seed that every variant has."
    lines = [f"| GHCA | {' | '.join(transfers)} | mean OA, difference in points |", "|---" * (len(transfers) + 2) + "|"]
    means = {name: MeanStd.of([runs[(name, *pair)]["oa"] for pair in common]) for name in names}
    for name in names:
        cells = []
        for transfer in transfers:
            rows = of[name, transfer]
            figures = [MeanStd.of([row[key] for row in rows]).text() for key in ("oa", "macro_f1")] if rows else ["–"]
            cells.append(" / ".join(figures) + (ONE_SEED if len(rows) == 1 < max(counts) else ""))
        cells.append(f"{means[name].mean:.3f}" if common else "–")
        if common and name != WHOLE and WHOLE in means:
            cells[-1] += f", {100 * (means[name].mean - means[WHOLE].mean):+.1f}"
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([" ".join(filter(None, (head, code_line(runs.values())))), "", *lines])


def common_runs(runs: Iterable[tuple[str, str, int]], names: Iterable[str]) -> list[tuple[str, int]]:
    """The transfers and seeds that all these variants have."""
    each = [{(transfer, seed) for variant, transfer, seed in runs if variant == name} for name in names]
    return sorted(set.intersection(*each))


if __name__ == "__main__":
    main()
