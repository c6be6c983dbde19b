"""A raster stack read window by window as time series, whatever files it is spread over."""

from __future__ import annotations

import datetime
import itertools
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np

from ...errors import listed
from ...series.season import NEW_YEAR, day_of_year
from ..geo.gdal_io import file_name
from ..geo.grid import grid_of
from ..geo.types import StackBand, Window
from ..geo.windows import cut_windows
from ..sensors.band_names import band_order
from ..sensors.quality_flags import Choice, check_choice, data_bands, describe_masked, is_quality
from ..sensors.spectral_indices import compute, index_names, require_index
from .decode import BufferCache
from .fill import hide_fill
from .mosaic import Mosaic
from .quality_file import QualityFile
from .raster_file import OpenFiles, RasterFile
from .scaling import StackScale
from .tile import Tile
from .tiling import group_tiles
from .validate import complete_dates, stack_problems

WINDOW_BYTES = 128 * 2**20
"""Memory of the values of one window, at most."""
WINDOW_PIXELS = 512 * 512
"""Pixels of one window, at most: what is done between two checks for cancel."""
MIN_PIXELS = 1024
"""Pixels of one window, at least, however many dates and bands it has."""
LONGEST_SEASON = 430
"""Days beyond which a stack shows more than one season."""


class Stack:
    """Raster bands of one or many files as one series: dates by bands on the grid of one of its files.

    The grid is that of the first file, or of the first date's file with the smallest pixels where that date has
    files of several pixel sizes, as a Sentinel-2 product has. Files on other grids are resampled to it (bilinear,
    quality bands by the nearest pixel). Files that show neighbouring places, such as two Sentinel-2 tiles or the
    parts of a large export, are joined, and the grid continues over all of them (:class:`.mosaic.Mosaic`). A date that
    lacks one of the bands is left out, with a warning. What a quality band hides at a pixel and date is a gap in every
    band of that date.

    Parameters
    ----------
    bands : sequence of StackBand
        What every raster band shows, as from :func:`describe`, quality bands among them.
    role : str
        ``source`` or ``target``, for messages.
    indices : sequence of str, optional
        Names of indices that are computed while reading and follow the bands in ``Stack.bands``; one that is stored
        as a band is read and not computed.
    quality : mapping or None, optional
        What quality bands hide, as in :func:`.quality_flags.masked`; None for the defaults, ``{}`` for nothing.
    season_start : str or None, optional
        Month and day (``MM-DD``) that counts as day 1, for a stack whose season is to be compared with one elsewhere;
        None for 1 January.

    Attributes
    ----------
    grid : Grid
    dates : tuple of str
        ISO, ascending.
    bands : tuple of str
        In the fixed order of :func:`band_order`, then the indices; never a quality band.
    first_day : datetime.date
        The calendar date that is day 1: the last ``season_start`` that is not after the first date. On 29 February of
        a year that has none it is the 28th.
    day : ndarray of float32, shape (t,)
        Days since ``first_day``, plus 1: increasing, at least 1, past 365 where the dates continue for longer than a
        year. Without ``season_start`` these are days since 31 December before the first date. With the start of the
        source's season on the source and that of the target's on the target, days of both are comparable; so are
        days of the source as they are (None) and of a target whose ``season_start`` is what 1 January is at the
        source, such as ``07-02`` in the other hemisphere. Starts of two stacks that are up to a year apart by the
        first date are brought together by :func:`engine.series.align_years`.
    block_size : tuple of int
        Columns and rows of the file's blocks.
    fill : list of Fill
        Numbers that mean no observation, though no file declares them.
    guessed_scale : bool
        Whether the scale of some band is a guess by the size of its numbers.
    warnings : list of str
        Sentences about what was decided for the user.
    labels_without_sample : Counter of str
        Labels that gave no sample, by reason, after :func:`.sampling.sample_labels`.

    Raises
    ------
    InputError
        The first of :func:`stack_problems`; ``index`` or ``index-bands`` for an index that cannot be computed;
        ``quality`` for a choice of hidden values that no band has; ``season-start`` for a wrong start.
    """

    def __init__(
        self,
        bands: Sequence[StackBand],
        role: str,
        indices: Sequence[str] = (),
        quality: Choice | None = None,
        season_start: str | None = None,
    ) -> None:
        check_choice(quality)
        problems = stack_problems(bands, role)
        if problems:
            raise problems[0]
        self.role = role
        self.warnings: list[str] = []
        self.labels_without_sample: Counter[str] = Counter()
        self.dates, left_out = complete_dates(bands)
        self._stored = band_order({str(b.band) for b in data_bands(bands)})
        self._computed = {
            index: require_index(index, self._stored, f"the {role}")
            for index in index_names(indices)
            if index not in self._stored
        }
        self.bands = (*self._stored, *self._computed)
        self.first_day = _first_day(self.dates[0], season_start or NEW_YEAR)
        days = [datetime.date.fromisoformat(date) - self.first_day for date in self.dates]
        self.day = np.array([day.days + 1 for day in days], np.float32)
        self._open = OpenFiles()
        by_path = _by_path(band for band in data_bands(bands) if band.date in self.dates)
        files = [RasterFile(path, own, self.dates, self._stored, self._open) for path, own in by_path.items()]
        self.name = file_name(files[0].path) + (f" and {len(files) - 1} more files" if len(files) > 1 else "")
        self.fill = hide_fill(files, self._stored)
        scale = StackScale(files, self._stored, self.dates)
        self.guessed_scale = scale.guessed
        self._tiles = self._make_tiles(files, scale, self._quality_bands(bands, quality), quality)
        self._mosaic = Mosaic(self._tiles) if len(self._tiles) > 1 else None
        self.grid = self._mosaic.grid if self._mosaic else self._tiles[0].grid
        self.block_size = self._tiles[0].block_size
        for date, missing in left_out.items():
            self.warnings.append(f"The {role} date {date} is left out: it has no band {', '.join(missing)}.")
        self.warnings += [fill.describe(role) for fill in self.fill]
        self.warnings += scale.warnings(role, self.name) + self._resampling_warnings()
        span = self.day[-1] - self.day[0]
        if span > LONGEST_SEASON:
            self.warnings.append(f"The {role} stack spans {span:.0f} days: one season of up to 14 months works best.")
        if not self.grid.crs:
            self.warnings.append(f"The {role} stack {self.name} has no coordinate reference system.")

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._open.close()

    def windows(self, max_bytes: int = WINDOW_BYTES) -> list[Window]:
        """Windows that cover the grid, in whole blocks of the files where memory allows, row by row.

        Parameters
        ----------
        max_bytes : int, optional
            Memory of the values of one window; more than ``WINDOW_BYTES`` makes nothing faster.
        """
        pixels = min(WINDOW_PIXELS, min(max_bytes, WINDOW_BYTES) // (4 * len(self.dates) * len(self.bands)))
        return self.tiles(max(pixels, MIN_PIXELS))

    def tiles(self, pixels: int) -> list[Window]:
        """Windows that cover the grid, in whole blocks of the files where that is possible.

        Parameters
        ----------
        pixels : int
            Pixels of a window, about.
        """
        grid = self.grid
        width, height = min(self.block_size[0], grid.width), min(self.block_size[1], grid.height)
        if width * height > pixels:
            height = max(1, pixels // width)
            width = min(width, pixels)
        else:
            blocks = pixels / (width * height)
            width = min(grid.width, width * max(1, int(min(blocks, np.sqrt(pixels) / width))))
            height = min(grid.height, height * max(1, pixels // (width * height)))
        return cut_windows(grid, width, height)

    def read(self, window: Window, bands: Sequence[str] | None = None, memory: BufferCache | None = None) -> np.ndarray:
        """Read the series of a window. Only the files that hold a wanted band are read.

        Parameters
        ----------
        window : Window
            On ``grid``.
        bands : sequence of str or None, optional
            Names of the bands and indices wanted, in the wanted order; None for all.
        memory : BufferCache or None, optional
            Memory for the series, for a caller that reads one window after another: the series holds until the next
            one is read into the same memory.

        Returns
        -------
        ndarray of float32, shape (h, w, t, c)
            NaN where there is no observation.

        Raises
        ------
        InputError
            ``raster-unreadable``, naming the file and the band.
        """
        return self._read(window, self.bands if bands is None else tuple(bands), memory or BufferCache())

    def _read(self, window: Window, names: tuple[str, ...], memory: BufferCache) -> np.ndarray:
        needed = {name for name in names if name in self._stored}
        needed |= {band for name in names if name in self._computed for band in self._computed[name].values()}
        stored = names if needed == set(names) else tuple(name for name in self._stored if name in needed)
        values = (self._mosaic or self._tiles[0]).read(window, stored, memory)
        self._open.trim()
        if stored == names:
            return values
        result = np.empty((*values.shape[:3], len(names)), np.float32)
        for position, name in enumerate(names):
            if name in self._computed:
                inputs = {common: values[..., stored.index(b)] for common, b in self._computed[name].items()}
                result[..., position] = compute(name, inputs)
            else:
                result[..., position] = values[..., stored.index(name)]
        return result

    def read_ahead(
        self, windows: Iterable[Window], bands: Sequence[str] | None = None, threads: int = 1
    ) -> Iterator[tuple[Window, np.ndarray]]:
        """Windows and their series in order, read in other threads while the caller works on an earlier one.

        At most ``threads`` windows are in memory beside the caller's. Each thread has the files open for itself. The
        memory of a series is used again: it holds until the next one is taken.

        Parameters
        ----------
        windows : iterable of Window
        bands : sequence of str or None, optional
            As for :meth:`read`.
        threads : int, optional
            How many read at the same time. One is enough where the caller computes on all cores; where it only waits
            for the values, one a core is faster.

        Raises
        ------
        InputError
            As :meth:`read`, in the turn of the window.
        """
        idents: set[int] = set()
        pool = ThreadPoolExecutor(threads, initializer=lambda: idents.add(threading.get_ident()))
        names = self.bands if bands is None else tuple(bands)
        # The system gives new memory page by page and cleared, which takes as long as filling it.
        free = [BufferCache() for _ in range(threads + 1)]
        waiting: deque[tuple[Window, BufferCache, Future[np.ndarray]]] = deque()
        ahead = iter(windows)
        try:
            while True:
                for window in itertools.islice(ahead, len(free)):
                    memory = free.pop()
                    waiting.append((window, memory, pool.submit(self._read, window, names, memory)))
                if not waiting:
                    return
                first, memory, future = waiting.popleft()
                yield first, future.result()
                free.append(memory)
        finally:
            pool.shutdown(cancel_futures=True)
            for ident in idents:
                self._open.close(ident)

    def _make_tiles(
        self, files: Sequence[RasterFile], scale: StackScale, quality: Sequence[StackBand], choice: Choice | None
    ) -> list[Tile]:
        """The files by the place they show, each place with its own quality bands."""
        by_path = {file.path: file for file in files}
        of_quality = _by_path(quality)
        grids = {path: grid_of(self._open(path), path) for path in of_quality if path not in by_path}
        tiles = []
        for paths in group_tiles({path: file.grid for path, file in by_path.items()}, grids):
            tile = Tile([by_path[path] for path in paths if path in by_path], self._stored, len(self.dates), scale)
            tile.quality = [
                QualityFile(path, own, self.dates, tile.grid, choice, self._open)
                for path, own in of_quality.items()
                if path in paths
            ]
            tiles.append(tile)
        return tiles

    def _quality_bands(self, bands: Sequence[StackBand], choice: Choice | None) -> list[StackBand]:
        """The quality bands that hide anything; warns which they are and which dates have none."""
        used = [
            b for b in bands if is_quality(b.band) and b.date in self.dates and describe_masked(str(b.band), choice)
        ]
        for name in dict.fromkeys(str(b.band) for b in used):
            self.warnings.append(f"{name} of the {self.role} hides: {describe_masked(name, choice)}.")
        without = [date for date in self.dates if date not in {b.date for b in used}]
        if used and without:
            self.warnings.append(
                f"{len(without)} of the {len(self.dates)} dates of the {self.role}, such as {without[0]}, have no "
                "quality band: clouds on them are not hidden."
            )
        return used

    def _resampling_warnings(self) -> list[str]:
        """What is joined and resampled."""
        warnings = []
        if self._mosaic:
            firsts = [file_name(tile.base.path) for tile in self._tiles]
            warnings.append(
                f"The {self.role} consists of {len(firsts)} tiles that are joined, such as {listed(firsts, 2)}: "
                "where they overlap, each date is taken from the first that shows it."
            )
            other = [file_name(tile.base.path) for tile in self._mosaic.resampled]
            if other:
                base = file_name(self._mosaic.base.base.path)
                warnings.append(
                    f"{len(other)} of these tiles, such as {other[0]}, were resampled to the grid of {base} (bilinear)."
                )
        warped = [(file_name(file.path), file_name(tile.base.path)) for tile in self._tiles for file in tile.warped]
        if warped:
            grid = f"that of their tile, such as {warped[0][1]}" if self._mosaic else f"the grid of {warped[0][1]}"
            warnings.append(
                f"{len(warped)} files of the {self.role} stack, such as {warped[0][0]}, were resampled to {grid} "
                "(bilinear)."
            )
        return warnings


def _by_path(bands: Iterable[StackBand]) -> dict[str, list[StackBand]]:
    found: dict[str, list[StackBand]] = {}
    for band in bands:
        found.setdefault(band.path, []).append(band)
    return found


def _first_day(first: str, start: str) -> datetime.date:
    """The last ``start`` (``MM-DD``) that is not after the ISO date ``first``."""
    season = datetime.date(2001, 1, 1) + datetime.timedelta(day_of_year(start) - 1)
    date = datetime.date.fromisoformat(first)
    year = date.year if (date.month, date.day) >= (season.month, season.day) else date.year - 1
    return datetime.date(year, season.month, season.day)
