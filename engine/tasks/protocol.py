"""Exit codes and kinds of the worker protocol."""

from __future__ import annotations

RUN = "run"
"""Kind of a line that asks for one run of a comparison."""


EXIT_DONE, EXIT_FAULT, EXIT_INPUT, EXIT_CANCELLED = 0, 1, 2, 130
