"""Where the numbers are crunched: the one place that chooses the device and the number of threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

Item = TypeVar("Item")
Answer = TypeVar("Answer")


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
    """Where matrices are multiplied in bfloat16: on CUDA. Weights, losses and what a network gives back stay float32.

    Not on a CPU: a training step of the encoder took 1.9 times as long in bfloat16 there (a core with AVX-512 bf16).
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=half_precision(device))


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array on ``device``; to a graphics card through pinned memory, so that the copy runs beside the work."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def series_per_pass(device: torch.device) -> int:
    """Series in one pass of a network: on a CPU so few that they stay in its cache, which doubles the speed there."""
    return 16_384 if device.type == "cuda" else 256


def half_precision(device: torch.device) -> bool:
    """Whether ``device`` gains from it."""
    return device.type == "cuda"


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's operations on one thread each, and give the caller's number back after it.

    The batches of this encoder are too small to share: on two cores a second thread made the fit of one
    student no faster (57 s against 53 s), where two students side by side gained 1.5 times; and mapping gained
    1.1 times from it against 1.5 times from two pixel chunks side by side.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class NetworkThreads:
    """Threads for work on networks that share nothing but what they read; where there is one core, one after another.

    Every network needs random numbers of its own, or the result would depend on which thread came first.
    """

    def __init__(self, most: int) -> None:
        threads = min(most, core_count())
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    @property
    def sequential(self) -> bool:
        """Whether the work is done one after another."""
        return self._pool is None

    def __enter__(self) -> NetworkThreads:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def map(self, work: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """``work`` done on every item, the answers in their order; what it raises is raised here."""
        return [work(item) for item in items] if self._pool is None else list(self._pool.map(work, items))


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Run a block with torch's random numbers fixed by ``seed`` and give the caller's state back after it."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with one_thread(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)
