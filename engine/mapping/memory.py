"""How much memory mapping may use, and the size of the windows that follows from it."""

from __future__ import annotations

import os
from pathlib import Path

MEGABYTE = 2**20

MEMORY_FRACTION = 4
"""Mapping may use one part in so many of the machine's memory, unless the job sets a budget."""

COPIES = 4.0
"""Memory of one working thread, in multiples of the values of a window: those, the numbers as stored, the pixels to
map and what is computed from them."""


def window_bytes(memory: int, workers: int = 0) -> int:
    """Bytes for the values of one window.

    Parameters
    ----------
    memory : int
        Budget in MB; 0 for a quarter of the machine.
    workers : int, optional
        Worker processes, where they are more than the cores.

    Returns
    -------
    int
        Bytes.
    """
    from ..models.device import core_count

    budget = memory * MEGABYTE if memory else machine_memory() // MEMORY_FRACTION
    return int(budget / (COPIES * max(core_count(), workers)))


def machine_memory() -> int:
    """Bytes of memory of the machine, or of the container where that is less; 8 GiB where it is unknown."""
    found = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text()
        except OSError:
            continue
        if text.strip().isdigit():
            found.append(int(text))
    try:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not on Windows
        found.append(8 * 1024 * MEGABYTE)
    return min(found)
