"""The two ways in which a job ends early on purpose: bad input, and the user's cancel."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """Something in the user's input that stops the job, told in one sentence.

    Raised where the fact is known and shown once, by the face (dialog, algorithm, command).

    Parameters
    ----------
    code : str
        Stable kebab-case identifier, such as ``"no-overlap"``; tests and callers switch on it.
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

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        # Else a copy sent from another process would be made of the message alone.
        return type(self), (self.code, self.message, self.hint)


class Cancelled(Exception):
    """The user cancelled the job; nothing of it may stay on disk."""


def listed(names: Sequence[str], most: int = 5) -> str:
    """The names as a message lists them: the first ``most``, then how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def told_fault(fault: Exception) -> tuple[str, str]:
    """A fault as a sentence and a hint for people."""
    # GDAL and torch report memory as RuntimeError, NumPy as MemoryError, whose text may be empty.
    if isinstance(fault, MemoryError) or "allocate memory" in str(fault):
        return "The engine ran out of memory.", "Close other programs, or map a smaller target or fewer dates."
    return f"The engine failed: {str(fault) or type(fault).__name__}", "The log has the details."
