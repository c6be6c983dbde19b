"""One comparison of methods on transfers whose truth is known, as the command, the bench and QGIS all describe it."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..alignment import METHODS
from ..errors import InputError
from ..imagery import writable_problems
from ..progress import Progress
from .check import LARGEST_SEED, place
from .job import Kind, checked
from .runner import Result

if TYPE_CHECKING:
    from ..trust.compare import Transfer

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
    """Keys of ``engine.alignment.METHODS``."""
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


def check_comparison(comparison: Comparison) -> list[InputError]:
    """All problems of the comparison, the ones to mend first in front; empty when it can run. Imports no torch."""
    problems = [*plan_problems(comparison), *output_problems(comparison)]
    try:
        read_data(comparison)
    except InputError as problem:
        problems.append(problem)
    return problems


def read_data(comparison: Comparison) -> list[Transfer]:
    """The transfers to compare on; raises InputError."""
    from ..trust.compare import read_files, read_splits

    if (comparison.splits or comparison.transfers) and (comparison.source or comparison.target):
        message = "Both a splits file and the series files of a source and a target are given."
        raise InputError("two-sources", message, "Leave one of them out.")
    if comparison.splits and comparison.transfers:
        return read_splits(comparison.splits, comparison.transfers)
    if comparison.source and comparison.target:
        return [read_files(comparison.source, comparison.target)]
    hint = "Name the series files of a source and a target, or a splits file and transfers of it."
    raise InputError("no-source", "There is no transfer to compare the methods on.", hint)


def plan_problems(comparison: Comparison) -> list[InputError]:
    """List what is wrong with the methods, seeds, transfers and options."""
    problems = []
    known = f"Choose from: {', '.join(METHODS)}."
    for method in comparison.methods:
        if method not in METHODS:
            problems.append(InputError("method", f"There is no method '{method}'.", known))
    if not comparison.methods:
        problems.append(InputError("method", "There is no method to compare.", known))
    if comparison.oracle and comparison.oracle not in SUPERVISED:
        hint = f"Choose from: {', '.join(SUPERVISED)}."
        message = f"'{comparison.oracle}' cannot be the oracle: it does not learn from labels alone."
        problems.append(InputError("oracle", message, hint))
    for name in ("methods", "seeds", "transfers"):
        values = getattr(comparison, name)
        for twice in sorted({one for one in values if values.count(one) > 1}):
            problems.append(InputError("twice", f"'{twice}' stands twice among the {name}.", "Name it once."))
    if not comparison.seeds:
        problems.append(InputError("seeds", "There is no seed to run with.", "Give at least one."))
    for seed in comparison.seeds:
        if not 0 <= seed <= LARGEST_SEED:
            problems.append(InputError("seed", f"The seed is {seed}.", f"Choose a number from 0 to {LARGEST_SEED}."))
    if comparison.workers < 0:
        problems.append(InputError("workers", f"The number of runs at the same time is {comparison.workers}."))
    for name in comparison.options:
        method, dot, _ = name.partition(".")
        if dot and method not in METHODS:
            problems.append(InputError("option", f"Option '{name}' is for '{method}', which is no method.", known))
    return problems


def output_problems(comparison: Comparison) -> list[InputError]:
    """List what is wrong with the output files."""
    if not comparison.output:
        hint = "Choose a file whose name ends in .json."
        return [InputError("no-output", "There is no place for the results.", hint)]
    problems: list[InputError] = []
    taken: dict[str, str] = {}
    inputs = {place(path) for path in (comparison.source, comparison.target, comparison.splits) if path}
    for role, path in comparison.outputs().items():
        if place(path) in taken:
            message = f"The {role} and the {taken[place(path)]} are to be written to the same file {path}."
            problems.append(InputError("same-output", message, "Give each its own name."))
        if place(path) in inputs:
            hint = f"Choose another place for the {role}."
            problems.append(InputError("output-is-input", f"{path} is an input of the comparison.", hint))
        taken[place(path)] = role
        problems += writable_problems(path)
    return problems


def run_comparison(comparison: Comparison, progress: Progress) -> Result:
    """Do the comparison: results, table and page are written when all runs are through.

    A comparison that was interrupted goes on where it was when it is started again: finished runs are kept
    beside the output until all is written. ``summary`` of the result: ``rows`` (means and deviations by transfer
    and method), ``mean_oa`` (by method, over all transfers), ``reading`` (the same in words), ``failed`` (runs
    that broke down), ``warnings``.

    Raises
    ------
    InputError
        The first problem of :func:`check_comparison`.
    Cancelled
        The user cancelled; the finished runs are kept.
    """
    from .comparing import perform

    return perform(comparison, progress)
