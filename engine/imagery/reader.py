"""A raster stack read window by window as time series, whatever files it is spread over."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

import numpy as np
from osgeo import gdal

from .grids import same_grid
from .names import band_order
from .opening import file_name
from .problems import complete_dates, stack_problems
from .raster_file import FileBand, OpenFiles, RasterFile
from .resample import Resampler
from .scale import FACTOR, NOT_REFLECTANCE, by_size
from .stack import StackBand, Window

WINDOW_BYTES = 128 * 2**20
"""Memory of the values of one window, at most."""
WINDOW_PIXELS = 512 * 512
"""Pixels of one window, at most: what is done between two looks at cancel."""
SAMPLE_SIDE = 64
SAMPLE_BANDS = 3
"""Raster bands of each name that are looked at to decide the scale."""
ZERO_IS_GAP_FROM = 3
"""Number of bands from which on 0 in all of them at once means no observation."""
LONGEST_SEASON = 430
"""Days beyond which a stack shows more than one season."""


class Stack:
    """Raster bands of one or many files as one series: dates by bands on the grid of the first file.

    Files on other grids are brought onto that grid (bilinear). A date that lacks one of the bands is
    left out, with a warning.

    Parameters
    ----------
    bands : what every raster band shows, as from :func:`describe`.
    role : ``source`` or ``target``, for messages.

    Attributes
    ----------
    grid : Grid
    dates : tuple of str, ISO, ascending
    bands : tuple of str, in the fixed order of :func:`band_order`
    day : (t,) float32, days since 31 December before the first date
    block_size : (width, height) of the file's blocks
    warnings : sentences about what was decided for the user

    Raises
    ------
    InputError
        The first of :func:`stack_problems`.
    """

    def __init__(self, bands: Sequence[StackBand], role: str) -> None:
        problems = stack_problems(bands, role)
        if problems:
            raise problems[0]
        self.role = role
        self.warnings: list[str] = []
        self.dates, left_out = complete_dates(bands)
        self.bands = band_order({str(b.band) for b in bands})
        first = datetime.date(int(self.dates[0][:4]), 1, 1)
        self.day = np.array([(datetime.date.fromisoformat(d) - first).days + 1 for d in self.dates], np.float32)
        self._open = OpenFiles()
        by_path: dict[str, list[StackBand]] = {}
        for band in bands:
            if band.date in self.dates:
                by_path.setdefault(band.path, []).append(band)
        self._files = [RasterFile(path, own, self.dates, self.bands, self._open) for path, own in by_path.items()]
        self.grid = self._files[0].grid
        self.name = file_name(self._files[0].path)
        if len(self._files) > 1:
            self.name += f" and {len(self._files) - 1} more files"
        self._resamplers = [
            None if same_grid(self.grid, file.grid) else Resampler(self.grid, file.grid) for file in self._files
        ]
        self.block_size = Counter(
            f.block_size for f, warped in zip(self._files, self._resamplers) if not warped
        ).most_common(1)[0][0]
        self._factor = {kind: by_size(samples) for kind, samples in self._samples().items()}
        self._warn(left_out)

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._open.close()

    def windows(self) -> list[Window]:
        """Windows that cover the grid, in whole blocks of the files where memory allows, row by row."""
        pixels = min(WINDOW_PIXELS, WINDOW_BYTES // (4 * len(self.dates) * len(self.bands)))
        return self.tiles(max(pixels, 1024))

    def tiles(self, pixels: int) -> list[Window]:
        """Windows of about ``pixels`` pixels that cover the grid, in whole blocks where that is possible."""
        grid = self.grid
        width, height = min(self.block_size[0], grid.width), min(self.block_size[1], grid.height)
        if width * height > pixels:
            height = max(1, pixels // width)
            width = min(width, pixels)
        else:
            blocks = pixels / (width * height)
            width = min(grid.width, width * max(1, int(min(blocks, np.sqrt(pixels) / width))))
            height = min(grid.height, height * max(1, pixels // (width * height)))
        return [
            Window(column, row, min(width, grid.width - column), min(height, grid.height - row))
            for row in range(0, grid.height, height)
            for column in range(0, grid.width, width)
        ]

    def read(self, window: Window, bands: Sequence[str] | None = None) -> np.ndarray:
        """The series of a window.

        Parameters
        ----------
        bands : names of the bands wanted, in the wanted order; None for all.

        Returns
        -------
        ndarray
            (h, w, t, c) float32, NaN where there is no observation.

        Raises
        ------
        InputError
            ``raster-unreadable``, naming the file and the band.
        """
        names = self.bands if bands is None else tuple(bands)
        place = {self.bands.index(name): position for position, name in enumerate(names)}
        shape = (window.height, window.width, len(self.dates), len(names))
        values = np.full(shape, np.nan, np.float32)
        for file, resampler in zip(self._files, self._resamplers):
            wanted = [band for band in file.bands if band.band in place]
            if not wanted:
                continue
            read = file.read_values(window, wanted, resampler, [self._scaling(b) for b in wanted])
            if read is not None:
                values[:, :, [b.date for b in wanted], [place[b.band] for b in wanted]] = read
        if len(names) >= ZERO_IS_GAP_FROM:
            values[_all_zero(values)] = np.nan
        return values

    def _scaling(self, band: FileBand) -> tuple[float, float]:
        if band.scaling is not None:
            return band.scaling
        return (self._factor.get(band.data_type, 1.0) if self._scaled_by_size(band) else 1.0), 0.0

    def _scaled_by_size(self, band: FileBand) -> bool:
        known = band.scaling is not None or band.data_type == gdal.GDT_Byte
        return not known and self.bands[band.band].upper() not in NOT_REFLECTANCE

    def _samples(self) -> dict[int, list[np.ndarray]]:
        """Stored numbers of a few places, for each data type that has raster bands without a scale."""
        wanted: dict[tuple[int, int], list[tuple[RasterFile, FileBand]]] = {}
        for file in self._files:
            for band in file.bands:
                if self._scaled_by_size(band):
                    wanted.setdefault((band.data_type, band.band), []).append((file, band))
        samples: dict[int, list[np.ndarray]] = {}
        for (kind, _), places in wanted.items():
            spread = np.unique(np.linspace(0, len(places) - 1, SAMPLE_BANDS + 2)[1:-1].round().astype(int))
            found = [_sample(*places[position]) for position in spread]
            samples.setdefault(kind, []).append(np.concatenate(found))
        return samples

    def _warn(self, left_out: dict[str, list[str]]) -> None:
        for date, missing in left_out.items():
            self.warnings.append(f"The {self.role} date {date} is left out: it has no band {', '.join(missing)}.")
        if any(factor != 1 for factor in self._factor.values()):
            self.warnings.append(
                f"The {self.role} stack {self.name} holds values times {FACTOR:.0f} without saying so: "
                "they are divided by it."
            )
        warped = [file_name(f.path) for f, warped in zip(self._files, self._resamplers) if warped]
        if warped:
            self.warnings.append(
                f"{len(warped)} files of the {self.role} stack, such as {warped[0]}, lie on another grid: "
                f"they are brought onto the grid of {file_name(self._files[0].path)} (bilinear)."
            )
        span = self.day[-1] - self.day[0]
        if span > LONGEST_SEASON:
            self.warnings.append(
                f"The {self.role} stack spans {span:.0f} days: one season of up to 14 months works best."
            )
        if not self.grid.crs:
            self.warnings.append(f"The {self.role} stack {self.name} has no coordinate reference system.")


def _sample(file: RasterFile, band: FileBand) -> np.ndarray:
    """Stored numbers of a raster band from the middle and the quarters of its file, at least where there are any."""
    width, height = min(SAMPLE_SIDE, file.grid.width), min(SAMPLE_SIDE, file.grid.height)
    found: list[np.ndarray] = []
    for across, down in ((2, 2), (1, 1), (3, 3), (1, 3), (3, 1), (0, 2), (4, 2), (2, 0), (2, 4)):
        window = Window((file.grid.width - width) * across // 4, (file.grid.height - height) * down // 4, width, height)
        stored = file.read_stored(window, [band])
        found.append(stored[np.isfinite(stored) & (stored != 0)])
        if sum(map(len, found)) >= SAMPLE_SIDE * SAMPLE_SIDE // 4:
            break
    return np.concatenate(found).astype(np.float64)


def _all_zero(values: np.ndarray) -> np.ndarray:
    """(h, w, t) bool: where every band is 0, as programs write what they masked when no nodata value is set."""
    zero = values[..., 0] == 0
    for band in range(1, values.shape[3]):
        if not zero.any():
            break
        zero &= values[..., band] == 0
    return zero
