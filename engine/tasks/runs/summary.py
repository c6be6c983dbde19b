"""What a finished job reports: provenance in the map, figures, the facts of its report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...imagery import Stack, StackBand, pixel_hectares
from ...methods import METHODS
from ...progress import Progress
from ...series import Season
from ..resolve.bands import ResolvedStack
from ..specs.job import Job

STATISTICS = "the statistics of the source", "the target's own statistics, matched to its class shares"
"""How series are standardised, without and with statistics of the target."""


def provenance(job: Job, model: Any, stack: Stack, created: str) -> dict[str, str]:
    """Tags of the map: which model of which method made it, from what, when, with which version.

    ``job``, ``model`` and ``stack`` as of :func:`summarize`.

    Parameters
    ----------
    created : str
        ISO date.
    """
    if job.use_model:
        source = job.use_model
    elif job.labels:
        rasters = _files(job.source)
        source = "; ".join([f"{job.labels.path} ({job.labels.field})", *rasters])
    else:
        source = " ".join([job.series or "", *_part_of_series(job)])
    tags = {
        "CROPTRANSFER_VERSION": __version__,
        "CROPTRANSFER_MODEL": model.model_id,
        "CROPTRANSFER_METHOD": model.method,
        "CROPTRANSFER_SEED": str(model.seed),
        "CROPTRANSFER_SOURCE": source,
        "CROPTRANSFER_TARGET": "; ".join(_files(job.target)),
        "CROPTRANSFER_TARGET_DATES": f"{stack.dates[0]}/{stack.dates[-1]}",
        "CROPTRANSFER_SHIFT_DAYS": f"{model.shift_days:g}",
        "CROPTRANSFER_CREATED": created,
    }
    if job.mask:
        tags["CROPTRANSFER_MASK"] = job.mask
    if job.parcels:
        tags["CROPTRANSFER_PARCELS"] = f"{job.parcels} ({job.parcel_reading})"
    return tags


def _files(bands: Iterable[StackBand]) -> list[str]:
    return list(dict.fromkeys(band.path for band in bands))


def _part_of_series(job: Job) -> list[str]:
    """What of the series file was used, such as ``year 2015, 2016``; empty for all of it."""
    part = ["{} {}".format(key, ", ".join(map(str, values))) for key, values in job.series_part.items()]
    return [f"({'; '.join(part)})"] if part else []


def facts(
    job: Job, model: Any, stack: Stack, side: ResolvedStack, season: Season, summary: dict[str, Any]
) -> dict[str, str]:
    """The last table of the report: what went in, what the method decided, how long it took.

    ``job``, ``model`` and ``stack`` as of :func:`summarize`.

    Parameters
    ----------
    side : ResolvedStack
    season : Season
        Of the target.
    summary : dict
        See :func:`summarize`.
    """
    learned, rounds = model.summary, model.summary.get("pseudo_labels", ())
    shift = f"its {season.start} counts as 01-01 of the source ({season.days:+d} days)"
    accepted = ", ".join(f"{sum(one['accepted'].values()):,}" for one in rounds)
    table = {
        "Method": f"{_title(model.method)} (seed {model.seed})",
        "Target": ", ".join(Path(path).name for path in _files(job.target)),
        **_source(job),
        "Mask": job.mask and Path(job.mask).name,
        "Parcels": job.parcels and Path(job.parcels).name,
        "Bands": ", ".join(model.bands),
        "Bands of the target": " ".join(side.notes),
        "Season of the target": shift if season.days else "",
        "Target dates": ", ".join(stack.dates),
        "Shift of the season": _shift(model),
        "Standardisation": STATISTICS[learned["statistics"] == "matched"] if learned.get("statistics") else "",
        "Pseudo-labels accepted": f"{accepted} (round by round)" if rounds else "",
        "Doubts": " ".join(learned.get("doubts", learned.get("vetoes", ()))),
        "Mapping": _way(summary["mapping"]),
        "Time": ", ".join(f"{name.lower()} {seconds:.0f} s" for name, seconds in summary["seconds"].items()),
        "Made by": f"Crop Transfer {__version__}, model {model.model_id}",
    }
    return {name: text for name, text in table.items() if text}


def _source(job: Job) -> dict[str, str]:
    if job.series:
        return {"Source": " ".join([Path(job.series).name, *_part_of_series(job)])}
    if job.labels:
        rasters = ", ".join(Path(path).name for path in _files(job.source))
        return {"Source": f"{Path(job.labels.path).name}, field {job.labels.field}; {rasters}"}
    return {"Model": Path(job.use_model or "").name}


def _shift(model: Any) -> str:
    """The shift that was taken, with its probability, and what else is probable."""
    shift = model.summary.get("shift", {})
    if shift.get("beyond"):
        return f"none (most likely {shift['best']:+.0f} days, at the search limit)"
    # Models of an earlier version hold no probabilities.
    probable = {days: f" (probability {probability:.0%})" for days, probability in shift.get("hypotheses", ())}
    taken = model.shift_days
    text = (
        f"{taken:+.0f} days{probable.get(taken, '')}, added to the target's dates to meet the source's calendar"
        if taken
        else f"none{probable.get(taken, '')}"
    )
    others = [f"{days:+.0f} days{of}" for days, of in probable.items() if days != taken]
    return f"{text}; also probable: {', '.join(others)}" if others else text


def _way(mapping: dict[str, Any]) -> str:
    """How the pixels got their classes, and what the map itself showed of it."""
    if "map_agreement" not in mapping:
        return mapping["way"]
    return (
        f"{mapping['way']} In the map, both gave the same class on {mapping['map_agreement']:.1%} of "
        f"{mapping['map_checked_pixels']:,} pixels of which the distilled model was certain."
    )


def _title(method: str) -> str:
    """Name for people of a method; its key where a newer version wrote the model."""
    return METHODS[method].title if method in METHODS else method


def summarize(
    job: Job, model: Any, stack: Stack, statistics: Any, progress: Progress, mapping: dict[str, Any]
) -> dict[str, Any]:
    """JSON-ready figures of the map for people and programs.

    Parameters
    ----------
    job : Job
    model : TrainedModel
    stack : Stack
        The target.
    statistics : MapStatistics
    progress : Progress
    mapping : dict
        How the pixels got their classes.
    """
    hectares = pixel_hectares(stack.grid)
    classes = []
    for index, name in enumerate(model.classes):
        pixels = int(statistics.pixels[index])
        by_percent = statistics.confidence[index]
        classes.append(
            {
                "name": name,
                "value": index + 1,
                "pixels": pixels,
                "hectares": round(pixels * hectares, 4) if np.isfinite(hectares) else None,
                "share": pixels / statistics.mapped,
                "confidence": float((by_percent * np.arange(101)).sum() / max(pixels, 1)),
            }
        )
    return {
        "method": model.method,
        "seed": model.seed,
        "model_id": model.model_id,
        "classes": classes,
        "mapped_pixels": statistics.mapped,
        "unobserved_pixels": statistics.unobserved,
        "outside_pixels": statistics.outside,
        "shift_days": model.shift_days,
        "mapping": mapping,
        "model": model.summary,
        "warnings": list(progress.warnings),
        "seconds": dict(progress.seconds),
    }
