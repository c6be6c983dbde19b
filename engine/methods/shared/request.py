"""What every method receives from :func:`engine.methods.fit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...progress import Progress
from ...series import SeriesSet


@dataclass(frozen=True)
class FitRequest:
    """One fit; source and target are checked."""

    method: str
    """Key of ``engine.methods.METHODS``."""
    source: SeriesSet
    """Labelled series, each observed at least once."""
    target: SeriesSet
    """Unlabelled series with the bands of the source, each observed at least once."""
    seed: int
    """Seed of everything random."""
    progress: Progress
    """Receives stages, fractions, metrics and warnings; raises Cancelled."""
    options: Mapping[str, Any]
    """Settings of the method that differ from its defaults."""
