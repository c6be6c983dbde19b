"""The device and the number of threads on which networks run; nothing else chooses them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

Item = TypeVar("Item")
Output = TypeVar("Output")


def compute_device() -> torch.device:
    """Return CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def core_count() -> int:
    """Return the cores to use: ``OMP_NUM_THREADS`` where set, else those this process may use."""
    named = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if named.isdigit() and int(named) > 0:
        return int(named)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Windows and macOS
        return os.cpu_count() or 1


def mixed_precision(device: torch.device) -> torch.autocast:
    """Multiply matrices in bfloat16 on CUDA; weights, losses and the output of a network stay float32.

    Not on a CPU: a training step of the encoder took 1.9 times as long in bfloat16 there (a core with AVX-512 bf16).

    Parameters
    ----------
    device : torch.device
        Where the network is.

    Returns
    -------
    torch.autocast
        Context manager, without effect on a CPU.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=half_precision(device))


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """Copy an array to a device; to a graphics card through pinned memory, so that the copy runs beside the work.

    Parameters
    ----------
    values : ndarray
        Array of any shape.
    device : torch.device
        Where to.

    Returns
    -------
    Tensor
        Of the same shape and type.
    """
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def series_per_pass(device: torch.device) -> int:
    """Return how many series go through a network at once: on a CPU so few that they stay in its cache, twice as fast.

    Parameters
    ----------
    device : torch.device
        Where the network is.
    """
    return 16_384 if device.type == "cuda" else 256


def half_precision(device: torch.device) -> bool:
    """Whether a device gains from half precision: CUDA; ``device`` as of :func:`series_per_pass`."""
    return device.type == "cuda"


@contextmanager
def one_thread() -> Iterator[None]:
    """Run each of torch's operations on one thread, and restore the caller's setting after it.

    The batches of the encoder are too small to split: on two cores a second thread made the fit of one student no
    faster (57 s against 53 s), while two students in parallel were 1.5 times as fast; mapping gained 1.1 times from it
    against 1.5 times from two chunks of pixels in parallel.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class NetworkThreads:
    """Threads for work on networks that share only what they read; with one core the work is done sequentially.

    Every network needs its own random generator, or the result would depend on which thread came first.

    Parameters
    ----------
    maximum : int
        Threads at most; no more than the cores to use.
    """

    def __init__(self, maximum: int) -> None:
        threads = min(maximum, core_count())
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    @property
    def sequential(self) -> bool:
        """Whether the work is done without threads."""
        return self._pool is None

    def __enter__(self) -> NetworkThreads:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def map(self, work: Callable[[Item], Output], items: Sequence[Item]) -> list[Output]:
        """Apply a function to every item.

        Parameters
        ----------
        work : callable
            Takes an item.
        items : sequence
            Items.

        Returns
        -------
        list
            Results in the order of the items; what ``work`` raises is raised here.
        """
        return [work(item) for item in items] if self._pool is None else list(self._pool.map(work, items))


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Run a block with torch's random numbers fixed, and restore the caller's state after it.

    Parameters
    ----------
    seed : int
        Seed, 0 or more.

    Yields
    ------
    torch.Generator
        On the CPU, with the same seed.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with one_thread(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)
