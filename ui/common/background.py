"""Work that must not freeze the window: one thread, which delivers only the newest result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qgis.PyQt.QtCore import QObject, pyqtSignal


class Background(QObject):
    """Runs functions on a thread, one after the other, and delivers the result of the newest one.

    A new function replaces one that waits, and an outdated result is dropped: a form that changes submits again.
    """

    done = pyqtSignal(object)
    """The result of the newest function, on the thread of this object."""
    failed = pyqtSignal(object)
    """The exception of the newest function."""
    _finished = pyqtSignal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._condition = threading.Condition()
        self._waiting: tuple[int, Callable[[], Any]] | None = None
        self._number = 0
        self.busy = False
        """Whether a result is still to come."""
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._finished.connect(self._deliver)

    def submit(self, function: Callable[[], Any]) -> None:
        """Run ``function`` soon; it must touch no widget and no layer."""
        with self._condition:
            self._number += 1
            self._waiting = (self._number, function)
            self.busy = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="croptransfer-check", daemon=True)
                self._thread.start()
            self._condition.notify()

    def forget(self) -> None:
        """Drop the submitted function and its result."""
        with self._condition:
            self._number += 1
            self._waiting = None
            self.busy = False

    def stop(self, seconds: float = 5.0) -> None:
        """End the thread after its current function; nothing is delivered any more."""
        with self._condition:
            self._stopped = True
            self._number += 1
            self.busy = False
            self._condition.notify()
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            with self._condition:
                while self._waiting is None and not self._stopped:
                    self._condition.wait()
                if self._stopped or self._waiting is None:
                    return
                number, function = self._waiting
                self._waiting = None
            result, fault = None, None
            try:
                result = function()
            except Exception as error:  # the receiver of `failed` handles it
                fault = error
            if not self._stopped:
                self._finished.emit(number, result, fault)

    def _deliver(self, number: int, result: Any, fault: Exception | None) -> None:
        if number != self._number:
            return
        self.busy = False
        if fault is not None:
            self.failed.emit(fault)
        else:
            self.done.emit(result)
