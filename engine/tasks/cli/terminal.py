"""What a command shows on a terminal while it works."""

from __future__ import annotations

import sys

from ...progress import Event
from ..runs.result import Result


def show(event: Event) -> None:
    """Print one line a stage, and on a terminal the percentage and the time left in the same line.

    Parameters
    ----------
    event : dict
        See :class:`engine.progress.Progress`.
    """
    live = sys.stderr.isatty()
    end = "\x1b[K\n" if live else "\n"
    if event["event"] == "stage":
        print(event["name"], file=sys.stderr, end=end)
    elif event["event"] == "warning":
        print(f"warning: {event['message']}", file=sys.stderr, end=end)
    elif event["event"] == "progress" and live:
        left = f", {event['seconds_left']:.0f} s left" if "seconds_left" in event else ""
        print(f"{event['fraction']:4.0%}{left}", file=sys.stderr, end="\x1b[K\r")


def show_outputs(result: Result) -> None:
    """Print the files that a task has written.

    Parameters
    ----------
    result : Result
    """
    for role, path in result.outputs.items():
        print(f"{role}: {path}")
