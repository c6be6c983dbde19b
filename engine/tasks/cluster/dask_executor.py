"""Mapping over Dask distributed: a task for every tile, done by worker processes that share a folder with this one.

Tiles are written by the workers, and no pixel goes through the scheduler. It gives the tile of a lost worker to another
one; a tile that fails again and again is reported at the end, when all others are finished.
"""

from __future__ import annotations

import itertools
import logging
import queue
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ...errors import InputError, describe_exception, listed
from ...imagery import Window
from ...progress import Progress
from ..specs.job import Job
from .tile_worker import check_worker, do_tile, end_run

if TYPE_CHECKING:
    from ...mapping.tile_store import TileStore

RETRIES = 3
"""How often the scheduler gives a tile that failed to a worker again."""
MAX_SUBMITTED = 1000
"""Tiles that the scheduler holds at the same time: a country has more than it should hold."""
ANSWER_SECONDS = 10.0
"""Seconds in which a scheduler has to answer."""
POLL = 0.2
"""Seconds between two checks of the cancel flag."""
SETTINGS = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
"""Environment of local workers: each computes on one core, and none burns it while it waits."""


def require_cluster(job: Job) -> None:
    """Check that the cluster of a job can be used, before hours are spent on learning.

    Parameters
    ----------
    job : Job

    Raises
    ------
    InputError
        ``dask-missing`` where Dask is not installed, ``dask-address`` where no scheduler answers.
    """
    if not (job.dask or job.workers):
        return
    if find_spec("distributed") is None:
        message = "Mapping over several processes or machines needs Dask distributed, which is not installed."
        raise InputError("dask-missing", message, "Install it: pip install croptransfer[cluster].")
    if job.dask:
        with _client(job.dask):
            pass


@contextmanager
def local_cluster(workers: int) -> Iterator[str]:
    """Worker processes on this machine, one thread each, until the end of the block.

    Parameters
    ----------
    workers : int

    Yields
    ------
    str
        Address of their scheduler.
    """
    import dask
    from distributed import LocalCluster

    # Dask has workers give every freed block back to the system, which then clears each new one: half the speed.
    with dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            # No limit: Dask would kill a worker for what the job's own budget of memory allows.
            memory_limit=None,
            env=SETTINGS,
            config={"distributed.worker.profile.enabled": False},
            silence_logs=logging.CRITICAL,
        )
    with cluster:
        yield cluster.scheduler_address


def map_on_cluster(job: Job, store: TileStore, progress: Progress) -> None:
    """Map the tiles that a store lacks on the cluster of a job.

    Parameters
    ----------
    job : Job
    store : TileStore
    progress : Progress

    Raises
    ------
    Cancelled
        The user cancelled; no worker is at work any more.
    InputError
        ``dask-address``, ``dask-lost`` for a scheduler that is gone; ``dask-folder`` and ``dask-version`` for workers
        that do not see what they need; ``tiles-failed``, naming tiles, when all others are done.
    """
    from ...mapping.map_stack import STAGE

    progress.stage(STAGE)
    cluster = nullcontext(job.dask) if job.dask else local_cluster(job.workers)
    with cluster as address, _client(address) as client:
        _Run(client, store, progress).map()


class _Run:
    """One map on one cluster."""

    def __init__(self, client: Any, store: TileStore, progress: Progress) -> None:
        self._client, self._store, self._progress = client, store, progress
        self._folder, self._id = str(store.folder.absolute()), uuid.uuid4().hex
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting: dict[str, Any] = {}
        self._address = client.scheduler.address

    def map(self) -> None:
        try:
            self._check_workers()
            self._do_tiles()
        finally:
            # A tile written after this would be in a folder that may be gone.
            with suppress(OSError, TimeoutError, RuntimeError):
                if self._client.status == "running":
                    self._client.cancel(list(self._waiting.values()))
                    self._client.run(end_run, self._id, on_error="ignore")

    def _check_workers(self) -> None:
        """Try one worker, and warn where the versions of torch differ."""
        if not self._client.scheduler_info()["workers"]:
            self._progress.warning(f"The Dask scheduler {self._address} has no worker yet: the map waits for one.")
        self._submit("check", check_worker)
        fault = self._next().exception()
        if isinstance(fault, ImportError):
            message = f"The workers of {self._address} cannot import Crop Transfer: {fault}."
            raise InputError("dask-version", message, "Install the same version on them.")
        if fault is not None:
            raise fault
        own = version("torch")
        others = {v for v in self._client.run(version, "torch", on_error="ignore").values() if v != own}
        if others:
            self._progress.warning(
                f"Workers of {self._address} have torch {listed(sorted(others))}, this machine has {own}: "
                "single pixels may get another class than here."
            )

    def _do_tiles(self) -> None:
        windows, done = self._store.windows, self._store.finished()
        missing = iter([number for number in range(len(windows)) if number not in done])
        pixels = [window.width * window.height for window in windows]
        total, finished = sum(pixels), sum(pixels[number] for number in done)
        numbers: dict[str, int] = {}
        failed: dict[int, BaseException] = {}
        while True:
            for number in itertools.islice(missing, MAX_SUBMITTED - len(self._waiting)):
                numbers[self._submit(f"tile-{number}", do_tile, number)] = number
            if not self._waiting:
                break
            future = self._next(finished / total)
            number = numbers.pop(future.key)
            if future.status == "error":
                failed[number] = future.exception()
            finished += pixels[number]
        if failed:
            raise _failure(failed, windows)

    def _submit(self, name: str, function: Any, *arguments: Any) -> str:
        future = self._client.submit(
            function,
            self._folder,
            self._id,
            *arguments,
            key=f"croptransfer-{name}-{self._id}",
            retries=RETRIES,
            pure=False,
        )
        self._waiting[future.key] = future
        future.add_done_callback(self._ended.put)
        return future.key

    def _next(self, fraction: float = 0.0) -> Any:
        """The next future that is finished or has failed."""
        while True:
            self._progress.update(fraction)
            try:
                future = self._ended.get(timeout=POLL)
            except queue.Empty:
                if self._client.status == "closed":
                    raise self._lost() from None
                continue
            self._waiting.pop(future.key)
            if future.status not in ("finished", "error"):
                raise self._lost()
            return future

    def _lost(self) -> InputError:
        message = f"The Dask scheduler {self._address} has dropped the map or is gone."
        return InputError("dask-lost", message, "Start it again and resume from the finished tiles.")


@contextmanager
def _client(address: str) -> Iterator[Any]:
    from distributed import Client
    from distributed.comm import get_address_host_port

    try:
        # Tried first: a client of Dask that never got an answer holds up the process at its end.
        socket.create_connection(get_address_host_port(address, strict=True), ANSWER_SECONDS).close()
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False, name="croptransfer")
    except (OSError, ValueError, TimeoutError) as fault:
        message = f"No Dask scheduler answers at {address}."
        hint = "Give the address that it prints when it starts, such as tcp://10.0.0.1:8786."
        raise InputError("dask-address", message, hint) from fault
    with client:
        yield client


def _failure(failed: Mapping[int, BaseException], windows: tuple[Window, ...]) -> InputError:
    from distributed.scheduler import KilledWorker

    places = [_describe_window(windows[number]) for number in sorted(failed)]
    fault = failed[min(failed)]
    if isinstance(fault, KilledWorker):
        reason = "every worker that took it was lost."
    elif isinstance(fault, InputError):
        reason = fault.message
    else:
        reason = describe_exception(fault)[0] if isinstance(fault, Exception) else str(fault)
    message = f"{len(failed)} of the {len(windows)} tiles of the map failed ({listed(places, 3)}): {reason}"
    return InputError("tiles-failed", message, "All others are kept: remove the cause and resume.")


def _describe_window(window: Window) -> str:
    last_row, last_column = window.row + window.height - 1, window.column + window.width - 1
    return f"rows {window.row} to {last_row}, columns {window.column} to {last_column}"
