"""One file of a stack: which of its bands are wanted, and how their numbers become values with gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import gdal

from ..errors import InputError
from .grids import grid_of
from .opening import attempt, file_name, open_raster
from .resample import Resampler
from .scale import declared, fill_of
from .stack import StackBand, Window

EXACT_IN_FLOAT32 = (gdal.GDT_Byte, gdal.GDT_UInt16, gdal.GDT_Int16, gdal.GDT_Float32)

WHOLE_NUMBERS = (gdal.GDT_Byte, gdal.GDT_UInt16, gdal.GDT_Int16, gdal.GDT_UInt32, gdal.GDT_Int32)


@dataclass(frozen=True)
class FileBand:
    """A raster band of a stack file, and where its values go."""

    index: int
    """Number of the band in the file, from 1."""
    date: int
    """Position of its date in the stack."""
    band: int
    """Position of its band name in the stack."""
    nodata: float | None
    """Stored number that means no observation; None when the file declares none."""
    scaling: tuple[float, float] | None
    """Scale and offset that the file declares; None when it says nothing."""
    data_type: int
    """GDAL data type."""


class RasterFile:
    """The wanted bands of one raster file.

    Parameters
    ----------
    path : the file, or any name GDAL opens.
    bands : its bands that belong to the stack.
    dates, names : dates and band names of the stack, for the positions.
    opened : gives the open dataset of a path (the stack keeps only a few of them open).
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
        self.block_size: tuple[int, int] = tuple(dataset.GetRasterBand(bands[0].index).GetBlockSize())
        self.bands: list[FileBand] = []
        for wanted in bands:
            band = dataset.GetRasterBand(wanted.index)
            position = (dates.index(wanted.date), names.index(wanted.band))
            nodata = band.GetNoDataValue()
            nodata = fill_of(path) if nodata is None else nodata
            self.bands.append(FileBand(wanted.index, *position, nodata, declared(band, path), band.DataType))
        flags = dataset.GetRasterBand(bands[0].index).GetMaskFlags()
        self._masked = not flags & (gdal.GMF_ALL_VALID | gdal.GMF_NODATA)
        self._one_mask = bool(flags & gdal.GMF_PER_DATASET)
        exact = all(band.data_type in EXACT_IN_FLOAT32 for band in self.bands)
        self._type = (gdal.GDT_Float32, np.float32) if exact else (gdal.GDT_Float64, np.float64)

    def read_stored(self, window: Window, bands: Sequence[FileBand]) -> np.ndarray:
        """(h, w, b) stored numbers as float, NaN for gaps, of a window of the file's own grid."""
        gdal_type, numpy_type = self._type
        size, count = np.dtype(numpy_type).itemsize, len(bands)
        dataset = self._opened(self.path)

        def read(indices: list[int]) -> Any:
            return dataset.ReadRaster(
                window.column,
                window.row,
                window.width,
                window.height,
                buf_type=gdal_type,
                band_list=indices,
                buf_pixel_space=size * len(indices),
                buf_line_space=size * len(indices) * window.width,
                buf_band_space=size,
            )

        indices = [band.index for band in bands]
        data, fault = attempt(lambda: read(indices))
        if data is None:
            raise self._unreadable_band(read, indices, fault)
        values = np.frombuffer(data, numpy_type).reshape(window.height, window.width, count)
        return self._with_gaps(values.copy() if not values.flags.writeable else values, window, bands, dataset)

    def read_values(
        self,
        window: Window,
        bands: Sequence[FileBand],
        resampler: Resampler | None,
        scaling: Sequence[tuple[float, float]],
    ) -> np.ndarray | None:
        """(h, w, b) float32 values of a window of the stack, None where the file shows nothing of it.

        Parameters
        ----------
        resampler : onto the grid of the stack; None where the file is on it.
        scaling : scale and offset of each of ``bands``.
        """
        if resampler is None:
            return self._scaled(window, bands, scaling)
        column, row = resampler.positions(window)
        part = resampler.source_window(column, row)
        return None if part is None else resampler.bilinear(self._scaled(part, bands, scaling), part, column, row)

    def _scaled(self, window: Window, bands: Sequence[FileBand], scaling: Sequence[tuple[float, float]]) -> np.ndarray:
        values = self.read_stored(window, bands)
        scale = np.array([s[0] for s in scaling], values.dtype)
        shift = np.array([s[1] for s in scaling], values.dtype)
        if (scale != 1).any():
            values *= scale
        if shift.any():
            values += shift
        return values.astype(np.float32, copy=False)

    def _with_gaps(self, values: np.ndarray, window: Window, bands: Sequence[FileBand], dataset: Any) -> np.ndarray:
        nodata = [None if b.nodata is None or np.isnan(b.nodata) else values.dtype.type(b.nodata) for b in bands]
        if len(set(nodata)) == 1:
            if nodata[0] is not None:
                values[values == nodata[0]] = np.nan
        else:
            for position, number in enumerate(nodata):
                if number is not None:
                    plane = values[:, :, position]
                    plane[plane == number] = np.nan
        if any(band.data_type not in WHOLE_NUMBERS for band in bands):
            values[np.isinf(values)] = np.nan
        if not self._masked:
            return values
        if self._one_mask:
            values[self._hidden(dataset, bands[0].index, window)] = np.nan
        else:
            for position, band in enumerate(bands):
                values[:, :, position][self._hidden(dataset, band.index, window)] = np.nan
        return values

    def _hidden(self, dataset: Any, index: int, window: Window) -> np.ndarray:
        """(h, w) bool: where the mask (or alpha) of a band hides it."""
        mask = dataset.GetRasterBand(index).GetMaskBand()
        place = (window.column, window.row, window.width, window.height)
        data, fault = attempt(lambda: mask.ReadRaster(*place, buf_type=gdal.GDT_Byte))
        if data is None:
            raise self._unreadable(f"The mask of band {index}", fault)
        return np.frombuffer(data, np.uint8).reshape(window.height, window.width) == 0

    def _unreadable_band(self, read: Callable[[list[int]], Any], indices: list[int], fault: str) -> InputError:
        for index in indices:
            data, own_fault = attempt(lambda index=index: read([index]))  # type: ignore[misc]
            if data is None:
                return self._unreadable(f"Band {index}", own_fault)
        return self._unreadable(f"Bands {indices[0]} to {indices[-1]}", fault)

    def _unreadable(self, what: str, fault: str) -> InputError:
        return InputError(
            "raster-unreadable",
            f"{what} of the raster {file_name(self.path)} cannot be read: {fault}.",
            "The file may be cut off or damaged: fetch or export it again.",
        )


class OpenFiles:
    """Keeps the most recently used datasets open, a limited number of them, and closes them all at the end."""

    LIMIT = 200

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}

    def __call__(self, path: str) -> Any:
        """The open dataset of ``path``; raises InputError (``raster-unreadable``)."""
        dataset = self._open.pop(path, None) or open_raster(path)
        self._open[path] = dataset
        while len(self._open) > self.LIMIT:
            self._open.pop(next(iter(self._open)))
        return dataset

    def close(self) -> None:
        """Close them all."""
        self._open.clear()
