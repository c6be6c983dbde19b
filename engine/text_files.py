"""Text files that people and other programs write: with or without a byte order mark, in UTF-8 or UTF-16."""

from __future__ import annotations

import codecs
from pathlib import Path


def decode_marked(data: bytes) -> str | None:
    """The text of a file that begins with a byte order mark, or that is UTF-8; None for others.

    Parameters
    ----------
    data : bytes
    """
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def read_text_file(path: str | Path) -> str:
    """The text of a file, such as a job.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    OSError
        As reading raises it.
    ValueError
        For a file that is neither UTF-8 nor UTF-16.
    """
    text = decode_marked(Path(path).read_bytes())
    if text is None:
        raise ValueError("it is not in UTF-8")
    return text
