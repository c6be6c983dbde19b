"""One run at a time writes a map: a lock beside it, which the operating system ends with the process that holds it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from ...progress import Progress


def lock_path(output: str) -> Path:
    """The file that the run which writes ``output`` has locked."""
    return Path(output).with_name(f".{Path(output).name}.lock")


@contextlib.contextmanager
def only_run(output: str, progress: Progress) -> Iterator[None]:
    """Keep every other run from writing ``output`` until the end of the block.

    A file system that knows no locks is told in a warning.

    Raises
    ------
    InputError
        ``output-busy`` where another run writes it.
    """
    # Imported here: it comes with the engine, and QGIS imports this package.
    from filelock import FileLock, Timeout

    path = lock_path(output)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as fault:
        raise InputError(
            "output-busy",
            f"{output} is being written by another run.",
            "Wait until that is finished, or choose another file.",
        ) from fault
    except (OSError, NotImplementedError) as fault:
        progress.warning(f"No lock can be had in {path.parent} ({fault}): let no other run write {Path(output).name}.")
    try:
        yield
    finally:
        # While it is held: a file of that name is then always that of a run, but for one that was killed.
        path.unlink(missing_ok=True)
        lock.release()
