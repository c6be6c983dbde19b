"""The accuracy part of `make bench`: every method on every visible transfer, and its tables for docs/benchmarks.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.evaluation.ranking import (
    GHCA,
    ORACLE,
    SOURCE_ONLY,
    MethodSummary,
    mean_over,
    method_title,
    summarize_methods,
)
from engine.methods import METHODS
from engine.progress import Progress
from engine.tasks import Comparison, run_comparison

CROSS_REGION = ("CA_N2S", "CA_S2N", "MT_N2S", "MT15-16_PG11-13", "PG11-13_MT15-16")
CROSS_YEAR = ("MT15_MT16",)
CONTROL = ("MT16_MT15_control",)
TRANSFERS = (*CROSS_REGION, *CROSS_YEAR, *CONTROL)
BEGIN, END = "<!-- bench:accuracy -->", "<!-- /bench:accuracy -->"
ONE_SEED = "*"
"""Marks a figure of one seed beside others of several; it follows a digit or a name, so Markdown leaves it alone."""


def measure_accuracy(
    splits: Path,
    transfers: Sequence[str],
    methods: Sequence[str],
    seeds: int,
    output: Path,
    options: dict[str, Any] | None = None,
    workers: int = 0,
    oracle: str = "rf",
) -> list[dict[str, Any]]:
    """The rows of a comparison; it writes its JSON, CSV and page at ``output`` and continues where it stopped."""
    comparison = Comparison(
        output=str(output),
        splits=str(splits),
        transfers=tuple(transfers),
        methods=tuple(methods) or tuple(METHODS),
        seeds=tuple(range(seeds)),
        workers=workers,
        oracle=oracle,
        options=options or {},
    )
    result = run_comparison(comparison, Progress(_tell))
    for failure in result.summary["failed"]:
        print(f"failed: {failure}", file=sys.stderr)
    return json.loads(output.read_text("utf-8"))


def _tell(event: dict[str, Any]) -> None:
    if event["event"] == "metric":
        run = event["value"]
        # A failed run and an oracle that is not possible say so in their notes.
        figures = " ".join(run["notes"]) if run["oa"] is None else f"OA {run['oa']:.3f}, macro-F1 {run['macro_f1']:.3f}"
        print(f"{run['transfer']} {run['method']} seed {run['seed']}: {figures}", file=sys.stderr, flush=True)
    elif event["event"] == "warning":
        print(event["message"], file=sys.stderr, flush=True)


def read_rows(files: Iterable[Path]) -> list[dict[str, Any]]:
    """The rows of several result files, each run once, in the order of the tables."""
    runs = read_runs(files, lambda row: (row["transfer"], row["method"], row["seed"]))
    transfers, methods = ({name: place for place, name in enumerate(names)} for names in (TRANSFERS, METHODS))

    def order(row: dict[str, Any]) -> tuple[int, int, int]:
        return transfers.get(row["transfer"], len(transfers)), methods.get(row["method"], len(methods)), row["seed"]

    return sorted(runs.values(), key=order)


def read_runs(
    files: Iterable[Path], key: Callable[[dict[str, Any]], Hashable | None]
) -> dict[Hashable, dict[str, Any]]:
    """The rows of several result files by ``key``; those whose key is None are left out.

    A run with figures replaces one that failed. Ends the program where two files differ about a run, since either
    may be right.
    """
    found: dict[Hashable, dict[str, Any]] = {}
    place: dict[Hashable, Path] = {}
    for file in files:
        try:
            rows = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as fault:
            raise SystemExit(f"{file} cannot be read: {fault}") from fault
        for row in rows:
            run = key(row)
            if run is None:
                continue
            if run in found and row["oa"] is not None and found[run]["oa"] is not None:
                if row["prediction_id"] != found[run]["prediction_id"]:
                    raise SystemExit(f"{place[run]} and {file} differ about {run}: give one of them.")
            elif run not in found or row["oa"] is not None:
                found[run], place[run] = row, file
    return found


def tables(rows: Sequence[dict[str, Any]]) -> str:
    """The results as Markdown: GHCA beside the best other method of each transfer, and all methods."""
    summaries = summarize_methods(rows)
    transfers = list(dict.fromkeys(one.transfer for one in summaries))
    found = {(one.transfer, one.method): one for one in summaries if one.oa}
    mark = _marks(summaries)
    seeds = seeds_line(one.runs for one in found.values())
    beside = _beside_the_best(found, transfers, mark)
    parts = [beside, seeds if beside else "", *_gains(summaries, transfers, mark)]
    parts += [_all_methods(summaries, transfers, mark), seeds if ONE_SEED in seeds or not beside else ""]
    parts.append(code_line(rows))
    return "\n\n".join(part for part in parts if part)


def seeds_line(counts: Iterable[int]) -> str:
    """On how many seeds the figures of a table rest, and what the mark means."""
    known = set(counts)
    several = known - {1}
    if not several:
        return "One seed each, so no spread." if known else ""
    alone = f"; \\{ONE_SEED} one seed alone" if 1 in known else ""
    return f"Means of {_span(several)} seeds, ± their standard deviation{alone}."


def code_line(rows: Iterable[dict[str, Any]]) -> str:
    """A warning where the runs are not all of the same code."""
    mixed = len({row["code"] for row in rows if row["oa"] is not None}) > 1
    return "The runs were not all made with the same code." if mixed else ""


def _marks(summaries: Iterable[MethodSummary]) -> Callable[..., str]:
    """Gives the mark of one seed for a method on one of some transfers, where others have more."""
    runs = {(one.method, one.transfer): one.runs for one in summaries if one.oa}
    several = any(count > 1 for count in runs.values())
    return lambda method, *transfers: ONE_SEED if several and any(runs[method, t] == 1 for t in transfers) else ""


def _beside_the_best(
    found: dict[tuple[str, str], MethodSummary], transfers: Sequence[str], mark: Callable[..., str]
) -> str:
    lines = [
        "| transfer | GHCA: OA, macro-F1 | best other, OA | best other, F1 | source only | oracle (RF) | gap closed |",
        "|---|---|---|---|---|---|---|",
    ]
    for transfer in transfers:
        ghca = found.get((transfer, GHCA))
        if ghca is None:
            continue
        others = [one for (name, method), one in found.items() if name == transfer and method not in (GHCA, ORACLE)]
        cells = [transfer, f"{ghca.oa.text()}, {ghca.macro_f1.text()}{mark(GHCA, transfer)}"]
        for key in ("oa", "macro_f1"):
            best = max(others, key=lambda one: getattr(one, key).mean, default=None)
            cells.append(f"{best.title} {getattr(best, key).text()}{mark(best.method, transfer)}" if best else "")
        for method in (SOURCE_ONLY, ORACLE):
            one = found.get((transfer, method))
            cells.append(f"{one.oa.text()}{mark(method, transfer)}" if one else "–")
        cells.append("" if ghca.gap_closed_oa is None else f"{ghca.gap_closed_oa:.0%}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def gains(summaries: Sequence[MethodSummary], transfers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By kind of transfer: GHCA's mean OA, the best single other method and its mean, and the difference in points."""
    found = {}
    for kind, wanted in (("cross-region", CROSS_REGION), ("cross-year", CROSS_YEAR), ("control", CONTROL)):
        there = [name for name in wanted if name in transfers]
        scores = mean_over(summaries, there, "oa") if there else {}
        scores.pop(ORACLE, None)
        ours = scores.pop(GHCA, None)
        if ours is None or not scores:
            continue
        best = max(scores, key=lambda method: scores[method])
        gain = 100 * (ours - scores[best])
        found[kind] = {"transfers": there, GHCA: ours, "best_other": best, "best_other_oa": scores[best], "gain": gain}
    return found


def _gains(summaries: Sequence[MethodSummary], transfers: Sequence[str], mark: Callable[..., str]) -> list[str]:
    return [
        f"Mean OA, {kind} ({len(one['transfers'])}): GHCA {one[GHCA]:.3f}{mark(GHCA, *one['transfers'])}, "
        f"best single other method {method_title(one['best_other'])} "
        f"{one['best_other_oa']:.3f}{mark(one['best_other'], *one['transfers'])}: {one['gain']:+.1f} points."
        for kind, one in gains(summaries, transfers).items()
    ]


def _all_methods(summaries: Sequence[MethodSummary], transfers: Sequence[str], mark: Callable[..., str]) -> str:
    methods = list(dict.fromkeys(one.method for one in summaries))
    found = {(one.method, one.transfer): one for one in summaries if one.oa}
    lines = [f"| OA / macro-F1 | {' | '.join(transfers)} | seeds | fit (s) |", "|---" * (len(transfers) + 3) + "|"]
    for method in sorted(methods, key=lambda one: (one == ORACLE, one == GHCA)):
        own = [found.get((method, transfer)) for transfer in transfers]
        cells = [
            f"{one.oa.mean:.3f} / {one.macro_f1.mean:.3f}{mark(method, one.transfer)}" if one else "–" for one in own
        ]
        cells.append(_span([one.runs for one in own if one]))
        cells.append(_span([one.fit_seconds.mean for one in own if one]))
        lines.append(f"| {method_title(method)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _span(values: Collection[float]) -> str:
    """The least and the most of some numbers, as whole ones."""
    return "–".join(dict.fromkeys(f"{end:.0f}" for end in (min(values), max(values)))) if values else "–"


def refresh(page: Path, text: str, begin: str = BEGIN, end: str = END) -> bool:
    """Put tables between two marks of a page; false when it has none."""
    before, opened, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        return False
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")
    return True


def publish(text: str, rows: Sequence[dict[str, Any]], page: Path) -> None:
    """Put the tables into the page unless their settings differ from the defaults."""
    if any(row["options"] for row in rows):
        print(f"{page.name} keeps its tables: these are not of the default settings.", file=sys.stderr)
    elif not refresh(page, text):
        print(f"{page.name} lacks the marks that enclose its tables.", file=sys.stderr)
