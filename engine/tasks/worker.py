"""The worker process: one task from stdin, its events as JSON lines on stdout, its log on stderr.

The first line of stdin is a job (:meth:`Job.to_json`), or with a key ``kind`` another task or one run of a comparison
(:mod:`engine.tasks.runs.child_processes`). A further line ``cancel``, or the end of stdin (the parent is gone),
cancels it. Events are those of
:class:`engine.progress.Progress`, then one of ``{"event": "result", "outputs": {role: path}, "summary": {...}}`` and
``{"event": "error", "kind": "input" | "fault" | "cancelled", "code", "message", "hint"}``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

from ..errors import Cancelled, InputError, describe_exception
from ..progress import Event, Progress
from .protocol import EXIT_CANCELLED, EXIT_DONE, EXIT_FAULT, EXIT_INPUT, RUN
from .runs.child_processes import read_run
from .runs.comparison import run_comparison
from .runs.extraction import run_extraction
from .runs.job import run
from .runs.regularization import run_regularization
from .runs.result import Result
from .runs.search import run_search
from .specs.comparison import Comparison
from .specs.extraction import Extraction
from .specs.job import Job
from .specs.regularization import Regularization
from .specs.schema import Task
from .specs.search import Search

TASKS: dict[str, tuple[type[Task], Callable[[Any, Progress], Result]]] = {
    cls.KIND: (cls, do)
    for cls, do in (
        (Comparison, run_comparison),
        (Extraction, run_extraction),
        (Regularization, run_regularization),
        (Search, run_search),
    )
}
"""Tasks other than a job by the key ``kind`` of their JSON: the description, and the function that runs it."""


def main() -> int:
    """Run one task; returns the exit code (0 done, 1 fault, 2 bad input, 130 cancelled)."""
    events = _private_stdout()
    lock = threading.Lock()

    def emit(event: Event) -> None:
        with lock:
            # What JSON does not know is a scalar or an array of NumPy.
            events.write(json.dumps(event, default=lambda value: value.tolist()) + "\n")
            events.flush()

    # Unbuffered: a thread that waits in a buffered read holds its lock, and the interpreter aborts at exit.
    commands = open(0, "rb", buffering=0, closefd=False)
    cancelled, by_user = threading.Event(), threading.Event()
    try:
        line = commands.readline().decode("utf-8")
        work = _work(line, commands, by_user)
        listening = (commands, cancelled, by_user, _kind(line) == RUN)
        threading.Thread(target=_listen, args=listening, daemon=True).start()
        result = work(Progress(emit, cancelled.is_set))
        emit({"event": "result", "outputs": result.outputs, "summary": result.summary})
        return EXIT_DONE
    except InputError as error:
        emit(_error("input", error.code, error.message, error.hint))
        return EXIT_INPUT
    except Cancelled:
        emit(_error("cancelled", "cancelled", "The task was cancelled.", ""))
        return EXIT_CANCELLED
    except Exception as fault:  # whatever it is, it must reach the user as a message
        traceback.print_exc()
        emit(_error("fault", type(fault).__name__, *describe_exception(fault)))
        return EXIT_FAULT


def _work(line: str, commands: IO[bytes], by_user: threading.Event) -> Callable[[Progress], Result]:
    """The task of the first line; raises InputError where it is none.

    ``by_user`` is set where a cancel is the user's. One by the end of QGIS leaves what a job has finished.
    """
    kind = _kind(line)
    if kind in TASKS:
        cls, do = TASKS[kind]
        task = cls.from_json(line)
        return lambda progress: do(task, progress)
    if kind == RUN:
        return read_run(line, commands)
    job = Job.from_json(line)
    return lambda progress: run(job, progress, keep=lambda: not by_user.is_set())


def _kind(line: str) -> str | None:
    try:
        values = json.loads(line)
    except ValueError:
        return None  # Job.from_json reports what is wrong
    kind = values.get("kind") if isinstance(values, dict) else None
    return kind if isinstance(kind, str) else None


def _private_stdout() -> IO[str]:
    """Keep stdout for events alone: whatever a library prints there goes to the log instead."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return private


def _listen(commands: IO[bytes], cancelled: threading.Event, by_user: threading.Event, at_once: bool) -> None:
    for line in iter(commands.readline, b""):
        if line.strip() == b"cancel":
            by_user.set()
            break
    if at_once:
        # A run of a comparison has nothing to clean up, and must not outlive its parent while it loads libraries.
        os._exit(EXIT_CANCELLED)
    cancelled.set()


def _error(kind: str, code: str, message: str, hint: str) -> Event:
    return {"event": "error", "kind": kind, "code": code, "message": message, "hint": hint}
