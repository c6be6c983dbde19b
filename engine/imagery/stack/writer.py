"""A stack of dates and bands as one Cloud Optimized GeoTIFF, which :class:`Stack` reads again to the same values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from osgeo import gdal

from ...errors import Cancelled, InputError, unwritable
from ..geo.gdal_errors import call_gdal, quiet_gdal
from ..geo.gdal_io import file_name
from ..geo.raster_output import create_raster, fault_of_writing, overview_levels
from ..geo.types import Grid, Window
from ..sensors.product_scaling import AS_STORED
from ..sensors.value_range import FACTOR

INT16, FLOAT32 = "int16", "float32"
DATA_TYPES = {
    INT16: "Whole numbers, values times 10000 between -3.2767 and 3.2767: half the size.",
    FLOAT32: "Values as they are.",
}
"""Ways to store values, with a sentence for people."""
NO_VALUE = -32768
LARGEST = 32767
BLOCKS = (512, 256, 128)
LARGEST_BLOCK = 16 * 2**20
"""Maximum bytes of a block: every reader of a COG decodes whole blocks, which hold all bands."""
OVERVIEWS_TAKE = 0.6
"""Share of the time of finishing that the overviews take."""


class StackWriter:
    """Writes series window by window into plain tiles first and finishes them as a COG, in memory that does not grow.

    The tiles are beside the file, in ``path`` + ``.tiles``, until :meth:`finish` has copied them.

    Parameters
    ----------
    path : str
        Of the COG; the caller renames it when the job is done.
    grid : Grid
    dates, bands : sequence of str
        ISO dates and band names; raster band ``i * len(bands) + j + 1`` is called ``bands[j]_dates[i]``.
    data_type : str
        Key of :data:`DATA_TYPES`.
    tags : mapping
        Provenance, written as TIFF metadata.

    Attributes
    ----------
    clipped : int
        Number of values beyond what ``int16`` holds, which became the largest or smallest it does.
    block : int
        Side of the square blocks in pixels.

    Raises
    ------
    InputError
        ``stack-unwritable``, naming the file and GDAL's reason.
    """

    def __init__(
        self, path: str, grid: Grid, dates: Sequence[str], bands: Sequence[str], data_type: str, tags: Mapping[str, Any]
    ) -> None:
        self.clipped = 0
        self._path, self._tiles, self._grid, self._whole = path, path + ".tiles", grid, data_type == INT16
        self._kind = gdal.GDT_Int16 if self._whole else gdal.GDT_Float32
        names = [f"{band}_{date}" for date in dates for band in bands]
        self.block = _block(len(names) * (2 if self._whole else 4), grid)
        self._dataset: Any = self._create(len(names))
        with quiet_gdal():
            self._dataset.SetMetadata({str(key): str(value) for key, value in tags.items()})
            for number, name in enumerate(names, 1):
                band = self._dataset.GetRasterBand(number)
                band.SetDescription(name)
                band.SetNoDataValue(NO_VALUE if self._whole else np.nan)
                if self._whole:
                    band.SetScale(1 / FACTOR)
                    band.SetOffset(0.0)
                else:
                    band.SetMetadataItem(AS_STORED, "YES")

    def write(self, window: Window, values: np.ndarray) -> None:
        """Write a window.

        Parameters
        ----------
        window : Window
        values : ndarray of float, shape (h * w, dates, bands)
            NaN for no observation; quickest when the pixels are last in memory.
        """
        planes = np.ascontiguousarray(np.moveaxis(values, 0, 2), np.float32)
        if self._whole:
            planes *= np.float32(FACTOR)
            np.rint(planes, out=planes)
            self.clipped += int((np.abs(planes) > LARGEST).sum())
            np.clip(planes, -LARGEST, LARGEST, out=planes)
            np.copyto(planes, NO_VALUE, where=np.isnan(planes))
            planes = planes.astype(np.int16)
        self._do(lambda: self._dataset.WriteRaster(*window, planes.tobytes(), buf_type=self._kind))

    def finish(self, on_progress: Callable[[float], None] = lambda fraction: None) -> None:
        """Add overviews, copy the tiles into the COG, remove them, and close.

        Parameters
        ----------
        on_progress : callable, optional
            Called with the done fraction, 0 to 1; may raise :class:`Cancelled`.
        """
        self._do(lambda: self._dataset.FlushCache())
        levels = overview_levels(self._grid)
        if levels:
            # Not left to the COG driver: of hundreds of bands it takes a hundred times as long.
            first = _ProgressCallback(on_progress, 0.0, OVERVIEWS_TAKE)
            self._do(lambda: self._dataset.BuildOverviews("AVERAGE", levels, callback=first), first)
        second = _ProgressCallback(on_progress, OVERVIEWS_TAKE if levels else 0.0, 1.0)
        options = [f"BLOCKSIZE={self.block}", "COMPRESS=DEFLATE", "PREDICTOR=YES", "OVERVIEWS=FORCE_USE_EXISTING"]
        options += ["BIGTIFF=IF_SAFER", "NUM_THREADS=ALL_CPUS"]
        driver = gdal.GetDriverByName("COG")
        # Compared, so that it is closed, and fails, within the call.
        self._do(lambda: driver.CreateCopy(self._path, self._dataset, 0, options, callback=second) is None, second)
        self.close()
        os.unlink(self._tiles)
        # What GDAL did not report shows at the latest when the last block is read, which was written last.
        written, fault = call_gdal(lambda: gdal.Open(self._path))
        if written is not None:
            corner = (self._grid.width - 1, self._grid.height - 1, 1, 1)
            _, fault = call_gdal(lambda: written.GetRasterBand(1).ReadRaster(*corner))
        if fault:
            raise self._unwritable(fault)

    def close(self) -> None:
        """Close the tiles as they are; harmless when they are closed."""
        with quiet_gdal():
            self._dataset = None

    def _create(self, count: int) -> Any:
        # The tiles are read once and by us: what is quick goes before what is small.
        quick = ["COMPRESS=ZSTD", "ZSTD_LEVEL=1"]
        if ">ZSTD<" not in (gdal.GetDriverByName("GTiff").GetMetadataItem("DMD_CREATIONOPTIONLIST") or ""):
            quick = ["COMPRESS=LZW"]
        # Overviews of hundreds of bands are built band by band only where the bands are stored apart.
        options = ["TILED=YES", f"BLOCKXSIZE={self.block}", f"BLOCKYSIZE={self.block}", "INTERLEAVE=BAND", *quick]
        options += [f"PREDICTOR={2 if self._whole else 3}", "BIGTIFF=IF_SAFER"]
        dataset, fault = create_raster("GTiff", self._tiles, self._grid, count, self._kind, options)
        if dataset is None:
            raise self._unwritable(fault)
        return dataset

    def _do(self, call: Callable[[], Any], callback: _ProgressCallback | None = None) -> None:
        """Make a GDAL call that writes; raises InputError where it fails, as on a full disk."""
        fault = fault_of_writing(call)
        if callback is not None and callback.cancelled is not None:
            raise callback.cancelled
        if fault:
            raise self._unwritable(fault)

    def _unwritable(self, fault: str) -> InputError:
        hint = "Check the free space (twice the size of the stack) and the permissions of its folder."
        return unwritable(f"The stack {file_name(self._path)}", fault, hint, "stack-unwritable")


class _ProgressCallback:
    """GDAL's progress callback as ours: an exception must not cross GDAL, so a cancel is kept for later."""

    def __init__(self, on_progress: Callable[[float], None], start: float, end: float) -> None:
        self._on_progress, self._start, self._end = on_progress, start, end
        self.cancelled: Cancelled | None = None

    def __call__(self, fraction: float, message: str, data: Any) -> int:
        try:
            self._on_progress(self._start + (self._end - self._start) * fraction)
        except Cancelled as cancel:
            self.cancelled = cancel
            return 0
        return 1


def _block(pixel_bytes: int, grid: Grid) -> int:
    """Side of the square blocks: as large as their bytes allow, and no larger than the raster needs."""
    largest = max(grid.width, grid.height)
    fitting = [side for side in BLOCKS if side * side * pixel_bytes <= LARGEST_BLOCK and side < 2 * largest]
    return fitting[0] if fitting else BLOCKS[-1]
