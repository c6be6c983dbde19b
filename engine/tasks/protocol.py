"""Exit codes, kinds of lines and names of events of the worker protocol."""

from __future__ import annotations

RUN = "run"
"""Kind of a line that describes one run of a comparison."""
LOG, RESULT, ERROR = "log", "result", "error"
"""Events of a supervised worker beside those of :class:`engine.progress.Progress`; the last two end it."""
EXIT_DONE, EXIT_FAULT, EXIT_INPUT, EXIT_CANCELLED = 0, 1, 2, 130
