"""The report of a map: one HTML file with its pictures inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..imagery import read_preview
from ..series import align_years
from .plotting import Color, data_address, escaped, greenness, hex_colors, plain_axes

if TYPE_CHECKING:
    from ..imagery import Stack
    from ..mapping import MapStatistics
    from ..models import TrainedModel
    from ..series import SeriesSet

TEMPLATE = Path(__file__).resolve().parents[2] / "resources" / "report.html"


@dataclass(frozen=True)
class FinishedMap:
    """A map and what led to it."""

    path: str
    """The map's file, for the picture."""
    model: TrainedModel
    source: SeriesSet | None
    """Labelled series that the model learned from; None when the model came from a file."""
    stack: Stack
    """The target."""
    statistics: MapStatistics
    colors: list[Color]
    """One (r, g, b) per class."""
    summary: dict[str, Any]
    """The job's summary (see ``engine.tasks.runs.job``)."""
    facts: dict[str, str]
    """Rows of the last table: name and value."""


def write_report(path: str, title: str, finished: FinishedMap) -> None:
    """Write the HTML report of a map.

    Parameters
    ----------
    path : str
        File to write.
    title : str
        Name of the map.
    finished : FinishedMap
        The map.
    """
    model, source, stack, statistics = finished.model, finished.source, finished.stack, finished.statistics
    summary = finished.summary
    dates = f"{stack.dates[0]} to {stack.dates[-1]}" if len(stack.dates) > 1 else stack.dates[0]
    crop_colors = hex_colors(finished.colors)
    classes = [{**crop, "color": color} for crop, color in zip(summary["classes"], crop_colors)]
    curve_name, curves = _season_curves(model, source, stack, statistics, crop_colors)
    samples = None
    if source is not None:
        counts = np.bincount(source.labels, minlength=len(source.classes))  # type: ignore[arg-type]
        samples = dict(zip(source.classes, counts.tolist()))
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    text = environment.from_string(TEMPLATE.read_text("utf-8")).render(
        title=title,
        lead=f"{_mapped(statistics, summary)}, {len(stack.dates)} dates from {dates}, {len(stack.bands)} bands.",
        warnings=summary["warnings"],
        classes=classes,
        samples=samples,
        parcels=summary.get("parcels"),
        unobserved=statistics.unobserved,
        outside=statistics.outside,
        curve_name=curve_name,
        pictures={
            "map": _map_picture(finished.path, classes),
            "confidence": _confidence_picture(statistics),
            "curves": curves,
            "shares": _shares_picture(model, source, classes),
            "shift": _shift_picture(model),
        },
        facts=list(finished.facts.items()),
    )
    Path(path).write_text(text, "utf-8")


def _mapped(statistics: MapStatistics, summary: dict[str, Any]) -> str:
    if "parcels" not in summary:
        return f"{statistics.mapped:,} pixels"
    parcels = summary["parcels"]
    return f"{parcels['classified']:,} of {parcels['count']:,} parcels classified, {statistics.mapped:,} pixels"


def _map_picture(map_path: str, classes: list[dict[str, Any]]) -> str:
    plane = read_preview(map_path)
    present = [crop for crop in classes if crop["pixels"]]
    height, width = plane.shape
    figure = Figure(figsize=(9, max(3.0, min(9.0, 6.5 * height / width))), layout="constrained")
    axes = figure.subplots()
    colormap = ListedColormap(["#ffffff", *[crop["color"] for crop in classes]])
    axes.imshow(plane, colormap, vmin=0, vmax=len(classes), interpolation="nearest")
    axes.set_axis_off()
    handles = [Patch(facecolor=crop["color"], edgecolor="#0003", label=escaped(crop["name"])) for crop in present]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, frameon=False)
    return data_address(figure)


def _confidence_picture(statistics: MapStatistics) -> str:
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes = figure.subplots()
    share = 100 * statistics.confidence.sum(axis=0) / max(statistics.mapped, 1)
    axes.bar(np.arange(101), share, width=1.0, color="#4477aa")
    axes.set(xlabel="Confidence (%)", ylabel="Pixels (%)", xlim=(0, 101))
    plain_axes(axes)
    return data_address(figure)


def _season_curves(
    model: TrainedModel, source: SeriesSet | None, stack: Stack, statistics: MapStatistics, colors: list[str]
) -> tuple[str, str]:
    name, index = greenness(tuple(model.bands))
    dates = np.array(stack.dates, "datetime64[D]")
    if source is not None:
        # On the calendar of the comparison: a target with another season is moved.
        source_dates = dates[0] + (align_years(source.day, stack.day) - stack.day[0]).astype("timedelta64[D]")
    figure = Figure(figsize=(9, 2.2 * -(-len(colors) // 3)), layout="constrained")
    grid = figure.subplots(-(-len(colors) // 3), 3, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(colors) :]:
        axes.set_visible(False)
    for crop, (axes, color) in enumerate(zip(grid.flat, colors)):
        if statistics.pixels[crop]:
            curve = index(statistics.curves[crop])
            seen = np.isfinite(curve)
            axes.plot(dates[seen], curve[seen], color=color, linewidth=2)
        if source is not None:
            values = source.values[source.labels == crop]
            count = np.isfinite(values).sum(axis=0)
            mean = np.divide(np.nansum(values, axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
            curve = index(mean)
            seen = np.isfinite(curve)
            axes.plot(source_dates[seen], curve[seen], color="#333333", linewidth=1.2, linestyle="--")
        axes.set_title(escaped(model.classes[crop]), fontsize=10, loc="left")
        plain_axes(axes)
    for axes in grid.flat:
        axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
    figure.supylabel(name, fontsize=10)
    return name, data_address(figure)


def _shares_picture(model: TrainedModel, source: SeriesSet | None, classes: list[dict[str, Any]]) -> str:
    rows = {"map": [crop["share"] for crop in classes]}
    if estimate := model.summary.get("class_shares"):
        rows = {"estimated before mapping": [estimate.get(crop["name"], 0.0) for crop in classes], **rows}
    if source is not None:
        rows = {"source": list(source.class_shares), **rows}
    if len(rows) < 2:
        return ""
    figure = Figure(figsize=(9, 1.2 + 0.4 * len(classes)), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(rows)
    for position, ((name, shares), color) in enumerate(zip(rows.items(), ("#bbbbbb", "#88aacc", "#225588"))):
        axes.barh(np.arange(len(classes)) + position * width, 100 * np.asarray(shares), width, label=name, color=color)
    # Horizontal bars: names of crops are long, and there may be many.
    axes.set_yticks(np.arange(len(classes)) + 0.4 - width / 2, [escaped(crop["name"]) for crop in classes])
    axes.invert_yaxis()
    axes.set_xlabel("Share (%)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, frameon=False)
    plain_axes(axes)
    return data_address(figure)


def _shift_picture(model: TrainedModel) -> str:
    """How likely the target's series are by the shift of their days, where it was estimated so."""
    gain = model.summary.get("shift", {}).get("gain")
    if not gain:
        return ""
    days, gains = zip(*sorted((float(shift), gained) for shift, gained in gain.items()))
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(days, gains, color="#225588", linewidth=2)
    axes.axvline(model.shift_days, color="#cc6644", label=f"applied: {model.shift_days:+g} days")
    axes.set(xlabel="Days added to the target's dates", ylabel="Gain in log-likelihood", xlim=(days[0], days[-1]))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, frameon=False)
    plain_axes(axes)
    return data_address(figure)
