"""Runs of a comparison in worker processes of their own, several at a time.

A child is the worker of ``worker`` with a line of kind ``run`` on its stdin, followed by the series it may see,
as :func:`engine.evaluation.transfers.pack` packs them: no file between the processes that a killed parent could
leave, and the labels of the target are not in the child's memory at all. A child whose parent is gone cancels itself.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from ...evaluation.run_method import RunTask, do_run
from ...evaluation.transfers import unpack
from ...progress import Event, Progress
from ..protocol import RUN
from .result import Result

ENTRY = Path(__file__).resolve().parents[2] / "__main__.py"
POLL = 0.1
"""Seconds between two looks at the cancel flag."""
POLITE = 0.5
"""Seconds in which a child that was asked to end may do so before it is made to."""
GRACE = 20.0
"""Seconds that a child has to end by itself after its last event: libraries take their time to be unloaded."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Methods are fitted side by side, one core each: the same for all, and more threads gain nothing here."""
STARTED, RESULT, ERROR = "started", "result", "error"
HUNG = "The process of the run did not end by itself when it was through, and was ended."


@dataclass(frozen=True)
class Work:
    """A run to do, and the series it may see."""

    task: RunTask
    """What to do."""
    domains: tuple[bytes, ...]
    """Packed series, as :func:`do_run` takes them."""


def run_side_by_side(works: Sequence[Work], workers: int, tick: Callable[[], None]) -> Iterator[tuple[int, Event]]:
    """Do all works, ``workers`` at a time, and pass their events on as they come.

    Yields the position of a work and an event of it: ``started`` first, those of the worker, and ``result``
    or ``error`` last, also when its process broke down; the last has ``notes`` on how the process ended. ``tick``
    is called at least ten times a second; what it raises ends all processes.
    """
    waiting = deque(range(len(works)))
    running: dict[int, _Child] = {}
    events: queue.Queue[tuple[int, Event]] = queue.Queue()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                number = waiting.popleft()
                running[number] = _Child(number, works[number], events)
                yield number, {"event": STARTED}
            tick()
            try:
                number, event = events.get(timeout=POLL)
            except queue.Empty:
                continue
            if event["event"] in (RESULT, ERROR):
                running.pop(number).end()
            yield number, event
    finally:
        _end_all(list(running.values()))


class _Child:
    """One worker process and the thread that talks with it."""

    def __init__(self, number: int, work: Work, events: queue.Queue[tuple[int, Event]]) -> None:
        self._number, self._work, self._events = number, work, events
        # Without a name: nothing of it stays, however this process ends.
        self._log = tempfile.TemporaryFile()
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NO_WINDOW
        else:
            # Ctrl-C is for this process, which then ends its children; they must not fail by it before.
            options["start_new_session"] = True
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(ENTRY), "worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **ONE_THREAD, "OMP_WAIT_POLICY": "PASSIVE"},
            **options,
        )
        threading.Thread(target=self._talk, daemon=True).start()

    def end(self) -> None:
        """See the process off, by force where it has not ended."""
        try:
            self.process.wait(POLITE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._log):
            try:
                stream.close()  # type: ignore[union-attr]
            except OSError:
                # Closing stdin flushes it, which fails when the child died first; nothing is lost.
                continue

    def _talk(self) -> None:
        last: Event | None = None
        try:
            self._send()
            for line in self.process.stdout:  # type: ignore[union-attr]
                event = json.loads(line)
                if event["event"] in (RESULT, ERROR):
                    last = event
                    break
                self._events.put((self._number, event))
        except (OSError, ValueError) as fault:
            # The child is gone, or the other thread has closed the pipe: how it ended says more, below.
            last = {"event": ERROR, "kind": "fault", "code": "pipe", "message": str(fault), "hint": ""}
        code = self._exit_code()
        notes = [HUNG] if last and code is None else []
        if last is None or (code is not None and code < 0):
            last = {"event": ERROR, "kind": "fault", "code": "crash", "message": _how(code), "hint": ""}
        last = {**last, "notes": notes}
        if last["event"] == ERROR:
            last["log"] = self._log_tail()
        self._events.put((self._number, last))

    def _exit_code(self) -> int | None:
        """How the process ended; None where it did not by itself and was ended."""
        try:
            return self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def _send(self) -> None:
        sizes = [len(packed) for packed in self._work.domains]
        first = {"kind": RUN, "task": asdict(self._work.task), "sizes": sizes}
        stream = self.process.stdin
        if stream is None:
            raise OSError("the process has no input")
        stream.write(json.dumps(first).encode("utf-8") + b"\n")
        for packed in self._work.domains:
            stream.write(packed)
        stream.flush()

    def _log_tail(self) -> str:
        try:
            self._log.seek(0)
            return "\n".join(self._log.read().decode("utf-8", "replace").splitlines()[-25:])
        except (OSError, ValueError):  # closed meanwhile
            return ""


def _end_all(children: list[_Child]) -> None:
    for child in children:
        child.process.terminate()
    for child in children:
        child.end()


def _how(code: int | None) -> str:
    if code is None:
        return "The process of the run stopped answering before it had a result."
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    told = f"The process of the run ended without a result ({how})."
    return told + " The system probably ran out of memory." if code == -9 else told


def read_run(line: str, commands: IO[bytes]) -> Callable[[Progress], Result]:
    """The run that a line of kind ``run`` asks for; its series are read from ``commands``, unbuffered."""
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
