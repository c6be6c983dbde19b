"""One comparison of methods on transfers whose truth is known, as the command, the bench and QGIS all describe it."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...errors import InputError
from .schema import Kind, checked

VERSION = 1
KIND = "comparison"
SUPERVISED = ("rf", "source_only", "dcm", "transformer", "phenocropnet")
"""Methods that learn from labels alone: only they can say what labels inside the target would give."""
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("output", "oracle", "id"), (str, "a text")),
    **dict.fromkeys(("source", "target", "splits", "csv", "report"), ((str, type(None)), "a text")),
    **dict.fromkeys(("transfers", "methods"), (list, "a list of names")),
    "seeds": (list, "a list of whole numbers"),
    "workers": (int, "a whole number"),
    "options": (dict, "an object"),
}


@dataclass(frozen=True)
class Comparison:
    """Fit every method with every seed on every transfer, and score it by the target's labels, which no fit sees."""

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
    seeds: tuple[int, ...] = (0, 1, 2)
    """Every method is fitted once with each."""
    oracle: str = "rf"
    """Method that is cross-validated by spatial block inside the target, the yardstick above; empty for none."""
    csv: str | None = None
    """Path of the table of runs; None: beside ``output``, with its name and the ending ``.csv``."""
    report: str | None = None
    """Path of the page with pictures; None: beside ``output``, with its name and the ending ``.html``."""
    workers: int = 0
    """Runs at the same time, each in a process of its own with one thread; 0: as many as there are cores."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the methods that differ from their defaults: ``steps_scale`` for all that have it,
    ``ghca.rounds`` for one method."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished files, so that they can be found and removed."""

    def outputs(self) -> dict[str, str]:
        """The files that are written, by role: results, csv, report."""
        beside = Path(self.output)
        return {
            "results": self.output,
            "csv": self.csv or str(beside.with_suffix(".csv")),
            "report": self.report or str(beside.with_suffix(".html")),
        }

    def to_json(self, indent: int | None = None) -> str:
        """The comparison as JSON text, in one line unless ``indent`` is given."""
        return json.dumps({"kind": KIND, "version": VERSION, **asdict(self)}, ensure_ascii=False, indent=indent)

    @staticmethod
    def from_json(text: str) -> Comparison:
        """The comparison of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = checked(json.loads(text), KINDS, "The comparison")
            if values.pop("kind", KIND) != KIND or values.pop("version", VERSION) != VERSION:
                raise ValueError("it is none, or one of another version of Crop Transfer")
            for key, kind in (("transfers", str), ("methods", str), ("seeds", int)):
                values[key] = tuple(values.get(key, getattr(Comparison, key)))
                if not all(type(one) is kind for one in values[key]):
                    raise TypeError(f"'{key}' is {list(values[key])!r}, not {KINDS[key][1]}")
            if not values.get("id", "0").isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
            return Comparison(**values)
        except (ValueError, TypeError) as fault:
            raise InputError(
                "job", f"The comparison is not valid: {fault}.", "See docs/comparing.md for its form."
            ) from fault
