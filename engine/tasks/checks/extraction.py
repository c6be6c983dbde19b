"""Checks of an extraction."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...imagery import label_problems, stack_problems, writable_problems
from ...imagery.sensors.quality_flags import check_choice
from ..specs.extraction import Extraction
from ..specs.limits import LARGEST_SEED
from .outputs import canonical_path


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
    if canonical_path(path) in {canonical_path(one) for one in inputs}:
        hint = "Choose another place for the series file."
        return [InputError("output-is-input", f"{path} is an input of the extraction.", hint)]
    return list(writable_problems(path))
