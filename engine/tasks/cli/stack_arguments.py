"""Options of the commands that read stacks: which bands and indices, what hides a pixel, when the season starts."""

from __future__ import annotations

import argparse
from typing import Any

from ...imagery.sensors.spectral_indices import INDICES
from ..specs.quality_text import read_quality


def add_band_options(command: argparse.ArgumentParser) -> None:
    """Add ``--bands`` and ``--indices``."""
    command.add_argument(
        "--bands",
        type=comma_separated,
        metavar="NAMES",
        help="learn from these bands of the source alone, such as B04,B08",
    )
    command.add_argument(
        "--indices",
        type=comma_separated,
        metavar="NAMES",
        help=f"learn from these besides, computed where they are not stored; there are {', '.join(INDICES)}",
    )


def add_reading_options(command: argparse.ArgumentParser) -> None:
    """Add ``--quality`` and the season starts."""
    add_quality_option(command)
    for side in ("source", "target"):
        command.add_argument(
            f"--{side}-season-start",
            metavar="MM-DD",
            help=f"month and day at which the season of the {side} starts; the starts of both are laid together",
        )


def add_quality_option(command: argparse.ArgumentParser) -> None:
    """Add ``--quality``."""
    command.add_argument(
        "--quality",
        action="append",
        default=[],
        metavar="BAND=VALUES",
        help="what a quality band hides instead of its defaults, such as SCL=3,8,9,10 or "
        "'QA_PIXEL=cloud,cloud shadow'; none hides nothing; may be repeated",
    )


def stack_fields(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a Job that these options give; none for an option that is not used.

    Raises
    ------
    InputError
        ``quality``.
    """
    names = ("bands", "indices", "source_season_start", "target_season_start")
    given = {name: getattr(options, name, None) for name in names}
    fields = {name: value for name, value in given.items() if value is not None}
    return fields | ({"quality": read_quality(options.quality)} if options.quality else {})


def comma_separated(text: str) -> tuple[str, ...]:
    """The names in a text with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
