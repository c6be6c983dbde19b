"""Runs of a comparison in worker processes of their own, several at a time.

A worker gets a line of kind ``run`` on its stdin, followed by the series it may see, as
:func:`engine.evaluation.transfers.pack` packs them: no file between the processes that a killed parent could leave,
and the labels of the target are not in its memory at all. A worker whose parent is gone cancels itself.
"""

from __future__ import annotations

import json
import os
import queue
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import IO

from ...evaluation.run_method import RunTask, do_run
from ...evaluation.transfers import unpack
from ...progress import Event, Progress
from ..protocol import ERROR, LOG, RESULT, RUN
from ..supervisor import WorkerProcess
from .result import Result

POLL = 0.1
"""Seconds between two calls of ``tick``."""
POLITE = 0.5
"""Seconds that a terminated worker has to end before it is killed."""
ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""Methods are fitted side by side, one core each: the same for all, and more threads gain nothing here."""
STARTED = "started"


@dataclass(frozen=True)
class Work:
    """A run to do, and the series it may see."""

    task: RunTask
    """What to do."""
    domains: tuple[bytes, ...]
    """Packed series, as :func:`do_run` takes them."""


def run_side_by_side(works: Sequence[Work], workers: int, tick: Callable[[], None]) -> Iterator[tuple[int, Event]]:
    """Do all works, several at a time, and pass their events on as they come.

    Parameters
    ----------
    works : sequence of Work
    workers : int
        Processes at a time.
    tick : callable
        Called at least ten times a second; what it raises ends all processes.

    Yields
    ------
    tuple of int and dict
        The position of a work and an event of it: ``started`` first, those of the worker, and last ``result`` or
        ``error``, as :class:`engine.tasks.supervisor.WorkerProcess` gives them.
    """
    waiting = deque(range(len(works)))
    running: dict[WorkerProcess, int] = {}
    events: queue.Queue[tuple[WorkerProcess, Event]] = queue.Queue()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                number = waiting.popleft()
                running[_start(works[number], events)] = number
                yield number, {"event": STARTED}
            tick()
            try:
                worker, event = events.get(timeout=POLL)
            except queue.Empty:
                continue
            if event["event"] == LOG:
                continue
            number = running[worker]
            if event["event"] in (RESULT, ERROR):
                del running[worker]
                worker.close()
            yield number, event
    finally:
        for worker in running:
            worker.process.terminate()
        for worker in running:
            worker.close(POLITE)


def _start(work: Work, events: queue.Queue[tuple[WorkerProcess, Event]]) -> WorkerProcess:
    line = {"kind": RUN, "task": asdict(work.task), "sizes": [len(packed) for packed in work.domains]}
    return WorkerProcess(sys.executable, json.dumps(line), events, {**os.environ, **ENVIRONMENT}, work.domains)


def read_run(line: str, commands: IO[bytes]) -> Callable[[Progress], Result]:
    """The run that a line of kind ``run`` describes.

    Parameters
    ----------
    line : str
    commands : binary file
        Holds the series after the line; unbuffered.

    Returns
    -------
    callable
        Does the run.
    """
    values = json.loads(line)
    task = RunTask(**values["task"])
    domains = [unpack(_read(commands, size)) for size in values["sizes"]]
    return lambda progress: Result({}, do_run(task, domains, progress))


def _read(stream: IO[bytes], size: int) -> bytes:
    parts = []
    while size:
        part = stream.read(min(size, 2**20))
        if not part:
            raise EOFError("the series ended early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
