"""What a worker process of a cluster does: tiles of a map, knowing only the folder of the unfinished map.

Its journal describes the job, and the networks are beside it. Stack, mask and networks are opened once for all
tiles that a process does. Nothing here knows Dask: it calls these functions by name.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import Cancelled, InputError
from ..resolve.bands import resolve_target
from ..resolve.target import open_target
from ..specs.job import Job

KEPT = 2
"""Maps of which a process keeps the files open at the same time."""
ENDED = 64
"""Ended runs that a process remembers, so that a task that arrives late does nothing."""
LONGEST_WAIT = 60.0
"""Seconds that the end of a run waits for tiles at work."""


class Work:
    """A map of which this process maps tiles.

    Parameters
    ----------
    folder : Path
        Of the unfinished map.

    Raises
    ------
    InputError
        ``dask-folder``, ``dask-version``; from reading the stack or the mask.
    """

    def __init__(self, folder: Path) -> None:
        from ...mapping import TileMapper
        from ...mapping.tile_store import MODEL, TileStore, load_student, read_journal
        from ...models import TrainedModel

        journal = _require_journal(read_journal(folder), folder)
        job = Job.from_json(json.dumps(journal["job"]))
        model = TrainedModel.load(folder / MODEL)
        self._open = ExitStack()
        self._stopped = threading.Event()
        self.at_work = 0
        """Tiles of this map that are being done in this process."""
        side = resolve_target(job, model.bands)
        stack, mask = self._open.enter_context(open_target(job, side, journal["season_start"]))
        self._mapper = TileMapper.for_model(model, load_student(folder, journal), stack, mask)
        self._store = TileStore(folder, stack.grid, stack.windows(int(journal["window_bytes"])))

    def do(self, number: int) -> None:
        """Map a tile, unless it is there: a worker may have been lost between writing and reporting it.

        Parameters
        ----------
        number : int
        """
        from ...models.device import one_thread

        if not self._store.raster_path(number).exists():
            with one_thread():
                self._store.write(number, *self._mapper.map_tile(self._store.windows[number], self._tick))

    def stop(self) -> None:
        """End what is at work at its next thousand pixels."""
        self._stopped.set()

    def close(self) -> None:
        """Close the files."""
        self._open.close()

    def _tick(self, pixels: int) -> None:
        if self._stopped.is_set():
            raise Cancelled()


_works: dict[str, Work] = {}
_ended: deque[str] = deque(maxlen=ENDED)
_changed = threading.Condition()
"""Guards both: tasks are done by threads of one process."""


def do_tile(folder: str, run: str, number: int) -> None:
    """Map one tile.

    Parameters
    ----------
    folder : str
        Of the unfinished map, on storage that client and workers share.
    run : str
        The same for all tiles that are to be ended together.
    number : int
        Of the tile.

    Raises
    ------
    InputError
        As :class:`Work`; from reading the stack or writing the tile.
    Cancelled
        The run was ended.
    """
    with _work(folder, run) as work:
        work.do(number)


def check_worker(folder: str, run: str) -> str:
    """Open a map without mapping any of it.

    Parameters
    ----------
    folder, run : str
        As for :func:`do_tile`.

    Returns
    -------
    str
        Version of torch; another one may round differently.

    Raises
    ------
    InputError
        As :class:`Work`.
    """
    with _work(folder, run):
        return version("torch")


async def end_run(run: str) -> None:
    """End a run in this process; returns when none of its tiles is at work any more and its files are closed.

    Parameters
    ----------
    run : str
    """
    # Dask calls this in the thread that answers its scheduler, which must not wait.
    await asyncio.to_thread(_end, run)


def _end(run: str) -> None:
    with _changed:
        _ended.append(run)
        work = _works.pop(run, None)
        if work is None:
            return
        work.stop()
        _changed.wait_for(lambda: not work.at_work, LONGEST_WAIT)
    work.close()


@contextmanager
def _work(folder: str, run: str) -> Iterator[Work]:
    with _changed:
        if run in _ended:
            raise Cancelled()
        if run not in _works:
            for idle in [name for name, one in _works.items() if not one.at_work][: len(_works) - KEPT + 1]:
                _works.pop(idle).close()
            _works[run] = Work(Path(folder))
        work = _works[run]
        work.at_work += 1
    try:
        yield work
    finally:
        with _changed:
            work.at_work -= 1
            _changed.notify_all()


def _require_journal(journal: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    if journal is None:
        message = f"A worker of the cluster does not see the folder {folder.parent}."
        raise InputError("dask-folder", message, "Write the map to storage that all workers have under the same path.")
    if journal["version"] != __version__:
        message = f"A worker of the cluster has Crop Transfer {__version__}, this machine has {journal['version']}."
        raise InputError("dask-version", message, "Install the same version on both.")
    return journal
