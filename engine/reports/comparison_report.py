"""The page of a comparison: one HTML file with its pictures inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from ..evaluation.ranking import GHCA, ORACLE, MethodSummary, method_title
from ..evaluation.transfers import Transfer
from ..imagery import class_colors
from ..progress import Progress
from .comparison_plots import confusion_matrices, f1_table, feature_maps, score_bars, season_curves, transfer_table
from .plotting import greenness, hex_colors

TEMPLATE = Path(__file__).resolve().parents[2] / "resources" / "comparison.html"


@dataclass(frozen=True)
class ComparisonPage:
    """What the page of a comparison shows."""

    title: str
    """Name of the comparison."""
    transfers: Sequence[Transfer]
    """On what was compared."""
    rows: Sequence[Mapping[str, Any]]
    """The runs, as in the results."""
    summaries: Sequence[MethodSummary]
    """Means and spread, as :func:`summarize_methods` gives them for ``rows``."""
    words: Sequence[str]
    """The results in sentences."""
    maps: Mapping[tuple[str, str], Mapping[str, Any]]
    """Feature maps by transfer and method, as :func:`feature_map` gives them."""


def write_comparison_report(path: str | Path, page: ComparisonPage, progress: Progress) -> None:
    """Write the HTML page of a comparison.

    Parameters
    ----------
    path : str or Path
        Where to write.
    page : ComparisonPage
    progress : Progress
        Receives the fraction of its current stage.
    """
    transfers, rows, summaries = page.transfers, page.rows, page.summaries
    sections = []
    for number, transfer in enumerate(transfers):
        progress.update(number / len(transfers))
        own = [one for one in summaries if one.transfer == transfer.name]
        mine = [row for row in rows if row["transfer"] == transfer.name]
        features = {method: found for (name, method), found in page.maps.items() if name == transfer.name}
        sections.append(_section(transfer, own, mine, features, progress))
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    environment.filters["spread"] = lambda value, digits=3: "–" if value is None else value.text(digits)
    environment.filters["share"] = lambda value: "–" if value is None else f"{value:.0%}"
    codes = sorted({str(row["code"]) for row in rows})
    text = environment.from_string(TEMPLATE.read_text("utf-8")).render(
        title=page.title,
        words=page.words,
        sections=sections,
        overview=transfer_table(summaries) if len(transfers) > 1 else "",
        seeds=sorted({row["seed"] for row in rows}),
        options=_options(rows),
        mixed_code=len(codes) > 1,
    )
    Path(path).write_text(text, "utf-8")


def _section(
    transfer: Transfer,
    summaries: Sequence[MethodSummary],
    rows: Sequence[Mapping[str, Any]],
    maps: Mapping[str, Mapping[str, Any]],
    progress: Progress,
) -> dict[str, Any]:
    crops = transfer.source.classes
    colors = hex_colors(class_colors(crops))
    pictures = {}
    for name, draw in (
        ("bars", lambda: score_bars(summaries)),
        ("f1", lambda: f1_table(summaries, crops)),
        ("confusion", lambda: confusion_matrices(rows, crops)),
        ("features", lambda: feature_maps(transfer, maps, summaries, colors)),
        ("curves", lambda: season_curves(transfer, colors)),
    ):
        progress.check()
        pictures[name] = draw()
    ranked = sorted(summaries, key=lambda one: (one.method != ORACLE, -(one.oa.mean if one.oa else -1.0)))
    return {
        "name": transfer.name,
        "source": len(transfer.source),
        "target": len(transfer.target),
        "classes": len(crops),
        "notes": transfer.notes,
        "standing": ranked,
        "ours": GHCA,
        "remarks": [(one.title, note) for one in ranked for note in one.notes],
        "curve_name": greenness(transfer.source.bands)[0],
        "pictures": pictures,
    }


def _options(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Settings that were not the defaults, in words, each with the methods that had it."""
    had: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row["options"].items():
            methods = had.setdefault(f"{name} = {value}", [])
            if row["method"] not in methods:
                methods.append(row["method"])
    every = {row["method"] for row in rows} - {ORACLE}
    return sorted(
        f"{setting} ({'all methods' if every <= set(methods) else ', '.join(map(method_title, methods))})"
        for setting, methods in had.items()
    )
