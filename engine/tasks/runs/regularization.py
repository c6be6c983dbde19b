"""A stack of a season made regular and written to one file."""

from __future__ import annotations

from typing import Any

from ... import __version__
from ...errors import InputError, listed
from ...imagery import Stack
from ...imagery.stack.regularize import Coverage, fitting_type, regularize
from ...imagery.stack.writer import StackWriter
from ...progress import Progress
from ...series.periods import Periods, season_periods
from ..checks.regularization import ResolvedBands, check_regularization, resolve_bands
from ..resolve.bands import encoded
from ..specs.regularization import AUTO, ROLE, Regularization
from ..storage.partial_outputs import part_path, publish_parts, remove_parts
from .result import Result

MAKE, WRITE = "Making the series regular", "Writing the stack"


def run_regularization(task: Regularization, progress: Progress) -> Result:
    """Run a regularization; on any error or cancel no file of it stays; ``progress`` as of :func:`run_extraction`.

    Parameters
    ----------
    task : Regularization

    Returns
    -------
    Result
        Its ``summary``: ``dates``, ``bands``, ``pixels``, ``data_type``, ``observed``, ``filled`` and ``gaps`` (shares
        of pixels times periods, 0 to 1), ``warnings``, ``seconds``.

    Raises
    ------
    InputError
        The first problem of :func:`check_regularization`, or one that only the pixels or the disk show.
    Cancelled
        The user cancelled.
    """
    progress.update(0.0)
    for problem in check_regularization(task):
        raise problem
    try:
        return _run(task, progress)
    finally:
        remove_parts(task)


def _run(task: Regularization, progress: Progress) -> Result:
    reading = resolve_bands(task)
    with Stack(encoded(reading.bands, task.encoding), ROLE, reading.computed, task.quality) as stack:
        progress.plan({MAKE: 3.0, WRITE: 2.0})
        progress.stage(MAKE)
        periods = season_periods(stack.dates, task.period, task.start, task.end)
        data_type = fitting_type(stack, reading.written) if task.data_type == AUTO else task.data_type
        progress.warn_once([*stack.warnings, *_notes(task, periods)])
        part, tags = str(part_path(task.output, task.id)), _provenance(task, stack)
        writer = StackWriter(part, stack.grid, periods.dates, reading.written, data_type, tags)
        try:
            coverage = regularize(stack, reading.written, periods, task.recipe, writer, progress)
            if not coverage.observed:
                message = f"The {ROLE} {stack.name} has no observed pixel in the season."
                hint = "Check its nodata value, what its quality bands mask, and the season."
                raise InputError("input-empty", message, hint)
            progress.stage(WRITE)
            writer.finish(progress.update)
        finally:
            writer.close()
        if writer.clipped:
            clipped = f"{writer.clipped:,} values are beyond 3.2767, the largest that int16 can hold, and were cut."
            progress.warning(f"{clipped} Store them as float32 to keep them.")
        pixels = stack.grid.width * stack.grid.height
    published = publish_parts(task, ["stack"])
    progress.finish()
    return Result(published, _summary(reading, periods, pixels, data_type, coverage, progress))


def _summary(
    reading: ResolvedBands, periods: Periods, pixels: int, data_type: str, coverage: Coverage, progress: Progress
) -> dict[str, Any]:
    return {
        "dates": list(periods.dates),
        "bands": list(reading.written),
        "pixels": pixels,
        "data_type": data_type,
        **{name: round(getattr(coverage, name), 4) for name in ("observed", "filled", "gaps")},
        "warnings": list(progress.warnings),
        "seconds": dict(progress.seconds),
    }


def _notes(task: Regularization, periods: Periods) -> list[str]:
    if not periods.empty:
        return []
    what = "they stay gaps" if task.fill == "none" else "they are filled from those beside them"
    return [f"{periods.empty} of the {len(periods)} periods have no image at all: {what}."]


def _provenance(task: Regularization, stack: Stack) -> dict[str, str]:
    """Tags of the stack: what it was made of, and how."""
    files = list(dict.fromkeys(band.path for band in task.stack))
    made = {
        "VERSION": __version__,
        "SOURCE": listed(files, 20, "; "),
        "SOURCE_DATES": f"{stack.dates[0]}/{stack.dates[-1]}",
        "PERIOD": task.period,
        "METHOD": " of ".join([task.method, *([task.by] if task.by and task.method == "max" else [])]),
        "FILL": task.fill,
        "ENDS": task.ends,
    }
    if task.fill == "whittaker" and task.smoothness is not None:
        made["SMOOTHNESS"] = f"{task.smoothness:g}"
    return {f"CROPTRANSFER_{key}": value for key, value in made.items()}
