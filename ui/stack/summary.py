"""A stack in one line."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.imagery.geo.types import StackBand
from ...engine.imagery.sensors.quality_flags import QUALITY, data_bands, describe_masked, is_quality
from ...engine.imagery.stack.validate import complete_dates
from ..common.qt import tr
from .dates import is_date


def summary(bands: Sequence[StackBand]) -> str:
    """One line on a stack, such as ``24 dates x 10 bands, 2021-01-01 to 2021-12-21``; quality bands do not count."""
    if not bands:
        return tr("No rasters yet.")
    data = data_bands(bands)
    dates = sorted({b.date for b in data if b.date and is_date(b.date)})
    names = list(dict.fromkeys(b.band for b in data if b.band))
    unknown = sum(1 for b in bands if not is_date(b.date) or not b.band)
    parts = []
    if dates and names:
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        parts.append(
            tr("{dates} dates × {bands} bands ({names}), {first} to {last}").format(
                dates=len(dates), bands=len(names), names=shown, first=dates[0], last=dates[-1]
            )
        )
    quality = list(dict.fromkeys(str(b.band).upper() for b in bands if is_quality(b.band)))
    if quality:
        parts.append(tr("clouds hidden by {names}").format(names=", ".join(quality)))
    if unknown:
        parts.append(
            tr("{count} of {all} raster bands lack a date or a band name").format(count=unknown, all=len(bands))
        )
    elif lacking := len(complete_dates(data)[1]):
        parts.append(
            tr("1 date lacks a band and is left out")
            if lacking == 1
            else tr("{count} dates lack a band and are left out").format(count=lacking)
        )
    return "; ".join(parts)


def describe_quality_band(name: str) -> str:
    """Title of a quality band, and what it hides by default."""
    return tr("{title}: not learned from; hides {what}.").format(
        title=QUALITY[name.upper()].title, what=describe_masked(name) or tr("nothing")
    )
