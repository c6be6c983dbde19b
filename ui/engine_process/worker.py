"""The supervisor of a worker process: starts it, passes its events on, cancels it, explains its crash.

Free of QGIS and Qt: the task, the Processing algorithms and the tests use the same class.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from ...engine.errors import Cancelled, InputError
from ...engine.tasks import Job
from ...engine.tasks.storage.checkpoint import delete_runs, unfinished_folder, unfinished_folders
from ...engine.tasks.storage.partial_outputs import HasOutputs, remove_parts
from .environment import Interpreter, worker_environment

ENTRY = Path(__file__).resolve().parents[2] / "engine" / "__main__.py"

POLL = 0.05
"""Seconds between two looks at the cancel flag."""
TERMINATE_AFTER, KILL_AFTER = 0.7, 1.2
"""Seconds after the cancel at which a worker that has not ended is asked, then forced, to end.

Together below the two seconds in which a cancel must have taken effect."""
LOG_LINES = 400


@dataclass(frozen=True)
class Outcome:
    """What a finished task left behind."""

    outputs: dict[str, str]
    """Written files by role, such as map, style, confidence, model, report."""
    summary: dict[str, Any] = field(default_factory=dict)
    """The engine's summary of the run, JSON-ready."""


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
    task : the job or the comparison to run.
    interpreter : the Python that runs the engine.
    on_event : receives every event (a dict, see :meth:`run`) on the thread that called :meth:`run`.
    entry : the script the interpreter starts.
    """

    def __init__(
        self,
        task: Task,
        interpreter: Interpreter,
        on_event: Callable[[Mapping[str, Any]], None] = lambda event: None,
        entry: Path = ENTRY,
    ) -> None:
        self._task = task
        self._interpreter = interpreter
        self._on_event = on_event
        self._entry = entry
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._cancelled = False

    def log_tail(self, lines: int = 25) -> str:
        """The last lines of the worker's log."""
        return "\n".join(list(self._log)[-lines:])

    def run(self, cancelled: Callable[[], bool] = lambda: False, keep: Callable[[], bool] = lambda: False) -> Outcome:
        """Run the task and wait for its end.

        Events are passed on as they come: ``stage``, ``progress``, ``metric``, ``warning`` and ``log``
        (a line of the worker's log, made here). ``keep`` is asked at a cancel: whether it is the end of QGIS, after
        which finished tiles stay.

        Raises
        ------
        InputError
            What the engine found wrong with the input.
        Cancelled
            ``cancelled`` answered true; the worker has ended and its unfinished files are gone.
        WorkerFault
            The worker could not be started, crashed, or reported a fault.
        """
        process = self._start()
        threads = [
            threading.Thread(target=self._read_events, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._read_log, args=(process.stderr,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            self._send_task(process)
            last = self._follow(process, cancelled, keep)
            process.wait(timeout=10)
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise WorkerFault(f"The engine stopped answering: {fault}.", self.log_tail()) from fault
        finally:
            whole = process.poll() == 0
            self._end(process)
            for thread in threads:
                thread.join(timeout=1.0)
            self._close(process)
            if not whole:
                remove_parts(self._task)
            if self._cancelled and isinstance(self._task, Job):
                delete_runs([unfinished_folder(self._task)])
                if self._task.resume:
                    # It worked on in the folder of the run before.
                    delete_runs(unfinished_folders(self._task.output))
        return self._conclude(last, process.returncode)

    def _start(self) -> subprocess.Popen[bytes]:
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NO_WINDOW
        command = [self._interpreter.python, "-I", str(self._entry), "worker"]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=worker_environment(self._interpreter),
                **options,
            )
        except OSError as fault:
            message = f"The engine's Python {self._interpreter.python} cannot be started: {fault}."
            raise WorkerFault(message, "") from fault

    def _send_task(self, process: subprocess.Popen[bytes]) -> None:
        self._write(process, self._task.to_json())

    def _follow(
        self, process: subprocess.Popen[bytes], cancelled: Callable[[], bool], keep: Callable[[], bool]
    ) -> dict[str, Any]:
        """Pass events on until the worker's stream ends; return its last word, or an empty dict."""
        last: dict[str, Any] = {}
        asked: float | None = None
        while True:
            try:
                line = self._lines.get(timeout=POLL)
            except queue.Empty:
                line = ""
            if line is None:
                break
            event = self._parse(line)
            if event.get("event") in ("result", "error"):
                last = event
            elif event and asked is None:
                self._on_event(event)
            if asked is None and cancelled():
                asked = time.monotonic()
                self._cancelled = not keep()
                if self._cancelled and isinstance(self._task, Job):
                    self._write(process, "cancel")
                else:
                    self._close_input(process)
            elif asked is not None:
                waited = time.monotonic() - asked
                if waited > KILL_AFTER:
                    process.kill()
                    break
                if waited > TERMINATE_AFTER:
                    process.terminate()
        if asked is not None and last.get("event") != "result":
            last = {"event": "error", "kind": "cancelled"}
        return last

    def _conclude(self, last: Mapping[str, Any], code: int) -> Outcome:
        if last.get("event") == "result" and code == 0:
            return Outcome(dict(last.get("outputs") or {}), dict(last.get("summary") or {}))
        kind = last.get("kind")
        if kind == "cancelled":
            raise Cancelled()
        message = str(last.get("message") or "")
        if kind == "input":
            raise InputError(str(last.get("code") or "input"), message, str(last.get("hint") or ""))
        if not message:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            message = f"The engine ended without a result ({how})."
            if code in (-9, 137):
                message += " The system probably ran out of memory."
        raise WorkerFault(message, self.log_tail())

    def _read_events(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line.decode("utf-8", "replace"))
        self._lines.put(None)

    def _read_log(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._note(line.decode("utf-8", "replace").rstrip())

    def _note(self, line: str) -> None:
        self._log.append(line)
        self._lines.put(json.dumps({"event": "log", "message": line}))

    def _parse(self, line: str) -> dict[str, Any]:
        """The event of a line; a line that is none goes to the log, for some library printed it."""
        if not line.strip():
            return {}
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            return event
        self._log.append(line.rstrip())
        return {"event": "log", "message": line.rstrip()}

    @staticmethod
    def _write(process: subprocess.Popen[bytes], line: str) -> None:
        try:
            process.stdin.write(line.encode("utf-8") + b"\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            # The worker is already gone: its exit code and log tell why, better than a broken pipe does.
            return

    @staticmethod
    def _close_input(process: subprocess.Popen[bytes]) -> None:
        try:
            process.stdin.close()  # type: ignore[union-attr]
        except OSError:
            # The worker ended first: there is nobody left to tell.
            return

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.kill()
            process.wait()

    @staticmethod
    def _close(process: subprocess.Popen[bytes]) -> None:
        for stream in (process.stdin, process.stdout, process.stderr):
            try:
                stream.close()  # type: ignore[union-attr]
            except OSError:
                # Closing stdin flushes it, which fails when the worker died first; nothing is lost.
                continue
