"""What masks a pixel, as people write it at a terminal or in a form."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...errors import InputError
from ...imagery.sensors.quality_flags import check_choice

NONE = "none"


def read_quality(texts: Iterable[str]) -> dict[str, list[int | str]] | None:
    """The values that mask a pixel.

    Parameters
    ----------
    texts : iterable of str
        Such as ``SCL=3,8,9``, ``SCL: 3 8 9; QA_PIXEL: cloud, cloud shadow``, ``SCL=none`` or ``none``.

    Returns
    -------
    dict or None
        Values or names of bits by quality band; None, for the defaults, where nothing is written.

    Raises
    ------
    InputError
        ``quality``, naming what is not understood.
    """
    parts = [part.strip() for text in texts for part in text.split(";") if part.strip()]
    if not parts:
        return None
    choice: dict[str, list[int | str]] = {}
    for part in parts:
        if part.casefold() == NONE:
            continue
        name, sign, values = re.sub(r"\s*[=:]\s*", "=", part, count=1).partition("=")
        if not sign:
            hint = "Write SCL=3,8,9 for the quality band SCL, or none to mask nothing."
            raise InputError("quality", f"'{part}' does not name a quality band and its values.", hint)
        choice[name] = [] if values.strip().casefold() == NONE else _values(values)
    check_choice(choice)
    return choice


def _values(text: str) -> list[int | str]:
    # Names of flags hold spaces ("cloud shadow"), numbers may be parted by them.
    parted = re.split(r"[\s,]+" if re.fullmatch(r"[-\d\s,]+", text) else ",", text.strip())
    return [int(value) if re.fullmatch(r"-?\d+", value.strip()) else value.strip() for value in parted if value.strip()]
