"""The finished tiles of a map that is being made: a folder from which an interrupted job goes on.

Every tile is two small files, written under other names, brought to the disk and then renamed: whoever finds a tile
finds a whole one, whatever stopped the job. Workers of a cluster write into one folder, each tile once.
"""

from __future__ import annotations

import json
import os
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, unwritable
from ..imagery import Grid, Window
from ..imagery.maps.tile_file import read_tile, tile_name, write_tile
from .statistics import TileStatistics

if TYPE_CHECKING:
    from ..models.student import DistilledClassifier


JOURNAL = "journal.json"
MODEL = "model.safetensors"
STUDENT = "student.safetensors"


class TileStore:
    """The folder of one unfinished map.

    Parameters
    ----------
    folder : its path.
    grid : grid of the target, which the tiles are placed on.
    windows : all tiles of the map, in their order; the number of a tile is its place here.
    """

    def __init__(self, folder: Path, grid: Grid, windows: Sequence[Window]) -> None:
        self.folder, self.grid, self.windows = folder, grid, tuple(windows)

    def done(self) -> set[int]:
        """Numbers of the finished tiles."""
        names = {entry.name for entry in os.scandir(self.folder)}
        return {number for number in range(len(self.windows)) if self.raster(number).name in names}

    def raster(self, number: int) -> Path:
        """The raster of a tile: band 1 the class, band 2 the confidence in percent, as in the map."""
        return self.folder / tile_name(number)

    def write(self, number: int, classes: np.ndarray, percent: np.ndarray, statistics: TileStatistics) -> None:
        """Keep a finished tile; after this call it survives a power cut.

        Parameters
        ----------
        classes, percent : (h, w) uint8, 0 and 255 for nodata.

        Raises
        ------
        InputError
            ``output-unwritable``, naming the folder.
        """
        raster = self.raster(number)
        # Its own name: a tile that two workers of a cluster do at once is whole whichever comes last.
        part = raster.with_name(f".{raster.stem}.{uuid.uuid4().hex[:8]}.tif")
        try:
            counts = part.with_suffix(".npz")
            with counts.open("wb") as file:
                np.savez(file, **_arrays(statistics))
                file.flush()
                os.fsync(file.fileno())
            os.replace(counts, raster.with_suffix(".npz"))
            write_tile(str(part), self.grid, self.windows[number], classes, percent)
            to_disk(part)
            os.replace(part, raster)
        except OSError as fault:
            raise _unwritable(self.folder, fault) from fault

    def read(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Classes and percent (h, w) uint8 of a finished tile."""
        path = self.raster(number)
        try:
            return read_tile(str(path), self.windows[number])
        except OSError as fault:
            raise _damaged(self.folder, path, str(fault)) from fault

    def move(self, folder: Path) -> None:
        """Move all rasters into a new folder; they are no longer in the store then.

        Raises
        ------
        InputError
            ``output-unwritable``, naming the folder.
        """
        try:
            folder.mkdir()
            for number in range(len(self.windows)):
                os.replace(self.raster(number), folder / tile_name(number))
        except OSError as fault:
            raise _unwritable(folder, fault) from fault

    def statistics(self, number: int) -> TileStatistics:
        """The counts of a finished tile."""
        path = self.raster(number).with_suffix(".npz")
        try:
            with np.load(path, allow_pickle=False) as file:
                values: dict[str, Any] = {entry.name: file[entry.name] for entry in fields(TileStatistics)}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as fault:
            raise _damaged(self.folder, path, str(fault)) from fault
        counts: dict[str, Any] = {name: array if array.ndim else int(array) for name, array in values.items()}
        return TileStatistics(**counts)


def write_journal(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the journal of a store as a whole: what decides its map, JSON-ready. Raises OSError."""
    part = folder / f".{JOURNAL}"
    with part.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, folder / JOURNAL)


def read_journal(folder: Path) -> dict[str, Any] | None:
    """The journal of a store; None where it has none, or one that was never finished."""
    try:
        content = json.loads((folder / JOURNAL).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _arrays(statistics: TileStatistics) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in asdict(statistics).items()}


def to_disk(path: Path) -> None:
    """Bring a written file to the disk, so that it survives a power cut. Raises OSError."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _unwritable(folder: Path, fault: OSError) -> InputError:
    hint = "Check the free space and the permissions of the map's folder; finished tiles are kept."
    return unwritable(f"The unfinished map in {folder}", fault, hint)


def _damaged(folder: Path, path: Path, fault: str) -> InputError:
    # Without its raster a tile counts as not done.
    path.with_suffix(".tif").unlink(missing_ok=True)
    return InputError(
        "unfinished-damaged",
        f"The tile {path.name} of the unfinished map in {folder} cannot be read: {fault}.",
        "It was thrown away: resume the job, which then does this tile again.",
    )


def load_student(folder: Path, journal: dict[str, Any]) -> DistilledClassifier | None:
    """The student of an unfinished map, None where it has none; raises InputError (``unfinished-damaged``)."""
    pass
    from ..models.device import compute_device
    from ..models.student import DistilledClassifier

    if not journal["student"]:
        return None
    try:
        return DistilledClassifier.load(folder / STUDENT, compute_device())
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as fault:
        raise InputError(
            "unfinished-damaged",
            f"The unfinished run in {folder} cannot be read: {fault}.",
            "Delete this folder and start anew.",
        ) from fault
