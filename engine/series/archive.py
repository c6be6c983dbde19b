"""NumPy archives (``.npz``) read array by array: small arrays whole, large arrays by rows.

An uncompressed array (``np.savez``) is mapped into memory, a compressed one (``np.savez_compressed``) is read
through the decompressor; both block by block to their end, so that a million rows take no more memory than those
picked, and the checksum shows damage.
"""

from __future__ import annotations

import contextlib
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from ..errors import InputError

BLOCK_BYTES = 4 * 2**20
"""Bytes of an array that are looked at at once, about; at least one row."""
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    MemoryError,
)
"""Raised for archives that are truncated, damaged, locked, or claim more data than they hold."""
LOCAL_HEADER = 30
"""Bytes before the name in the header that a zip archive has in front of each member; the lengths of the name and of
what follows it are its last two numbers."""
ENCRYPTED = 1
"""Flag of a member of a zip archive."""


@dataclass(frozen=True)
class ArrayHeader:
    """What an array is, before its numbers are read."""

    shape: tuple[int, ...]
    """Length of each axis."""
    fortran: bool
    """Whether the first axis varies fastest in the file."""
    dtype: np.dtype[Any]
    """Type of its elements."""
    length: int
    """Bytes of the header itself."""


class Archive:
    """An opened ``.npz`` archive; close it, as with ``with``.

    Parameters
    ----------
    path : Path
        Path of the file.

    Raises
    ------
    InputError
        ``series-unreadable`` naming the file, here and in every method.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise InputError("series-unreadable", f"The series file {path} does not exist.", "Check the path.")
        with self._reading():
            with path.open("rb") as file:
                if file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
                    raise ValueError("it holds a single array")
            self._zip = zipfile.ZipFile(path)
        self._members = {info.filename.removesuffix(".npy"): info for info in self._zip.infolist()}
        self._headers: dict[str, ArrayHeader] = {}

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def header(self, key: str) -> ArrayHeader:
        """Read the shape and type of an array, and check that the archive has all its bytes.

        Parameters
        ----------
        key : str
            Name of the array in the archive.
        """
        if key not in self._headers:
            with self._reading(), self._open(key) as file:
                self._headers[key] = _header(file, key, self._members[key].file_size)
        return self._headers[key]

    def read(self, key: str) -> np.ndarray:
        """Read a whole array; ``key`` as of :meth:`Archive.header`."""
        self.header(key)
        with self._reading(), self._open(key) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    def rows(self, key: str, index: np.ndarray) -> np.ndarray:
        """Read some elements of the first axis of an array of numbers.

        Parameters
        ----------
        key : str
            Name of the array.
        index : (m,) int64
            Elements wanted, in any order.

        Returns
        -------
        (m, ...) float32
            The elements in the order of ``index``.
        """
        order = np.argsort(index, kind="stable")
        with self._reading():
            picked = np.empty((len(index), *self.header(key).shape[1:]), np.float32)
        begin = 0
        for block in self.row_blocks(key, index[order]):
            picked[order[begin : begin + len(block)]] = block
            begin += len(block)
        return picked

    def row_blocks(self, key: str, index: np.ndarray) -> Iterator[np.ndarray]:
        """Read as :meth:`rows`, a block at a time.

        Parameters
        ----------
        key : str
            Name of the array.
        index : (m,) int64
            Elements wanted, ascending.

        Yields
        ------
        (b, ...) float32
        """
        first, *rest = self.header(key).shape
        with self._reading():
            if self.header(key).fortran:
                # Block by block come whole planes: all elements of the first axis at one place of the others.
                picked = np.empty((len(index), *rest), np.float32)
                axes, planes = tuple(rest[::-1]), picked.T
                for start, block in self._blocks(key, math.prod(rest), first):
                    planes[np.unravel_index(np.arange(start, start + len(block)), axes)] = block[:, index]
                yield picked
                return
            for start, block in self._blocks(key, first, math.prod(rest)):
                low, high = np.searchsorted(index, (start, start + len(block)))
                if low < high:
                    yield block[index[low:high] - start].astype(np.float32).reshape(high - low, *rest)

    def _blocks(self, key: str, rows: int, width: int) -> Iterator[tuple[int, np.ndarray]]:
        """An array as a table of ``rows`` by ``width``: number of the first row and (b, width) of each block of it."""
        header, info = self.header(key), self._members[key]
        row_bytes = width * header.dtype.itemsize
        step = max(1, BLOCK_BYTES // max(1, row_bytes))
        if info.compress_type == zipfile.ZIP_STORED:
            yield from self._mapped(key, rows, width, step)
            return
        with self._open(key) as file:
            file.read(header.length)
            for start in range(0, rows, step):
                count = min(step, rows - start)
                data = file.read(count * row_bytes)
                if len(data) < count * row_bytes:
                    raise EOFError(f"{key} is cut off")
                yield start, np.frombuffer(data, header.dtype).reshape(count, width)
            # The checksum is compared at the end.
            while file.read(BLOCK_BYTES):
                pass

    def _mapped(self, key: str, rows: int, width: int, step: int) -> Iterator[tuple[int, np.ndarray]]:
        """As :meth:`_blocks`, of a member that is not compressed.

        Each block has a map of its own, since the pages of one map would stay in memory until its end.
        """
        header, info = self.header(key), self._members[key]
        with self.path.open("rb") as file:
            file.seek(info.header_offset)
            lengths = struct.unpack("<HH", file.read(LOCAL_HEADER)[-4:])
            begin = info.header_offset + LOCAL_HEADER + sum(lengths)
            file.seek(begin)
            checksum = zlib.crc32(file.read(header.length))
            place = begin + header.length
            for start in range(0, rows if width else 0, step):
                count = min(step, rows - start)
                block: np.ndarray = np.memmap(file, header.dtype, "r", place, (count, width))
                checksum = zlib.crc32(block.data, checksum)
                yield start, block
                place += block.nbytes
                del block
            file.seek(place)
            while more := file.read(min(BLOCK_BYTES, begin + info.file_size - file.tell())):
                checksum = zlib.crc32(more, checksum)
        if checksum != info.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file '{info.filename}'")

    def _open(self, key: str) -> IO[bytes]:
        info = self._members[key]
        if info.flag_bits & ENCRYPTED:
            raise ValueError(f"{key} is encrypted")
        return self._zip.open(info)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as fault:
            reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else fault
            raise InputError(
                "series-unreadable",
                f"The series file {self.path} cannot be read: {reason}.",
                "A series file is a NumPy .npz archive with the keys X, doy and bands.",
            ) from fault


def _header(file: IO[bytes], key: str, size: int) -> ArrayHeader:
    """Read the header of an array of ``size`` bytes in all; raises ValueError where it claims to hold more."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"{key} is an array of format {version[0]}.{version[1]}, which numbers and names never need")
    length = file.tell()
    if dtype.hasobject:
        raise ValueError(f"{key} holds Python objects, which are never loaded")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size - length:
        raise ValueError(f"{key} claims {math.prod(shape):,} elements, more than there are")
    return ArrayHeader(shape, fortran, dtype, length)
