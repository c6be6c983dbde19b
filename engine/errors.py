"""The two ways in which a task ends early on purpose, bad input and a cancel, and the texts that errors share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .error_codes import CODES


class InputError(Exception):
    """Something in the user's input that stops a task.

    Raised where the fact is known and shown once, by the dialog, the Processing algorithm or the command.

    Parameters
    ----------
    code : str
        Stable kebab-case identifier, a key of :data:`engine.error_codes.CODES`; tests and callers switch on it.
    message : str
        One sentence that names the file, layer, field or band.
    hint : str
        What the user can do about it, as a sentence; may be empty.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    @property
    def keeps_tiles(self) -> bool:
        """Whether finished tiles of a map stay after this error, so that the map can be resumed."""
        return self.code in CODES and CODES[self.code].keeps_tiles

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        # Else a copy sent from another process would be made of the message alone.
        return type(self), (self.code, self.message, self.hint)


class Cancelled(Exception):
    """The user cancelled the task; no output of it may stay on disk."""


def problems_of(check: Callable[..., Any], *arguments: Any) -> list[InputError]:
    """The problem that a check raises.

    Parameters
    ----------
    check : callable
    *arguments
        Of the check.

    Returns
    -------
    list of InputError
        Empty or of one.
    """
    try:
        check(*arguments)
    except InputError as problem:
        return [problem]
    return []


def listed(names: Sequence[str], limit: int = 5, separator: str = ", ") -> str:
    """Names as a message lists them.

    Parameters
    ----------
    names : sequence of str
    limit : int
        Names that are shown at most.
    separator : str
        Between two names.

    Returns
    -------
    str
        Such as ``B02, B03 and 4 more``.
    """
    shown = separator.join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"


def unwritable(
    what: str,
    fault: object,
    hint: str = "Check the free space and the permissions of its folder.",
    code: str = "output-unwritable",
) -> InputError:
    """The error for a file that cannot be written.

    Parameters
    ----------
    what : str
        What is written, at the start of a sentence, such as ``The parcel layer fields.gpkg``.
    fault : OSError or str
        Why it fails: of an OSError the reason without its number and path.
    hint, code : str
        As in :class:`InputError`.

    Returns
    -------
    InputError
        Not raised yet.
    """
    reason = (fault.strerror if isinstance(fault, OSError) else None) or str(fault)
    return InputError(code, f"{what} cannot be written: {reason.strip(' .')}.", hint)


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Report a full disk or a lost network drive as a problem of the file that is written in the block.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    InputError
        ``output-unwritable``.
    """
    try:
        yield
    except OSError as fault:
        raise unwritable(str(path), fault) from fault


def describe_exception(fault: Exception) -> tuple[str, str]:
    """Return an unexpected exception in words: a sentence and a hint.

    Parameters
    ----------
    fault : Exception
    """
    # GDAL and torch report memory as RuntimeError, NumPy as MemoryError, whose text may be empty.
    if isinstance(fault, MemoryError) or "allocate memory" in str(fault):
        return "The engine ran out of memory.", "Close other programs, or map a smaller target or fewer dates."
    return f"The engine failed: {str(fault) or type(fault).__name__}", "The log has the details."
