"""How much memory mapping may use, and the size of the windows that follows from it."""

from __future__ import annotations

import os
from pathlib import Path

MEGABYTE = 2**20

SHARE = 4
"""Which part of the machine's memory mapping may use unless the job says otherwise: the fourth."""

COPIES = 4.0
"""Memory that a thread at work needs, in multiples of the values of a window: those, the numbers as they are stored,
the pixels that are to be mapped, what is computed of them."""


def window_bytes(memory: int, workers: int = 0) -> int:
    """Bytes of the values of one window under a budget of ``memory`` MB; 0 for a quarter of the machine."""
    from ..models.device import core_count

    budget = memory * MEGABYTE if memory else machine_memory() // SHARE
    return int(budget / (COPIES * max(core_count(), workers)))


def machine_memory() -> int:
    """Bytes of memory of the machine, or of the container where that is less; 8 GiB where it is not told."""
    found = []
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(place).read_text()
        except OSError:
            continue
        if text.strip().isdigit():
            found.append(int(text))
    try:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not on Windows
        found.append(8 * 1024 * MEGABYTE)
    return min(found)
