"""One file of a stack: which of its bands are wanted, and how their numbers become values with gaps."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name, open_raster
from ..geo.grid import grid_of
from ..geo.types import Encoding, StackBand, Window
from ..geo.vrt_sources import sources_of
from ..geo.windows import read_window
from ..sensors.product_scaling import StoredValues, stored_values
from .decode import BandEncoding, fill_series

TYPES = {
    gdal.GDT_Byte: np.uint8,
    gdal.GDT_UInt16: np.uint16,
    gdal.GDT_Int16: np.int16,
    gdal.GDT_UInt32: np.uint32,
    gdal.GDT_Int32: np.int32,
    gdal.GDT_Float32: np.float32,
}
"""NumPy types by GDAL's; what is not there is read as Float64."""
INTO_BUFFER = "buf_obj" in inspect.signature(gdal.Dataset.ReadRaster).parameters
"""Whether GDAL's Python can read into memory that is there already (from 3.3 on)."""


@dataclass(frozen=True)
class FileBand:
    """A raster band of a stack file, and where its values go."""

    index: int
    """Number of the band in the file, from 1."""
    date: int
    """Position of its date in the stack."""
    band: int
    """Position of its band name in the stack."""
    nodata: tuple[float, ...]
    """Stored numbers that mean no observation: by the file, its product, or a person."""
    stored: StoredValues
    """Scale and offset, as far as the file or its product says."""
    data_type: int
    """GDAL data type."""
    given: Encoding | None = None
    """What a person says of its numbers."""


class RasterFile:
    """The wanted bands of one raster file.

    Parameters
    ----------
    path : str
        The file, or any name GDAL opens.
    bands : sequence of StackBand
        Its bands that belong to the stack.
    dates, names : sequence of str
        Dates and band names of the stack, for the positions.
    opened : callable
        Gives the open dataset of a path (the stack keeps only a few of them open).

    Attributes
    ----------
    grid : Grid
    block_size : tuple of int
        Columns and rows of its blocks.
    bands : list of FileBand
    masked : bool
        Whether a mask or alpha band says what was observed.
    data_type : int
        GDAL type in which its planes are read.
    dtype : numpy.dtype
        The same for NumPy.
    """

    def __init__(
        self,
        path: str,
        bands: Sequence[StackBand],
        dates: Sequence[str],
        names: Sequence[str],
        opened: Callable[[str], Any],
    ) -> None:
        self.path = path
        self._opened = opened
        dataset = opened(path)
        self.grid = grid_of(dataset, path)
        first = dataset.GetRasterBand(bands[0].index)
        self.block_size: tuple[int, int] = tuple(first.GetBlockSize())
        tags = dataset.GetMetadata() or {}
        self.bands = [
            _file_band(dataset, path, tags, wanted, (dates.index(wanted.date), names.index(wanted.band)), opened)
            for wanted in bands
        ]
        self._alpha = _alpha_of(dataset)
        flags = first.GetMaskFlags()
        self.masked = self._alpha is not None or not flags & (gdal.GMF_ALL_VALID | gdal.GMF_NODATA)
        self._one_mask = self._alpha is not None or bool(flags & gdal.GMF_PER_DATASET)
        types = {band.data_type for band in self.bands}
        self.data_type = types.pop() if len(types) == 1 and types <= {*TYPES} else gdal.GDT_Float64
        self.dtype = np.dtype(TYPES.get(self.data_type, np.float64))

    def read_planes(self, window: Window, bands: Sequence[FileBand], out: np.ndarray) -> None:
        """Read a window of the file's own grid as it is stored.

        Parameters
        ----------
        window : Window
        bands : sequence of FileBand
        out : ndarray of ``dtype``, shape (b, h, w)
            Is filled; one plane behind the other in memory.

        Raises
        ------
        InputError
            ``raster-unreadable``, naming the band.
        """
        indices = [band.index for band in bands]
        data, fault = self._read_raster(window, indices, **({"buf_obj": out} if INTO_BUFFER else {}))
        if data is None:
            for index in indices:
                data, own_fault = self._read_raster(window, [index])
                if data is None:
                    raise unreadable_error(f"Band {index}", self.path, own_fault)
            raise unreadable_error(f"Bands {indices[0]} to {indices[-1]}", self.path, fault)
        if not INTO_BUFFER:
            out[...] = np.frombuffer(data, self.dtype).reshape(out.shape)

    def _read_raster(self, window: Window, indices: list[int], **into: np.ndarray) -> tuple[Any, str]:
        dataset = self._opened(self.path)
        return call_gdal(lambda: dataset.ReadRaster(*window, buf_type=self.data_type, band_list=indices, **into))

    def read(self, window: Window, bands: Sequence[FileBand], scaling: Sequence[tuple[float, float]]) -> np.ndarray:
        """Read values in a window of the file's own grid.

        Parameters
        ----------
        window : Window
        bands : sequence of FileBand, length b
        scaling : sequence of (float, float), length b
            Scale and offset of each band.

        Returns
        -------
        ndarray of float32, shape (h, w, b)
            NaN for gaps.
        """
        planes = np.empty((len(bands), *window.shape), self.dtype)
        self.read_planes(window, bands, planes)
        values = np.empty((*window.shape, len(bands)), np.float32)
        encodings = [BandEncoding(band.nodata, *scale) for band, scale in zip(bands, scaling)]
        fill_series(planes.reshape(len(bands), -1), encodings, values.reshape(-1, len(bands)), range(len(bands)))
        self.hide(values, window, bands, range(len(bands)))
        return values

    def hide(self, values: np.ndarray, window: Window, bands: Sequence[FileBand], columns: Sequence[int]) -> None:
        """Make gaps of what the mask or alpha band hides.

        Parameters
        ----------
        values : ndarray of float32, shape (h, w, k)
            Becomes NaN where a pixel is hidden.
        window : Window
        bands : sequence of FileBand
        columns : sequence of int
            Which of the k columns each band fills.
        """
        if not self.masked:
            return
        if self._one_mask:
            row, column = np.nonzero(self._hidden(bands[0].index, window))
            values[row[:, None], column[:, None], np.asarray(columns)] = np.nan
            return
        for position, band in zip(columns, bands):
            values[:, :, position][self._hidden(band.index, window)] = np.nan

    def _hidden(self, index: int, window: Window) -> np.ndarray:
        """(h, w) bool: where the mask (or alpha) of a band hides it."""
        dataset = self._opened(self.path)
        mask = dataset.GetRasterBand(index).GetMaskBand() if self._alpha is None else dataset.GetRasterBand(self._alpha)
        shown, fault = read_window(mask, window, np.uint8)
        if shown is None:
            raise unreadable_error(f"The mask of band {index}", self.path, fault)
        return shown == 0


def unreadable_error(what: str, path: str, fault: str) -> InputError:
    """The error for a band that cannot be read.

    Parameters
    ----------
    what : str
        The band or mask, as the subject of a sentence.
    path : str
    fault : str
        GDAL's message.
    """
    return InputError(
        "raster-unreadable",
        f"{what} of the raster {file_name(path)} cannot be read: {fault}.",
        "The file may be cut off or damaged: download or export it again.",
    )


def _file_band(
    dataset: Any,
    path: str,
    tags: Mapping[str, str],
    wanted: StackBand,
    position: tuple[int, int],
    opened: Callable[[str], Any],
) -> FileBand:
    band = dataset.GetRasterBand(wanted.index)
    given = wanted.encoding or Encoding()
    stored = stored_values(band, path, str(wanted.band), {**tags, **(band.GetMetadata() or {})})
    if not stored.certain:
        stored = _values_behind(sources_of(dataset, wanted.index, path)[:1], str(wanted.band), opened) or stored
    if given.scale is not None:
        stored = StoredValues((given.scale, given.offset or 0.0), fill=stored.fill)
    nodata = band.GetNoDataValue()
    nodata = stored.fill if nodata is None else nodata
    hidden = given.nodata_numbers if given.nodata else () if nodata is None or np.isnan(nodata) else (nodata,)
    return FileBand(wanted.index, *position, hidden, stored, band.DataType, wanted.encoding)


def _values_behind(sources: Sequence[tuple[str, int]], name: str, opened: Callable[[str], Any]) -> StoredValues | None:
    """What the file behind a band of a VRT says of its numbers: a VRT is not named after its product."""
    for path, index in sources:
        try:
            dataset = opened(path)
        except InputError:
            break  # reported when the VRT is read
        if index <= dataset.RasterCount:
            band = dataset.GetRasterBand(index)
            return stored_values(band, path, name, {**(dataset.GetMetadata() or {}), **(band.GetMetadata() or {})})
    return None


def _alpha_of(dataset: Any) -> int | None:
    """Number of the alpha band: GDAL itself takes it for a mask only where there are 1 or 3 bands beside it."""
    numbers = range(dataset.RasterCount, 0, -1)
    return next((n for n in numbers if dataset.GetRasterBand(n).GetColorInterpretation() == gdal.GCI_AlphaBand), None)


MIN_OPEN = 8
"""Datasets that a thread may keep open, however many threads there are."""


@contextmanager
def bounded_cache(max_bytes: int) -> Iterator[None]:
    """Limit GDAL's cache of blocks inside a ``with`` block, and restore its size afterwards.

    Only for a process of the engine's own: in QGIS others share the cache. A mosaic (VRT) keeps blocks of its parts
    that :meth:`OpenFiles.trim` cannot free.

    Parameters
    ----------
    max_bytes : int
    """
    before = gdal.GetCacheMax()
    gdal.SetCacheMax(min(before, max_bytes))
    try:
        yield
    finally:
        gdal.SetCacheMax(before)


class OpenFiles:
    """Keeps the most recently used datasets of each thread open, a limited number of them, and closes them at the end.

    A dataset is never shared by two threads, for GDAL does not allow it.
    """

    LIMIT = 200
    CACHE_BYTES = 256 * 2**20
    """Memory of GDAL's cache of blocks from which on the blocks of a thread's files are freed."""

    def __init__(self) -> None:
        self._open: dict[int, dict[str, Any]] = {}

    def __call__(self, path: str) -> Any:
        """The open dataset of a path; raises InputError (``raster-unreadable``).

        Parameters
        ----------
        path : str
        """
        own = self._open.setdefault(threading.get_ident(), {})
        dataset = own.pop(path, None) or open_raster(path)
        own[path] = dataset
        # The limit is one of the process: every thread has its own.
        while len(own) > max(self.LIMIT // len(self._open), min(self.LIMIT, MIN_OPEN)):
            own.pop(next(iter(own)))
        return dataset

    def trim(self) -> None:
        """Free the blocks that GDAL keeps of this thread's files, when they fill the cache.

        Else a large raster would fill a twentieth of the machine's memory with blocks that are not read again.
        """
        if gdal.GetCacheUsed() > self.CACHE_BYTES:
            for dataset in self._open.get(threading.get_ident(), {}).values():
                dataset.FlushCache()

    def close(self, thread: int | None = None) -> None:
        """Close the files of one thread, or all.

        Parameters
        ----------
        thread : int or None, optional (default=None)
            Identifier of a thread that has ended.
        """
        if thread is None:
            self._open.clear()
        else:
            self._open.pop(thread, None)
