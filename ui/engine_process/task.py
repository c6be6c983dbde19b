"""A job as a QGIS task: the task manager shows it, the window stays free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.core import QgsMessageLog, QgsTask
from qgis.PyQt.QtCore import pyqtSignal

from ...engine.errors import Cancelled, InputError
from ...engine.tasks import Result
from . import environment
from .environment import Interpreter
from .worker import Task, Worker, WorkerFault

LOG_TAG = "Crop Transfer"


class JobTask(QgsTask):
    """Runs one job in a worker process.

    ``run`` is on a thread of its own and touches nothing but the worker; ``finished`` is on the
    main thread. Whoever makes the task keeps a reference to it until ``ended``.
    """

    progressed = pyqtSignal(object)
    """An event of the worker, a dict."""
    ended = pyqtSignal()
    """The task is over: see ``outcome``, ``problem`` and ``cancelled``."""

    def __init__(self, job: Task, interpreter: Interpreter, title: str, packages: Any) -> None:
        super().__init__(title, QgsTask.Flag.CanCancel)
        self.job = job
        self.outcome: Result | None = None
        """What the job left behind; None unless it succeeded."""
        self.problem: Exception | None = None
        """InputError or WorkerFault of a job that failed."""
        self.cancelled = False
        self.keep = False
        """Whether finished tiles stay after a cancel: it is QGIS that ends, not the user who thinks better of it."""
        self._interpreter = interpreter
        self._packages = packages

    def run(self) -> bool:
        """Follow the worker to its end."""
        try:
            self.outcome = Worker(self.job, self._interpreter, self._follow).run(self.isCanceled, lambda: self.keep)
        except Cancelled:
            self.cancelled = True
        except InputError as problem:
            self.problem = problem
        except WorkerFault as fault:
            self.problem = self._explain(fault)
        except Exception as fault:  # an exception that leaves run() brings QGIS down
            self.problem = fault
        return self.outcome is not None

    def finished(self, result: bool) -> None:
        """Tell the listeners, and the log what went wrong."""
        if self.problem is not None:
            QgsMessageLog.logMessage(str(self.problem), LOG_TAG)
        self.ended.emit()

    def _explain(self, fault: WorkerFault) -> Exception:
        # A broken engine looks like a fault of the job; the optimiser step tells them apart.
        state = environment.check(self._interpreter)
        return fault if state.works else environment.broken(self._interpreter, state, self._packages)

    def _follow(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "progress":
            self.setProgress(100.0 * float(event["fraction"]))
        self.progressed.emit(dict(event))
