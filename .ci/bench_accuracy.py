"""The accuracy part of `make bench`: every method on every visible transfer, and its tables for the README."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.alignment import METHODS
from engine.job import Comparison, run_comparison
from engine.progress import Progress
from engine.trust.standing import GHCA, ORACLE, SOURCE_ONLY, Standing, mean_over, method_title, standings

CROSS_REGION = ("CA_N2S", "CA_S2N", "MT_N2S", "MT15-16_PG11-13", "PG11-13_MT15-16")
CROSS_YEAR = ("MT15_MT16",)
CONTROL = ("MT16_MT15_control",)
TRANSFERS = (*CROSS_REGION, *CROSS_YEAR, *CONTROL)
BEGIN, END = "<!-- bench:accuracy -->", "<!-- /bench:accuracy -->"


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
    """The rows of a comparison; it writes its JSON, CSV and page at ``output`` and goes on where it was stopped."""
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
        figures = "failed" if run["oa"] is None else f"OA {run['oa']:.3f}, macro-F1 {run['macro_f1']:.3f}"
        print(f"{run['transfer']} {run['method']} seed {run['seed']}: {figures}", file=sys.stderr, flush=True)
    elif event["event"] == "warning":
        print(event["message"], file=sys.stderr, flush=True)


def tables(rows: Sequence[dict[str, Any]]) -> str:
    """The results as Markdown: GHCA beside the best other method of each transfer, and all methods."""
    standing = standings(rows)
    transfers = list(dict.fromkeys(one.transfer for one in standing))
    found = {(one.transfer, one.method): one for one in standing if one.oa}
    parts = [_beside_the_best(found, transfers), *_gains(standing, transfers), _all_methods(standing, transfers)]
    return "\n\n".join(part for part in parts if part)


def _beside_the_best(found: dict[tuple[str, str], Standing], transfers: Sequence[str]) -> str:
    lines = [
        "| transfer | GHCA: OA, macro-F1 | best other, OA | best other, F1 | source only | oracle (RF) | gap closed |",
        "|---|---|---|---|---|---|---|",
    ]
    for transfer in transfers:
        ghca = found.get((transfer, GHCA))
        if ghca is None:
            continue
        others = [one for (name, method), one in found.items() if name == transfer and method not in (GHCA, ORACLE)]
        best = [max(others, key=lambda one: getattr(one, key).mean, default=None) for key in ("oa", "macro_f1")]
        cells = [
            transfer,
            f"{_spread(ghca.oa)}, {_spread(ghca.macro_f1)}",
            *(f"{one.title} {_spread(getattr(one, key))}" if one else "" for one, key in zip(best, ("oa", "macro_f1"))),
            _oa(found.get((transfer, SOURCE_ONLY))),
            _oa(found.get((transfer, ORACLE))),
            "" if ghca.gap_closed_oa is None else f"{ghca.gap_closed_oa:.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def gains(standing: Sequence[Standing], transfers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By kind of transfer: GHCA's mean OA, the best single other method and its mean, and the difference in points."""
    found = {}
    for kind, wanted in (("cross-region", CROSS_REGION), ("cross-year", CROSS_YEAR), ("control", CONTROL)):
        there = [name for name in wanted if name in transfers]
        scores = mean_over(standing, there, "oa") if there else {}
        ours = scores.pop(GHCA, None)
        if ours is None or not scores:
            continue
        best = max(scores, key=lambda method: scores[method])
        gain = 100 * (ours - scores[best])
        found[kind] = {"transfers": there, GHCA: ours, "best_other": best, "best_other_oa": scores[best], "gain": gain}
    return found


def _gains(standing: Sequence[Standing], transfers: Sequence[str]) -> list[str]:
    return [
        f"Mean OA, {kind} ({len(one['transfers'])}): GHCA {one[GHCA]:.3f}, best single other method "
        f"{method_title(one['best_other'])} {one['best_other_oa']:.3f}: {one['gain']:+.1f} points."
        for kind, one in gains(standing, transfers).items()
    ]


def _all_methods(standing: Sequence[Standing], transfers: Sequence[str]) -> str:
    methods = list(dict.fromkeys(one.method for one in standing))
    found = {(one.method, one.transfer): one for one in standing if one.oa and one.macro_f1}
    lines = [f"| OA / macro-F1 | {' | '.join(transfers)} | fit (s) |", "|---" * (len(transfers) + 2) + "|"]
    for method in sorted(methods, key=lambda one: (one == ORACLE, one == GHCA)):
        own = [found.get((method, transfer)) for transfer in transfers]
        cells = [f"{one.oa.mean:.3f} / {one.macro_f1.mean:.3f}" if one else "–" for one in own]
        seconds = [one.fit_seconds.mean for one in own if one and one.fit_seconds]
        fit = f"{min(seconds):.0f}–{max(seconds):.0f}" if seconds else "–"
        lines.append(f"| {method_title(method)} | {' | '.join(cells)} | {fit} |")
    return "\n".join(lines)


def refresh(page: Path, text: str, begin: str = BEGIN, end: str = END) -> bool:
    """Put tables between two marks of a page; false when it has none."""
    before, begun, rest = page.read_text("utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        return False
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")
    return True


def _spread(value: Any) -> str:
    return f"{value.mean:.3f}" + ("" if value.sd is None else f" ± {value.sd:.3f}")


def _oa(one: Standing | None) -> str:
    return _spread(one.oa) if one else "–"
