"""Progress of a long job: named stages, an overall fraction, the time left, and cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .errors import Cancelled

Event = dict[str, Any]


class Progress:
    """Turns the work of a task into events, and the user's cancel into :class:`engine.errors.Cancelled`.

    Parameters
    ----------
    emit : callable
        Receives each event, a JSON-ready dict with a key ``event``: ``stage``, ``progress``,
        ``metric`` or ``warning``.
    cancelled : callable
        Called at every update; when it returns true, the cancel is raised there.
    """

    def __init__(
        self, emit: Callable[[Event], None] = lambda event: None, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._emit = emit
        self._cancelled = cancelled
        self._stages: dict[str, float] = {}
        self._base = 0.0
        self._share = 0.0
        self._started = time.monotonic()
        self._last_sent = 0.0
        self.warnings: list[str] = []
        self.metrics: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}
        self._stage: str | None = None
        self._stage_started = self._started

    def quiet(self) -> Progress:
        """A progress without events that is cancelled with this one, for work in another thread."""
        return Progress(cancelled=self._cancelled)

    def plan(self, stages: Mapping[str, float]) -> None:
        """Set the stages to come; one that is not planned leaves the overall fraction as it is.

        Parameters
        ----------
        stages : Mapping of str to float
            Time that each takes, in any unit, in their order.
        """
        total = sum(stages.values())
        self._stages = {name: weight / total for name, weight in stages.items()}

    def stage(self, name: str) -> None:
        """Enter a stage; what came before it counts as done.

        Parameters
        ----------
        name : str
        """
        self._close_stage()
        self._stage, self._stage_started = name, time.monotonic()
        if name in self._stages:
            names = list(self._stages)
            self._base = sum(self._stages[n] for n in names[: names.index(name)])
            self._share = self._stages[name]
        else:
            self._share = 0.0
        self._emit({"event": "stage", "name": name})
        self._last_sent = 0.0
        self.update(0.0)

    def part(self, name: str) -> None:
        """Report that a part of the current stage starts; the fraction stays as it is.

        Parameters
        ----------
        name : str
        """
        self._emit({"event": "stage", "name": name})

    def check(self) -> None:
        """Raise :class:`engine.errors.Cancelled` after a cancel; for work that does not know how far it is."""
        if self._cancelled():
            raise Cancelled()

    def update(self, fraction: float) -> None:
        """Report how much of the current stage is done.

        Cheap enough for every optimiser step: at most ten events a second are sent.

        Parameters
        ----------
        fraction : float
            0 to 1.

        Raises
        ------
        Cancelled
            The user cancelled.
        """
        self.check()
        now = time.monotonic()
        if now - self._last_sent < 0.1:
            return
        self._last_sent = now
        overall = self._base + self._share * min(max(fraction, 0.0), 1.0)
        event: Event = {"event": "progress", "fraction": round(overall, 4), "stage": self._stage}
        if overall > 0.02:
            event["seconds_left"] = round((now - self._started) * (1 - overall) / overall, 1)
        self._emit(event)

    def metric(self, name: str, value: Any) -> None:
        """Report a figure for the log and the report.

        Parameters
        ----------
        name : str
        value : Any
            JSON-ready.
        """
        self.metrics[name] = value
        self._emit({"event": "metric", "name": name, "value": value})

    def warning(self, text: str) -> None:
        """Report something the user should know although the task continues.

        Parameters
        ----------
        text : str
            One sentence.
        """
        self.warnings.append(text)
        self._emit({"event": "warning", "message": text})

    def warn_once(self, texts: Iterable[str]) -> None:
        """Report several warnings, each unless it was reported before.

        Parameters
        ----------
        texts : iterable of str
        """
        for text in texts:
            if text not in self.warnings:
                self.warning(text)

    def finish(self) -> None:
        """Close the last stage and report the whole as done."""
        self._close_stage()
        self._emit({"event": "progress", "fraction": 1.0, "stage": None, "seconds_left": 0.0})

    def _close_stage(self) -> None:
        if self._stage is not None:
            spent = time.monotonic() - self._stage_started
            self.seconds[self._stage] = round(self.seconds.get(self._stage, 0.0) + spent, 2)
            self._stage = None
