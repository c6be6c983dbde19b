"""Checks of a comparison of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InputError, problems_of
from ...methods import METHODS
from ..specs.schema import setting_problems
from .outputs import output_problems

if TYPE_CHECKING:
    from ...evaluation.transfers import Transfer
from ..specs.comparison import SUPERVISED, Comparison


def check_comparison(comparison: Comparison) -> list[InputError]:
    """All problems of a comparison, the ones to solve first in front.

    Imports no torch.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    list of InputError
        Empty when it can run.
    """
    return [*plan_problems(comparison), *output_problems(comparison), *problems_of(read_data, comparison)]


def read_data(comparison: Comparison) -> list[Transfer]:
    """Read the transfers to compare on.

    Parameters
    ----------
    comparison : Comparison

    Raises
    ------
    InputError
        ``two-sources``, ``no-source``, ``splits``; from reading the series files.
    """
    from ...evaluation.transfers import read_files, read_splits

    if (comparison.splits or comparison.transfers) and (comparison.source or comparison.target):
        message = "Both a splits file and the series files of a source and a target are given."
        raise InputError("two-sources", message, "Leave one of them out.")
    if comparison.splits and comparison.transfers:
        return read_splits(comparison.splits, comparison.transfers)
    if comparison.source and comparison.target:
        return [read_files(comparison.source, comparison.target)]
    hint = "Name the series files of a source and a target, or a splits file and transfers of it."
    raise InputError("no-source", "No transfer is given to compare the methods on.", hint)


def plan_problems(comparison: Comparison) -> list[InputError]:
    """Check methods, seeds, transfers and options; ``comparison`` as of :func:`read_data`."""
    problems = []
    known = f"Choose from: {', '.join(METHODS)}."
    for method in comparison.methods:
        if method not in METHODS:
            problems.append(InputError("method", f"Unknown method '{method}'.", known))
    if not comparison.methods:
        problems.append(InputError("method", "No method is given to compare.", known))
    if comparison.oracle and comparison.oracle not in SUPERVISED:
        hint = f"Choose from: {', '.join(SUPERVISED)}."
        message = f"'{comparison.oracle}' cannot be the oracle: it does not learn from labels alone."
        problems.append(InputError("oracle", message, hint))
    for name in ("methods", "seeds", "transfers"):
        values = getattr(comparison, name)
        for twice in sorted({one for one in values if values.count(one) > 1}):
            problems.append(InputError("twice", f"'{twice}' is given twice in {name}.", "Name it once."))
    if not comparison.seeds:
        problems.append(InputError("seeds", "No seed is given.", "Give at least one."))
    problems += setting_problems(comparison)
    for name in comparison.options:
        method, dot, _ = name.partition(".")
        if dot and method not in METHODS:
            problems.append(InputError("option", f"Option '{name}' is for '{method}', which is no method.", known))
    return problems
