"""Rasters as plain values: a band of a stack, a pixel grid, a window of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


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
