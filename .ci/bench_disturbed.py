"""GHCA beside source only on transfers of the real data made harder, and whether injected shifts are found.

Each is drawn at random from the transfers of ../shared/data/splits.json: NDVI alone or all bands; all dates, every
second, or 10 to 12 of each side's own; a quarter of the observations missing or none; the target's calendar some weeks
off or not; the target's classes in other shares or in theirs. Target labels only draw those shares, and score.
`--shifts` fits nothing and takes a minute: it tells the shifts alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SPLITS = ROOT.parent / "shared" / "data" / "splits.json"
METHODS = ("source_only", "ghca")
BANDS = ("ndvi", "ndvi", "ndvi", "ndvi", "all")
DATES = ("all", "second", "own", "own", "own")
MISSING = (0.25, 0.25, 0.0)
SHIFTS = (0, 0, 0, 16, 24, -24, 32, -32, 40)
NEAR = 16
"""Days to within which a shift counts as found: one step of MODIS composites."""
LEAST_SHARE = 0.04
"""Least share of a class, where they are drawn."""
MOST_SERIES = 3000
"""Most series of a target whose classes come in other shares."""


@dataclass(frozen=True)
class Disturbed:
    """A transfer made harder."""

    transfer: str
    """Name in the splits file."""
    bands: str
    """``ndvi`` or ``all``."""
    dates: str
    """``all``, every ``second``, or ``own``: 10 to 12 different ones on each side."""
    missing: float
    """Share of the observations that are missing."""
    shift: int
    """Days that the target's calendar is ahead."""
    shares: bool
    """Whether the target's classes come in other shares."""
    seed: int
    """Of what is drawn."""

    @property
    def name(self) -> str:
        """What it is called in the table."""
        parts = [self.transfer, self.bands, f"{self.dates} dates"]
        parts += [f"{self.missing:.0%} missing"] * bool(self.missing) + ["other shares"] * self.shares
        return ", ".join(parts)


def draw(count: int, seed: int) -> list[Disturbed]:
    """``count`` of them; every kind of disturbance comes up as evenly as it can."""
    from bench_accuracy import TRANSFERS

    rng = np.random.default_rng([seed, 7])

    def evenly(options: Sequence[Any]) -> list[Any]:
        rounds = -(-count // len(options))
        return [options[i] for _ in range(rounds) for i in rng.permutation(len(options))][:count]

    # The source of one transfer has 29 samples of a class: of ten dates and their gaps too few would be left.
    names = [name for name in TRANSFERS if name != "MT15-16_PG11-13"]
    kinds = zip(*map(evenly, (names, BANDS, DATES, MISSING, SHIFTS, (False, True))))
    return [Disturbed(*kind, seed=1000 * seed + number) for number, kind in enumerate(kinds)]


def disturb(one: Disturbed) -> tuple[Any, Any]:
    """Source and target (SeriesSet) of it."""
    from engine.imagery.indices import add_indices
    from engine.trust.compare import read_transfers

    rng = np.random.default_rng(one.seed)
    _, source, target = next(iter(read_transfers(SPLITS, [one.transfer])))

    def thinned(series: Any) -> Any:
        if one.bands == "ndvi":
            series = add_indices(series, ["NDVI"]).with_bands(["NDVI"])
        kept = np.arange(len(series.day))
        if one.dates == "second":
            kept = kept[::2]
        elif one.dates == "own":
            kept = np.sort(rng.permutation(len(kept))[: int(rng.integers(10, 13))])
        return replace(series, values=series.values[:, kept], day=series.day[kept])

    def with_gaps(series: Any) -> Any:
        values = series.values.copy()
        values[rng.random(values.shape[:2]) < one.missing] = np.nan
        series = replace(series, values=values)
        return series.take(series.observed.any(axis=1))

    source, target = thinned(source), thinned(target)
    if one.shares:
        target = target.take(other_shares(target.labels, len(target.classes), rng))
    source, target = with_gaps(source), with_gaps(target)
    return source, replace(target, day=target.day + np.float32(one.shift))


def other_shares(labels: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of series in random class shares; of a class too small for its share some come twice."""
    have = np.bincount(labels, minlength=classes)
    shares = np.maximum(rng.dirichlet(np.ones(classes)), LEAST_SHARE) * (have > 0)
    shares /= shares.sum()
    count = min(max(int((have[have > 0] / shares[have > 0]).min()), min(400, len(labels))), MOST_SERIES)
    wanted = np.round(count * shares).astype(int)
    drawn = [
        rng.choice(np.flatnonzero(labels == crop), number, replace=number > have[crop])
        for crop, number in enumerate(wanted)
    ]
    return np.sort(np.concatenate(drawn))


def found_shift(source: Any, target: Any, seed: int) -> Any:
    """The estimate of the shift alone; a fit draws other series of the target for it."""
    import torch

    from engine.alignment.ghca_run import GHCASettings
    from engine.alignment.reading import find_shift_of
    from engine.alignment.source_only import prepare_source

    settings = GHCASettings()
    domain = prepare_source(source, settings.held_out, seed, torch.device("cpu"))
    drawn = np.random.default_rng(seed).permutation(len(target))[: settings.scan_pixels]
    return find_shift_of(domain, source, target.values[np.sort(drawn)], target.day, lambda: None)


def print_shifts(todo: list[Disturbed]) -> None:
    """Estimate the shift of each and tell how they compare with those injected; seasons also differ by themselves."""
    pairs = []
    for one in todo:
        estimate = found_shift(*disturb(one), seed=0)
        pairs.append((-one.shift, estimate.days))
        print(
            f"{one.name}: true {-one.shift:+d}, taken {estimate.days:+g}, likeliest {estimate.best:+g} "
            f"({estimate.certainty:.1f} standard errors, recognised {estimate.recognised:.2f})",
            flush=True,
        )
    moved = [(true, days) for true, days in pairs if true]
    found = sum(days != 0 and abs(days - true) <= NEAR for true, days in moved)
    missed = sum(days == 0 for _, days in moved)
    invented = sum(days != 0 for true, days in pairs if not true)
    print(
        f"{found} of {len(moved)} shifts found to within {NEAR} days, {missed} missed, {len(moved) - found - missed} "
        f"wrong by more; {invented} invented in {len(pairs) - len(moved)} transfers without one."
    )


def fit_all(todo: list[Disturbed], seeds: int, workers: int) -> list[dict[str, Any]]:
    """Fit both methods to all of them, side by side; the rows of the results."""
    from engine.job.children import Work, run_side_by_side
    from engine.trust.compare import Transfer, pack, score
    from engine.trust.one_run import RunTask

    runs, works = [], []
    for one in todo:
        transfer = Transfer.of(one.name, *disturb(one))
        packed = pack(transfer.source, labels=True), pack(transfer.target, labels=False)
        for method in METHODS:
            for seed in range(seeds):
                runs.append((one, transfer, method, seed))
                works.append(Work(RunTask(method, seed), packed))
    rows, shifts = [], {}
    for number, event in run_side_by_side(works, workers, lambda: None):
        one, transfer, method, seed = runs[number]
        if event["event"] == "metric" and event["name"] == "shift_days":
            shifts[number] = event["value"]
        elif event["event"] == "error":
            raise SystemExit(f"{one.name}, {method}: {event['message']}\n{event['log']}")
        elif event["event"] == "result":
            answer = event["summary"]
            figures = score(transfer, np.array(answer["predicted"]))
            row = {**vars(one), "name": one.name, "method": method, "fit_seed": seed, "notes": answer["notes"]}
            row |= {"found": shifts.get(number, 0.0), "oa": figures["oa"], "macro_f1": figures["macro_f1"]}
            rows.append(row)
            told = f"{one.name}, {method}, seed {seed}: OA {row['oa']:.3f}, macro-F1 {row['macro_f1']:.3f}"
            print(told, file=sys.stderr, flush=True)
    return rows


def table(todo: list[Disturbed], rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown: OA of both methods, means over the seeds."""
    lines = ["| transfer made harder | true shift | found | source only | GHCA |", "|---|---|---|---|---|"]
    means = []
    for one in todo:
        own = [[row for row in rows if row["seed"] == one.seed and row["method"] == method] for method in METHODS]
        means.append([float(np.mean([row["oa"] for row in each])) for each in own])
        found = ", ".join(f"{days:+g}" for days in dict.fromkeys(row["found"] for row in own[1]))
        lines.append(f"| {one.name} | {-one.shift:+d} | {found} | {means[-1][0]:.3f} | {means[-1][1]:.3f} |")
    plain, ours = np.mean(means, axis=0)
    return "\n".join([*lines, f"| mean of {len(todo)} | | | {plain:.3f} | {ours:.3f} |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=9, help="transfers in a draw")
    parser.add_argument("--draw", type=int, nargs="+", default=[0], help="seeds of the draws")
    parser.add_argument("--seeds", type=int, default=1, help="fits of each method")
    parser.add_argument("--shifts", action="store_true", help="estimate the shifts alone, of all transfers drawn")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="fits at the same time")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "disturbed.json")
    options = parser.parse_args()
    todo = [one for seed in options.draw for one in draw(options.count, seed)]
    if options.shifts:
        print_shifts(todo)
        return
    rows = fit_all(todo, options.seeds, options.workers)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(rows, indent=1), "utf-8")
    print(table(todo, rows))
    print(f"\nresults: {options.output}")


if __name__ == "__main__":
    main()
