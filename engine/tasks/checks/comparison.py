"""Checks of a comparison of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InputError
from ...methods import METHODS
from ..specs.schema import setting_problems
from .outputs import output_problems

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
    problems += setting_problems(comparison)
    for name in comparison.options:
        method, dot, _ = name.partition(".")
        if dot and method not in METHODS:
            problems.append(InputError("option", f"Option '{name}' is for '{method}', which is no method.", known))
    return problems
