"""The parent's side of the worker protocol: starts a worker process, passes its events on, ends it, explains its exit.

QGIS runs one task in one worker, a comparison many runs in several; both read the events from a queue. Neither Qt nor
torch is needed here.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..progress import Event
from .protocol import ERROR, LOG, RESULT

ENTRY = Path(__file__).resolve().parents[1] / "__main__.py"
GRACE = 20.0
"""Seconds that a worker has to end by itself after its last event: libraries take time to unload."""
TERMINATE_AFTER, KILL_AFTER = 0.7, 1.2
"""Seconds after a cancel at which a worker that has not ended is terminated, then killed.

Together below the two seconds in which a cancel must have taken effect."""
LOG_LINES = 400
"""Lines of the log that are kept."""


class WorkerProcess:
    """One task in one worker process.

    Its events arrive in ``events`` as pairs of this object and a dict: those of :mod:`engine.tasks.worker`, and
    ``log`` for each line of its log. The last one is ``result`` or ``error``, also when the process breaks down, and
    comes after the process has ended; ``hung`` says whether it had to be killed after its last word, and an error has
    the end of the ``log``.

    Parameters
    ----------
    python : str
        Interpreter that runs the engine.
    line : str
        The task as one line of JSON.
    events : queue.Queue
        Receives the events; several workers may share one.
    environment : Mapping
        Environment of the process.
    payload : sequence of bytes
        What follows the line.

    Raises
    ------
    OSError
        The interpreter cannot be started.
    """

    def __init__(
        self,
        python: str,
        line: str,
        events: queue.Queue[tuple[WorkerProcess, Event]],
        environment: Mapping[str, str],
        payload: Sequence[bytes] = (),
    ) -> None:
        self._events, self._content = events, (line.encode("utf-8") + b"\n", *payload)
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._sent = threading.Event()
        self._cancelled_at: float | None = None
        # Ctrl-C is for the parent, which then ends its workers.
        session: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            session = {"creationflags": subprocess.CREATE_NO_WINDOW}
        self.process = subprocess.Popen(
            [python, "-I", str(ENTRY), "worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            **session,
        )
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read_log, self._talk)]
        for thread in self._threads:
            thread.start()

    def cancel(self, keep: bool = False) -> None:
        """Let the worker end its task.

        Parameters
        ----------
        keep : bool
            Whether a map keeps its finished tiles, as when the parent itself ends.
        """
        self._cancelled_at = time.monotonic()
        if not self._sent.is_set():
            self.process.terminate()
        elif keep:
            _close(self.process.stdin)
        else:
            self._write(b"cancel\n")

    def press(self) -> bool:
        """Terminate, then kill, a cancelled worker that takes too long to end.

        Returns
        -------
        bool
            Whether it was killed.
        """
        waited = 0.0 if self._cancelled_at is None else time.monotonic() - self._cancelled_at
        if waited > KILL_AFTER:
            self.process.kill()
        elif waited > TERMINATE_AFTER:
            self.process.terminate()
        return waited > KILL_AFTER

    def close(self, patience: float = 0.0) -> None:
        """End the process, by force where it has not ended, and close its pipes.

        Parameters
        ----------
        patience : float
            Seconds in which it may end by itself.
        """
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for thread in self._threads:
            thread.join(timeout=1.0)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            _close(stream)

    def log_tail(self, lines: int = 25) -> str:
        """The end of the worker's log.

        Parameters
        ----------
        lines : int
            How many of its last lines.

        Returns
        -------
        str
        """
        return "\n".join(list(self._log)[-lines:])

    def _talk(self) -> None:
        last: Event | None = None
        try:
            for content in self._content:
                self._write(content)
            self._sent.set()
            for line in self.process.stdout or ():
                event = self._parse(line.decode("utf-8", "replace").rstrip())
                if event["event"] in (RESULT, ERROR):
                    last = event
                    break
                self._events.put((self, event))
        except ValueError:
            pass  # The parent has closed the pipe.
        code = self._exit_code()
        hung = last is not None and code is None
        if last is None or (last["event"] == RESULT and code):
            last = {"event": ERROR, "kind": "fault", "code": "crash", "message": describe_exit(code), "hint": ""}
        last |= {"hung": hung}
        if last["event"] == ERROR:
            self._threads[0].join(timeout=1.0)
            last["log"] = self.log_tail()
        self._events.put((self, last))

    def _exit_code(self) -> int | None:
        """How the process ended; None where it did not by itself and was killed."""
        try:
            return self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def _read_log(self) -> None:
        for line in self.process.stderr or ():
            self._events.put((self, self._note(line.decode("utf-8", "replace").rstrip())))

    def _note(self, line: str) -> Event:
        self._log.append(line)
        return {"event": LOG, "message": line}

    def _parse(self, line: str) -> Event:
        """The event of a line; a line that is none goes to the log, for some library printed it."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            return event
        return self._note(line)

    def _write(self, content: bytes) -> None:
        stream = self.process.stdin
        try:
            if stream is not None:
                stream.write(content)
                stream.flush()
        except OSError:
            # The worker is already gone: its exit code and log say more than a broken pipe.
            return


def describe_exit(code: int | None) -> str:
    """How a worker ended that gave no result, in words.

    Parameters
    ----------
    code : int or None
        Exit code, negative for a signal; None for a worker that hung and was killed.

    Returns
    -------
    str
        A sentence or two.
    """
    if code is None:
        return "The engine stopped answering before it had a result."
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    memory = " The system probably ran out of memory." if code in (-9, 137) else ""
    return f"The engine ended without a result ({how}).{memory}"


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except OSError:
        # Closing stdin flushes it, which fails when the worker ended first; nothing is lost.
        return
