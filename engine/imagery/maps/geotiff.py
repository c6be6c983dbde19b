"""The classified map and its confidence as GeoTIFF, complete with what other programs need for a legend."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from osgeo import gdal

from ...errors import InputError, unwritable
from ..geo.gdal_errors import quiet_gdal
from ..geo.gdal_io import file_name
from ..geo.raster_output import create_raster, fault_of_writing, overview_levels
from ..geo.types import Grid, Window

NODATA = 0
NO_CONFIDENCE = 255
BLOCK = 512
Color = tuple[int, int, int]


class MapWriter:
    """Writes the classes of a map window by window, and finishes it with legend, table and overviews.

    Both files are written under the paths given here; the caller renames them when the job is done. GDAL
    keeps class names and the attribute table in a sidecar (``.aux.xml``) that has to be renamed as well.

    Parameters
    ----------
    map_path : str
        Path of the map (Byte; 0 is nodata, 1..k are the classes).
    confidence_path : str or None
        Path of the confidence (Byte, percent; 255 is nodata).
    grid : Grid
    classes : sequence of str
        Names of the k classes, in the order of the model.
    colors : sequence of (int, int, int)
        Red, green and blue of each class, 0 to 255.
    tags : mapping
        Provenance, written as TIFF metadata.

    Raises
    ------
    InputError
        ``map-unwritable``, naming the file and GDAL's reason.
    """

    def __init__(
        self,
        map_path: str,
        confidence_path: str | None,
        grid: Grid,
        classes: Sequence[str],
        colors: Sequence[Color],
        tags: Mapping[str, Any],
    ) -> None:
        self.classes, self.colors, self.grid = tuple(classes), [tuple(c) for c in colors], grid
        self._paths = [map_path, *([confidence_path] if confidence_path else [])]
        self._counts = np.zeros(256, np.int64)
        self._percents = np.zeros(256, np.int64)
        self._map: Any = self._create(map_path, NODATA)
        try:
            self._confidence: Any = self._create(confidence_path, NO_CONFIDENCE) if confidence_path else None
        except InputError:
            # Windows deletes no file that is open.
            self.close()
            raise
        texts = {str(key): str(value) for key, value in tags.items()}
        with quiet_gdal():
            band = self._map.GetRasterBand(1)
            band.SetColorTable(_color_table(self.colors))
            band.SetDescription("crop")
            self._map.SetMetadata(texts)
            if self._confidence is not None:
                self._confidence.GetRasterBand(1).SetDescription("confidence (%)")
                self._confidence.SetMetadata(texts)

    def write(self, window: Window, classes: np.ndarray, confidence: np.ndarray | None = None) -> None:
        """Write a window.

        Parameters
        ----------
        window : Window
        classes : ndarray of uint8, shape (h, w)
            0 for nodata, 1..k for the classes.
        confidence : ndarray of uint8, shape (h, w), or None, optional
            Percent; counts as nodata wherever ``classes`` is 0.
        """
        classes = np.ascontiguousarray(classes, np.uint8)
        if classes.shape != window.shape or (classes.size and classes.max() > len(self.classes)):
            raise ValueError(f"classes {classes.shape} do not fit {window} and {len(self.classes)} classes")
        self._counts += np.bincount(classes.ravel(), minlength=256)
        self._write_plane(self._map, 0, window, classes)
        if self._confidence is not None and confidence is not None:
            percent = np.where(classes == NODATA, NO_CONFIDENCE, confidence).astype(np.uint8)
            self._percents += np.bincount(percent.ravel(), minlength=256)
            self._write_plane(self._confidence, 1, window, percent)

    def finish(self) -> tuple[str, ...]:
        """Add names, attribute table, statistics and overviews and close; returns the sidecars' paths."""
        band = self._map.GetRasterBand(1)
        self._do(0, lambda: band.SetCategoryNames(["", *self.classes]))
        self._do(0, lambda: band.SetDefaultRAT(self._table()))
        self._do(0, lambda: self._map.FlushCache())
        self._overviews(self._map, 0, "NEAREST")
        if self._confidence is not None:
            self._statistics()
            self._do(1, lambda: self._confidence.FlushCache())
            self._overviews(self._confidence, 1, "AVERAGE")
        self.close()
        return tuple(path + ".aux.xml" for path in self._paths if os.path.exists(path + ".aux.xml"))

    def close(self) -> None:
        """Close the files as they are; harmless when they are closed."""
        with quiet_gdal():
            self._map = self._confidence = None

    def _create(self, path: str, nodata: int) -> Any:
        side = min(BLOCK, 16 * -(-max(self.grid.width, self.grid.height) // 16))
        options = ["TILED=YES", f"BLOCKXSIZE={side}", f"BLOCKYSIZE={side}", "COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER"]
        # What is never written reads as nodata; to fill it first would take long on a large raster.
        return self._create_plane("GTiff", path, nodata, options)

    def _create_plane(self, driver: str, path: str, nodata: int, options: Sequence[str] = ()) -> Any:
        dataset, fault = create_raster(driver, path, self.grid, 1, gdal.GDT_Byte, options)
        if dataset is None:
            raise _unwritable(path, fault)
        with quiet_gdal():
            dataset.GetRasterBand(1).SetNoDataValue(nodata)
        return dataset

    def _write_plane(self, dataset: Any, number: int, window: Window, values: np.ndarray) -> None:
        band = dataset.GetRasterBand(1)
        self._do(number, lambda: band.WriteRaster(*window, values.tobytes(), buf_type=gdal.GDT_Byte))

    def _do(self, number: int, call: Callable[[], object]) -> None:
        """Make a GDAL call that writes; raises InputError where it fails, as on a full disk."""
        fault = fault_of_writing(call)
        if fault:
            raise _unwritable(self._paths[number], fault)

    def _overviews(self, dataset: Any, number: int, resampling: str) -> None:
        levels = overview_levels(self.grid)
        if levels:
            self._do(number, lambda: dataset.BuildOverviews(resampling, levels))

    def _statistics(self) -> None:
        counts = self._percents[:NO_CONFIDENCE]
        total = counts.sum()
        if not total:
            return
        values = np.arange(NO_CONFIDENCE)
        present = values[counts > 0]
        mean = float((values * counts).sum() / total)
        deviation = float(np.sqrt(((values - mean) ** 2 * counts).sum() / total))
        band = self._confidence.GetRasterBand(1)
        self._do(1, lambda: band.SetStatistics(float(present[0]), float(present[-1]), mean, deviation))

    def _table(self) -> Any:
        table = gdal.RasterAttributeTable()
        table.CreateColumn("Value", gdal.GFT_Integer, gdal.GFU_MinMax)
        table.CreateColumn("Class", gdal.GFT_String, gdal.GFU_Name)
        for name, use in (("Red", gdal.GFU_Red), ("Green", gdal.GFU_Green), ("Blue", gdal.GFU_Blue)):
            table.CreateColumn(name, gdal.GFT_Integer, use)
        # Real, not integer: a 32-bit count overflows on a country.
        table.CreateColumn("Count", gdal.GFT_Real, gdal.GFU_PixelCount)
        table.SetRowCount(len(self.classes))
        for row, (name, color) in enumerate(zip(self.classes, self.colors)):
            table.SetValueAsInt(row, 0, row + 1)
            table.SetValueAsString(row, 1, name)
            for column, part in enumerate(color, 2):
                table.SetValueAsInt(row, column, int(part))
            table.SetValueAsDouble(row, 5, float(self._counts[row + 1]))
        return table


def _color_table(colors: Sequence[Sequence[int]]) -> Any:
    table = gdal.ColorTable()
    table.SetColorEntry(NODATA, (0, 0, 0, 0))
    for value, color in enumerate(colors, 1):
        table.SetColorEntry(value, (*(int(part) for part in color), 255))
    return table


def _unwritable(path: str, fault: str) -> InputError:
    return unwritable(f"The raster {file_name(path)}", fault, code="map-unwritable")
