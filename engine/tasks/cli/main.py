"""The command ``croptransfer``: map, classify, compare and extract at a terminal, and the worker behind QGIS."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from ... import __version__
from ...errors import Cancelled, InputError, describe_exception
from .. import worker
from ..protocol import EXIT_CANCELLED, EXIT_DONE, EXIT_FAULT, EXIT_INPUT
from . import compare, describe, extract, map, regularize, search


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        In place of those of the process.

    Returns
    -------
    int
        0 done, 1 fault, 2 bad input, 130 cancelled.
    """
    if extra := os.environ.get("CROPTRANSFER_PACKAGES"):
        # In front: torch's companions must be found before older ones of the system (Debian's sympy breaks
        # torch's optimisers). NumPy and GDAL are already imported, or are not in that folder.
        sys.path.insert(0, extra)
    cancelled: list[int] = []
    try:
        options = _parser().parse_args(arguments)
    except InputError as error:
        print(f"croptransfer: {error}", file=sys.stderr)
        return EXIT_INPUT
    if options.run is not _worker:
        # The first Ctrl-C (or SIGTERM, as a cluster sends it) cancels at the next step and cleans up, the
        # second stops at once.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: _interrupt(cancelled))
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A crop's name must not end a finished job on a terminal or in a file of a smaller alphabet.
            sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return options.run(options, lambda: bool(cancelled)) or EXIT_DONE
    except InputError as error:
        print(f"croptransfer: {error}", file=sys.stderr)
        return EXIT_INPUT
    except (Cancelled, KeyboardInterrupt):
        print("croptransfer: cancelled, no map was written", file=sys.stderr)
        return EXIT_CANCELLED
    except Exception as fault:  # the last line of defence: any fault gets one sentence
        traceback.print_exc()
        print("croptransfer:", describe_exception(fault)[0], file=sys.stderr)
        return EXIT_FAULT


class _Parser(argparse.ArgumentParser):
    """A parser that reports a wrong argument in one line, like every other wrong input."""

    def error(self, message: str) -> NoReturn:
        raise InputError("command", f"{message[:1].upper()}{message[1:]}.", f"See {self.prog} --help.")


def _interrupt(cancelled: list[int]) -> None:
    if cancelled:
        raise KeyboardInterrupt
    cancelled.append(1)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="croptransfer", description="Map crops of an unlabelled target from a labelled source.")
    parser.add_argument("--version", action="version", version=f"croptransfer {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        map.add_commands,
        compare.add_command,
        describe.add_command,
        extract.add_command,
        regularize.add_command,
        search.add_command,
    ):
        add(commands)
    command = commands.add_parser("worker", help="run one task for QGIS, by JSON lines")
    command.set_defaults(run=_worker)
    return parser


def _worker(options: argparse.Namespace, cancelled: Callable[[], bool]) -> int:
    return worker.main()
