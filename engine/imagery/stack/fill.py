"""Fill that no metadata declares: one extreme number repeated over many pixels, found in small samples of a stack.

A number is fill where it is the least or the largest of its band, repeated exactly, and far from all others: a value
of the band would have neighbours. For numbers that programs are known to write as fill a smaller distance is enough,
and none at all for those that no sensor measures. 0 is fill where all bands of a date are 0 at the same pixels, and
the numbers beside it are rare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from ..geo.grid import same_grid
from ..geo.types import Window
from .raster_file import FileBand, RasterFile

SIDE = 32
"""Side in pixels of a sampled square."""
STRIP_ROWS = 16
"""Rows of a sample of a file that is stored row by row: a square would unpack rows from side to side."""
PLACES = ((2, 2), (0, 0), (4, 4), (4, 0), (0, 4))
"""Places of the samples in quarters of a file, the middle and the corners, where a swath ends."""
MAX_READS = 600
"""Windows of single bands that are read of one stack, about."""
MAX_REMOTE_READS = 24
"""The same of files at an address: each costs a request."""
WHOLE_DATES = 6
"""Dates of which all bands are sampled, of a stack that is too large to sample all of every date."""

KNOWN = frozenset(
    (-1, -2, -3, -99, -999, -1000, -3000, -9999, -99999, -28672, -32767, -32768, -2147483648)
    + (255, 254, 9999, 32766, 32767, 65534, 65535, 99999, 2147483647, 4294967295)
)
"""Numbers that programs write for no observation."""
HUGE = 1e19
"""Size from which on no number is a measurement."""
IMPOSSIBLE = 20.0
"""A known number that is this many times larger than every other number of its band is fill, whatever their spread."""
LEAST_PIXELS = 12
"""Sampled pixels with the number, at least."""
LEAST_SHARE = 0.01
"""Share of the sampled pixels of a band with the number, at least, unless a twentieth of those of one date have it."""
LEAST_SHARE_OF_DATE = 0.05
GAP_KNOWN, GAP_LOW, GAP_HIGH = 0.15, 1.0, 3.0
"""Distance to the nearest other number, in spreads (5 to 95 %) of these: of a known number, and of any other number
below or above all. Sensors saturate above, so that more is needed there."""
GAP_ZERO, GAP_ZERO_ALONE = 0.01, 0.05
"""The same of 0 in bands that are all 0 at once, and of 0 in a single band."""
AT_ONCE = 0.99
"""Share of the pixels with a 0 at which all bands are 0."""
DOMINANCE = 10
"""How many times more often than every other number 0 must be there."""
LEAST_DISTINCT = 10
"""Different numbers beside the fill, at least: else the band shows classes."""
MAX_FILLS = 4
"""Fill values of one band that are looked for."""


@dataclass(frozen=True)
class Fill:
    """A number that means no observation, though nothing declares it."""

    value: float
    """As it is stored."""
    bands: tuple[str, ...]
    """Names of the bands in which it was found."""
    count: int
    """Sampled numbers that are it."""
    total: int
    """Sampled numbers of these bands."""

    def describe(self, role: str) -> str:
        """A sentence for the user.

        Parameters
        ----------
        role : str
            Of the stack: ``source`` or ``target``.
        """
        share = f"{self.count:,} of {self.total:,} sampled values, {self.count / self.total:.1%}"
        return (
            f"The {role} has the fill value {self.value:.9g} in {', '.join(self.bands)} ({share}), which its files do "
            "not declare as nodata: it is read as no observation. If it is a measurement, set nodata to none."
        )


Found = dict[tuple[np.dtype, float], dict[int, int]]
"""How often each fill value of a data type is among the samples of each band."""
Numbers = list[np.ndarray]
"""Sampled numbers of a band, date by date, as they are stored; NaN for those that are hidden already."""


@dataclass(frozen=True)
class _Group:
    """Bands of one date on one grid."""

    bands: list[tuple[RasterFile, FileBand]]


def hide_fill(files: Sequence[RasterFile], names: Sequence[str]) -> list[Fill]:
    """Find undeclared fill in a stack, and add it to the nodata values of its bands.

    What is found depends on the files alone, so that every process that reads the stack hides the same.

    Parameters
    ----------
    files : sequence of RasterFile
        Their ``bands`` are changed. Bands whose nodata value a person gives stay as they are.
    names : sequence of str
        Band names of the stack.

    Returns
    -------
    list of Fill
        By value, ascending.
    """
    groups = _groups(files)
    sampled = _sample(_plan(groups))
    by_band: dict[tuple[np.dtype, int], Numbers] = {}
    for group, samples in sampled:
        for (file, one), sample in zip(group.bands, samples):
            by_band.setdefault((file.dtype, one.band), []).append(sample)
    found: Found = {}
    for (kind, band), numbers in by_band.items():
        for value, count in _fills_of(numbers):
            found.setdefault((kind, value), {})[band] = count
    for kind in dict.fromkeys(kind for kind, _ in by_band):
        own = {band: numbers for (k, band), numbers in by_band.items() if k == kind}
        whole = [s for group, s in sampled if len(s) == len(group.bands) and group.bands[0][0].dtype == kind]
        if _zero_is_fill(whole, list(own.values())):
            found[kind, 0.0] = {band: sum(int((one == 0).sum()) for one in numbers) for band, numbers in own.items()}
    hidden = {(kind, band): _hidden(found, kind, band, numbers) for (kind, band), numbers in by_band.items()}
    for file in files:
        file.bands = [_with_fill(band, hidden.get((file.dtype, band.band), ())) for band in file.bands]
    return [
        Fill(value, tuple(names[band] for band in sorted(own)), sum(own.values()), _total(by_band, kind, own))
        for (kind, value), own in sorted(found.items(), key=lambda item: item[0][1])
    ]


def _hidden(found: Found, kind: np.dtype, band: int, samples: Numbers) -> list[float]:
    """Fill of a data type that a band does not measure itself: other dates of the band may hold it, too."""
    values = {value: bands for (own, value), bands in found.items() if own == kind}
    if not values:
        return []
    numbers = np.concatenate(samples)
    numbers = numbers[np.isfinite(numbers) & ~np.isin(numbers, list(values))]
    low, high = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 0.0)
    return [value for value, bands in values.items() if band in bands or not low <= value <= high]


def _with_fill(band: FileBand, values: Sequence[float]) -> FileBand:
    given = band.given is not None and band.given.nodata is not None
    return band if given or not values else replace(band, nodata=tuple(dict.fromkeys((*band.nodata, *values))))


def _total(by_band: dict[tuple[np.dtype, int], Numbers], kind: np.dtype, bands: Iterable[int]) -> int:
    return sum(int(np.isfinite(one).sum()) for band in bands for one in by_band[kind, band])


def _groups(files: Sequence[RasterFile]) -> list[_Group]:
    groups: list[_Group] = []
    of_date: dict[tuple[int, np.dtype], list[_Group]] = {}
    for file in files:
        for band in file.bands:
            if band.given and band.given.nodata is not None:
                continue
            known = of_date.setdefault((band.date, file.dtype), [])
            group = next((g for g in known if same_grid(g.bands[0][0].grid, file.grid)), None)
            if group is None:
                group = _Group([])
                known.append(group)
                groups.append(group)
            group.bands.append((file, band))
    return groups


def _sample(plan: Sequence[tuple[_Group, list[tuple[int, int]], int]]) -> list[tuple[_Group, list[np.ndarray]]]:
    """Numbers of the first bands of each group at its places, all of a group at the same pixels."""
    wanted: dict[tuple[RasterFile, tuple[int, int]], list[tuple[int, int]]] = {}
    for number, (group, places, count) in enumerate(plan):
        for position, (file, _) in enumerate(group.bands[:count]):
            for place in places:
                wanted.setdefault((file, place), []).append((number, position))
    found: dict[tuple[int, int, tuple[int, int]], np.ndarray] = {}
    for (file, place), own in wanted.items():
        # All bands of a file at once: a block may hold all of them.
        numbers = _numbers(
            file, [plan[number][0].bands[position][1] for number, position in own], _window(file, *place)
        )
        found.update(((*one, place), sample) for one, sample in zip(own, numbers))
    return [
        (group, [np.concatenate([found[number, band, place] for place in places]) for band in range(count)])
        for number, (group, places, count) in enumerate(plan)
    ]


def _plan(groups: Sequence[_Group]) -> list[tuple[_Group, list[tuple[int, int]], int]]:
    """Which groups are sampled, at which places, and how many of their bands."""
    remote = any("/vsicurl/" in file.path for group in groups for file, _ in group.bands)
    limit = MAX_REMOTE_READS if remote else MAX_READS
    if sum(len(group.bands) for group in groups) * len(PLACES) <= limit:
        return [(group, list(PLACES), len(group.bands)) for group in groups]
    whole = set(np.linspace(0, len(groups) - 1, 1 if remote else WHOLE_DATES).round().astype(int).tolist())
    left = limit - sum(len(groups[number].bands) for number in whole) * (1 if remote else len(PLACES))
    taken = set(np.linspace(0, len(groups) - 1, max(1, min(len(groups), left))).round().astype(int).tolist()) | whole
    places = max(1, min(len(PLACES), left // max(1, len(taken))))
    plan = []
    for number in sorted(taken):
        # Each date at other places, so that together they cover the corners.
        own = [PLACES[(number + step) % len(PLACES)] for step in range(places)]
        if number in whole:
            plan.append((groups[number], own if remote else list(PLACES), len(groups[number].bands)))
        else:
            plan.append((groups[number], own, 1))
    return plan


def _window(file: RasterFile, across: int, down: int) -> Window:
    by_row = file.block_size[1] < SIDE and file.block_size[0] >= file.grid.width
    height = min(STRIP_ROWS if by_row else SIDE, file.grid.height)
    width = min(SIDE * SIDE // height, file.grid.width)
    return Window((file.grid.width - width) * across // 4, (file.grid.height - height) * down // 4, width, height)


def _numbers(file: RasterFile, bands: Sequence[FileBand], window: Window) -> np.ndarray:
    """(b, n) float64: numbers of bands as they are stored, NaN where mask or nodata value hide them."""
    planes = np.empty((len(bands), *window.shape), file.dtype)
    try:
        shown = file.read(window, bands, [(1.0, 0.0)] * len(bands)).reshape(-1, len(bands)).T
        if np.can_cast(file.dtype, np.float32):
            return shown.astype(np.float64)
        file.read_planes(window, bands, planes)
    except InputError:
        # Reported when the window is read for the map, which keeps all others.
        return np.full((len(bands), window.pixels), np.nan)
    return np.where(np.isnan(shown), np.nan, planes.reshape(len(bands), -1).astype(np.float64))


def _fills_of(samples: Numbers) -> list[tuple[float, int]]:
    """Fill values of a band and how often they are there, from the outermost."""
    everything = np.concatenate(samples)
    values, counts = np.unique(everything[np.isfinite(everything)], return_counts=True)
    total = int(counts.sum())
    found: list[tuple[float, int]] = []
    while len(values) and len(found) < MAX_FILLS:
        for end, rest in ((0, slice(1, None)), (-1, slice(None, -1))):
            value, count = float(values[end]), int(counts[end])
            if _is_fill(value, values[rest], counts[rest]) and _is_frequent(value, count, total, samples):
                found.append((value, count))
                values, counts = values[rest], counts[rest]
                break
        else:
            break
    return found


def _is_frequent(value: float, count: int, total: int, samples: Numbers) -> bool:
    if abs(value) >= HUGE:
        return True
    if count < LEAST_PIXELS:
        return False
    return count >= LEAST_SHARE * total or any((one == value).mean() >= LEAST_SHARE_OF_DATE for one in samples)


def _is_fill(value: float, values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether the least or largest number of a band is too far from the others, given with their counts, to be one."""
    if abs(value) >= HUGE:
        return True
    known = value in KNOWN
    if not len(values):
        return known and abs(value) >= 999
    if known and abs(value) >= IMPOSSIBLE * np.abs(values[[0, -1]]).max() > 0:
        return True
    if len(values) < LEAST_DISTINCT:
        return False
    below = value < values[0]
    gap = (values[0] - value) if below else (value - values[-1])
    return bool(gap >= (GAP_KNOWN if known else GAP_LOW if below else GAP_HIGH) * _spread(values, counts))


def _spread(values: np.ndarray, counts: np.ndarray) -> float:
    """Width of the middle nine tenths of numbers, given ascending with their counts."""
    share = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(share, [0.05, 0.95])
    return float(values[min(high, len(values) - 1)] - values[low])


def _zero_is_fill(groups: Sequence[list[np.ndarray]], bands: Sequence[Numbers]) -> bool:
    """Whether 0 means no observation; ``groups``: all bands of dates at the same pixels, ``bands``: by band."""
    at_once = [np.all([one == 0 for one in group], axis=0) for group in groups if group]
    anywhere = sum(int(np.any([one == 0 for one in group], axis=0).sum()) for group in groups if group)
    count, total = sum(int(zero.sum()) for zero in at_once), sum(map(len, at_once))
    if count < LEAST_PIXELS or count < AT_ONCE * anywhere:
        return False
    if count < LEAST_SHARE * total and all(zero.mean() < LEAST_SHARE_OF_DATE for zero in at_once):
        return False
    gap_needed = GAP_ZERO_ALONE if all(len(group) == 1 for group in groups) else GAP_ZERO
    return any(_zero_stands_out(samples, gap_needed) for samples in bands)


def _zero_stands_out(samples: Numbers, gap_needed: float) -> bool:
    everything = np.concatenate(samples)
    values, counts = np.unique(everything[np.isfinite(everything)], return_counts=True)
    zero = values == 0
    values, counts, count = values[~zero], counts[~zero], int(counts[zero].sum())
    if len(values) < LEAST_DISTINCT or count < DOMINANCE * counts.max():
        return False
    return bool(values[0] < 0 < values[-1] or np.abs(values).min() >= gap_needed * _spread(values, counts))
