"""Checks of a search."""

from __future__ import annotations

from ...errors import InputError
from ...imagery.stac.query import query_problems
from ..specs.search import Search
from .outputs import output_problems


def check_search(search: Search) -> list[InputError]:
    """All problems of a search, the ones to solve first in front; sends nothing to the catalogue.

    Parameters
    ----------
    search : Search
    """
    return [*query_problems(search.query()), *output_problems(search)]
