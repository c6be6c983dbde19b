"""Values of JSON texts checked against the fields of a task description."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

Kind = tuple[Any, str]
"""Types that a key of a job file may have, and what they are called in a message."""

BAND_KINDS: dict[str, Kind] = {
    "path": (str, "a text"),
    "index": (int, "a whole number"),
    **dict.fromkeys(("date", "band"), ((str, type(None)), "a text")),
}

LABEL_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("path", "layer", "field", "where"), (str, "a text")),
    "inner_buffer": ((int, float), "a number of metres"),
    "per_polygon": (int, "a whole number"),
    "classes": (dict, "an object"),
}


def _check_texts(what: str, values: Iterable[Any]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"{what} is {value!r}, not a text")


def checked(values: Any, kinds: dict[str, Kind], what: str) -> dict[str, Any]:
    """``values`` when it is an object whose keys hold what ``kinds`` says; raises TypeError."""
    if not isinstance(values, dict):
        raise TypeError(f"{what} is no JSON object")
    for key, (kind, name) in kinds.items():
        if key in values and (not isinstance(values[key], kind) or isinstance(values[key], bool) != (kind is bool)):
            raise TypeError(f"'{key}' is {values[key]!r}, not {name}")
        if isinstance(values.get(key), str):
            _check_characters(key, values[key])
    return values


def _check_characters(key: str, text: str) -> None:
    """Raise ValueError for what no file name can hold; GDAL would cut the name there, or fail."""
    try:
        os.fsencode(text)
        fits = "\0" not in text
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise ValueError(f"'{key}' is {text!r}, which holds a character that no name can have")
