"""One task in a worker process, for QGIS: its events, its outcome or error, and no unfinished file left behind.

Free of QGIS and Qt: the task, the Processing algorithms and the tests use the same class.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ...engine.errors import Cancelled, InputError
from ...engine.progress import Event
from ...engine.tasks import Job, Result
from ...engine.tasks.protocol import ERROR, RESULT
from ...engine.tasks.storage.checkpoint import delete_runs, unfinished_folder, unfinished_folders
from ...engine.tasks.storage.partial_outputs import HasOutputs, remove_parts
from ...engine.tasks.supervisor import WorkerProcess
from .environment import Interpreter, worker_environment

POLL = 0.05
"""Seconds between two checks of the cancel flag."""


class Task(HasOutputs, Protocol):
    """What the worker does: a job or a comparison."""

    def to_json(self) -> str:
        """The task as one line of JSON."""


class WorkerFault(Exception):
    """The worker broke down: a sentence for people, and the tail of its log.

    Parameters
    ----------
    message : str
        One sentence.
    log : str
        The last lines the worker wrote.
    """

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.message = message
        self.log = log

    def __str__(self) -> str:
        return f"{self.message}\n\n{self.log}".strip()


class Worker:
    """One task in one worker process.

    Parameters
    ----------
    task : the job or other task to run.
    interpreter : the Python that runs the engine.
    on_event : receives every event (a dict, see :meth:`run`) on the thread that called :meth:`run`.
    """

    def __init__(
        self, task: Task, interpreter: Interpreter, on_event: Callable[[Mapping[str, Any]], None] = lambda event: None
    ) -> None:
        self._task = task
        self._interpreter = interpreter
        self._on_event = on_event
        self._events: queue.Queue[tuple[WorkerProcess, Event]] = queue.Queue()
        self._discarded = False

    def run(self, cancelled: Callable[[], bool] = lambda: False, keep: Callable[[], bool] = lambda: False) -> Result:
        """Run the task and wait for its end.

        Events are passed on as they come: ``stage``, ``progress``, ``metric``, ``warning`` and ``log``. ``keep`` is
        called at a cancel: whether it is QGIS that ends, after which finished tiles stay.

        Raises
        ------
        InputError
            What the engine found wrong with the input.
        Cancelled
            ``cancelled`` returned true; the worker has ended and its unfinished files are gone.
        WorkerFault
            The worker could not be started, crashed, or reported a fault.
        """
        python = self._interpreter.python
        try:
            environment = worker_environment(self._interpreter)
            process = WorkerProcess(python, self._task.to_json(), self._events, environment)
        except OSError as fault:
            raise WorkerFault(f"The engine's Python {python} cannot be started: {fault}.", "") from fault
        last: Event = {}
        try:
            last = self._follow(process, cancelled, keep)
        finally:
            process.close()
            self._clean_up(last)
        if last["event"] == RESULT:
            return Result(dict(last.get("outputs") or {}), dict(last.get("summary") or {}))
        if last["kind"] == "cancelled":
            raise Cancelled()
        if last["kind"] == "input":
            raise InputError(last["code"], last["message"], last["hint"])
        raise WorkerFault(last["message"], process.log_tail())

    def _follow(self, process: WorkerProcess, cancelled: Callable[[], bool], keep: Callable[[], bool]) -> Event:
        """Pass events on until the last, which is returned."""
        stopped = False
        while True:
            try:
                _, event = self._events.get(timeout=POLL)
            except queue.Empty:
                event = {}
            if event.get("event") == RESULT or (event.get("event") == ERROR and not stopped):
                return event
            if event.get("event") == ERROR or process.press():
                return {"event": ERROR, "kind": "cancelled"}
            if event and not stopped:
                self._on_event(event)
            if not stopped and cancelled():
                stopped, self._discarded = True, not keep()
                # Only a job has finished tiles to delete; other tasks end with their input.
                process.cancel(keep=not (self._discarded and isinstance(self._task, Job)))

    def _clean_up(self, last: Event) -> None:
        if last.get("event") != RESULT:
            remove_parts(self._task)
        if self._discarded and isinstance(self._task, Job):
            delete_runs([unfinished_folder(self._task)])
            if self._task.resume:
                # It worked on in the folder of the run before.
                delete_runs(unfinished_folders(self._task.output))
