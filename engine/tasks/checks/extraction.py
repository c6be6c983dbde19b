"""Checks of an extraction."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError, problems_of
from ...imagery import label_problems, stack_problems
from ...imagery.sensors.quality_flags import check_choice
from ..specs.extraction import Extraction
from ..specs.schema import setting_problems
from .outputs import output_problems


def check_extraction(extraction: Extraction) -> list[InputError]:
    """All problems of an extraction, the ones to solve first in front; reads no pixel and imports no torch.

    Parameters
    ----------
    extraction : Extraction
    """
    problems = _source_problems(extraction)
    for path in extraction.join:
        if not Path(path).is_file():
            problems.append(
                InputError("series-unreadable", f"The series file {path} does not exist.", "Check the path.")
            )
    return problems + setting_problems(extraction) + output_problems(extraction)


def _source_problems(extraction: Extraction) -> list[InputError]:
    labels, source = extraction.labels, extraction.source
    if problems := problems_of(check_choice, extraction.quality):
        return problems
    if labels and source:
        return stack_problems(source, "source") or label_problems(labels, source, min_classes=1)
    if labels:
        hint = "Choose the rasters that cover the labels."
        return [InputError("no-source-stack", "The labels have no source stack.", hint)]
    if source:
        hint = "Choose the layer or raster that holds the crops."
        return [InputError("no-labels", "The source stack has no labels.", hint)]
    if len(extraction.join) < 2:
        hint = "Give labels and a source stack, or at least two series files to join."
        return [InputError("no-source", "Neither labels nor series files are given.", hint)]
    return []
