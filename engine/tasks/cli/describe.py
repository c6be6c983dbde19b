"""``croptransfer describe``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from ...imagery.discovery.describe import describe_with_notes
from ...imagery.stack.band_report import report_bands
from ..specs.band_table import COLUMNS, table_cells, write_band_table


def add_command(commands: Any) -> None:
    """Add the command to a parser; ``commands`` as of :func:`compare.add_command`."""
    command = commands.add_parser("describe", help="print what is recognised of every raster band of a stack")
    command.set_defaults(run=_describe)
    command.add_argument("stack", nargs="+", metavar="RASTER", help="files, folders, scenes, archives or cubes")
    output = "write the table there as CSV, to be corrected and read back by --bands-from"
    command.add_argument("--output", metavar="FILE", help=output)


def _describe(options: argparse.Namespace, cancelled: Callable[[], bool]) -> None:
    bands, notes = describe_with_notes(options.stack)
    rows, warnings = report_bands(bands)
    for sentence in (*notes, *warnings):
        print(f"warning: {sentence}", file=sys.stderr)
    cells = [list(COLUMNS), *table_cells(rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    if options.output:
        write_band_table(rows, options.output)
        print(f"table: {options.output}")
