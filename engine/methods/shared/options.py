"""Options of a method: fields of its settings dataclass, which carry their limits and earlier names as metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, replace
from typing import Any, TypeVar

from ...errors import InputError
from ...progress import Progress

Settings = TypeVar("Settings")
GREATEST = 1_000_000_000
"""Greatest number that an option takes: the product of larger ones with the number of steps overflows."""
KINDS = {int: "a whole number", float: "a number", bool: "true or false", dict: "a table"}


def option(
    default: float, minimum: float = 0, maximum: float = GREATEST, multiple_of: int = 1, formerly: str = ""
) -> Any:
    """A field of a settings dataclass.

    Parameters
    ----------
    default : float
        Value where the option is not given; its type is the option's.
    minimum, maximum : float
        Least and greatest value, inclusive.
    multiple_of : int
        Whole number of which the value must be a positive multiple, such as the heads that share a width.
    formerly : str
        Earlier name, which is still accepted.

    Returns
    -------
    dataclasses.Field
        With the limits in its metadata.
    """
    minimum = max(minimum, multiple_of) if multiple_of > 1 else minimum
    limits = {"minimum": minimum, "maximum": maximum, "multiple_of": multiple_of, "formerly": formerly}
    return field(default=default, metadata=limits)


def read_settings(default: Settings, options: Mapping[str, Any], progress: Progress | None = None) -> Settings:
    """The settings with the options put in.

    Parameters
    ----------
    default : dataclass
        Settings of the method.
    options : Mapping
        Values by name.
    progress : Progress, optional
        Receives a warning where an earlier name is used.

    Returns
    -------
    dataclass
        A copy of ``default``.

    Raises
    ------
    InputError
        ``option`` for an unknown name, a value of another type or out of range, and an option given twice.
    """
    known = {f.name: f for f in fields(default)}  # type: ignore[arg-type]
    renamed = {f.metadata["formerly"]: name for name, f in known.items() if f.metadata.get("formerly")}
    values: dict[str, Any] = {}
    for given, value in options.items():
        name = renamed.get(given, given)
        if name not in known:
            raise InputError(
                "option", f"The method has no option '{given}'.", f"Options are: {', '.join(sorted(known))}."
            )
        if name in values:
            earlier_name = known[name].metadata["formerly"]
            raise InputError(
                "option", f"Option '{name}' is given twice.", f"Leave out its earlier name {earlier_name}."
            )
        problem = _problem(value, type(getattr(default, name)), known[name].metadata)
        if problem:
            raise InputError("option", f"Option '{given}' is {value!r}; it must be {problem}.")
        values[name] = value
    earlier = [name for name in options if name in renamed]
    if earlier and progress is not None:
        progress.warning(
            f"Options have new names: {', '.join(f'{name} is now {renamed[name]}' for name in earlier)}. The earlier"
            " names still work."
        )
    return replace(default, **values)  # type: ignore[type-var]


def _problem(value: Any, kind: type, limits: Mapping[str, Any]) -> str | None:
    """What a value must be to fit an option of ``kind``; None where it does."""
    wanted = KINDS.get(kind, kind.__name__)
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool) == isinstance(value, bool)
    if kind not in (int, float):
        return None if fits else wanted
    low, high, multiple = limits.get("minimum", 0), limits.get("maximum", GREATEST), limits.get("multiple_of", 1)
    if fits and low <= value <= high and (multiple == 1 or value % multiple == 0):
        return None
    return f"{wanted} from {low:,} to {high:,}" + (f", a multiple of {multiple}" if multiple > 1 else "")
