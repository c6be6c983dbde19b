"""How methods stand on a transfer: means and spread over seeds, the share of the gap closed, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..methods import METHODS
from .run_method import ORACLE

SOURCE_ONLY, FOREST, GHCA = "source_only", "rf", "ghca"
LEAST_GAP = 0.01
"""Gap between source only and oracle (as a share) below which its closing means nothing."""
TIE = 0.0005
"""Difference that three digits do not show."""
HARM = 0.01
"""Loss against source only (as a share) that is called harm."""
GAPS = {"gap_closed": SOURCE_ONLY, "rf_gap_closed": FOREST}
"""The gaps whose closing is told, and the method at their lower end."""
SCORES = ("oa", "macro_f1")
"""The scores in which it is told."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    """A figure over seeds."""

    mean: float
    """Its mean."""
    sd: float | None
    """Its standard deviation (of a sample); None with one seed."""

    @staticmethod
    def of(values: Sequence[float]) -> Spread | None:
        """That of some values; None where there are none."""
        if not values:
            return None
        return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)

    def text(self, digits: int = 3) -> str:
        """``mean ± deviation`` with so many digits after the point, or the mean alone."""
        mean = f"{self.mean:,.{digits}f}"
        return mean if self.sd is None else f"{mean} ± {self.sd:,.{digits}f}"


@dataclass(frozen=True)
class Standing:
    """One method on one transfer."""

    transfer: str
    """Name of the transfer."""
    method: str
    """Key of the method, or ``oracle``."""
    runs: int
    """Runs with figures."""
    failed: int
    """Runs without."""
    oa: Spread | None
    """Overall accuracy, 0 to 1; None when no run has figures."""
    macro_f1: Spread | None
    """Mean F1 of the classes, 0 to 1."""
    kappa: Spread | None
    """Cohen's kappa."""
    f1_per_class: dict[str, float | None]
    """Mean F1 of each class; None where it is not defined."""
    fit_seconds: Spread | None
    """Seconds to fit on one thread."""
    predict_seconds: Spread | None
    """Seconds to predict the target on one thread."""
    peak_memory_mb: int | None
    """Most memory of any of its processes."""
    notes: tuple[str, ...]
    """Notes and warnings of its runs, each once."""
    gap_closed_oa: float | None = None
    """(method - source only) / (oracle - source only) in overall accuracy; None where that gap is small."""
    gap_closed_macro_f1: float | None = None
    """The same in macro-F1."""
    rf_gap_closed_oa: float | None = None
    """(method - random forest) / (oracle - random forest) in overall accuracy."""
    rf_gap_closed_macro_f1: float | None = None
    """The same in macro-F1."""

    @property
    def title(self) -> str:
        """Name for people."""
        return method_title(self.method)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def method_title(method: str) -> str:
    """Short name for people of a method: what stands in brackets in a title such as ``Adapt (GHCA)``."""
    if method == ORACLE:
        return "Oracle"
    title = METHODS[method].title if method in METHODS else method
    before, bracket, inside = title.partition(" (")
    return inside.rstrip(")") if bracket and inside.rstrip(")").isupper() else before


def standings(rows: Sequence[Row]) -> list[Standing]:
    """The rows by transfer and method, in their order."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["transfer"], row["method"]), []).append(row)
    found = {place: _standing(*place, group) for place, group in groups.items()}
    return [replace(one, **_gaps(one.transfer, one.method, _scores(one), found)) for one in found.values()]


def _standing(transfer: str, method: str, group: Sequence[Row]) -> Standing:
    """Without the gaps, which need other methods."""
    whole = [row for row in group if row["oa"] is not None]
    crops = whole[0]["f1_per_class"] if whole else {}
    memory = [row["peak_memory_mb"] for row in whole if row["peak_memory_mb"] is not None]
    return Standing(
        transfer=transfer,
        method=method,
        runs=len(whole),
        failed=len(group) - len(whole),
        oa=_spread(whole, "oa"),
        macro_f1=_spread(whole, "macro_f1"),
        kappa=_spread(whole, "kappa"),
        f1_per_class={crop: _mean([row["f1_per_class"][crop] for row in whole]) for crop in crops},
        fit_seconds=_spread(whole, "fit_seconds"),
        predict_seconds=_spread(whole, "predict_seconds"),
        peak_memory_mb=max(memory) if memory else None,
        notes=tuple(dict.fromkeys(note for row in group for note in row["notes"])),
    )


def add_gaps(rows: Sequence[dict[str, Any]], standing: Sequence[Standing]) -> None:
    """Add to each row the share of the gap that its run closed, between the means of both ends.

    ``standing``: that of these rows, as :func:`standings` gives it.
    """
    found = {(one.transfer, one.method): one for one in standing}
    for row in rows:
        row.update(_gaps(row["transfer"], row["method"], row, found))


def _gaps(
    transfer: str, method: str, scores: Mapping[str, Any], found: Mapping[tuple[str, str], Standing]
) -> dict[str, Any]:
    """The shares of the gaps that these scores close, under the names they have in a row and in a standing."""
    closed: dict[str, Any] = {}
    for gap, low in GAPS.items():
        ends = [_scores(found.get((transfer, end))) for end in (low, ORACLE)]
        for figure in SCORES:
            own = None if method in (low, ORACLE) else scores[figure]
            closed[f"{gap}_{figure}"] = gap_closed(own, *(end[figure] for end in ends))
    return closed


def gap_closed(score: float | None, low: float | None, high: float | None) -> float | None:
    """(score - low) / (high - low); None where one is missing or the gap is too small to mean anything."""
    if score is None or low is None or high is None or high - low <= LEAST_GAP:
        return None
    return (score - low) / (high - low)


def reading(standing: Sequence[Standing]) -> list[str]:
    """What the figures say, a text of a few sentences for each transfer; with several, one on all of them in front."""
    transfers = list(dict.fromkeys(one.transfer for one in standing))
    texts = [] if len(transfers) < 2 else _overall(standing, transfers)
    for transfer in transfers:
        own = {one.method: one for one in standing if one.transfer == transfer and one.oa}
        texts.append(f"{transfer}: {' '.join(_read_transfer(own))}")
    return texts


def _read_transfer(own: Mapping[str, Standing]) -> list[str]:
    ranked = sorted((one for one in own.values() if one.method != ORACLE), key=lambda one: -_mean_of(one, "oa"))
    if not ranked:
        return ["no run has figures."]
    first = ranked[0]
    level = [one.title for one in ranked if _mean_of(first, "oa") - _mean_of(one, "oa") < TIE]
    if len(level) > 1:
        text = (
            f"{', '.join(level[:-1])} and {level[-1]} share the first place in overall accuracy, {_figure(first, 'oa')}"
        )
    else:
        text = f"{first.title} is first in overall accuracy, {_figure(first, 'oa')}"
        if len(ranked) > 1:
            second = ranked[1]
            text += f", {_points(_mean_of(first, 'oa') - _mean_of(second, 'oa'))} above {second.title}"
            text += f" ({_figure(second, 'oa')}){_within(first, second)}"
    if oracle := own.get(ORACLE):
        text += f"; the oracle, trained inside the target, reaches {_figure(oracle, 'oa')}"
    sentences = [text + "."]
    best = max(ranked, key=lambda one: _mean_of(one, "macro_f1"))
    if _mean_of(best, "macro_f1") - _mean_of(first, "macro_f1") >= TIE:
        sentences.append(f"In macro-F1 {best.title} is first, {_figure(best, 'macro_f1')}.")
    ghca = own.get(GHCA)
    if ghca and ghca.title not in level and ghca is not first:
        place = ranked.index(ghca) + 1
        sentences.append(f"GHCA is number {place} of {len(ranked)} in overall accuracy, {_figure(ghca, 'oa')}.")
    if ghca and ghca.gap_closed_oa is not None:
        closed = f"{ghca.gap_closed_oa:.0%}" if ghca.gap_closed_oa > 0 else "nothing"
        sentences.append(f"GHCA closes {closed} of the gap between source only and the oracle in overall accuracy.")
    if alone := own.get(SOURCE_ONLY):
        worse = [one.title for one in ranked if _mean_of(one, "oa") < _mean_of(alone, "oa") - HARM]
        if worse:
            sentences.append(f"More than a point below source only: {', '.join(worse)}.")
    return sentences


def _overall(standing: Sequence[Standing], transfers: Sequence[str]) -> list[str]:
    scores = mean_over(standing, transfers, "oa")
    scores.pop(ORACLE, None)
    if len(scores) < 2:
        return []
    ranked = sorted(scores, key=lambda method: -scores[method])
    first, second = ranked[:2]
    return [
        f"Over all {len(transfers)} transfers {method_title(first)} is first in mean overall accuracy, "
        f"{_plain(scores[first])}; next is {method_title(second)} with {_plain(scores[second])}."
    ]


def mean_over(standing: Sequence[Standing], transfers: Sequence[str], figure: str) -> dict[str, float]:
    """Mean of ``oa`` or ``macro_f1`` over the transfers, for the methods (and the oracle) that have it on each."""
    by_method: dict[str, list[float]] = {}
    for one in standing:
        if one.oa and one.transfer in transfers:
            by_method.setdefault(one.method, []).append(_mean_of(one, figure))
    return {method: float(np.mean(own)) for method, own in by_method.items() if len(own) == len(transfers)}


def _within(first: Standing, second: Standing) -> str:
    spread = max((one.oa.sd or 0.0) for one in (first, second) if one.oa)
    near = _mean_of(first, "oa") - _mean_of(second, "oa") < spread
    return ", less than the spread of the seeds" if near else ""


def _figure(one: Standing, figure: str) -> str:
    return _plain(_mean_of(one, figure))


def _mean_of(one: Standing, figure: str) -> float:
    spread = getattr(one, figure)
    return spread.mean if spread else float("nan")


def _plain(value: float) -> str:
    return f"{value:.3f}"


def _points(difference: float) -> str:
    return f"{100 * difference:.1f} points"


def _scores(one: Standing | None) -> dict[str, float | None]:
    """The mean scores of a standing, those of none included."""
    return {figure: spread.mean if (spread := getattr(one, figure, None)) else None for figure in SCORES}


def _spread(rows: Sequence[Row], key: str) -> Spread | None:
    return Spread.of([row[key] for row in rows])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
