"""The finished tiles of an unfinished map: a folder from which an interrupted job is resumed.

Every tile is two small files, written under other names, flushed to the disk and then renamed: a tile that is there is
complete, however the job stopped. Workers of a cluster write into one folder, each tile once.
"""

from __future__ import annotations

import json
import os
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, unwritable
from ..imagery import Grid, Window
from ..imagery.maps.tile_file import read_tile, tile_name, write_tile
from .statistics import MapStatistics

if TYPE_CHECKING:
    from ..models.student import DistilledClassifier


JOURNAL = "journal.json"
MODEL = "model.safetensors"
STUDENT = "student.safetensors"


class TileStore:
    """The folder of one unfinished map.

    Parameters
    ----------
    folder : Path
        An existing folder.
    grid : Grid
        Grid of the target.
    windows : sequence of Window
        All tiles of the map; the number of a tile is its position here, from 0.
    """

    def __init__(self, folder: Path, grid: Grid, windows: Sequence[Window]) -> None:
        self.folder, self.grid, self.windows = folder, grid, tuple(windows)

    def finished(self) -> set[int]:
        """Numbers of the finished tiles."""
        names = {entry.name for entry in os.scandir(self.folder)}
        return {number for number in range(len(self.windows)) if tile_name(number) in names}

    def raster_path(self, number: int) -> Path:
        """The raster of a tile: band 1 the class, band 2 the confidence in percent, as in the map.

        Parameters
        ----------
        number : int
            Of the tile.
        """
        return self.folder / tile_name(number)

    def write(self, number: int, classes: np.ndarray, percent: np.ndarray, statistics: MapStatistics) -> None:
        """Keep a finished tile; after this call it survives a power cut.

        Parameters
        ----------
        number : int
            Of the tile.
        classes, percent : ndarray (h, w) of uint8
            0 and 255 for nodata.
        statistics : MapStatistics
            Its counts.

        Raises
        ------
        InputError
            ``output-unwritable``, naming the folder.
        """
        raster = self.raster_path(number)
        # A name of its own: if two workers of a cluster write the same tile, it is complete whichever comes last.
        part = raster.with_name(f".{raster.stem}.{uuid.uuid4().hex[:8]}.tif")
        counts = part.with_suffix(".npz")
        try:
            np.savez(counts, **vars(statistics))
            _put(counts, raster.with_suffix(".npz"))
            write_tile(str(part), self.grid, self.windows[number], classes, percent)
            _put(part, raster)
        except OSError as fault:
            raise _unwritable(self.folder, fault) from fault

    def read(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Read a finished tile.

        Parameters
        ----------
        number : int
            Of the tile.

        Returns
        -------
        classes, percent : ndarray (h, w) of uint8
            As written.

        Raises
        ------
        InputError
            ``unfinished-damaged``; the tile no longer counts as finished then.
        """
        path = self.raster_path(number)
        try:
            return read_tile(str(path), self.windows[number])
        except OSError as fault:
            raise self._damaged(path, fault) from fault

    def statistics(self, number: int) -> MapStatistics:
        """Read the counts of a finished tile; ``number`` as of :meth:`TileStore.read`, which raises the same."""
        path = self.raster_path(number).with_suffix(".npz")
        try:
            with np.load(path, allow_pickle=False) as file:
                return MapStatistics.from_arrays(file)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as fault:
            raise self._damaged(path, fault) from fault

    def move_rasters(self, folder: Path) -> None:
        """Move all rasters out of the store into a new folder.

        Parameters
        ----------
        folder : Path
            Does not exist yet.

        Raises
        ------
        InputError
            ``output-unwritable``, naming the folder.
        """
        try:
            folder.mkdir()
            for number in range(len(self.windows)):
                os.replace(self.raster_path(number), folder / tile_name(number))
        except OSError as fault:
            raise _unwritable(folder, fault) from fault

    def _damaged(self, path: Path, fault: Exception) -> InputError:
        # Without its raster a tile counts as not done.
        path.with_suffix(".tif").unlink(missing_ok=True)
        return InputError(
            "unfinished-damaged",
            f"The tile {path.name} of the unfinished map in {self.folder} cannot be read: {fault}.",
            "The tile is deleted. Resume the job to map it again.",
        )


def write_journal(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the journal of a store: what determines its map.

    Parameters
    ----------
    folder : Path
        Of the store.
    content : Mapping
        JSON-ready.

    Raises
    ------
    OSError
        Where it cannot be written; a journal that was there stays as it is.
    """
    part = folder / f".{JOURNAL}"
    part.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
    _put(part, folder / JOURNAL)


def read_journal(folder: Path) -> dict[str, Any] | None:
    """Read the journal of a store.

    Parameters
    ----------
    folder : Path
        Of the store.

    Returns
    -------
    dict or None
        None where it has none, or an incomplete one.
    """
    try:
        content = json.loads((folder / JOURNAL).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def flush_to_disk(path: Path) -> None:
    """Flush a written file to the disk, so that it survives a power cut; raises OSError where the disk fails.

    Parameters
    ----------
    path : Path
        The file.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def load_student(folder: Path, journal: dict[str, Any]) -> DistilledClassifier | None:
    """Load the student of an unfinished map.

    Parameters
    ----------
    folder : Path
        Of the store.
    journal : dict
        Of the store; says whether there is a student.

    Returns
    -------
    DistilledClassifier or None
        None where the full model classifies every pixel.

    Raises
    ------
    InputError
        ``unfinished-damaged``, naming the folder.
    """
    from ..models.device import compute_device
    from ..models.student import DistilledClassifier

    if not journal["student"]:
        return None
    try:
        return DistilledClassifier.load(folder / STUDENT, compute_device())
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as fault:
        raise InputError(
            "unfinished-damaged",
            f"The file {STUDENT} of the unfinished map in {folder} cannot be read: {fault}.",
            "Delete this folder and start the job again.",
        ) from fault


def _put(part: Path, path: Path) -> None:
    """Give a complete file its name, once it is on the disk."""
    flush_to_disk(part)
    os.replace(part, path)


def _unwritable(folder: Path, fault: OSError) -> InputError:
    hint = "Check the free space and the permissions of the map's folder; finished tiles are kept."
    return unwritable(f"The unfinished map in {folder}", fault, hint)
