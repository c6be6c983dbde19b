"""What is wrong with a stack, a pair of stacks or a place to write to, in words and before any pixel is read."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from osgeo import gdal

from ...errors import InputError, listed
from ...series.dates import parse_iso_date
from ..discovery.describe import band_date_choices
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, open_raster
from ..geo.grid import grid_of
from ..geo.types import Grid, StackBand
from ..sensors.quality_flags import data_bands
from .tiling import find_disjoint, group_tiles

UNFINISHED = "-0000.part.before.aux.xml"
"""As long as what comes behind the name of a file, and eight random letters, in those of its unfinished companions."""
SHOWN = 5
"""Bands whose names are looked at for what may be two dates."""


def stack_problems(bands: Sequence[StackBand], role: str) -> list[InputError]:
    """Everything wrong with the band table of one stack, the first thing to mend in front.

    Parameters
    ----------
    role : ``source`` or ``target``, for the messages.
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
        of_files += _apart(grids, tiles, role)
    except InputError as problem:
        of_files.append(problem)
    problems = _unrecognised(bands, role) + _duplicates(bands, role, tiles) + of_files
    if any(problem.code in ("no-date", "no-band") for problem in problems):
        return problems
    complete, left_out = complete_dates(bands)
    if len(complete) < max(1, len(left_out)):
        date, missing = next(iter(left_out.items()))
        problems.append(
            InputError(
                "date-incomplete",
                f"{len(left_out)} of the {len(complete) + len(left_out)} dates of the {role} lack a band: "
                f"{date} has no {listed(missing)}.",
                "Every date needs every band: add the missing rasters or take the odd bands out.",
            )
        )
    return problems


def writable_problems(path: str) -> list[InputError]:
    """Why a file cannot be written at ``path``; empty when it can. Leaves nothing behind."""
    folder = Path(path).absolute().parent
    if os.path.isdir(path):
        return [InputError("output-folder", f"{path} is a folder, not a file.", "Add a file name.")]
    if not os.path.isdir(folder):
        return [
            InputError("output-folder", f"The output folder {folder} does not exist.", "Create it or choose another.")
        ]
    try:
        path.encode("utf-8")
        # Asking for permissions is not enough: an administrator has them all, also on a read-only disk. And the
        # names of the unfinished files are longer than that of the file.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{Path(path).name}.", suffix=UNFINISHED):
            pass
    except UnicodeEncodeError:
        message = f"The name {path!r} holds letters that are not in UTF-8, which GDAL cannot write."
        return [InputError("output-name", message, "Choose another name.")]
    except OSError as fault:
        if fault.errno == errno.ENAMETOOLONG:
            message = f"The name {Path(path).name[:20]}... is too long."
            return [InputError("output-name", message, "Choose a shorter one.")]
        return [
            InputError(
                "output-folder",
                f"The output folder {folder} cannot be written to: {fault.strerror}.",
                "Choose another folder.",
            )
        ]
    if os.path.exists(path) and not os.access(path, os.W_OK):
        return [InputError("output-folder", f"The file {path} is write-protected.", "Choose another name.")]
    if os.path.exists(path):
        try:
            # Changes nothing, but fails on Windows while a program, such as QGIS with the earlier map, holds the file.
            os.rename(path, path)
        except OSError:
            hint = "Remove its layer or close the program that holds it, or choose another name."
            return [InputError("output-in-use", f"The file {path} is in use and cannot be replaced.", hint)]
    return []


def complete_dates(bands: Sequence[StackBand]) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """The dates that have every band of the stack, ascending, and what the others lack; quality bands do not count."""
    bands = data_bands(bands)
    names = list(dict.fromkeys(str(b.band) for b in bands))
    of_date: dict[str, set[str]] = {}
    for band in bands:
        of_date.setdefault(str(band.date), set()).add(str(band.band))
    missing = {date: [n for n in names if n not in of_date[date]] for date in sorted(of_date)}
    return tuple(d for d, lack in missing.items() if not lack), {d: lack for d, lack in missing.items() if lack}


def _unrecognised(bands: Sequence[StackBand], role: str) -> list[InputError]:
    problems = []
    undated = [b for b in bands if not b.date]
    if undated:
        problems.append(
            InputError(
                "no-date",
                f"B{_which(undated)[1:]} of the {role} has no recognised date{_choices(undated)}."
                if len(undated) == 1
                else f"{len(undated)} bands of the {role} have no recognised date: {_which(undated)}"
                f"{_choices(undated)}.",
                "Give the date in the table, or in the file name or band description as in B08_2021-05-01.",
            )
        )
    wrong = [b for b in bands if b.date and not parse_iso_date(b.date)]
    if wrong:
        problems.append(
            InputError(
                "no-date",
                f"'{wrong[0].date}', given for {_which(wrong[:1])} of the {role}, is no date.",
                "Write dates as year, month and day: 2021-05-01.",
            )
        )
    unnamed = [b for b in bands if not b.band]
    if unnamed:
        problems.append(
            InputError(
                "no-band",
                f"B{_which(unnamed)[1:]} of the {role} has no recognised band name."
                if len(unnamed) == 1
                else f"{len(unnamed)} bands of the {role} have no recognised band name: {_which(unnamed)}.",
                "Give the name in the table, or in the file name or band description as in B08_2021-05-01.",
            )
        )
    return problems


def _choices(bands: Sequence[StackBand]) -> str:
    """The dates between which a name leaves open which is meant, of the first such band."""
    for band in bands[:SHOWN]:
        try:
            choices = band_date_choices(band)
        except InputError:
            continue  # told among the faults of the files
        if choices:
            return f"; {file_name(band.path)} may be of {' or '.join(choices)}"
    return ""


def _duplicates(bands: Sequence[StackBand], role: str, tiles: Sequence[Sequence[str]]) -> list[InputError]:
    """A band and date that is there twice: of one place, for neighbouring tiles are joined."""
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
                hint = "Take one of them out, or join them first (Raster > Miscellaneous > Merge)."
                return [InputError("duplicate-band", message, hint)]
    return []


def _apart(grids: dict[str, Grid], tiles: Sequence[Sequence[str]], role: str) -> list[InputError]:
    """A file that neither overlaps nor touches the others."""
    alone = find_disjoint(grids, tiles) if tiles else None
    if alone is None:
        return []
    message = f"{file_name(alone)} of the {role} does not overlap {file_name(tiles[0][0])}."
    hint = "The files of one stack must cover the same place, or places side by side."
    return [InputError("grids-differ", message, hint)]


def _file_problems(bands: Sequence[StackBand], role: str) -> tuple[list[InputError], dict[str, Grid]]:
    """What is wrong with the files, and the grids of those that are well."""
    problems: list[InputError] = []
    grids: dict[str, Grid] = {}
    asked: dict[str, list[int]] = {}
    empty = True
    for band in [*data_bands(bands), *bands]:
        asked.setdefault(band.path, []).append(band.index)
    for path, indices in asked.items():
        try:
            dataset = open_raster(path)
            grid = grid_of(dataset, path)
        except InputError as problem:
            problems.append(problem)
            continue
        none = [index for index in (min(indices), max(indices)) if not 1 <= index <= dataset.RasterCount]
        if none:
            message = f"{file_name(path)} has {dataset.RasterCount} bands, but its band {none[-1]} is asked for."
            problems.append(InputError("no-such-band", message, "Read its bands again."))
            continue
        unreal = [i for i in indices if gdal.DataTypeIsComplex(dataset.GetRasterBand(i).DataType)]
        if unreal:
            message = f"Band {unreal[0]} of {file_name(path)} of the {role} holds complex numbers."
            hint = "Take the product with real values, such as backscatter or amplitude."
            problems.append(InputError("raster-type", message, hint))
        empty = empty and all(_never_filled(dataset.GetRasterBand(i)) for i in indices)
        grids[path] = grid
    if empty and not problems:
        more = f" and {len(asked) - 1} more files" if len(asked) > 1 else ""
        message = f"The {role} {file_name(next(iter(asked)))}{more} has a size but no data at all."
        problems = [InputError("stack-empty", message, "The file was begun and never filled: export it again.")]
    return problems, grids


def _never_filled(band: Any) -> bool:
    """Whether the file says that no block of a band was ever written: known without reading, however large it is."""
    coverage, _ = call_gdal(
        lambda: band.GetDataCoverageStatus(0, 0, band.XSize, band.YSize, gdal.GDAL_DATA_COVERAGE_STATUS_DATA)
    )
    empty = coverage is not None and coverage[0] == gdal.GDAL_DATA_COVERAGE_STATUS_EMPTY
    # A virtual raster whose files are gone counts as empty, too: reading it says which they are.
    return empty and not band.GetMetadata("vrt_sources")


def _which(bands: Sequence[StackBand]) -> str:
    return listed([f"band {b.index} of {file_name(b.path)}" for b in bands])
