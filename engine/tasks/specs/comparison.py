"""Description of a comparison of methods on transfers whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .limits import SEED
from .schema import Limits, Task, new_id, setting

SUPERVISED = ("rf", "linear", "source_only", "dcm", "transformer", "phenocropnet")
"""Methods that learn from labels alone: only they show what labels inside the target would give."""


@dataclass(frozen=True)
class Comparison(Task):
    """Fit every method with every seed on every transfer, and score it by the target's labels, which no fit sees."""

    KIND = "comparison"
    DOCUMENT = "docs/comparing.md"

    output: str
    """Path of the results (JSON), a list of one object a run."""
    source: str | None = None
    """Series file of the labelled source; needs ``target``."""
    target: str | None = None
    """Series file of the target; its labels only score."""
    splits: str | None = None
    """Splits file that names transfers between parts of series files, instead of ``source`` and ``target``."""
    transfers: tuple[str, ...] = ()
    """Names of transfers in ``splits``."""
    methods: tuple[str, ...] = ("source_only", "ghca")
    """Keys of ``engine.methods.METHODS``."""
    seeds: tuple[int, ...] = setting((0, 1, 2), SEED)
    """Every method is fitted once with each."""
    oracle: str = "rf"
    """Method that is cross-validated by spatial block inside the target, the yardstick above; empty for none."""
    csv: str | None = None
    """Path of the table of runs; None: beside ``output``, with its name and the ending ``.csv``."""
    report: str | None = None
    """Path of the page with pictures; None: beside ``output``, with its name and the ending ``.html``."""
    workers: int = setting(0, Limits("workers", "number of runs at the same time", 0))
    """Runs at the same time, each in a process of its own with one thread; 0: as many as there are cores."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the methods that differ from their defaults: ``steps_scale`` for all that have it,
    ``ghca.rounds`` for one method."""
    id: str = field(default_factory=new_id)
    """Marks the unfinished files, so that they can be found and removed."""

    def outputs(self) -> dict[str, str]:
        """The files that are written, by role: results, csv, report."""
        beside = Path(self.output)
        return {
            "results": self.output,
            "csv": self.csv or str(beside.with_suffix(".csv")),
            "report": self.report or str(beside.with_suffix(".html")),
        }
