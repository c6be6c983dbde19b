"""One run at a time writes a map: a lock file beside it, which the operating system frees when the process ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from ...progress import Progress


def lock_path(output: str) -> Path:
    """The lock file of a map: beside it, hidden.

    Parameters
    ----------
    output : str
        Path of the map.
    """
    return Path(output).with_name(f".{Path(output).name}.lock")


@contextlib.contextmanager
def only_run(output: str, progress: Progress) -> Iterator[None]:
    """Keep every other run from writing a map until the end of the block.

    A file system without locks causes a warning.

    Parameters
    ----------
    output : str
        Path of the map.
    progress : Progress

    Raises
    ------
    InputError
        ``output-busy`` where another run writes it.
    """
    # Imported here: QGIS imports this package without the engine's libraries.
    from filelock import FileLock, Timeout

    path = lock_path(output)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as fault:
        message = f"{output} is being written by another run."
        raise InputError("output-busy", message, "Wait until it is finished, or choose another file.") from fault
    except (OSError, NotImplementedError) as fault:
        progress.warning(f"{path.parent} supports no locks ({fault}): let no other run write {Path(output).name}.")
    try:
        yield
    finally:
        # While it is held: a file of that name is then always that of a run, but for one that was killed.
        path.unlink(missing_ok=True)
        lock.release()
