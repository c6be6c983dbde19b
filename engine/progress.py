"""Progress of a long job: named stages, an overall fraction, the time left, and cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .errors import Cancelled

Event = dict[str, Any]


class Progress:
    """Turns the work of a job into events, and the user's cancel into :class:`Cancelled`.

    Parameters
    ----------
    emit : callable
        Receives each event, a JSON-ready dict with a key ``event``: ``stage``, ``progress``,
        ``metric`` or ``warning``.
    cancelled : callable
        Asked at every update; when it answers true, :class:`Cancelled` is raised there.
    """

    def __init__(
        self,
        emit: Callable[[Event], None] = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
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
        """A progress that tells nobody how far it is and is cancelled with this one, for work in another thread."""
        return Progress(cancelled=self._cancelled)

    def plan(self, stages: Mapping[str, float]) -> None:
        """Set the stages to come, in their order, with the time each takes (any positive unit).

        A stage that is not planned is reported, and leaves the overall fraction as it is.
        """
        total = sum(stages.values())
        self._stages = {name: weight / total for name, weight in stages.items()}

    def stage(self, name: str) -> None:
        """Enter the named stage; what came before it counts as done."""
        self._close_stage()
        self._stage, self._stage_started = name, time.monotonic()
        if name in self._stages:
            names = list(self._stages)
            before = names[: names.index(name)]
            self._base = sum(self._stages[n] for n in before)
            self._share = self._stages[name]
        else:
            self._share = 0.0
        self._emit({"event": "stage", "name": name})
        self._last_sent = 0.0
        self.update(0.0)

    def part(self, name: str) -> None:
        """Tell that a named part of the current stage begins; the fraction stays as it is."""
        self._emit({"event": "stage", "name": name})

    def check(self) -> None:
        """Raise Cancelled when the user has cancelled; for work that cannot say how far it is."""
        if self._cancelled():
            raise Cancelled()

    def update(self, fraction: float) -> None:
        """Report the done fraction (0 to 1) of the current stage; raises Cancelled on cancel.

        Cheap enough for every optimiser step: at most ten events a second are sent.
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
        """Report a named figure (JSON-ready) for the log and the report."""
        self.metrics[name] = value
        self._emit({"event": "metric", "name": name, "value": value})

    def warning(self, text: str) -> None:
        """Report in one sentence something the user should know although the job goes on."""
        self.warnings.append(text)
        self._emit({"event": "warning", "message": text})

    def finish(self) -> None:
        """Close the last stage and report the whole as done."""
        self._close_stage()
        self._emit({"event": "progress", "fraction": 1.0, "stage": None, "seconds_left": 0.0})

    def _close_stage(self) -> None:
        if self._stage is not None:
            spent = time.monotonic() - self._stage_started
            self.seconds[self._stage] = round(self.seconds.get(self._stage, 0.0) + spent, 2)
            self._stage = None
