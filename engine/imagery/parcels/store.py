"""Parcels on the grid of a stack, kept in a scratch file: their shapes by place, and the class of each.

A country has more parcels than fit in memory. The scratch file (SQLite) hands them out by the tiles of the grid:
each once in the tile that holds its middle, to classify it, or again in every tile it touches, to draw it.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple

from osgeo import ogr

from ...errors import InputError, unwritable
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name
from ..geo.grid import box_bounds
from ..geo.types import Grid, Window
from ..geo.windows import bounding_window

AT_ONCE = 1000
"""Maximum number of parcels in memory."""
TABLES = """
CREATE TABLE parcel (number INTEGER PRIMARY KEY, tile INTEGER, along INTEGER,
    left INTEGER, top INTEGER, width INTEGER, height INTEGER, area REAL, shape BLOB);
CREATE TABLE touch (tile INTEGER, number INTEGER, PRIMARY KEY (tile, number)) WITHOUT ROWID;
CREATE TABLE decision (number INTEGER PRIMARY KEY, crop INTEGER, confidence REAL, second INTEGER,
    second_confidence REAL, agreement REAL, pixels INTEGER);
"""


@dataclass(frozen=True)
class Parcel:
    """One parcel on the grid."""

    number: int
    """Its position in its layer, from 1."""
    shape: Any
    """OGR geometry in the CRS of the grid: a polygon, single or multiple, or a point."""
    box: Window
    """The pixels it may touch."""


class Decision(NamedTuple):
    """What is known about one parcel that has an observed pixel."""

    number: int
    """Position of the parcel in its layer, from 1."""
    crop: int
    """Index of its class."""
    confidence: float
    """Probability of that class, in percent."""
    second: int | None
    """Index of the class that comes next; None where the model knows only one."""
    second_confidence: float | None
    """Its probability, in percent."""
    agreement: float
    """Share of the parcel's pixels that alone would be of its class, in percent."""
    pixels: int
    """Pixels that count: observed ones, inside the mask."""


class ParcelStore:
    """Parcels and decisions in a scratch file, which goes when it is closed.

    Parameters
    ----------
    path : str
        Of the scratch file.
    grid : Grid
        Of the stack.
    tiles : sequence of Window
        They cover the grid row by row, all of one size but the last ones of a row and column.

    Attributes
    ----------
    count : int
        Number of parcels on the grid.

    Raises
    ------
    InputError
        ``output-unwritable`` where the disk does not take the file.
    """

    def __init__(self, path: str, grid: Grid, tiles: Sequence[Window]) -> None:
        self.path, self.grid, self.tiles = path, grid, tiles
        self.count = 0
        self._across = -(-grid.width // tiles[0].width)
        try:
            self._base = sqlite3.connect(path, isolation_level=None)
            # It is of no use after a crash, so nothing has to be safe from one.
            self._base.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + TABLES + "BEGIN;")
        except sqlite3.Error as fault:
            raise self._unwritable(fault) from fault

    def __enter__(self) -> ParcelStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()
        os.remove(self.path)
        if isinstance(fault, sqlite3.Error):
            raise self._unwritable(fault) from fault

    def add(self, number: int, shape: Any) -> bool:
        """Store a polygon.

        Parameters
        ----------
        number : int
            Its position in the layer, from 1.
        shape : ogr.Geometry
            In the CRS of the grid.

        Returns
        -------
        bool
            False for one outside the grid, which is not stored.
        """
        box = self.box_of(shape)
        if box is None:
            return False
        tile = self.tiles[0]
        middle = self._tile_of(box.column + box.width // 2, box.row + box.height // 2)
        # Along a tile's longer side, those that are taken together are close together.
        along = box.column if tile.width > tile.height else box.row
        values = (number, middle, along, *box, shape.GetArea(), _bytes(shape))
        self._base.execute("INSERT INTO parcel VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        self._base.executemany("INSERT INTO touch VALUES (?, ?)", ((one, number) for one in self.tiles_of(box)))
        self.count += 1
        return True

    def finish(self) -> None:
        """Make ready to hand out what was added."""
        self._base.execute("CREATE INDEX place ON parcel (tile, along, number)")

    def groups(self, pixels: int) -> Iterator[list[Parcel]]:
        """Neighbouring parcels with a common window; a parcel too large for it comes alone.

        Parameters
        ----------
        pixels : int
            Pixels of the window, at most.
        """
        rows = self._base.execute(
            "SELECT number, left, top, width, height, shape, tile FROM parcel ORDER BY tile, along, number"
        )
        group: list[Parcel] = []
        common, last = self.tiles[0], -1
        for *columns, tile in rows:
            parcel = _parcel(*columns)
            window = bounding_window([common, parcel.box]) if group else parcel.box
            if group and (tile != last or len(group) == AT_ONCE or window.pixels > pixels):
                yield group
                group, window = [], parcel.box
            group.append(parcel)
            common, last = window, tile
        if group:
            yield group

    def touching(self, tile: int) -> Iterator[list[tuple[Parcel, int | None, float]]]:
        """The parcels that may touch a tile, in their order, a list at a time.

        Parameters
        ----------
        tile : int
            Position of the tile.

        Yields
        ------
        list of (Parcel, int or None, float)
            Each with its class and confidence.
        """
        rows = self._base.execute(
            "SELECT number, left, top, width, height, shape, crop, confidence FROM touch JOIN parcel USING (number) "
            "LEFT JOIN decision USING (number) WHERE touch.tile = ? ORDER BY number",
            (tile,),
        )
        while part := rows.fetchmany(AT_ONCE):
            yield [(_parcel(*columns), crop, confidence) for *columns, crop, confidence in part]

    def tiles_of(self, box: Window) -> Iterator[int]:
        """Positions of the tiles that a box touches, row by row.

        Parameters
        ----------
        box : Window
        """
        first = self._tile_of(box.column, box.row)
        across = self._tile_of(box.column + box.width - 1, box.row) - first + 1
        last = self._tile_of(box.column, box.row + box.height - 1)
        for row in range(first, last + 1, self._across):
            yield from range(row, row + across)

    def replace_shape(self, parcel: Parcel) -> None:
        """Store another shape of a parcel, within its box.

        Parameters
        ----------
        parcel : Parcel
            With the new shape.
        """
        self._base.execute("UPDATE parcel SET shape = ? WHERE number = ?", (_bytes(parcel.shape), parcel.number))

    def add_decisions(self, decisions: Iterable[Decision]) -> None:
        """Store the classes of parcels.

        Parameters
        ----------
        decisions : iterable of Decision
        """
        self._base.executemany("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?)", decisions)

    def decisions(self) -> Iterator[Decision]:
        """All decisions, in the order of the parcels."""
        for row in self._base.execute("SELECT * FROM decision ORDER BY number"):
            yield Decision(*row)

    def by_class(self) -> dict[int, tuple[int, float]]:
        """Number of parcels and their area (square units of the grid's CRS) of each class that has any."""
        rows = self._base.execute(
            "SELECT crop, count(*), sum(area) FROM decision JOIN parcel USING (number) GROUP BY crop"
        )
        return {crop: (count, area) for crop, count, area in rows}

    def _tile_of(self, column: int, row: int) -> int:
        return row // self.tiles[0].height * self._across + column // self.tiles[0].width

    def box_of(self, shape: Any) -> Window | None:
        """The pixels of the grid that a shape may touch; None for none.

        Parameters
        ----------
        shape : ogr.Geometry
            In the CRS of the grid.
        """
        bounds = box_bounds(shape.GetEnvelope(), self.grid)
        if bounds is None:
            return None
        first_column, first_row, last_column, last_row = bounds
        left, top = max(math.floor(first_column), 0), max(math.floor(first_row), 0)
        right = min(max(math.ceil(last_column), math.floor(first_column) + 1), self.grid.width)
        bottom = min(max(math.ceil(last_row), math.floor(first_row) + 1), self.grid.height)
        return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None

    def _unwritable(self, fault: sqlite3.Error) -> InputError:
        return unwritable(f"The scratch file {file_name(self.path)} of the parcels", fault)


def inner_point(shape: Any) -> Any:
    """A point inside a polygon.

    Parameters
    ----------
    shape : ogr.Geometry
    """
    point, _ = call_gdal(shape.PointOnSurface)
    return shape.Centroid() if point is None or point.IsEmpty() else point


def _bytes(shape: Any) -> bytes:
    return bytes(shape.ExportToWkb())


def _parcel(number: int, left: int, top: int, width: int, height: int, shape: bytes) -> Parcel:
    return Parcel(number, ogr.CreateGeometryFromWkb(shape), Window(left, top, width, height))
