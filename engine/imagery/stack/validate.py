"""What is wrong with a stack, a pair of stacks or an output path, in words and before any pixel is read."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from osgeo import gdal

from ...errors import InputError, listed
from ...series.dates import parse_iso_date
from ..discovery.describe import band_date_choices
from ..discovery.time_axis import is_time_unit
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, open_raster
from ..geo.grid import grid_of
from ..geo.types import Grid, StackBand
from ..sensors.quality_flags import data_bands
from .tiling import find_disjoint, group_tiles

UNFINISHED = "-0000.part.before.aux.xml"
"""As long as what follows the name of a file, and eight random letters, in those of its unfinished companions."""
SHOWN = 5
"""Bands whose names are searched for two possible dates."""


def stack_problems(bands: Sequence[StackBand], role: str) -> list[InputError]:
    """Everything wrong with the band table of one stack, the first thing to correct in front.

    Parameters
    ----------
    bands : sequence of StackBand
    role : str
        ``source`` or ``target``, for the messages.
    """
    if not bands:
        return [InputError("no-stack", f"The {role} has no raster.", f"Choose the raster files of the {role}.")]
    if not data_bands(bands):
        message = f"The {role} has only quality bands, such as {_which(bands[:1])} ({bands[0].band})."
        return [InputError("no-stack", message, f"Add the bands or indices of the {role} that show the crops.")]
    of_files, grids = _file_problems(bands, role)
    data = {b.path: grids[b.path] for b in data_bands(bands) if b.path in grids}
    tiles: list[list[str]] = []
    try:
        tiles = group_tiles(data, {path: grid for path, grid in grids.items() if path not in data})
        of_files += _disjoint(grids, tiles, role)
    except InputError as problem:
        of_files.append(problem)
    problems = _unrecognised(bands, role) + _duplicates(bands, role, tiles) + of_files
    if any(problem.code in ("no-date", "no-band") for problem in problems):
        return problems
    return problems + _incomplete(bands, role)


def writable_problems(path: str) -> list[InputError]:
    """Why a file cannot be written; leaves nothing behind.

    Parameters
    ----------
    path : str

    Returns
    -------
    list of InputError
        Empty when it can be written.
    """
    problem = _unwritable_folder(path) or _unwritable_file(path)
    return [problem] if problem else []


def _unwritable_folder(path: str) -> InputError | None:
    folder = Path(path).absolute().parent
    if os.path.isdir(path):
        return InputError("output-folder", f"{path} is a folder, not a file.", "Add a file name.")
    if not os.path.isdir(folder):
        message = f"The output folder {folder} does not exist."
        return InputError("output-folder", message, "Create it or choose another.")
    try:
        path.encode("utf-8")
        # To query permissions is not enough: an administrator has them all, also on a read-only disk. And the
        # names of the unfinished files are longer than that of the file.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{Path(path).name}.", suffix=UNFINISHED):
            return None
    except UnicodeEncodeError:
        message = f"The name {path!r} holds characters that are not in UTF-8, which GDAL cannot write."
        return InputError("output-name", message, "Choose another name.")
    except OSError as fault:
        if fault.errno == errno.ENAMETOOLONG:
            message = f"The name {Path(path).name[:20]}... is too long."
            return InputError("output-name", message, "Choose a shorter one.")
        message = f"The output folder {folder} cannot be written to: {fault.strerror}."
        return InputError("output-folder", message, "Choose another folder.")


def _unwritable_file(path: str) -> InputError | None:
    if not os.path.exists(path):
        return None
    if not os.access(path, os.W_OK):
        return InputError("output-folder", f"The file {path} is write-protected.", "Choose another name.")
    try:
        # Changes nothing, but fails on Windows while a program, such as QGIS with the earlier map, holds the file.
        os.rename(path, path)
    except OSError:
        hint = "Remove its layer or close the program that holds it, or choose another name."
        return InputError("output-in-use", f"The file {path} is in use and cannot be replaced.", hint)
    return None


def complete_dates(bands: Sequence[StackBand]) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Find the dates that have every band of a stack; quality bands do not count.

    Parameters
    ----------
    bands : sequence of StackBand

    Returns
    -------
    complete : tuple of str
        ISO dates, ascending.
    missing : dict of str to list of str
        Other dates -> names of the bands that they lack.
    """
    bands = data_bands(bands)
    names = list(dict.fromkeys(str(b.band) for b in bands))
    of_date: dict[str, set[str]] = {}
    for band in bands:
        of_date.setdefault(str(band.date), set()).add(str(band.band))
    missing = {date: [n for n in names if n not in of_date[date]] for date in sorted(of_date)}
    return tuple(d for d, lack in missing.items() if not lack), {d: lack for d, lack in missing.items() if lack}


def _incomplete(bands: Sequence[StackBand], role: str) -> list[InputError]:
    complete, left_out = complete_dates(bands)
    if len(complete) >= max(1, len(left_out)):
        return []
    date, missing = next(iter(left_out.items()))
    message = (
        f"{len(left_out)} of the {len(complete) + len(left_out)} dates of the {role} lack a band: "
        f"{date} has no {listed(missing)}."
    )
    hint = "Every date needs every band: add the missing rasters or remove the extra bands."
    return [InputError("date-incomplete", message, hint)]


def _unrecognised(bands: Sequence[StackBand], role: str) -> list[InputError]:
    problems = []
    for code, what, lacking in (
        ("no-date", "date", [b for b in bands if not b.date]),
        ("no-band", "band name", [b for b in bands if not b.band]),
    ):
        if lacking:
            which, of = _which(lacking), f"of the {role}"
            choices = _choices(lacking) if code == "no-date" else ""
            one = f"B{which[1:]} {of} has no recognised {what}{choices}."
            many = f"{len(lacking)} bands {of} have no recognised {what}: {which}{choices}."
            hint = f"Give the {what} in the table, or in the file name or band description as in B08_2021-05-01."
            hint += " croptransfer describe writes the table, --bands-from reads it."
            problems.append(InputError(code, one if len(lacking) == 1 else many, hint))
    wrong = [b for b in bands if b.date and not parse_iso_date(b.date)]
    if wrong:
        message = f"'{wrong[0].date}', the date of {_which(wrong[:1])} of the {role}, is not a date."
        problems.append(InputError("no-date", message, "Write dates as year, month and day: 2021-05-01."))
    return sorted(problems, key=lambda problem: problem.code == "no-band")


def _choices(bands: Sequence[StackBand]) -> str:
    """The dates between which the name of the first ambiguous band leaves the choice."""
    for band in bands[:SHOWN]:
        try:
            choices = band_date_choices(band)
        except InputError:
            continue  # reported among the problems of the files
        if choices:
            return f"; {file_name(band.path)} may be of {' or '.join(choices)}"
        if unit := _unknown_time_unit(band.path):
            return f"; the time axis of {file_name(band.path)} is in '{unit}', which is no known unit of time"
    return ""


def _unknown_time_unit(path: str) -> str:
    """The unit of the time axis of a cube's variable that cannot be read; empty where there is none."""
    tags = open_raster(path).GetMetadata() or {}
    units = [value for key, value in tags.items() if re.fullmatch(r"(?:t|times?|date|datetime)#units", key.lower())]
    return next((unit for unit in units if not is_time_unit(unit)), "")


def _duplicates(bands: Sequence[StackBand], role: str, tiles: Sequence[Sequence[str]]) -> list[InputError]:
    """A band and date that a tile has twice; different tiles are joined."""
    placed = {path for tile in tiles for path in tile}
    for tile in map(set, tiles or [[]]):
        seen: dict[tuple[str, str], StackBand] = {}
        # A quality band may come twice, as from a product and from a mask of one's own: what one of them hides is
        # hidden.
        for band in data_bands(bands):
            if not band.date or not band.band or (band.path in placed and band.path not in tile):
                continue
            first = seen.setdefault((band.date, band.band), band)
            if first is not band:
                message = f"The {role} has band {band.band} of {band.date} twice: {_which([first, band])}."
                hint = "Remove one of them, or join them first (Raster > Miscellaneous > Merge)."
                return [InputError("duplicate-band", message, hint)]
    return []


def _disjoint(grids: dict[str, Grid], tiles: Sequence[Sequence[str]], role: str) -> list[InputError]:
    """A file that neither overlaps nor touches the others."""
    alone = find_disjoint(grids, tiles) if tiles else None
    if alone is None:
        return []
    message = f"{file_name(alone)} of the {role} does not overlap {file_name(tiles[0][0])}."
    hint = "The files of one stack must cover the same place, or places side by side."
    return [InputError("grids-differ", message, hint)]


def _file_problems(bands: Sequence[StackBand], role: str) -> tuple[list[InputError], dict[str, Grid]]:
    """What is wrong with the files, and the grids of the good ones."""
    problems: list[InputError] = []
    grids: dict[str, Grid] = {}
    wanted: dict[str, list[int]] = {}
    empty = True
    for band in [*data_bands(bands), *bands]:
        wanted.setdefault(band.path, []).append(band.index)
    for path, indices in wanted.items():
        try:
            dataset = open_raster(path)
            grid = grid_of(dataset, path)
        except InputError as problem:
            problems.append(problem)
            continue
        none = [index for index in (min(indices), max(indices)) if not 1 <= index <= dataset.RasterCount]
        if none:
            message = f"{file_name(path)} has {dataset.RasterCount} bands and no band {none[-1]}."
            problems.append(InputError("no-such-band", message, "Read its bands again."))
            continue
        unreal = [i for i in indices if gdal.DataTypeIsComplex(dataset.GetRasterBand(i).DataType)]
        if unreal:
            message = f"Band {unreal[0]} of {file_name(path)} of the {role} holds complex numbers."
            hint = "Use the product with real values, such as backscatter or amplitude."
            problems.append(InputError("raster-type", message, hint))
        empty = empty and all(_never_written(dataset.GetRasterBand(i)) for i in indices)
        grids[path] = grid
    if empty and not problems:
        more = f" and {len(wanted) - 1} more files" if len(wanted) > 1 else ""
        message = f"The {role} raster {file_name(next(iter(wanted)))}{more} contains no data."
        problems = [InputError("stack-empty", message, "Export it again.")]
    return problems, grids


def _never_written(band: Any) -> bool:
    """Whether the file declares that no block of a band was ever written: known without reading it."""
    coverage, _ = call_gdal(
        lambda: band.GetDataCoverageStatus(0, 0, band.XSize, band.YSize, gdal.GDAL_DATA_COVERAGE_STATUS_DATA)
    )
    empty = coverage is not None and coverage[0] == gdal.GDAL_DATA_COVERAGE_STATUS_EMPTY
    # A virtual raster whose files are gone counts as empty, too: reading it reports which they are.
    return empty and not band.GetMetadata("vrt_sources")


def _which(bands: Sequence[StackBand]) -> str:
    return listed([f"band {b.index} of {file_name(b.path)}" for b in bands])
