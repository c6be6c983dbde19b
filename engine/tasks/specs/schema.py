"""Tasks to JSON and back, and the limits of their settings: all driven by the fields of the dataclasses."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import uuid
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

from ...errors import InputError

VERSION = 1
"""Of the form of the JSON texts."""
NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
"""What a type is called in messages."""

AnyTask = TypeVar("AnyTask", bound="Task")


@dataclass(frozen=True)
class Task:
    """What all descriptions of tasks share: their JSON, with ``version`` and ``kind`` in front of the fields.

    A field with ``json: False`` in its metadata stays out of it.
    """

    KIND: ClassVar[str] = ""
    """Key ``kind`` of the JSON text; a job has none."""
    DOCUMENT: ClassVar[str] = ""
    """Page that describes the form."""

    def to_json(self, indent: int | None = None) -> str:
        """The task as JSON text.

        Parameters
        ----------
        indent : int, optional
            Spaces by level; None writes one line.

        Returns
        -------
        str
        """
        head = {"kind": self.KIND} if self.KIND else {}
        hidden = {field.name for field in fields(self) if not field.metadata.get("json", True)}
        values = {name: value for name, value in asdict(self).items() if name not in hidden}
        return json.dumps({**head, "version": VERSION, **values}, ensure_ascii=False, indent=indent)

    @classmethod
    def from_json(cls: type[AnyTask], text: str) -> AnyTask:
        """The task that a JSON text describes.

        Parameters
        ----------
        text : str

        Returns
        -------
        Task

        Raises
        ------
        InputError
            ``job``, naming the key that is wrong and what it holds.
        """
        try:
            return cls._from_values(json.loads(text))
        except (ValueError, TypeError, OverflowError, RecursionError) as fault:
            message = f"The {cls.__name__.lower()} is not valid: {fault}."
            raise InputError("job", message, f"See {cls.DOCUMENT} for its form.") from fault

    @classmethod
    def _from_values(cls: type[AnyTask], values: Any) -> AnyTask:
        if isinstance(values, dict):
            if values.pop("kind", cls.KIND) != cls.KIND:
                raise ValueError("it describes another kind of task")
            if values.pop("version", VERSION) != VERSION:
                raise ValueError("it was written by another version of Crop Transfer")
            if not str(values.get("id", "0")).isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
        return decode_fields(cls, values, "it")


def decode_fields(cls: type[Any], values: Any, what: str) -> Any:
    """An instance of a dataclass from the values of a JSON object.

    Parameters
    ----------
    cls : type
        The dataclass. Its type hints say what each key may hold.
    values : Any
        From the JSON text.
    what : str
        What ``values`` is called in messages, such as ``a band of 'target'``.

    Returns
    -------
    cls

    Raises
    ------
    TypeError, ValueError
        Naming the key, and what it holds where it is of another type.
    """
    if not isinstance(values, dict):
        raise TypeError(f"{what} is not a JSON object")
    known = {field.name: field for field in fields(cls) if field.metadata.get("json", True)}
    if unknown := [key for key in values if key not in known]:
        raise ValueError(f"{what} has the unknown key '{unknown[0]}'")
    decoded = {}
    for name, field in known.items():
        if name in values:
            decoded[name] = _decode_field(cls, field, values[name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{what} has no key '{name}'")
    return cls(**decoded)


def _decode_field(cls: type[Any], field: dataclasses.Field[Any], value: Any) -> Any:
    # Python 3.9 cannot evaluate "str | None".
    text = str(field.type)
    if value is None and text.endswith(" | None"):
        return None
    owner = SimpleNamespace(__annotations__={field.name: text.removesuffix(" | None")})
    hint = get_type_hints(owner, vars(sys.modules[cls.__module__]))[field.name]
    return _decode(hint, value, f"'{field.name}'")


def _decode(hint: Any, value: Any, key: str) -> Any:
    """A JSON value as the type of a hint; ``key``: what it is called in messages."""
    origin, inner = get_origin(hint) or hint, get_args(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return decode_fields(hint, value, key)  # type: ignore[arg-type]
    if origin in (tuple, list):
        if not isinstance(value, list):
            raise TypeError(f"{key} is {value!r}, not a list")
        if origin is tuple and inner[-1] is not Ellipsis and len(value) != len(inner):
            raise TypeError(f"{key} is {value!r}, not a list of {len(inner)}")
        return origin(_decode(inner[0], one, f"an entry of {key}") for one in value)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise TypeError(f"{key} is {value!r}, not an object")
        return {name: _decode(inner[1], one, f"'{name}' of {key}") for name, one in value.items()}
    if not isinstance(value, (int, float) if hint is float else hint) or isinstance(value, bool) != (hint is bool):
        raise TypeError(f"{key} is {value!r}, not {NAMES[hint]}")
    if isinstance(value, str):
        _check_characters(key, value)
    return float(value) if hint is float else value


def _check_characters(key: str, text: str) -> None:
    """Raise ValueError for what no file name can hold; GDAL would cut the name there, or fail."""
    try:
        os.fsencode(text)
        fits = "\0" not in text
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise ValueError(f"{key} is {text!r}, which holds a character that no name can have")


@dataclass(frozen=True)
class Limits:
    """What a setting may be."""

    code: str
    """Of the error for another value."""
    title: str
    """What the setting is called in messages."""
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: Collection[str] = ()
    """Names of which a text is one."""
    zero: bool = False
    """Whether 0 is good as well, for a value that the engine chooses."""
    hint: str = ""
    """What may be chosen; empty for a sentence made of the limits."""

    def problem(self, value: Any) -> InputError | None:
        """Check a value.

        Parameters
        ----------
        value : Any
            Of the setting; None where it is not set.

        Returns
        -------
        InputError or None
            None where the value is good.
        """
        if value is None or (self.zero and value == 0):
            return None
        if self.choices:
            good, hint = value in self.choices, f"Choose one of: {', '.join(self.choices)}."
        else:
            good = self.minimum <= value <= self.maximum
            span = f"from {self.minimum} to {self.maximum}"
            hint = f"Choose a number {span if math.isfinite(self.maximum) else f'of at least {self.minimum}'}."
        shown = f"{value:g}" if isinstance(value, float) else repr(value)
        return None if good else InputError(self.code, f"The {self.title} is {shown}.", self.hint or hint)


def setting(default: Any, limits: Limits) -> Any:
    """A field of a task whose limits :func:`setting_problems` checks.

    Parameters
    ----------
    default : Any
    limits : Limits
        Of the value, or of each entry of a tuple.

    Returns
    -------
    dataclasses.Field
    """
    return dataclasses.field(default=default, metadata={"limits": limits})


def new_id() -> str:
    """A new id of a task, which marks its unfinished files so that they can be found and removed."""
    return uuid.uuid4().hex[:12]


def setting_problems(task: Task) -> list[InputError]:
    """Check every setting of a task against its limits, in the order of the fields.

    Parameters
    ----------
    task : Task
    """
    problems: list[InputError | None] = []
    for field in fields(task):
        if limits := field.metadata.get("limits"):
            value = getattr(task, field.name)
            problems += map(limits.problem, value if isinstance(value, tuple) else (value,))
    return [problem for problem in problems if problem]
