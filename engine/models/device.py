"""Where the numbers are crunched: the one place that chooses the device and the number of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

MAX_THREADS = 4
"""A batch of this encoder is too small to feed more threads."""


def compute_device() -> torch.device:
    """Return CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def thread_count() -> int:
    """Return the threads to use: ``OMP_NUM_THREADS`` where set, else the cores this process may use, at most 4."""
    named = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if named.isdigit() and int(named) > 0:
        return int(named)
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Windows and macOS
        cores = os.cpu_count() or 1
    return max(1, min(cores, MAX_THREADS))


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Run a block with torch's random numbers fixed by ``seed`` and give the caller's state back after it."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    threads = torch.get_num_threads()
    torch.set_num_threads(thread_count())
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield torch.Generator().manual_seed(seed)
    finally:
        torch.set_num_threads(threads)
