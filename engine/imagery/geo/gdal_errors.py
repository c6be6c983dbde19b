"""Calls of GDAL whose failure is a value: its message on one line, nothing on the console; options for some calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from osgeo import gdal

Result = TypeVar("Result")

UNKNOWN_ERROR = "unknown error"
"""The message where GDAL fails without one."""


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """Keep GDAL's messages off the console; the last one remains readable."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        gdal.ErrorReset()
        yield
    finally:
        gdal.PopErrorHandler()


@contextmanager
def gdal_options(options: Mapping[str, str]) -> Iterator[None]:
    """Set configuration options of GDAL on this thread.

    Parameters
    ----------
    options : mapping of str to str
    """
    before = {name: gdal.GetThreadLocalConfigOption(name, None) for name in options}
    try:
        for name, value in options.items():
            gdal.SetThreadLocalConfigOption(name, value)
        yield
    finally:
        for name, earlier in before.items():
            gdal.SetThreadLocalConfigOption(name, earlier)


def call_gdal(call: Callable[[], Result]) -> tuple[Result | None, str]:
    """Call GDAL and return its failure as a value, whether or not GDAL raises.

    Parameters
    ----------
    call : callable
        Takes nothing; returns None or raises RuntimeError on failure.

    Returns
    -------
    result : object or None
        What ``call`` returns; None on failure.
    fault : str
        GDAL's message on one line; empty on success.
    """
    with quiet_gdal():
        try:
            result = call()
        except RuntimeError as fault:
            return None, single_line(str(fault))
        if result is None:
            return None, single_line(gdal.GetLastErrorMsg())
        return result, ""


def single_line(fault: str) -> str:
    """GDAL's message as part of a sentence: some of them have several lines.

    Parameters
    ----------
    fault : str
        The message; empty gives :data:`UNKNOWN_ERROR`.
    """
    return " ".join(fault.split()).strip(" .") or UNKNOWN_ERROR
