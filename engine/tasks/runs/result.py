"""What a finished task returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """What a finished job leaves behind."""

    outputs: dict[str, str]
    """Written files by role: map, style, confidence, model, report."""
    summary: dict[str, Any]
    """Figures for people, JSON-ready: classes with pixels, area and confidence, method, warnings."""
