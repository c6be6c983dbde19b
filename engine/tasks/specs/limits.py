"""Limits and defaults of task options."""

from __future__ import annotations

import math
from typing import Any

from ...errors import InputError
from ...imagery.geo.types import NO_NODATA
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


class EncodingLimits(Limits):
    """What an :class:`.Encoding` may be."""

    def problem(self, value: Any) -> InputError | None:
        """Check an encoding; ``value`` as of :meth:`Limits.problem`."""
        if value is None:
            return None
        if value.nodata not in (None, NO_NODATA) and not _is_number(value.nodata):
            message = f"The nodata value of the {self.title} is '{value.nodata}'."
            return InputError(
                self.code, message, f"Give a number, or {NO_NODATA} where every number is an observation."
            )
        for name in ("scale", "offset"):
            number = getattr(value, name)
            if number is not None and (not math.isfinite(number) or (name == "scale" and number == 0)):
                hint = "Give a number; value = stored number * scale + offset, and the scale is not 0."
                return InputError(self.code, f"The {name} of the {self.title} is {number:g}.", hint)
        return None


def _is_number(text: str) -> bool:
    """Whether a text holds numbers with blanks between."""
    try:
        numbers = list(map(float, text.split()))
    except ValueError:
        return False
    return bool(numbers) and not any(map(math.isnan, numbers))
