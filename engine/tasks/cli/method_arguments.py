"""Options of the commands that fit methods."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from ...errors import InputError


def add_method_options(command: argparse.ArgumentParser) -> None:
    """Add ``--option``.

    Parameters
    ----------
    command : argparse.ArgumentParser
    """
    text = (
        "setting of the method that differs from its default, such as steps_scale=0.25 for a quick draft "
        'or \'class_shares={"maize": 0.6, "wheat": 0.4}\'; may be repeated'
    )
    command.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help=text)


def method_options(pairs: Sequence[str]) -> dict[str, Any]:
    """The settings of ``--option``.

    Parameters
    ----------
    pairs : sequence of str
        ``NAME=VALUE`` with a JSON value.

    Returns
    -------
    dict
        Values by name.

    Raises
    ------
    InputError
        ``option``.
    """
    settings = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            settings[name] = json.loads(value)
        except ValueError as fault:
            raise InputError("option", f"--option {pair} is not NAME=VALUE with a JSON value: {fault}.") from fault
    return settings
