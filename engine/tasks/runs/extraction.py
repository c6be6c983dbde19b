"""Labelled series drawn from a stack once, joined with those of other regions and years, and kept in a file."""

from __future__ import annotations

import argparse
import contextlib
import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..imagery import (
    LabelLayer,
    Stack,
    StackBand,
    describe,
    label_problems,
    sample_labels,
    stack_problems,
    writable_problems,
)
from ..imagery.label_raster import is_label_raster
from ..imagery.quality import check_choice
from ..progress import Progress
from ..series import MINIMUM_SAMPLES, Series, SeriesFile, write_series
from ..series.join import Joined, join_series
from .check import LARGEST_SEED, place
from .job import BAND_KINDS, LABEL_KINDS, Kind, checked
from .label_options import add_label_options, label_layer
from .parts import part_path, publish_parts, remove_parts
from .quality import read_quality
from .runner import READ_SOURCE, SAMPLES_PER_CLASS, Result, writing
from .stack_options import add_quality_option
from .terminal import show

VERSION = 1
KIND = "extraction"
READ_FILES, JOIN, WRITE = "Reading the series files", "Joining the series", "Writing the series"
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("output", "id"), (str, "a text")),
    **dict.fromkeys(("labels", "quality"), ((dict, type(None)), "an object")),
    "source": (list, "a list of bands"),
    "join": (list, "a list of paths"),
    **dict.fromkeys(("per_class", "seed"), (int, "a whole number")),
}


@dataclass(frozen=True)
class Extraction:
    """Draw the series of labelled pixels from a stack, join them with series files, and write one series file."""

    output: str
    """Path of the series file (``.npz``)."""
    labels: LabelLayer | None = None
    """Labels of the source; needs ``source``. None: only series files are joined."""
    source: tuple[StackBand, ...] = ()
    """Source stack, band by band."""
    quality: dict[str, list[Any]] | None = None
    """What a pixel must not show, by quality band: values or names of bits; None for the defaults of each kind."""
    join: tuple[str, ...] = ()
    """Series files of other regions or years that are joined with it."""
    per_class: int = SAMPLES_PER_CLASS
    """Most pixels of a class that are drawn from the stack."""
    seed: int = 0
    """Seed of the draw."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished file, so that it can be found and removed."""

    def outputs(self) -> dict[str, str]:
        """The file that is written, by role: series."""
        return {"series": self.output}

    def to_json(self, indent: int | None = None) -> str:
        """The extraction as JSON text, in one line unless ``indent`` is given."""
        return json.dumps({"kind": KIND, "version": VERSION, **asdict(self)}, ensure_ascii=False, indent=indent)

    @staticmethod
    def from_json(text: str) -> Extraction:
        """The extraction of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = checked(json.loads(text), KINDS, "The extraction")
            if values.pop("kind", KIND) != KIND or values.pop("version", VERSION) != VERSION:
                raise ValueError("it is none, or one of another version of Crop Transfer")
            if values.get("labels"):
                values["labels"] = LabelLayer(**checked(values["labels"], LABEL_KINDS, "Its labels"))
            bands = [checked(band, BAND_KINDS, "A band of its source") for band in values.get("source", ())]
            values["source"] = tuple(StackBand(**band) for band in bands)
            values["join"] = tuple(values.get("join", ()))
            if not all(isinstance(path, str) for path in values["join"]):
                raise TypeError(f"'join' is {list(values['join'])!r}, not a list of paths")
            if not values.get("id", "0").isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
            return Extraction(**values)
        except (ValueError, TypeError) as fault:
            raise InputError(
                "job", f"The extraction is not valid: {fault}.", "See docs/labels.md for its form."
            ) from fault


def check_extraction(extraction: Extraction) -> list[InputError]:
    """All problems of the extraction, the ones to mend first in front; reads no pixel and imports no torch."""
    problems = _source_problems(extraction)
    for path in extraction.join:
        if not Path(path).is_file():
            problems.append(
                InputError("series-unreadable", f"The series file {path} does not exist.", "Check the path.")
            )
    if not 0 <= extraction.seed <= LARGEST_SEED:
        hint = f"Choose a number from 0 to {LARGEST_SEED}."
        problems.append(InputError("seed", f"The seed is {extraction.seed}.", hint))
    if extraction.per_class < 1:
        message = f"The most pixels of a class are {extraction.per_class}."
        problems.append(InputError("per-class", message, "Give a number of pixels, at least 1."))
    return problems + _output_problems(extraction)


def _source_problems(extraction: Extraction) -> list[InputError]:
    labels, source = extraction.labels, extraction.source
    try:
        check_choice(extraction.quality)
    except InputError as problem:
        return [problem]
    if labels and source:
        return stack_problems(source, "source") or label_problems(labels, source, least=1)
    if labels:
        hint = "Choose the rasters that cover the labels."
        return [InputError("no-source-stack", "The labels have no source stack.", hint)]
    if source:
        hint = "Choose the layer or raster that holds the crops."
        return [InputError("no-labels", "The source stack has no labels.", hint)]
    if len(extraction.join) < 2:
        hint = "Give labels and a source stack, or at least two series files to join."
        return [InputError("no-source", "There is nothing to draw series from.", hint)]
    return []


def _output_problems(extraction: Extraction) -> list[InputError]:
    path = extraction.output
    if not path.lower().endswith(".npz"):
        message = f"The series file {path} is no .npz file." if path else "There is no place for the series file."
        return [InputError("output-format", message, "Let its name end in .npz.")]
    inputs = [band.path for band in extraction.source]
    inputs += [*extraction.join, *([extraction.labels.path] if extraction.labels else [])]
    if place(path) in {place(one) for one in inputs}:
        hint = "Choose another place for the series file."
        return [InputError("output-is-input", f"{path} is an input of the extraction.", hint)]
    return list(writable_problems(path))


def run_extraction(extraction: Extraction, progress: Progress) -> Result:
    """Do the extraction; on any error or cancel no file of it stays.

    ``summary`` of the result: ``samples``, ``classes`` (name and samples of each), ``dates``, ``bands``,
    ``warnings``, ``seconds``.

    Raises
    ------
    InputError
        The first problem of :func:`check_extraction`, or one that only the pixels or a series file show.
    Cancelled
        The user cancelled.
    """
    progress.update(0.0)
    problems = check_extraction(extraction)
    if problems:
        raise problems[0]
    try:
        return _run(extraction, progress)
    finally:
        remove_parts(extraction)


def _run(extraction: Extraction, progress: Progress) -> Result:
    stages = {READ_SOURCE: 8.0 if extraction.labels else 0.0, READ_FILES: 1.0 * len(extraction.join), WRITE: 2.0}
    progress.plan({name: weight for name, weight in stages.items() if weight})
    with contextlib.ExitStack() as files:
        return _extracted(extraction, progress, files)


def _extracted(extraction: Extraction, progress: Progress, files: contextlib.ExitStack) -> Result:
    parts: list[Series] = []
    names: list[str] = []
    dates: tuple[str, ...] = ()
    if extraction.labels:
        progress.stage(READ_SOURCE)
        with Stack(extraction.source, "source", quality=extraction.quality) as stack:
            drawn = sample_labels(
                extraction.labels, stack, extraction.seed, extraction.per_class, progress, partial=True
            )
            for text in dict.fromkeys(stack.warnings):
                progress.warning(text)
            parts, names = [drawn], [f"the stack {stack.name}"]
            # The dates of the stack are those of the file only while its days are plain days of its calendar.
            dates = () if extraction.join else stack.dates
    if extraction.join:
        progress.stage(READ_FILES)
        for number, path in enumerate(extraction.join):
            progress.update(number / len(extraction.join))
            parts.append(files.enter_context(SeriesFile(path)))
            names.append(f"the series file {Path(path).name}")
        progress.part(JOIN)
    # Files are read while the joined one is written, so that no more than a block of any is in memory.
    series = join_series(parts, names, progress.warning, progress.check)
    series = _told_or_left_out(series, extraction, progress.warning)
    progress.stage(WRITE)
    with writing(extraction.output):
        write_series(part_path(extraction.output, extraction.id), series, dates)
    progress.update(0.9)
    published = publish_parts(extraction, ["series"])
    progress.finish()
    samples = np.bincount(series.labels, minlength=len(series.classes))
    summary = {
        "samples": len(series),
        "classes": [{"name": name, "samples": int(count)} for name, count in zip(series.classes, samples)],
        "dates": len(series.day),
        "bands": list(series.bands),
        "warnings": list(progress.warnings),
        "seconds": dict(progress.seconds),
    }
    return Result(published, summary)


def _told_or_left_out(series: Joined, extraction: Extraction, warn: Callable[[str], None]) -> Joined:
    """Classes with too few samples to learn from: of a raster they are left out, others the user may add to."""
    samples = np.bincount(series.labels, minlength=len(series.classes))
    few = [f"{name} ({count})" for name, count in zip(series.classes, samples) if count < MINIMUM_SAMPLES]
    enough = [name for name, count in zip(series.classes, samples) if count >= MINIMUM_SAMPLES]
    shown = ", ".join(few[:10]) + (f" and {len(few) - 10} more" if len(few) > 10 else "")
    if few and enough and extraction.labels and is_label_raster(extraction.labels):
        warn(f"Classes with fewer than {MINIMUM_SAMPLES} samples are left out: {shown}.")
        series = series.with_classes(enough)
    elif few:
        warn(
            f"Classes with fewer than {MINIMUM_SAMPLES} samples cannot be learnt: {shown}. "
            "Join the file with others that have them, or leave them out by a class table."
        )
    if len(series.classes) < 2:
        warn(f"The series have the single class {series.classes[0]}: join them with others before learning from them.")
    return series


def add_command(commands: Any) -> None:
    """Add ``croptransfer extract`` to the subcommands of a parser."""
    command = commands.add_parser("extract", help="draw labelled series from stacks, join them, keep them in a file")
    command.set_defaults(run=_extract)
    add_label_options(command)
    command.add_argument("--source", nargs="+", metavar="RASTER", help="files of the source stack")
    add_quality_option(command)
    command.add_argument(
        "--join", nargs="+", default=[], metavar="FILE", help="series files of other regions or years to join with it"
    )
    command.add_argument("--output", required=True, metavar="FILE", help="the series file (.npz)")
    command.add_argument(
        "--per-class", type=int, default=SAMPLES_PER_CLASS, help="most pixels of a class (default: %(default)s)"
    )
    command.add_argument("--seed", type=int, default=0, help="seed of the draw (default: %(default)s)")


def _extract(options: argparse.Namespace, cancelled: Callable[[], bool]) -> None:
    extraction = Extraction(
        output=options.output,
        labels=label_layer(options),
        source=describe(options.source) if options.source else (),
        quality=read_quality(options.quality) if options.quality else None,
        join=tuple(options.join),
        per_class=options.per_class,
        seed=options.seed,
    )
    result = run_extraction(extraction, Progress(show, cancelled))
    summary = result.summary
    for crop in summary["classes"]:
        print(f"{crop['name']:24} {crop['samples']:8,}")
    print(f"{summary['samples']:,} series of {summary['dates']} dates, bands {', '.join(summary['bands'])}")
    for role, path in result.outputs.items():
        print(f"{role}: {path}")
