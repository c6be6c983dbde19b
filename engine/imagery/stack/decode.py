"""Raster bands as GDAL reads them fastest, one plane behind the other, turned into series of values pixel by pixel.

Beside GDAL, most of the time of reading is spent here: numbers of 8 and 16 bits become values by a table, and planes
become series in pieces that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

PIECE = 250
"""Pixels turned at once; no power of two, for then all planes would compete for the same lines of the cache."""
TABLE_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.int16))


class BandEncoding(NamedTuple):
    """How the numbers of a raster band encode values."""

    nodata: tuple[float, ...]
    """Stored numbers that mean no observation."""
    scale: float
    offset: float


def decode_values(stored: np.ndarray, encoding: BandEncoding) -> np.ndarray:
    """Decode stored numbers.

    Parameters
    ----------
    stored : ndarray, any shape and real type
    encoding : BandEncoding

    Returns
    -------
    ndarray of float32, the same shape
        NaN for nodata and for infinite numbers.
    """
    number: type[np.floating] = np.float32 if np.can_cast(stored.dtype, np.float32) else np.float64
    values: np.ndarray = stored.astype(number)
    for nodata in encoding.nodata:
        # NaN stays NaN; a number beyond the type is infinite, which is hidden below.
        with np.errstate(over="ignore"):
            values[values == number(nodata)] = np.nan
    if stored.dtype.kind == "f":
        values[np.isinf(values)] = np.nan
    if encoding.scale != 1:
        values *= number(encoding.scale)
    if encoding.offset:
        values += number(encoding.offset)
    return values.astype(np.float32, copy=False)


def fill_series(planes: np.ndarray, encodings: Sequence[BandEncoding], out: np.ndarray, columns: Sequence[int]) -> None:
    """Write the values of planes into series.

    Parameters
    ----------
    planes : ndarray, shape (b, n)
        Stored numbers.
    encodings : sequence of BandEncoding, length b
    out : ndarray of float32, shape (n, k)
        Row by row without gaps in memory.
    columns : sequence of int, length b
        Ascending: which column of ``out`` each plane fills.
    """
    kinds = list(dict.fromkeys(encodings))
    rows_of = [np.array([i for i, encoding in enumerate(encodings) if encoding == kind]) for kind in kinds]
    all_columns = len(columns) == out.shape[1]
    by_table = planes.dtype in TABLE_TYPES
    tables = [_table(planes.dtype, kind) for kind in kinds] if by_table else []
    codes = planes.view(np.uint16) if planes.dtype == np.int16 else planes
    piece = np.empty((min(PIECE, planes.shape[1]), len(columns)), np.float32)
    for start in range(0, planes.shape[1], PIECE):
        # A copy first: the planes are far apart in memory.
        part = codes[:, start : start + PIECE].copy()
        target = out[start : start + PIECE] if all_columns else piece[: part.shape[1]]
        if by_table and len(kinds) == 1:
            np.take(tables[0], np.ascontiguousarray(part.T), out=target, mode="clip")
        elif len(kinds) == 1:
            target[...] = decode_values(part, kinds[0]).T
        else:
            for number, rows in enumerate(rows_of):
                own = tables[number][part[rows]] if by_table else decode_values(part[rows], kinds[number])
                target[:, rows] = own.T
        if not all_columns:
            out[start : start + PIECE, columns] = target


@lru_cache(maxsize=512)
def _table(dtype: np.dtype, encoding: BandEncoding) -> np.ndarray:
    """float32 value of every number that a type of 8 or 16 bits can hold, by its bits."""
    codes = np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}")
    return decode_values(codes.view(dtype), encoding)


class BufferCache:
    """Memory that is used for one window after another."""

    def __init__(self) -> None:
        self._of: dict[str, np.ndarray] = {}

    def array(self, use: str, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """An uninitialised array; the earlier one of the same use is overwritten.

        Parameters
        ----------
        use : str
            Key of the memory.
        shape : tuple of int
        dtype : numpy type
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if use not in self._of or self._of[use].nbytes < size:
            self._of[use] = np.empty(size, np.uint8)
        return self._of[use][:size].view(dtype).reshape(shape)
