"""The rasters of the scenes: their headers, read many at a time, and the one grid of the stack.

The header of every raster is read once, since catalogues do not contain all of it and are not always right. The grid of
a stack is that of the finest rasters, in the CRS that most of the extent's scenes have.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from osgeo import gdal

from ...errors import InputError, listed
from ..geo.crs import crs_of, same_crs, transformation
from ..geo.gdal_errors import call_gdal, gdal_options
from ..geo.grid import grid_of
from ..geo.types import Grid
from ..sensors.quality_flags import is_quality
from .assets import Asset
from .catalogs import Access
from .group_by_date import Day, Warn
from .query import Query, rectangle, reference

OPENED_AT_ONCE = 16
"""Headers read at the same time: each is mostly waiting."""
REMOTE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_TIMEOUT": "120",
}
"""GDAL's options for the rasters of a catalogue: no list of the files beside them, and several tries."""
TOLERANCE = 0.01
"""Part of a pixel by which a raster may be beside the grid."""
LARGEST_SIDE = 200_000
"""Pixels: an extent beyond that is a mistake in its units."""


@dataclass(frozen=True)
class Header:
    """The header of a raster band."""

    grid: Grid
    data_type: int
    """GDAL data type of the band."""
    block: tuple[int, int]
    """Width and height of its blocks."""
    nodata: float | None
    scaling: tuple[float, float] | None
    """Scale and offset; None when it declares none."""


@contextmanager
def remote_reading(access: Access, hrefs: Iterable[str]) -> Iterator[None]:
    """GDAL's options for reading rasters on this thread.

    Parameters
    ----------
    access : Access
        Its credentials are used only where all the addresses may get them.
    hrefs : iterable of str
        Addresses of the rasters.
    """
    of_each = [access.for_url(href) for href in hrefs]
    headers = of_each[0] if of_each and all(of_each) else {}
    options = dict(REMOTE)
    if headers:
        options["GDAL_HTTP_HEADERS"] = "\r\n".join(f"{name}: {value}" for name, value in headers.items())
    with gdal_options(options):
        yield


def read_headers(
    days: Sequence[Day], access: Access, warn: Warn, done: Callable[[float], None]
) -> tuple[list[Day], dict[str, Header]]:
    """Read the headers of all rasters.

    Parameters
    ----------
    days : sequence of Day
    access : Access
        Credentials for the rasters.
    warn : callable
        Receives a sentence about scenes that cannot be read.
    done : callable
        Receives the finished fraction; an exception of it stops the reading.

    Returns
    -------
    days : list of Day
        Without the scenes that cannot be read.
    headers : dict of str to Header
        By path.

    Raises
    ------
    InputError
        ``raster-unreadable`` when no scene can be read, with the reason of the first.
    """
    headers: dict[str, Header] = {}
    faults: dict[str, str] = {}
    assets = list({asset.path: asset for day in days for scene in day.scenes for asset in scene.assets}.values())
    stopped = threading.Event()

    def read(asset: Asset) -> Header | str:
        if stopped.is_set():
            return "cancelled"
        with remote_reading(access, [asset.href]):
            return _header(asset)

    with ThreadPoolExecutor(OPENED_AT_ONCE) as pool:
        waiting = {pool.submit(read, asset): asset for asset in assets}
        try:
            for number, future in enumerate(as_completed(waiting), 1):
                asset, answer = waiting[future], future.result()
                if isinstance(answer, Header):
                    headers[asset.path] = answer
                else:
                    faults[asset.path] = f"{asset.href} cannot be read: {answer}"
                done(number / len(assets))
        finally:
            stopped.set()
    kept, lost = [], []
    for day in days:
        readable = tuple(s for s in day.scenes if not any(asset.path in faults for asset in s.assets))
        lost += [scene for scene in day.scenes if scene not in readable]
        if readable:
            kept.append(replace(day, scenes=readable))
    reason = next(iter(faults.values()), "")
    if not kept:
        refused = "401" in reason or "403" in reason
        hint = "Choose credentials, or download the scenes." if refused else "Try again later."
        raise InputError("raster-unreadable", f"None of the {len(lost)} scenes can be read: {reason}.", hint)
    if lost:
        warn(f"{len(lost)} scenes ({listed([s.id for s in lost])}) are left out: {reason}.")
    return kept, headers


def _header(asset: Asset) -> Header | str:
    """The header of a raster, or why there is none."""
    # GDAL remembers that an address failed, even where only the credentials were missing.
    gdal.VSICurlPartialClearCache(asset.path)
    dataset, fault = call_gdal(lambda: gdal.OpenEx(asset.path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR))
    if dataset is None:
        return fault
    if dataset.RasterCount < asset.index:
        return f"it has {dataset.RasterCount} bands and no band {asset.index}"
    try:
        grid = grid_of(dataset, asset.path)
    except InputError as problem:
        return problem.message.rstrip(".")
    if not grid.crs:
        return "it has no CRS"
    band = dataset.GetRasterBand(asset.index)
    scale, offset = band.GetScale(), band.GetOffset()
    scaling = (scale or 1.0, offset or 0.0) if scale not in (None, 0.0, 1.0) or offset else None
    return Header(grid, band.DataType, tuple(band.GetBlockSize()), band.GetNoDataValue(), scaling)


def common_grid(query: Query, days: Sequence[Day], headers: Mapping[str, Header], warn: Warn) -> Grid:
    """The grid of the stack: the extent, widened to whole pixels of the finest rasters of the commonest CRS.

    Parameters
    ----------
    query : Query
    days : sequence of Day
    headers : mapping of str to Header
        By path, of all rasters.
    warn : callable
        Receives a sentence where the scenes have several CRS.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        ``extent`` where the extent is larger than any raster.
    """
    shares: dict[str, float] = {}
    for day in days:
        for scene in day.scenes:
            crs = headers[scene.assets[0].path].grid.crs
            known = next((one for one in shares if same_crs(one, crs)), crs)
            shares[known] = shares.get(known, 0.0) + scene.share
    crs = max(shares, key=lambda one: shares[one])
    grids = [headers[a.path].grid for d in days for s in d.scenes for a in s.assets if not is_quality(a.name)]
    own = [grid for grid in grids if same_crs(grid.crs, crs)]
    finest = min(own, key=lambda grid: abs(grid.transform[1]))
    if len(shares) > 1:
        names = [crs_of(one).GetName() for one in shares]
        warn(f"The scenes have {len(names)} CRS ({listed(names)}): all are resampled to {crs_of(crs).GetName()}.")
    outline = rectangle(query.bbox)
    change = transformation(reference(query.crs), crs_of(crs))
    if change is not None:
        outline.Transform(change)
    left, right, bottom, top = outline.GetEnvelope()
    x, y = finest.transform[0], finest.transform[3]
    width, height = abs(finest.transform[1]), abs(finest.transform[5])
    # A hair less, so that an extent that ends on a pixel's edge does not get one more.
    first, last = math.floor((left - x) / width + TOLERANCE), math.ceil((right - x) / width - TOLERANCE)
    upper, lower = math.floor((y - top) / height + TOLERANCE), math.ceil((y - bottom) / height - TOLERANCE)
    columns, rows = max(1, last - first), max(1, lower - upper)
    if max(columns, rows) > LARGEST_SIDE:
        hint = "Check the units of the extent, or map it in parts."
        raise InputError("extent", f"The extent has {columns:,} by {rows:,} pixels of these scenes.", hint)
    return Grid(columns, rows, (x + first * width, width, 0.0, y - upper * height, 0.0, -height), crs)


def hosts_of(days: Sequence[Day]) -> list[str]:
    """The hosts of the rasters; none for files.

    Parameters
    ----------
    days : sequence of Day
    """
    hosts = [urlsplit(asset.href).netloc for day in days for scene in day.scenes for asset in scene.assets]
    return sorted({host for host in hosts if host})
