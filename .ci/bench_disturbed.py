"""GHCA beside source only on transfers of the real data made harder, and whether injected shifts are found.

Each is drawn at random from the transfers of ../shared/data/splits.json: NDVI alone or all bands; all dates, every
second, or 10 to 12 of each side's own; a quarter of the observations missing or none; the target's calendar some weeks
off or not; the target's classes in other shares or in theirs. Target labels only draw those shares, and score.
`--windows` draws from other ones: ten dates of NDVI, 16 days apart and the same on both sides, of a target whose season
was as many days earlier or later. `--shifts` fits nothing and takes a minute or two: it tells the shifts alone.
`--variants` fits GHCA without one of its parts at a time instead, for the second table of docs/ablations.md. What the
same code has fitted before is not fitted again: a journal beside the output keeps it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SPLITS = ROOT.parent / "shared" / "data" / "splits.json"
SOURCE_ONLY, GHCA = "source only", "GHCA"
METHODS: dict[str, tuple[str, dict[str, Any]]] = {SOURCE_ONLY: ("source_only", {}), GHCA: ("ghca", {})}
"""What is fitted: method and settings by the name in the table."""
BEGIN, END = "<!-- ablations:disturbed -->", "<!-- /ablations:disturbed -->"
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
WINDOW, COMPOSITE = 10, 16
"""Dates of a window, and days from one to the next: those of MODIS composites."""
FIRST_DATES = (3, 5, 8)
"""First dates of the windows in the series of Mato Grosso, which have 23 from September on."""


@dataclass(frozen=True)
class Disturbed:
    """A transfer made harder."""

    transfer: str
    """Name in the splits file."""
    bands: str
    """``ndvi`` or ``all``."""
    dates: str
    """``all``, every ``second``, ``own``: 10 to 12 different ones on each side, or ``window`` and its first."""
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


def draw_windows(count: int, seed: int) -> list[Disturbed]:
    """``count`` windows at random, or all 120 of them."""
    names = ("MT15_MT16", "MT16_MT15_control", "MT_N2S", "PG11-13_MT15-16")
    kinds = list(product(names, FIRST_DATES, (0, -32, -16, 16, 32), ((0.0, False), (0.25, True))))
    chosen = np.random.default_rng([seed, 8]).permutation(len(kinds))[:count]
    return [
        Disturbed(name, "ndvi", f"window {first}", missing, shift, shares, seed=1000 * seed + int(number))
        for number in sorted(chosen)
        for name, first, shift, (missing, shares) in [kinds[number]]
    ]


def disturb(one: Disturbed) -> tuple[Any, Any]:
    """Source and target (SeriesSet) of it."""
    from engine.evaluation.transfers import read_transfers
    from engine.imagery.sensors.spectral_indices import add_indices

    rng = np.random.default_rng(one.seed)
    _, source, target = next(iter(read_transfers(SPLITS, [one.transfer])))

    def thinned(series: Any, later: int = 0) -> Any:
        if one.bands == "ndvi":
            series = add_indices(series, ["NDVI"]).with_bands(["NDVI"])
        kept = np.arange(len(series.day))
        if one.dates == "second":
            kept = kept[::2]
        elif one.dates == "own":
            kept = np.sort(rng.permutation(len(kept))[: int(rng.integers(10, 13))])
        elif one.dates.startswith("window"):
            kept = int(one.dates.split()[1]) + np.arange(WINDOW)
        return replace(series, values=series.values[:, kept + later], day=series.day[kept])

    def with_gaps(series: Any) -> Any:
        values = series.values.copy()
        values[rng.random(values.shape[:2]) < one.missing] = np.nan
        series = replace(series, values=values)
        return series.take(series.observed.any(axis=1))

    # What the target showed some composites later, on the days of the source, is a season that comes earlier.
    later, ahead = (-one.shift // COMPOSITE, 0) if one.dates.startswith("window") else (0, one.shift)
    source, target = thinned(source), thinned(target, later)
    if one.shares:
        target = target.take(other_shares(target.labels, len(target.classes), rng))
    source, target = with_gaps(source), with_gaps(target)
    return source, replace(target, day=target.day + np.float32(ahead))


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

    from engine.methods.ghca.context import GHCASettings
    from engine.methods.ghca.target_preprocessing import estimate_target_shift
    from engine.methods.shared.source_domain import prepare_source

    settings = GHCASettings()
    domain = prepare_source(source, settings.held_out, seed, torch.device("cpu"))
    drawn = np.random.default_rng(seed).permutation(len(target))[: settings.scan_pixels]
    return estimate_target_shift(domain, source, target.values[np.sort(drawn)], target.day, lambda: None)


def print_shifts(todo: list[Disturbed]) -> None:
    """Estimate the shift of each and tell how they compare with those injected; seasons also differ by themselves."""
    pairs = []
    for one in todo:
        estimate = found_shift(*disturb(one), seed=0)
        pairs.append((-one.shift, estimate.days))
        print(
            f"{one.name}: true {-one.shift:+d}, taken {estimate.days:+g}, likeliest {estimate.best:+g} "
            f"(probable {', '.join(f'{days:+g} ({p:.2f})' for days, p in estimate.hypotheses)}; "
            f"recognised {estimate.recognised:.2f})",
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


def fit_all(
    todo: list[Disturbed], fits: dict[str, tuple[str, dict[str, Any]]], seeds: int, workers: int, output: Path
) -> list[dict[str, Any]]:
    """Fit all of ``fits`` to all of ``todo``, side by side; the rows of the results, also written to ``output``."""
    from engine.evaluation.run_method import RunTask
    from engine.evaluation.transfers import Transfer, pack, score
    from engine.tasks.runs.child_processes import Work, run_side_by_side
    from engine.tasks.storage.comparison_log import ComparisonLog, code_digest, content_digest, run_key

    code = code_digest()
    journal = ComparisonLog.beside(str(output))
    finished = journal.read()
    planned, runs, works = [], [], []
    for one in todo:
        transfer = Transfer.of(one.name, *disturb(one))
        data = content_digest(transfer.source, transfer.target)
        packed = pack(transfer.source, labels=True), pack(transfer.target, labels=False)
        for name, (method, options) in fits.items():
            for seed in range(seeds):
                task = RunTask(method, seed, options)
                planned.append(run_key(data, vars(one), name, vars(task), code))
                if planned[-1] not in finished:
                    runs.append((planned[-1], one, transfer, name, seed))
                    works.append(Work(task, packed))
    shifts: dict[int, float] = {}
    output.parent.mkdir(parents=True, exist_ok=True)
    for number, event in run_side_by_side(works, workers, lambda: None):
        key, one, transfer, name, seed = runs[number]
        if event["event"] == "metric" and event["name"] == "shift_days":
            shifts[number] = event["value"]
        elif event["event"] == "error":
            raise SystemExit(f"{one.name}, {name}: {event['message']}\n{event['log']}")
        elif event["event"] == "result":
            answer = event["summary"]
            figures = score(transfer, np.array(answer["predicted"]))
            row = {**vars(one), "name": one.name, "fit": name, "fit_seed": seed, "code": code}
            row |= {"notes": answer["notes"], "found": shifts.get(number, 0.0), "seconds": answer["fit_seconds"]}
            finished[key] = row | {"oa": figures["oa"], "macro_f1": figures["macro_f1"]}
            journal.add(key, finished[key])
            text = f"{one.name}, {name}, seed {seed}: OA {figures['oa']:.3f}, macro-F1 {figures['macro_f1']:.3f}"
            print(text, file=sys.stderr, flush=True)
    rows = [finished[key] for key in planned]
    output.write_text(json.dumps(rows, indent=1), "utf-8")
    return rows


def means_of(todo: list[Disturbed], rows: list[dict[str, Any]], fit: str, key: str = "oa") -> np.ndarray:
    """The score ``key`` of one of the fits on each transfer, means over the seeds."""
    own = [[row[key] for row in rows if row["seed"] == one.seed and row["fit"] == fit] for one in todo]
    return np.array([np.mean(each) for each in own])


def table(todo: list[Disturbed], rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown: OA of both methods on each transfer."""
    lines = ["| transfer made harder | true shift | found | source only | GHCA |", "|---|---|---|---|---|"]
    plain, ours = (means_of(todo, rows, name) for name in METHODS)
    for number, one in enumerate(todo):
        days = [row["found"] for row in rows if row["seed"] == one.seed and row["fit"] == GHCA]
        found = ", ".join(f"{day:+g}" for day in dict.fromkeys(days))
        lines.append(f"| {one.name} | {-one.shift:+d} | {found} | {plain[number]:.3f} | {ours[number]:.3f} |")
    return "\n".join([*lines, f"| mean of {len(todo)} | | | {plain.mean():.3f} | {ours.mean():.3f} |"])


def variants_table(todo: list[Disturbed], rows: list[dict[str, Any]], names: Sequence[str], whole: str) -> str:
    """The rows as Markdown: every variant over all transfers, and how far it is from the ``whole``."""
    from bench_accuracy import seeds_line

    seeds = {row["fit_seed"] for row in rows}
    lines = [
        f"{datetime.date.today().isoformat()}, defaults, {len(todo)} transfers. {seeds_line([len(seeds)])} "
        "Differences: means over the transfers, ± their standard error.",
        "",
        "| GHCA | mean OA / macro-F1 | difference in OA, points | least to most |",
        "|---|---|---|---|",
    ]
    for name in names:
        oa, macro_f1 = (means_of(todo, rows, name, key) for key in ("oa", "macro_f1"))
        points = 100 * (oa - means_of(todo, rows, whole))
        error = points.std(ddof=1) / np.sqrt(len(todo))
        apart = [f"{points.mean():+.1f} ± {error:.1f}", f"{points.min():+.1f} to {points.max():+.1f}"]
        cells = [name, f"{oa.mean():.3f} / {macro_f1.mean():.3f}", *(apart if name != whole else ("", ""))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    from bench_ablations import PAGE, VARIANTS, WHOLE
    from bench_accuracy import refresh

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=9, help="transfers in a draw")
    parser.add_argument("--draw", type=int, nargs="+", default=[0], help="seeds of the draws")
    parser.add_argument("--windows", action="store_true", help="draw windows of ten dates, of which there are 120")
    parser.add_argument("--seeds", type=int, default=1, help="fits of each method")
    parser.add_argument("--shifts", action="store_true", help="estimate the shifts alone, of all transfers drawn")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), help="fit GHCA and these instead")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="fits at the same time")
    parser.add_argument("--output", type=Path, help="default: bench/disturbed.json or bench/ablations_disturbed.json")
    options = parser.parse_args()
    drawn = draw_windows if options.windows else draw
    todo = [one for seed in options.draw for one in drawn(options.count, seed)]
    if options.shifts:
        print_shifts(todo)
        return
    if options.variants:
        fits = {name: ("ghca", VARIANTS[name]) for name in (WHOLE, *options.variants)}
        fits[SOURCE_ONLY] = METHODS[SOURCE_ONLY]
        output = options.output or ROOT / "bench" / "ablations_disturbed.json"
        rows = fit_all(todo, fits, options.seeds, options.workers, output)
        text = variants_table(todo, rows, list(fits), WHOLE)
        print(text)
        if not refresh(PAGE, text, BEGIN, END):
            print(f"{PAGE.name} has no place for the table.", file=sys.stderr)
    else:
        output = options.output or ROOT / "bench" / "disturbed.json"
        print(table(todo, fit_all(todo, METHODS, options.seeds, options.workers, output)))
    print(f"\nresults: {output}")


if __name__ == "__main__":
    main()
