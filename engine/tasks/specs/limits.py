"""Limits and defaults of task options."""

from __future__ import annotations

from .schema import Limits

LARGEST_SEED = 2**32 - 1
"""The largest seed that every random generator of the engine takes."""

LEAST_MEMORY = 256
"""MB below which no window of a long season fits."""

SAMPLES_PER_CLASS = 2_000
"""Source pixels or series of one class at most: more do not improve a model of this size."""

TARGET_SAMPLES = 5_000
"""Target pixels that a method sees at most."""

SEED = Limits("seed", "seed", 0, LARGEST_SEED)
"""Of every seed."""

MEMORY = Limits(
    "memory",
    "memory in MB",
    LEAST_MEMORY,
    zero=True,
    hint=f"Choose at least {LEAST_MEMORY} MB, or 0 for a quarter of the machine's memory.",
)
