"""Rasters as plain values: a band of a stack, a pixel grid, a window of it."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: the column and row of its first pixel and its size."""

    column: int
    row: int
    width: int
    height: int
