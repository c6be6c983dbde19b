"""What a message must name, whatever its wording: files, layers, fields, bands, dates and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable


def lacking(text: str, *facts: object) -> list[str]:
    """The facts that the text does not hold as words of their own: 5 is neither in 2021-05 nor in 15 or 5.2."""
    return [fact for fact in map(str, facts) if not re.search(rf"(?<![\w.-]){re.escape(fact)}(?![\w-]|\.\d)", text)]


def naming(lines: Iterable[str], *facts: object) -> list[str]:
    """The lines that name all of these facts."""
    return [line for line in lines if not lacking(line, *facts)]


def numbers(text: str) -> list[str]:
    """The numbers of a text in its order, as it writes them: 1,234 and 5.5 of "1,234 of 5.5 %"."""
    return re.findall(r"(?<!\w)\d[\d,.]*\d(?!\w)|(?<!\w)\d(?!\w)", text)
