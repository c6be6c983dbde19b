"""Methods ranked on a transfer: mean and deviation over seeds, the share of the gap closed, and both in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..methods import METHODS
from .run_method import ORACLE

SOURCE_ONLY, FOREST, GHCA = "source_only", "rf", "ghca"
LEAST_GAP = 0.01
"""Gap in a score (0 to 1) below which the share closed is meaningless."""
TIE = 0.0005
"""Difference that three digits do not show."""
HARM = 0.01
"""Loss against source only (as a share) that is called harm."""
GAPS = {"gap_closed": SOURCE_ONLY, "rf_gap_closed": FOREST}
"""The gaps that are reported, and the method at their lower end."""
SCORES = ("oa", "macro_f1")
"""The scores in which they are reported."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class MeanStd:
    """Mean and standard deviation of a figure over seeds."""

    mean: float
    """Its mean."""
    sd: float | None
    """Its standard deviation (of a sample); None with one seed."""

    @staticmethod
    def of(values: Sequence[float]) -> MeanStd | None:
        """Summarise some values.

        Parameters
        ----------
        values : sequence of float
            One value per run.

        Returns
        -------
        MeanStd or None
            None for no values.
        """
        if not values:
            return None
        return MeanStd(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)

    def text(self, digits: int = 3) -> str:
        """Return ``mean ± deviation``, or the mean alone.

        Parameters
        ----------
        digits : int
            Digits after the decimal point.

        Returns
        -------
        str
        """
        mean = f"{self.mean:,.{digits}f}"
        return mean if self.sd is None else f"{mean} ± {self.sd:,.{digits}f}"


@dataclass(frozen=True)
class MethodSummary:
    """One method on one transfer."""

    transfer: str
    """Name of the transfer."""
    method: str
    """Key of the method, or ``oracle``."""
    runs: int
    """Runs with figures."""
    failed: int
    """Runs without."""
    oa: MeanStd | None
    """Overall accuracy, 0 to 1; None when no run has figures."""
    macro_f1: MeanStd | None
    """Mean F1 of the classes, 0 to 1."""
    kappa: MeanStd | None
    """Cohen's kappa."""
    f1_per_class: dict[str, float | None]
    """Mean F1 of each class; None where it is not defined."""
    fit_seconds: MeanStd | None
    """Seconds to fit on one thread."""
    predict_seconds: MeanStd | None
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
    """Return the short name of a method: the part in brackets of a title such as ``Adapt (GHCA)``.

    Parameters
    ----------
    method : str
        Key of ``engine.methods.METHODS``, or ``oracle``.

    Returns
    -------
    str
    """
    if method == ORACLE:
        return "Oracle"
    title = METHODS[method].title if method in METHODS else method
    before, bracket, inside = title.partition(" (")
    return inside.rstrip(")") if bracket and inside.rstrip(")").isupper() else before


def summarize_methods(rows: Sequence[Row]) -> list[MethodSummary]:
    """Summarise runs by transfer and method.

    Parameters
    ----------
    rows : sequence of mapping
        Runs as in the results file.

    Returns
    -------
    list of MethodSummary
        In the order of the rows.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["transfer"], row["method"]), []).append(row)
    found = {key: _summary(*key, group) for key, group in groups.items()}
    return [replace(one, **_gaps(one.transfer, one.method, _scores(one), found)) for one in found.values()]


def _summary(transfer: str, method: str, group: Sequence[Row]) -> MethodSummary:
    """Without the gaps, which need other methods."""
    complete = [row for row in group if row["oa"] is not None]
    crops = complete[0]["f1_per_class"] if complete else {}
    memory = [row["peak_memory_mb"] for row in complete if row["peak_memory_mb"] is not None]
    return MethodSummary(
        transfer=transfer,
        method=method,
        runs=len(complete),
        failed=len(group) - len(complete),
        oa=_spread(complete, "oa"),
        macro_f1=_spread(complete, "macro_f1"),
        kappa=_spread(complete, "kappa"),
        f1_per_class={crop: _mean([row["f1_per_class"][crop] for row in complete]) for crop in crops},
        fit_seconds=_spread(complete, "fit_seconds"),
        predict_seconds=_spread(complete, "predict_seconds"),
        peak_memory_mb=max(memory) if memory else None,
        notes=tuple(dict.fromkeys(note for row in group for note in row["notes"])),
    )


def add_gaps(rows: Sequence[dict[str, Any]], summaries: Sequence[MethodSummary]) -> None:
    """Add to each row the share of the gap that its run closed, between the means of both ends.

    Parameters
    ----------
    rows : sequence of dict
        Runs as in the results file; changed in place.
    summaries : sequence of MethodSummary
        Summary of these rows.
    """
    found = {(one.transfer, one.method): one for one in summaries}
    for row in rows:
        row.update(_gaps(row["transfer"], row["method"], row, found))


def _gaps(
    transfer: str, method: str, scores: Mapping[str, Any], found: Mapping[tuple[str, str], MethodSummary]
) -> dict[str, Any]:
    """The shares of the gaps that these scores close, under the names they have in a row and in a summary."""
    closed: dict[str, Any] = {}
    for gap, low in GAPS.items():
        ends = [_scores(found.get((transfer, end))) for end in (low, ORACLE)]
        for figure in SCORES:
            own = None if method in (low, ORACLE) else scores[figure]
            closed[f"{gap}_{figure}"] = gap_closed(own, *(end[figure] for end in ends))
    return closed


def gap_closed(score: float | None, low: float | None, high: float | None) -> float | None:
    """Return which share of the gap between two methods a score closes.

    Parameters
    ----------
    score, low, high : float or None
        Score of the method, of the lower and of the upper end, each 0 to 1.

    Returns
    -------
    float or None
        (score - low) / (high - low); None where a score is missing or the gap is below :data:`LEAST_GAP`.
    """
    if score is None or low is None or high is None or high - low <= LEAST_GAP:
        return None
    return (score - low) / (high - low)


def describe_results(summaries: Sequence[MethodSummary]) -> list[str]:
    """Describe the results in sentences.

    Parameters
    ----------
    summaries : sequence of MethodSummary
        Methods on all transfers.

    Returns
    -------
    list of str
    """
    transfers = list(dict.fromkeys(one.transfer for one in summaries))
    texts = [] if len(transfers) < 2 else _overall(summaries, transfers)
    for transfer in transfers:
        own = {one.method: one for one in summaries if one.transfer == transfer and one.oa}
        texts.append(f"{transfer}: {' '.join(_read_transfer(own))}")
    return texts


def _read_transfer(own: Mapping[str, MethodSummary]) -> list[str]:
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
            text += f", {100 * (_mean_of(first, 'oa') - _mean_of(second, 'oa')):.1f} points above {second.title}"
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


def _overall(summaries: Sequence[MethodSummary], transfers: Sequence[str]) -> list[str]:
    scores = mean_over(summaries, transfers, "oa")
    scores.pop(ORACLE, None)
    if len(scores) < 2:
        return []
    first, second = sorted(scores, key=lambda method: -scores[method])[:2]
    return [
        f"Over all {len(transfers)} transfers {method_title(first)} is first in mean overall accuracy, "
        f"{_plain(scores[first])}; next is {method_title(second)} with {_plain(scores[second])}."
    ]


def mean_over(summaries: Sequence[MethodSummary], transfers: Sequence[str], figure: str) -> dict[str, float]:
    """Average a score over transfers, for the methods (and the oracle) that have it on each of them.

    Parameters
    ----------
    summaries : sequence of MethodSummary
        Methods on the transfers.
    transfers : sequence of str
        Names of the transfers.
    figure : str
        ``oa`` or ``macro_f1``.

    Returns
    -------
    dict of str to float
        Mean by method.
    """
    by_method: dict[str, list[float]] = {}
    for one in summaries:
        if one.oa and one.transfer in transfers:
            by_method.setdefault(one.method, []).append(_mean_of(one, figure))
    return {method: float(np.mean(own)) for method, own in by_method.items() if len(own) == len(transfers)}


def _within(first: MethodSummary, second: MethodSummary) -> str:
    spread = max((one.oa.sd or 0.0) for one in (first, second) if one.oa)
    near = _mean_of(first, "oa") - _mean_of(second, "oa") < spread
    return ", less than the spread of the seeds" if near else ""


def _figure(one: MethodSummary, figure: str) -> str:
    return _plain(_mean_of(one, figure))


def _mean_of(one: MethodSummary, figure: str) -> float:
    spread = getattr(one, figure)
    return spread.mean if spread else float("nan")


def _plain(value: float) -> str:
    return f"{value:.3f}"


def _scores(one: MethodSummary | None) -> dict[str, float | None]:
    """Return the mean scores of a summary; None for each without one."""
    return {figure: spread.mean if (spread := getattr(one, figure, None)) else None for figure in SCORES}


def _spread(rows: Sequence[Row], key: str) -> MeanStd | None:
    return MeanStd.of([row[key] for row in rows])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
