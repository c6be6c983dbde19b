"""Options of the commands that read stacks: which bands and indices, what masks a pixel, when the season starts."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ...errors import InputError
from ...imagery import StackBand, describe
from ...imagery.geo.types import Encoding
from ...imagery.sensors.spectral_indices import INDICES
from ..specs.band_table import read_band_table
from ..specs.quality_text import read_quality


def add_band_options(command: argparse.ArgumentParser, verb: str = "learn from") -> None:
    """Add ``--bands`` and ``--indices``.

    Parameters
    ----------
    command : argparse.ArgumentParser
    verb : str
        What is done with them, for the help.
    """
    indices = f"{verb} these as well, computed where they are not stored; known are {', '.join(INDICES)}"
    for option, text in (("--bands", f"{verb} only these bands, such as B04,B08"), ("--indices", indices)):
        command.add_argument(option, type=_comma_separated, metavar="NAMES", help=text)


def add_reading_options(command: argparse.ArgumentParser) -> None:
    """Add ``--quality`` and the season starts.

    Parameters
    ----------
    command : argparse.ArgumentParser
    """
    add_quality_option(command)
    for side in ("source", "target"):
        text = f"month and day at which the season of the {side} starts; the starts of both are aligned"
        command.add_argument(f"--{side}-season-start", metavar="MM-DD", help=text)


def add_quality_option(command: argparse.ArgumentParser) -> None:
    """Add ``--quality``; ``command`` as of :func:`add_method_options`."""
    text = (
        "values that a quality band masks instead of its defaults, such as SCL=3,8,9,10 or "
        "'QA_PIXEL=cloud,cloud shadow'; none masks nothing; may be repeated"
    )
    command.add_argument("--quality", action="append", default=[], metavar="BAND=VALUES", help=text)


def add_encoding_options(command: argparse.ArgumentParser, *sides: str) -> None:
    """Add ``--nodata``, ``--scale`` and ``--offset`` of the whole command and of each side.

    Parameters
    ----------
    command : argparse.ArgumentParser
    sides : str
        ``source``, ``target``.
    """
    for side in ("", *sides):
        dash, rasters = (f"{side}-", f"the {side}") if side else ("", "the rasters")
        text = f"stored number of {rasters} that means no observation; none where every number is one"
        command.add_argument(f"--{dash}nodata", metavar="VALUE", help=text)
        text = f"value of {rasters} = stored number * scale + offset, whatever the files say"
        command.add_argument(f"--{dash}scale", type=float, metavar="NUMBER", help=text)
        command.add_argument(f"--{dash}offset", type=float, metavar="NUMBER", help=f"offset of {rasters}, in its unit")


def add_bands_from(command: argparse.ArgumentParser, *sides: str) -> None:
    """Add ``--bands-from`` of the whole command and of each side.

    Parameters
    ----------
    command : argparse.ArgumentParser
    sides : str
        ``source``, ``target``.
    """
    text = "band table (CSV) of croptransfer describe, corrected: its dates, bands, scale, offset and nodata are taken"
    command.add_argument("--bands-from", metavar="TABLE", help=text)
    for side in sides:
        command.add_argument(f"--{side}-bands-from", metavar="TABLE", help=f"the same of the {side}")


def stack_of(options: argparse.Namespace, side: str, only: bool = True) -> tuple[StackBand, ...]:
    """The raster bands of a side: from its band table, else as its files are recognised; empty without either.

    Parameters
    ----------
    options : argparse.Namespace
    side : str
        ``source``, ``target`` or ``stack``.
    only : bool, optional (default=True)
        Whether the command has no other stack, so that a table of the whole command is its own; else the rows of
        such a table count whose files are among those of the side.

    Raises
    ------
    InputError
        As :func:`describe` and :func:`.read_band_table`; ``band-table`` where a table names no file of the side.
    """
    own, whole = getattr(options, f"{side}_bands_from", None), options.bands_from
    if own or (whole and only):
        return read_band_table(own or whole)
    paths = getattr(options, side)
    found = describe(paths) if paths else ()
    if not whole or not found:
        return found
    files = {os.path.abspath(band.path) for band in found}
    listed = tuple(band for band in read_band_table(whole) if os.path.abspath(band.path) in files)
    if not listed:
        message = f"The band table {whole} names no file of the {side}."
        raise InputError("band-table", message, f"Give a table of its own by --{side}-bands-from.")
    return listed


def encoding_of(options: argparse.Namespace, side: str = "") -> Encoding | None:
    """The encoding that the options give to a side, or to the whole command; None without one.

    Parameters
    ----------
    options : argparse.Namespace
    side : str, optional
        ``source``, ``target`` or empty.
    """
    prefixes = ("", f"{side}_") if side else ("",)
    whole, *own = (
        Encoding(*(getattr(options, prefix + name, None) for name in ("nodata", "scale", "offset")))
        for prefix in prefixes
    )
    found = own[0].over(whole) if own else whole
    return None if found == Encoding() else found


def encoding_fields(options: argparse.Namespace) -> dict[str, Any]:
    """The fields ``source_encoding`` and ``target_encoding`` of a job that the options set.

    Parameters
    ----------
    options : argparse.Namespace
    """
    found = {side: encoding_of(options, side) for side in ("source", "target")}
    return {f"{side}_encoding": encoding for side, encoding in found.items() if encoding}


def stack_fields(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a job that the options set.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    dict
        Values by field; no key for an option that is not used.

    Raises
    ------
    InputError
        ``quality``.
    """
    names = ("bands", "indices", "source_season_start", "target_season_start")
    given = {name: getattr(options, name, None) for name in names}
    fields = {name: value for name, value in given.items() if value is not None}
    return fields | ({"quality": read_quality(options.quality)} if options.quality else {})


def _comma_separated(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
