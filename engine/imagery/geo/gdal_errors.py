"""Calls of GDAL whose failure is a value: its message on one line, nothing on the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from osgeo import gdal

Result = TypeVar("Result")


UNKNOWN = "unknown error"
"""What is told where GDAL fails without a word."""


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """Keep GDAL's messages off the console; the last one can still be asked for."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        gdal.ErrorReset()
        yield
    finally:
        gdal.PopErrorHandler()


def attempt(call: Callable[[], Result]) -> tuple[Result | None, str]:
    """The result of a GDAL call and its error message, whether or not GDAL raises; one of them is empty."""
    with quiet_gdal():
        try:
            result = call()
        except RuntimeError as fault:
            return None, _in_one_line(str(fault))
        if result is None:
            return None, _in_one_line(gdal.GetLastErrorMsg())
        return result, ""


def _in_one_line(fault: str) -> str:
    """GDAL's message as part of a sentence: some of them go over several lines."""
    return " ".join(fault.split()).strip(" .") or UNKNOWN
