"""Checks of a comparison of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InputError
from ...imagery import writable_problems
from ...methods import METHODS
from ..specs.limits import LARGEST_SEED
from .outputs import canonical_path

if TYPE_CHECKING:
    from ...evaluation.transfers import Transfer
from ..specs.comparison import SUPERVISED, Comparison


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
    from ...evaluation.transfers import read_files, read_splits

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
    """List what is wrong with the files to write."""
    if not comparison.output:
        hint = "Choose a file whose name ends in .json."
        return [InputError("no-output", "There is no place for the results.", hint)]
    problems: list[InputError] = []
    taken: dict[str, str] = {}
    inputs = {canonical_path(path) for path in (comparison.source, comparison.target, comparison.splits) if path}
    for role, path in comparison.outputs().items():
        if canonical_path(path) in taken:
            message = f"The {role} and the {taken[canonical_path(path)]} are to be written to the same file {path}."
            problems.append(InputError("same-output", message, "Give each its own name."))
        if canonical_path(path) in inputs:
            hint = f"Choose another place for the {role}."
            problems.append(InputError("output-is-input", f"{path} is an input of the comparison.", hint))
        taken[canonical_path(path)] = role
        problems += writable_problems(path)
    return problems
