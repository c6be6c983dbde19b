"""The pictures of a comparison: scores, confusion, F1 by class, features of both domains, seasons of both domains.

Each function returns the data address of a PNG, empty where there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MonthLocator
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..evaluation.ranking import FOREST, GHCA, ORACLE, SOURCE_ONLY, MeanStd, MethodSummary, method_title
from ..evaluation.transfers import Transfer
from ..series import SeriesSet, align_years
from .plotting import data_address, escaped, greenness, plain_axes

OURS, OTHER, GREY = "#1b6e4f", "#9db4c8", "#444444"
WIDE = 9.5
"""Inches of a picture as wide as the page."""
MOST_NUMBERED = 9
"""Classes up to which a confusion matrix has room for numbers."""
MOST_MAPS = 3
ACROSS = 4
SEASONS_ACROSS = 3


def score_bars(summaries: Sequence[MethodSummary]) -> str:
    """Draw overall accuracy and macro-F1 of the methods with the spread of the seeds, the best on top.

    Parameters
    ----------
    summaries : sequence of MethodSummary
        Methods on the transfers to show.
    """
    methods = [one for one in summaries if one.method != ORACLE and one.oa and one.macro_f1]
    methods.sort(key=lambda one: one.oa.mean if one.oa else 0.0)
    if not methods:
        return ""
    marks = {one.method: one for one in summaries if one.method in (ORACLE, SOURCE_ONLY)}
    figure = Figure(figsize=(WIDE, 1.3 + 0.3 * len(methods)), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, key, name in zip(both, ("oa", "macro_f1"), ("Overall accuracy", "Macro-F1")):
        spreads: list[MeanStd] = [getattr(one, key) for one in methods]
        means = [spread.mean for spread in spreads]
        deviations = [spread.sd or 0.0 for spread in spreads]
        colors = [OURS if one.method == GHCA else OTHER for one in methods]
        axes.barh(
            np.arange(len(methods)), means, 0.7, xerr=deviations, color=colors, error_kw={"ecolor": GREY, "capsize": 2}
        )
        low = max(0.0, np.floor(10 * (min(means) - 0.08)) / 10)
        for position, (mean, deviation) in enumerate(zip(means, deviations)):
            text = axes.text(mean + deviation + 0.012 * (1 - low), position, f"{mean:.3f}", va="center", fontsize=8)
            # Readable also on top of a reference line.
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6})
        for method, style in ((ORACLE, "--"), (SOURCE_ONLY, ":")):
            if method in marks and getattr(marks[method], key):
                line = getattr(marks[method], key).mean
                axes.axvline(line, color=GREY, linestyle=style, linewidth=1.2, label=method_title(method), zorder=0.5)
        axes.set(xlim=(low, low + 1.12 * (1.0 - low)), xlabel=f"{name} (axis from {low:.1f})" if low else name)
        axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= 1.0])
        plain_axes(axes)
    both[0].set_yticks(np.arange(len(methods)), [one.title for one in methods])
    if both[0].get_legend_handles_labels()[0]:
        figure.legend(
            *both[0].get_legend_handles_labels(), loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False
        )
    return data_address(figure)


def transfer_table(summaries: Sequence[MethodSummary]) -> str:
    """Draw overall accuracy of every method on every transfer; ``summaries`` as of :func:`score_bars`."""
    transfers = list(dict.fromkeys(one.transfer for one in summaries))
    found = {(one.method, one.transfer): one.oa.mean for one in summaries if one.oa}
    methods = list(dict.fromkeys(method for method, _ in found))
    values = np.array([[found.get((method, transfer), np.nan) for transfer in transfers] for method in methods])
    if not values.size:
        return ""
    order = sorted(range(len(methods)), key=lambda row: (methods[row] != ORACLE, -np.nan_to_num(values[row]).mean()))
    figure = Figure(figsize=(WIDE, 1.6 + 0.32 * len(methods)), layout="constrained")
    names = [escaped(transfer) for transfer in transfers]
    _heat(figure.subplots(), values[order], [methods[row] for row in order], names, "{:.3f}")
    return data_address(figure)


def f1_table(summaries: Sequence[MethodSummary], crops: Sequence[str]) -> str:
    """Draw F1 of every class by every method, the best method on top.

    Parameters
    ----------
    summaries : sequence of MethodSummary
        Methods on the transfers to show.
    crops : sequence of str
        Names of the classes.
    """
    shown = sorted((one for one in summaries if one.oa), key=lambda one: -(one.macro_f1.mean if one.macro_f1 else 0))
    if not shown:
        return ""
    values = np.array([[np.nan if (f1 := one.f1_per_class[c]) is None else f1 for c in crops] for one in shown])
    figure = Figure(figsize=(WIDE, 1.6 + 0.32 * len(shown)), layout="constrained")
    _heat(figure.subplots(), values, [one.method for one in shown], [escaped(crop) for crop in crops], "{:.2f}")
    return data_address(figure)


def _heat(axes: Axes, values: np.ndarray, methods: Sequence[str], columns: Sequence[str], form: str) -> None:
    """A table of scores, 0 to 1, the better the darker; the best method of each column (no oracle) in bold."""
    low = float(np.nanmin(values)) if np.isfinite(values).any() else 0.0
    axes.imshow(values, "Greens", vmin=min(low, 0.9), vmax=1.15, aspect="auto")
    competing = np.array([method != ORACLE for method in methods])[:, None] & np.isfinite(values)
    best = np.where(competing, values, -1.0).max(axis=0)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            weight = "bold" if value == best[column] and competing[row, column] else "normal"
            text = axes.text(column, row, form.format(value), ha="center", va="center", fontsize=8.5, fontweight=weight)
            text.set_in_layout(False)  # always inside its cell: measuring it costs time
    axes.set_yticks(np.arange(len(methods)), [method_title(method) for method in methods])
    slanted = max(map(len, columns)) * len(columns) > 90
    turn = {"rotation": 25, "ha": "left", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(np.arange(len(columns)), columns, **turn)
    axes.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)


def confusion_matrices(rows: Sequence[Mapping[str, Any]], crops: Sequence[str]) -> str:
    """Draw the confusion of every method, summed over its seeds, in percent of the reference of each class.

    Parameters
    ----------
    rows : sequence of mapping
        Runs as in the results file.
    crops : sequence of str
        Names of the classes.
    """
    sums: dict[str, np.ndarray] = {}
    for row in rows:
        if row["confusion"] is not None:
            sums[row["method"]] = sums.get(row["method"], 0) + np.array(row["confusion"])
    if not sums:
        return ""
    across = min(ACROSS if len(sums) <= 2 * ACROSS else ACROSS + 1, len(sums))
    down = -(-len(sums) // across)
    names = [escaped(crop) for crop in crops]
    # Cells stay large enough for their numbers; names are only at the left and below.
    side = max(1.9, min(2.3, 0.36 * len(crops)))
    beside = 0.085 * max(map(len, names))
    size = (min(13.0, across * side + beside), down * (side + 0.3) + beside)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(sums) :]:
        axes.set_visible(False)
    for position, (axes, (method, counts)) in enumerate(zip(grid.flat, sums.items())):
        total = counts.sum(axis=1, keepdims=True)
        share = np.divide(100.0 * counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
        axes.imshow(share, "Blues", vmin=0, vmax=100)
        if len(crops) <= MOST_NUMBERED:
            for (true, predicted), value in np.ndenumerate(share):
                if np.isfinite(value) and value >= 0.5:
                    color = "white" if value > 60 else "#222222"
                    number = axes.text(
                        predicted, true, f"{value:.0f}", ha="center", va="center", fontsize=7, color=color
                    )
                    number.set_in_layout(False)
        axes.set_title(method_title(method), fontsize=9, fontweight="bold" if method == GHCA else "normal")
        ticks = np.arange(len(crops))
        axes.set_yticks(ticks, names if position % across == 0 else [], fontsize=8)
        last = position // across == down - 1
        axes.set_xticks(ticks, names if last else [], fontsize=8, rotation=90)
        axes.tick_params(length=0)
    figure.supylabel("Reference", fontsize=9)
    figure.supxlabel("Predicted", fontsize=9)
    return data_address(figure)


def feature_maps(
    transfer: Transfer, maps: Mapping[str, Mapping[str, Any]], summaries: Sequence[MethodSummary], colors: Sequence[str]
) -> str:
    """Draw both domains among the features of source only (before alignment), of the best other method and of GHCA.

    Parameters
    ----------
    transfer : Transfer
        The series of both domains.
    maps : mapping
        Feature maps by method, as :func:`feature_map` returns them.
    summaries : sequence of MethodSummary
        Methods on this transfer.
    colors : sequence of str
        Colour of each class.
    """
    ranked = [one.method for one in sorted(summaries, key=lambda one: -(one.oa.mean if one.oa else 0.0))]
    others = [method for method in ranked if method in maps and method not in (SOURCE_ONLY, GHCA, FOREST)]
    first = [method for method in (SOURCE_ONLY, GHCA) if method in maps]
    chosen = first + others[: MOST_MAPS - len(first)]
    chosen.sort(key=lambda method: (method != SOURCE_ONLY, method == GHCA))
    if not chosen:
        return ""
    figure = Figure(figsize=(WIDE, 3.1 * len(chosen)), layout="constrained")
    grid = figure.subplots(len(chosen), 2, squeeze=False)
    for line, method in zip(grid, chosen):
        for axes, name, series in zip(line, ("source", "target"), (transfer.source, transfer.target)):
            points = maps[method][name]
            other = maps[method]["target" if name == "source" else "source"]
            crop = series.labels[np.array(points["index"])]  # type: ignore[index]
            axes.scatter(other["x"], other["y"], s=5, color="#dddddd", linewidths=0)
            axes.scatter(points["x"], points["y"], s=11, c=[colors[index] for index in crop], linewidths=0, alpha=0.85)
            held = maps[method]["explained"]
            axes.set_title(f"{method_title(method)}: {name}", fontsize=10, loc="left")
            axes.set(xticks=[], yticks=[], xlim=(-1.08, 1.08))
            axes.set_xlabel(f"two axes of the embedding, {held:.0%} of its variance", fontsize=7.5, color="#777777")
            axes.spines[:].set_color("#cccccc")
    handles = [Patch(facecolor=color, label=escaped(crop)) for crop, color in zip(transfer.source.classes, colors)]
    handles.append(Patch(facecolor="#dddddd", label="the other domain"))
    columns = min(4, len(handles))
    figure.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns, frameon=False, fontsize=8
    )
    return data_address(figure)


def season_curves(transfer: Transfer, colors: Sequence[str]) -> str:
    """Draw each crop's mean season in source and target with the deviation of its series.

    Parameters
    ----------
    transfer : Transfer
        The series of both domains.
    colors : sequence of str
        Colour of each class.
    """
    name, index = greenness(transfer.source.bands)
    crops = transfer.source.classes
    across = min(SEASONS_ACROSS, len(crops))
    down = -(-len(crops) // across)
    figure = Figure(figsize=(WIDE, 0.5 + 2.0 * down), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(crops) :]:
        axes.set_visible(False)
    source_day = align_years(transfer.source.day, transfer.target.day)
    for crop, (axes, color) in enumerate(zip(grid.flat, colors)):
        _season(axes, transfer.source, source_day, crop, index, "#444444", "--", "source")
        _season(axes, transfer.target, transfer.target.day, crop, index, color, "-", "target")
        counts = [int(np.count_nonzero(series.labels == crop)) for series in (transfer.source, transfer.target)]
        axes.set_title(f"{escaped(crops[crop])}  ({counts[0]:,} / {counts[1]:,})", fontsize=9.5, loc="left")
        axes.xaxis.set_major_locator(MonthLocator(bymonth=(1, 3, 5, 7, 9, 11)))
        axes.xaxis.set_major_formatter(DateFormatter("%b"))
        plain_axes(axes)
    figure.supylabel(escaped(name), fontsize=9)
    return data_address(figure)


def _season(
    axes: Axes, series: SeriesSet, day: np.ndarray, crop: int, index: Any, color: str, style: str, name: str
) -> None:
    values = np.asarray(index(series.values[series.labels == crop]), np.float64)
    count = np.isfinite(values).sum(axis=0)
    seen = count > 0
    if not seen.any():
        return
    mean = np.nansum(values[:, seen], axis=0) / count[seen]
    deviation = np.sqrt(np.nansum((values[:, seen] - mean) ** 2, axis=0) / count[seen])
    # Any year without 29 February will do: only the months are shown.
    dates = (np.datetime64("2001-01-01") + day.astype("timedelta64[D]") - 1)[seen]
    axes.fill_between(dates, mean - deviation, mean + deviation, color=color, alpha=0.16, linewidth=0)
    axes.plot(dates, mean, color=color, linestyle=style, linewidth=1.6, label=name)
