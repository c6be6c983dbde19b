"""A stack of a season made regular and written once, as the command and QGIS describe it."""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .. import __version__
from ..errors import InputError
from ..imagery import Stack, StackBand, describe, stack_problems, writable_problems
from ..imagery.indices import INDICES, index_name, index_names, require_index
from ..imagery.problems import complete_dates
from ..imagery.quality import check_choice, data_bands, is_quality
from ..imagery.regularize import Coverage, Recipe, fitting_type, regularize, score_name
from ..imagery.stack_writer import DATA_TYPES, INT16, StackWriter
from ..progress import Progress
from ..series.composites import METHODS
from ..series.periods import MONTH, Periods, season_periods
from ..series.regular import ENDS, FILLS
from .check import place
from .job import BAND_KINDS, Kind, checked
from .parts import part_path, publish_parts, remove_parts
from .quality import read_quality
from .runner import Result
from .stack_options import add_quality_option, comma_separated
from .terminal import show

VERSION = 1
KIND = "regularization"
MAKE, WRITE = "Making the series regular", "Writing the stack"
AUTO = "auto"
ROLE = "input"
"""What the stack is called in messages."""
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("output", "period", "start", "end", "method", "by", "fill", "ends"), (str, "a text")),
    **dict.fromkeys(("data_type", "id"), (str, "a text")),
    "stack": (list, "a list of bands"),
    **dict.fromkeys(("bands", "indices"), (list, "a list of names")),
    "quality": ((dict, type(None)), "an object"),
    "smoothness": ((int, float, type(None)), "a number"),
}


@dataclass(frozen=True)
class Regularization:
    """One value of every pixel, band and period of a season, as one file."""

    output: str
    """Path of the regular stack (GeoTIFF)."""
    stack: tuple[StackBand, ...]
    """The stack as it is, band by band, its quality bands among them."""
    period: str = "10"
    """Days of a period, or ``month``."""
    start: str = ""
    """First date of the season, from which periods of days are counted; empty: all dates, counted from 1 January."""
    end: str = ""
    """Its last date."""
    method: str = "median"
    """Key of ``engine.series.composites.METHODS``."""
    by: str = ""
    """Band or index whose maximum ``max`` takes; empty: NDVI, or the only band."""
    fill: str = "none"
    """Key of ``engine.series.regular.FILLS``."""
    smoothness: float | None = None
    """Lambda of ``whittaker``; None: what keeps swings of two months, 1 for periods of 10 days."""
    ends: str = "gap"
    """Key of ``engine.series.regular.ENDS``."""
    bands: tuple[str, ...] = ()
    """Bands (and indices) that are written; empty for all bands."""
    indices: tuple[str, ...] = ()
    """Indices written besides, computed for each date before the composites are made."""
    quality: dict[str, list[Any]] | None = None
    """What a pixel must not show, by quality band: values or names of bits; None for the defaults of each kind."""
    data_type: str = AUTO
    """Key of ``engine.imagery.stack_writer.DATA_TYPES``, or ``auto`` to look at the values."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished file, so that it can be found and removed."""

    @property
    def recipe(self) -> Recipe:
        """How the observations of a period become one."""
        return Recipe(self.method, self.by, self.fill, self.smoothness, self.ends)

    def outputs(self) -> dict[str, str]:
        """The file that is written, by role: stack."""
        return {"stack": self.output}

    def to_json(self, indent: int | None = None) -> str:
        """The regularization as JSON text, in one line unless ``indent`` is given."""
        return json.dumps({"kind": KIND, "version": VERSION, **asdict(self)}, ensure_ascii=False, indent=indent)

    @staticmethod
    def from_json(text: str) -> Regularization:
        """The regularization of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = checked(json.loads(text), KINDS, "The regularization")
            if values.pop("kind", KIND) != KIND or values.pop("version", VERSION) != VERSION:
                raise ValueError("it is none, or one of another version of Crop Transfer")
            stack = [checked(band, BAND_KINDS, "A band of its stack") for band in values.get("stack", ())]
            values["stack"] = tuple(StackBand(**band) for band in stack)
            for key in ("bands", "indices"):
                values[key] = tuple(values.get(key, ()))
                if not all(isinstance(name, str) for name in values[key]):
                    raise TypeError(f"'{key}' is {list(values[key])!r}, not a list of names")
            if not values.get("id", "0").isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
            return Regularization(**values)
        except (ValueError, TypeError) as fault:
            raise InputError(
                "job", f"The regularization is not valid: {fault}.", "See docs/regularize.md for its form."
            ) from fault


@dataclass(frozen=True)
class _Reading:
    """What is read for a regularization."""

    bands: tuple[StackBand, ...]
    """Raster bands, quality bands among them."""
    computed: tuple[str, ...]
    """Indices to compute from them."""
    written: tuple[str, ...]
    """Names of the bands of the output."""


def check_regularization(task: Regularization) -> list[InputError]:
    """All problems of the regularization, the ones to mend first in front; reads no pixel and imports no torch."""
    problems = _choice_problems(task) + _output_problems(task)
    try:
        check_choice(task.quality)
        reading = _reading(task)
    except InputError as problem:
        return [*problems, problem]
    stack = stack_problems(reading.bands, ROLE)
    if stack:
        return [*stack, *problems]
    try:
        _periods(task, complete_dates(reading.bands)[0])
    except InputError as problem:
        problems.append(problem)
    return problems


def _choice_problems(task: Regularization) -> list[InputError]:
    problems = []
    for name, value, known in (
        ("method", task.method, METHODS),
        ("fill", task.fill, FILLS),
        ("ends", task.ends, ENDS),
        ("data type", task.data_type, (AUTO, *DATA_TYPES)),
    ):
        if value not in known:
            hint = f"Choose one of: {', '.join(known)}."
            problems.append(InputError(name.replace(" ", "-"), f"There is no {name} '{value}'.", hint))
    if task.smoothness is not None and not 0 < task.smoothness < float("inf"):
        hint = "Give a number above 0, or leave it out."
        problems.append(InputError("smoothness", f"The smoothness is {task.smoothness:g}.", hint))
    return problems


def _output_problems(task: Regularization) -> list[InputError]:
    path = task.output
    if not path.lower().endswith((".tif", ".tiff")):
        message = f"The stack {path} is not a GeoTIFF." if path else "There is no place for the stack."
        return [InputError("output-format", message, "Let its name end in .tif.")]
    if place(path) in {place(band.path) for band in task.stack}:
        hint = "Choose another place for the regular stack."
        return [InputError("output-is-input", f"{path} is an input of the regularization.", hint)]
    return list(writable_problems(path))


def _reading(task: Regularization) -> _Reading:
    """What has to be read for the bands that are wanted; raises InputError for one that is not there."""
    there = tuple(dict.fromkeys(str(band.band) for band in data_bands(task.stack) if band.band))
    if not there:
        return _Reading(task.stack, (), ())
    written = tuple(dict.fromkeys([*(_named(name, there) for name in task.bands or there), *index_names(task.indices)]))
    score = score_name(task.recipe, there)
    wanted = dict.fromkeys([*written, *([score] if score else [])])
    computed = tuple(name for name in wanted if name not in there)
    needed = {name for name in wanted if name in there}
    for index in computed:
        needed |= set(require_index(index, there, f"the {ROLE}").values())
    # A band that nobody asked for must not cost a date on which it is missing, nor need a name.
    bands = [b for b in task.stack if is_quality(b.band) or b.band in needed or not (b.band or task.bands)]
    return _Reading(tuple(bands), computed, written)


def _named(name: str, there: Sequence[str]) -> str:
    found = next((own for own in there if own.casefold() == name.casefold()), None) or index_name(name)
    if found is None:
        raise InputError(
            "bands-differ",
            f"The {ROLE} has no band '{name}': it has {', '.join(there)}.",
            "Choose from these, and from indices that can be computed from them.",
        )
    return found


def _periods(task: Regularization, dates: Sequence[str]) -> Periods:
    return season_periods(dates, task.period, task.start, task.end)


def run_regularization(task: Regularization, progress: Progress) -> Result:
    """Do the regularization; on any error or cancel no file of it stays.

    ``summary`` of the result: ``dates``, ``bands``, ``pixels``, ``data_type``, ``observed``, ``filled`` and ``gaps``
    (shares of pixels times periods, 0 to 1), ``warnings``, ``seconds``.

    Raises
    ------
    InputError
        The first problem of :func:`check_regularization`, or one that only the pixels or the disk show.
    Cancelled
        The user cancelled.
    """
    progress.update(0.0)
    problems = check_regularization(task)
    if problems:
        raise problems[0]
    try:
        return _run(task, progress)
    finally:
        remove_parts(task)


def _run(task: Regularization, progress: Progress) -> Result:
    reading = _reading(task)
    with Stack(reading.bands, ROLE, reading.computed, task.quality) as stack:
        progress.plan({MAKE: 3.0, WRITE: 2.0})
        progress.stage(MAKE)
        periods = _periods(task, stack.dates)
        data_type = fitting_type(stack, reading.written) if task.data_type == AUTO else task.data_type
        for text in (*dict.fromkeys(stack.warnings), *_told(task, periods)):
            progress.warning(text)
        writer = StackWriter(
            str(part_path(task.output, task.id)),
            stack.grid,
            periods.dates,
            reading.written,
            data_type,
            _provenance(task, stack),
        )
        try:
            coverage = regularize(stack, reading.written, periods, task.recipe, writer, progress)
            if not coverage.observed:
                raise InputError(
                    "input-empty",
                    f"The {ROLE} {stack.name} has no observed pixel in the season.",
                    "Check its nodata value, what its quality bands hide, and the season.",
                )
            progress.stage(WRITE)
            writer.finish(progress.update)
        finally:
            writer.close()
        if writer.clipped:
            progress.warning(
                f"{writer.clipped:,} values beyond 3.2767 were cut to what whole numbers times 10000 can hold: "
                "store them as float32 to keep them."
            )
        pixels = stack.grid.width * stack.grid.height
    published = publish_parts(task, ["stack"])
    progress.finish()
    return Result(published, _summary(reading, periods, pixels, data_type, coverage, progress))


def _summary(
    reading: _Reading, periods: Periods, pixels: int, data_type: str, coverage: Coverage, progress: Progress
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


def _told(task: Regularization, periods: Periods) -> list[str]:
    if not periods.empty:
        return []
    what = "they stay gaps" if task.fill == "none" else "they are filled from those beside them"
    return [f"{periods.empty} of the {len(periods)} periods have no image at all: {what}."]


def _provenance(task: Regularization, stack: Stack) -> dict[str, str]:
    """Tags of the stack: what it was made of, and how."""
    files = list(dict.fromkeys(band.path for band in task.stack))
    made = {
        "VERSION": __version__,
        "SOURCE": "; ".join(files[:20]) + (f" and {len(files) - 20} more" if len(files) > 20 else ""),
        "SOURCE_DATES": f"{stack.dates[0]}/{stack.dates[-1]}",
        "PERIOD": task.period,
        "METHOD": " of ".join([task.method, *([task.by] if task.by and task.method == "max" else [])]),
        "FILL": task.fill,
        "ENDS": task.ends,
    }
    if task.fill == "whittaker" and task.smoothness is not None:
        made["SMOOTHNESS"] = f"{task.smoothness:g}"
    return {f"CROPTRANSFER_{key}": value for key, value in made.items()}


def add_command(commands: Any) -> None:
    """Add ``croptransfer regularize`` to the subcommands of a parser."""
    command = commands.add_parser("regularize", help="write a stack as regular composites, gaps filled if wished")
    command.set_defaults(run=_regularize)
    command.add_argument("--stack", nargs="+", required=True, metavar="RASTER", help="files of the stack")
    command.add_argument("--output", required=True, metavar="FILE", help="the regular stack (.tif)")
    command.add_argument("--period", default="10", help=f"days of a period, or {MONTH} (default: %(default)s)")
    command.add_argument("--start", default="", metavar="YYYY-MM-DD", help="first date of the season")
    command.add_argument("--end", default="", metavar="YYYY-MM-DD", help="last date of the season")
    command.add_argument(
        "--method", choices=list(METHODS), default="median", help="how a period's observations become one"
    )
    command.add_argument(
        "--by", default="", metavar="NAME", help="band or index whose maximum --method max takes (default: NDVI)"
    )
    command.add_argument("--fill", choices=list(FILLS), default="none", help="how gaps are filled")
    command.add_argument(
        "--smoothness", type=float, metavar="LAMBDA", help="of --fill whittaker (default: keeps swings of two months)"
    )
    command.add_argument(
        "--ends", choices=list(ENDS), default="gap", help="what stands before the first and after the last observation"
    )
    command.add_argument(
        "--bands", type=comma_separated, default=(), metavar="NAMES", help="write these bands alone, such as B04,B08"
    )
    command.add_argument(
        "--indices",
        type=comma_separated,
        default=(),
        metavar="NAMES",
        help=f"write these besides; there are {', '.join(INDICES)}",
    )
    add_quality_option(command)
    command.add_argument(
        "--data-type",
        choices=[AUTO, *DATA_TYPES],
        default=AUTO,
        help=f"{INT16} holds values times 10000 (default: it, unless they do not fit)",
    )


def _regularize(options: argparse.Namespace, cancelled: Callable[[], bool]) -> None:
    names = ("output", "period", "start", "end", "method", "by", "fill", "smoothness", "ends", "bands", "indices")
    task = Regularization(
        stack=describe(options.stack),
        quality=read_quality(options.quality) if options.quality else None,
        data_type=options.data_type,
        **{name: getattr(options, name) for name in names},
    )
    result = run_regularization(task, Progress(show, cancelled))
    summary = result.summary
    dates = summary["dates"]
    print(f"{len(dates)} dates, {dates[0]} to {dates[-1]}, bands {', '.join(summary['bands'])}")
    print(f"observed {summary['observed']:.1%}, filled {summary['filled']:.1%}, gaps {summary['gaps']:.1%}")
    for role, path in result.outputs.items():
        print(f"{role}: {path}")
