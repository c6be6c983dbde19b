"""Rasters as plain values: a band of a stack, a pixel grid, a window of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NO_NODATA = "none"
"""As a nodata value: every number is an observation, whatever the file declares."""


@dataclass(frozen=True)
class Encoding:
    """How the numbers of raster bands encode values, as a person gives it; None: as the files and their product say."""

    nodata: str | None = None
    """Stored numbers that mean no observation, as text with blanks between; ``none`` where every number is one."""
    scale: float | None = None
    """Value = stored number * scale + offset; a scale without an offset has the offset 0."""
    offset: float | None = None
    """In the unit of the value; without a scale, the scale is that of the file."""

    @property
    def nodata_numbers(self) -> tuple[float, ...]:
        """The nodata values; empty where there is none or none is given."""
        return () if self.nodata in (None, NO_NODATA) else tuple(map(float, str(self.nodata).split()))

    def over(self, other: Encoding | None) -> Encoding:
        """The encoding with what it leaves open taken from another.

        Parameters
        ----------
        other : Encoding or None
        """
        if other is None:
            return self
        nodata = other.nodata if self.nodata is None else self.nodata
        if self.scale is not None:
            return Encoding(nodata, self.scale, self.offset)
        return Encoding(nodata, other.scale, other.offset if self.offset is None else self.offset)


@dataclass(frozen=True)
class StackBand:
    """One raster band of a stack, as recognised from its file or corrected by a person."""

    path: str
    """The file, or any name GDAL opens."""
    index: int
    """Number of the band in that file, from 1."""
    date: str | None
    """ISO date ``YYYY-MM-DD``; None when not recognised."""
    band: str | None
    """Name of the spectral band, such as ``B08`` or ``NDVI``; None when not recognised."""
    encoding: Encoding | None = None
    """How its numbers encode values, where a person says so."""


@dataclass(frozen=True)
class Grid:
    """The pixel grid of a raster."""

    width: int
    """Columns."""
    height: int
    """Rows."""
    transform: tuple[float, float, float, float, float, float]
    """GDAL geotransform: x of the upper left corner, pixel width, rotation, y, rotation, -pixel height."""
    crs: str
    """Coordinate reference system as WKT; empty when unknown."""


class Window(NamedTuple):
    """A rectangle of pixels, in the order in which GDAL takes it."""

    column: int
    """Column of its first pixel."""
    row: int
    """Row of its first pixel."""
    width: int
    """Columns."""
    height: int
    """Rows."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, as NumPy counts them."""
        return self.height, self.width

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height
